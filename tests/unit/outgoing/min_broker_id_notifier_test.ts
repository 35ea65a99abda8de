import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { MinBrokerIdNotifier } from "../../../src/outgoing/min_broker_id_notifier.ts";
import { RecordedLog } from "../../support/recorded_log.ts";

interface Call {
  readonly addr: string;
  readonly minBrokerId: string | undefined;
  end(error?: Error): void;
}

describe("MinBrokerIdNotifier", () => {
  let time: FakeTime;
  let calls: Call[];
  let gone: Set<string>;
  let log: RecordedLog;
  let notifier: MinBrokerIdNotifier;

  beforeEach(() => {
    time = new FakeTime();
    calls = [];
    gone = new Set();
    log = new RecordedLog();
    notifier = new MinBrokerIdNotifier({
      options: {
        maxNotifications: 3,
        maxNotificationsPerSecond: 5,
      },
      isOwnPort: (port) => port === 9876 || port === 9890,
      client: {
        invokeOneway: (addr, { extFields }) =>
          new Promise((resolve, reject) => {
            calls.push({
              addr,
              minBrokerId: new Map(extFields).get("minBrokerId"),
              end: (error) => error ? reject(error) : resolve(),
            });
          }),
      },
      isLive: (_, addr) => !gone.has(addr),
      log,
    });
  });
  afterEach(() => {
    notifier.stop();
    time.restore();
  });

  const addresses = (count: number) => Array.from({ length: count }, (_, i) => `10.0.0.${i}:10911`);

  function notify(minBrokerId: number, notified: readonly string[]): void {
    const minBrokerAddr = "10.0.0.9:10911";
    notifier.notify({ brokerName: "b", minBrokerId, minBrokerAddr, notify: notified });
  }

  async function end(call: Call | undefined, error?: Error): Promise<void> {
    call?.end(error);
    await time.runMicrotasks();
  }

  const called = () => calls.map(({ addr }) => addr);

  it("has so many calls in progress, and starts the others when one ends", async () => {
    const all = addresses(5);
    notify(0, all);
    assert.deepEqual(called(), all.slice(0, 3));
    await end(calls[1]);
    assert.deepEqual(called(), all.slice(0, 4));
    await end(calls[0], new Error("refused"));
    assert.deepEqual(called(), all);
    assert.deepEqual([notifier.sent, notifier.failed], [1, 1]);
    assert.deepEqual(log.at("WARN").map(({ event }) => event), ["broker not notified"]);
  });

  it("starts so many calls in a second", async () => {
    notify(0, addresses(7));
    for (let i = 0; i < 5; i++) await end(calls[i]);
    assert.equal(calls.length, 5);
    await time.tickAsync(1000);
    assert.equal(calls.length, 7);
  });

  it("calls an address once at a time, and then with the last change only", async () => {
    const [addr = ""] = addresses(1);
    for (const id of [5, 4, 3]) notify(id, [addr]);
    assert.deepEqual(calls.map(({ minBrokerId }) => minBrokerId), ["5"]);
    await end(calls[0]);
    assert.deepEqual(calls.map(({ minBrokerId }) => minBrokerId), ["5", "3"]);
  });

  it("calls no broker that is gone when its turn comes", async () => {
    const all = addresses(4);
    notify(0, all);
    gone.add(all[3] ?? "");
    await end(calls[0]);
    assert.deepEqual(called(), all.slice(0, 3));
  });

  it("never calls a port of this server, or what is no address", async () => {
    notify(0, ["127.0.0.1:9876", "10.0.0.1:9890", "nowhere"]);
    await time.runMicrotasks();
    assert.deepEqual(calls, []);
    assert.equal(notifier.failed, 3);
    assert.match(`${log.events[1]?.fields.error}`, /the port 9876 is one of this server's/);
  });
});
