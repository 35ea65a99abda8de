import { beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { BrokerProbe } from "../../../src/outgoing/broker_probe.ts";
import { identity } from "../../support/route_world.ts";

describe("BrokerProbe", () => {
  const options = {
    maxNotifications: 3,
    maxNotificationsPerSecond: 50,
  };
  let connected: string[];
  let refused: string[];
  let open: number;
  let most: number;
  let heard: Set<string>;
  let connect: (hostname: string) => void;
  let isPermitted: boolean;
  let probe: BrokerProbe;

  beforeEach(() => {
    connected = [];
    refused = [];
    open = most = 0;
    heard = new Set();
    connect = () => {};
    isPermitted = true;
    probe = new BrokerProbe({
      options,
      isOwnPort: (port) => port === 9876,
      connect: async (hostname, port, timeout) => {
        assert.equal(timeout, 1000);
        connected.push(`${hostname}:${port}`);
        most = Math.max(most, ++open);
        await Promise.resolve();
        open--;
        connect(hostname);
        return { destroy: () => {} };
      },
      isPermitted: () => isPermitted,
      isWaiting: ({ brokerName }) => !heard.has(brokerName),
      refused: ({ brokerName }) => void refused.push(brokerName),
    });
  });

  const run = (...addrs: string[]) => probe.run(addrs.map((addr) => identity("C", addr, addr)));

  it("reports addresses that refuse connections, and no others", async () => {
    connect = (hostname) => {
      if (hostname === "dead") throw new Deno.errors.ConnectionRefused("refused");
      if (hostname === "node") throw Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
      if (hostname === "slow") throw new Error("connect timed out");
    };
    await run("dead:1", "alive:1", "node:1", "slow:1");
    assert.deepEqual(refused.sort(), ["dead:1", "node:1"]);
  });

  it("connects to a few at once, until all are done", async () => {
    await run(...Array.from({ length: 20 }, (_, i) => `host-${i}:1`));
    assert.equal(connected.length, 20);
    assert.equal(most, 3);
  });

  it("connects once to an address that several brokers gave", async () => {
    connect = () => {
      throw new Deno.errors.ConnectionRefused("refused");
    };
    await probe.run(["a", "b", "c"].map((name) => identity("C", name, "victim:1")));
    assert.deepEqual([connected, refused.sort()], [["victim:1"], ["a", "b", "c"]]);
  });

  it("begins a limited number of connections in a second", async () => {
    using time = new FakeTime();
    const done = run(...Array.from({ length: 120 }, (_, i) => `host-${i}:1`));
    await time.tickAsync(999);
    assert.equal(connected.length, 50);
    await time.tickAsync(1);
    await time.tickAsync(999);
    assert.equal(connected.length, 100);
    await time.tickAsync(1);
    await done;
    assert.equal(connected.length, 120);
  });

  it("leaves out its own ports, what is no address, and who was heard meanwhile", async () => {
    heard.add("heard:1");
    await run("a:9876", "nonsense", "heard:1");
    assert.deepEqual([connected, refused], [[], []]);
  });

  it("does not connect where it is not permitted", async () => {
    isPermitted = false;
    await run("a:1");
    assert.deepEqual(connected, []);
  });

  it("says nothing more after a stop", async () => {
    connect = () => {
      throw new Deno.errors.ConnectionRefused("refused");
    };
    const done = run("a:1", "b:1", "c:1", "d:1");
    probe.stop();
    await done;
    assert.deepEqual([connected.length, refused], [3, []]);
  });
});
