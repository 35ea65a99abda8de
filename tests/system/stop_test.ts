import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { kvPut, manyTopics, registration, routeQuery } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

describe("a stop", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`by ${signal} closes idle connections and exits with 0`, async () => {
      await using home = await Home.make();
      await using server = await ServerProcess.start({ home });
      await using peer = await Peer.connect(server.port);
      assert.equal((await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
      const begin = performance.now();
      server.kill(signal);
      await peer.closed;
      const { code, err } = await withLimit(server.ended, "the server has not stopped");
      console.log(`measured: stopped after ${(performance.now() - begin).toFixed()} ms`);
      assert.equal(code, 0);
      assert.ok(err.some((line) => line.includes(signal)), err.join("\n"));
      await assert.rejects(Peer.connect(server.port), Deno.errors.ConnectionRefused);
    });
  }

  it("answers the registration that it had read and was still decoding", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using peer = await Peer.connect(server.port);
    const [registered, route] = peer.callAll([
      registration({ name: "broker-a", addr: "10.0.0.1:10911", topics: manyTopics(20_000) }),
      routeQuery("not-there"),
    ]);
    // Route queries do not wait for registrations: this response shows that both were read.
    assert.equal((await route).code, 17);
    server.kill("SIGTERM");
    assert.equal((await registered).code, 0);
    const { code } = await withLimit(server.ended, "the server has not stopped");
    assert.equal(code, 0);
  });

  it("answers the KV changes that it had read, and they are in the file", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using peer = await Peer.connect(server.port);
    const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`);
    const answers = peer.callAll([
      ...keys.map((key) => kvPut("ns", key, `value of ${key}`)),
      routeQuery("not-there"),
    ]);
    assert.equal((await answers.pop()!).code, 17);
    server.kill("SIGTERM");
    for (const answer of answers) assert.equal((await answer).code, 0);
    const { code } = await withLimit(server.ended, "the server has not stopped");
    assert.equal(code, 0);
    const { configTable } = JSON.parse(
      await Deno.readTextFile(home.file("namesrv/kvConfig.json")),
    );
    assert.deepEqual(configTable, {
      ns: Object.fromEntries(keys.map((key) => [key, `value of ${key}`])),
    });
  });

  it("ends in time although a peer does not take its answers", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using peer = await stuckPeer(server);
    const begin = performance.now();
    server.kill("SIGTERM");
    const { code } = await withLimit(server.ended, "the server has not stopped");
    console.log(
      `measured: stopped after ${(performance.now() - begin).toFixed()} ms, ` +
        "with a peer that does not read",
    );
    assert.equal(code, 0);
    assert.equal(peer.unexpected.length, 0);
  });

  it("sends GO_AWAY for a while to clients that understand it, if it is graceful", async () => {
    await using home = await Home.make();
    const file = await home.configFile({
      enableShutdownGracefully: "true",
      // Long enough for a request before it is over.
      shutdownWaitTimeSeconds: "4",
    });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    await using peer = await Peer.connect(server.port);
    assert.equal((await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
    server.kill("SIGTERM");
    await server.err.find(/stopping/);
    const [refused, answered] = await Promise.all(peer.callAll([
      { code: RequestCode.GET_BROKER_CLUSTER_INFO, version: 476 },
      { code: RequestCode.GET_BROKER_CLUSTER_INFO, version: 475 },
    ]));
    assert.deepEqual([refused!.code, refused!.remark], [1500, "please go away"]);
    assert.equal(answered!.code, 0);
    const { code } = await withLimit(server.ended, "the server has not stopped");
    assert.equal(code, 0);
  });

  it("is cut short by a second signal", async () => {
    await using home = await Home.make();
    const file = await home.configFile({
      enableShutdownGracefully: "true",
      shutdownWaitTimeSeconds: "600",
    });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    server.kill("SIGTERM");
    await server.err.find(/sending clients to other name servers/);
    server.kill("SIGTERM");
    const { code, err } = await withLimit(server.ended, "the server has not stopped");
    assert.equal(code, 1);
    assert.ok(!err.some((line) => line.endsWith("INFO stopped")), err.join("\n"));
  });
});

/** A peer that does not read the responses that the server holds for it. */
async function stuckPeer(server: ServerProcess): Promise<Peer> {
  await using broker = await Peer.connect(server.port);
  const topics = manyTopics(20_000);
  const answer = broker.call(registration({ name: "broker-a", addr: "10.0.0.1:10911", topics }));
  assert.equal((await answer).code, 0);
  const peer = await Peer.connectSilently(server.port);
  // 600 KB each: more than the operating system buffers for a connection.
  peer.callAll(
    Array.from({ length: 50 }, () => ({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })),
  );
  // Its requests were read before these later ones are answered.
  for (let i = 0; i < 3; i++) {
    assert.equal((await broker.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
  }
  return peer;
}
