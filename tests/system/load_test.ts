import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parseJson } from "../support/json.ts";
import { manyTopics, registration, routeQuery } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { askMeanwhile } from "./route_asker.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

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
    const { body } = await client.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER });
    const list = parseJson(new TextDecoder().decode(body)).value as Map<string, string[]>;
    assert.equal(list.get("topicList")!.length, 10_002);
    const route = await client.call(routeQuery("orders-created-by-shop-9999"));
    assert.ok(new TextDecoder().decode(route.body).includes('"readQueueNums":5'));
  });

  it("wait for each other, and those that are too many are refused", async () => {
    await using home = await Home.make();
    const file = await home.configFile({
      defaultThreadPoolNums: "1",
      defaultThreadPoolQueueCapacity: "100",
    });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    await using broker = await Peer.connect(server.port);
    await using client = await Peer.connect(server.port);
    assert.equal((await client.call(registration(SMALL))).code, 0);
    const big = { name: "broker-big", addr: "10.0.0.1:10911", topics: manyTopics(20_000) };
    const [decoding, read] = broker.callAll([registration(big), routeQuery("A")]);
    // Its own route query is answered once the large frame is read: it is in the queue before the others.
    assert.equal((await read!).code, 0);
    const crowd = await Promise.all(Array.from({ length: 3 }, () => Peer.connect(server.port)));
    const answers = crowd.flatMap((peer, i) =>
      peer.callAll(Array.from({ length: 40 }, (_, k) => {
        const name = `broker-${i}-${k}`;
        return registration({ name, addr: `10.1.${i}.${k}:10911`, topics: SMALL.topics });
      }))
    );
    // Others have queues of their own.
    for (let i = 0; i < 10; i++) assert.equal((await client.call(routeQuery("A"))).code, 0);
    assert.equal((await client.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
    assert.equal((await decoding).code, 0);
    const codes = (await Promise.all(answers)).map(({ code, remark }) => `${code} ${remark ?? ""}`);
    const refused = codes.filter((code) => code.startsWith("2 "));
    assert.ok(refused.length <= 20, `${refused.length} of 120 were refused`);
    for (const code of refused) {
      assert.equal(code, "2 [OVERLOAD]system busy, start flow control for a while");
    }
    assert.equal(codes.filter((code) => code === "0 ").length, 120 - refused.length);
    for (const peer of crowd) peer.close();
  });

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
