import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parseJson } from "../support/json.ts";
import { manyTopics, registration, routeQuery } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { askMeanwhile } from "../support/route_asker.ts";
import { Home, ServerProcess } from "../support/server_process.ts";

const MEGABYTE = 1024 * 1024;
const SMALL = {
  name: "broker-small",
  addr: "10.0.0.9:10911",
  topics: [{ name: "A" }, { name: "B" }],
};

describe("registrations of 10 000 topics", () => {
  it("are all applied, while route queries go on", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using broker = await Peer.connect(server.port);
    await using client = await Peer.connect(server.port);
    assert.equal((await client.call(registration(SMALL))).code, 0);
    const big = { name: "broker-big", addr: "10.0.0.1:10911" };
    // Prepared in advance, so that it is not measured.
    const requests = [1, 2, 3, 4, 5].map((counter) => {
      const topics = manyTopics(10_000).map((topic) => ({ ...topic, read: counter }));
      const request = registration({ ...big, counter, topics });
      return { ...request, body: new TextEncoder().encode(request.body as string) };
    });
    const register = async () => {
      for (const request of requests) assert.equal((await broker.call(request)).code, 0);
    };
    const { answers, others, code, longest } = await askMeanwhile(server.port, "A", register);
    console.log(
      `measured: ${answers} route queries during 5 registrations of 10 000 topics, ` +
        `the longest took ${longest.toFixed(1)} ms`,
    );
    assert.deepEqual([code, others], [0, 0]);
    const { body } = await client.call({ code: 206 });
    const list = parseJson(new TextDecoder().decode(body)).value as Map<string, string[]>;
    assert.equal(list.get("topicList")!.length, 10_002);
    const route = await client.call(routeQuery("orders-created-by-shop-9999"));
    assert.ok(new TextDecoder().decode(route.body).includes('"readQueueNums":5'));
  });

  it("let others of their class wait, and refuse those that are too many", async () => {
    await using home = await Home.make();
    const file = await home.configFile({
      defaultThreadPoolNums: "1",
      defaultThreadPoolQueueCapacity: "2",
    });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    await using broker = await Peer.connect(server.port);
    await using client = await Peer.connect(server.port);
    assert.equal((await client.call(registration(SMALL))).code, 0);
    const topics = manyTopics(10_000);
    const [registered, ...others] = broker.callAll([
      registration({ name: "broker-big", addr: "10.0.0.1:10911", topics }),
      ...Array.from({ length: 6 }, () => ({ code: 106 })),
    ]);
    // Route queries are in the other queue.
    for (let i = 0; i < 10; i++) assert.equal((await client.call(routeQuery("A"))).code, 0);
    assert.equal((await registered).code, 0);
    const answers = await Promise.all(others);
    assert.deepEqual(answers.map(({ code }) => code), [0, 0, 2, 2, 2, 2]);
    assert.equal(
      answers[5].remark,
      "[OVERLOAD]system busy, start flow control for a while",
    );
    for (const { body } of answers.slice(0, 2)) {
      assert.ok(new TextDecoder().decode(body).includes("broker-big"));
    }
    // After the flood, nothing is refused.
    assert.equal((await broker.call({ code: 106 })).code, 0);
  });
});

describe("idle connections", () => {
  it("cost little memory", async () => {
    const limit = await openFilesLimit();
    const wanted = Math.min(10_000, limit - 500);
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    const before = await server.residentBytes();
    const peers: Peer[] = [];
    try {
      while (peers.length < wanted) {
        const count = Math.min(200, wanted - peers.length);
        const connecting = Array.from({ length: count }, () => Peer.connect(server.port));
        peers.push(...await Promise.all(connecting));
      }
      const connected = await server.residentBytes();
      for (let at = 0; at < peers.length; at += 200) {
        const calls = peers.slice(at, at + 200).map((peer) => peer.call(routeQuery("not-there")));
        for (const answer of await Promise.all(calls)) assert.equal(answer.code, 17);
      }
      const used = await server.residentBytes();
      const [start, open, asked] = [before, connected, used].map((it) => (it / MEGABYTE).toFixed());
      console.log(
        `measured: resident ${start} MB at the start, ${open} MB with ${wanted} connections ` +
          `(open files: ${limit}), ${asked} MB after an answer on each`,
      );
      assert.ok(used < 400 * MEGABYTE, `${used} bytes`);
    } finally {
      for (const peer of peers) peer.close();
      await Promise.all(peers.map((peer) => peer.closed));
    }
  });
});

async function openFilesLimit(): Promise<number> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -n"] }).output();
  const text = new TextDecoder().decode(stdout).trim();
  return text === "unlimited" ? Infinity : Number(text);
}
