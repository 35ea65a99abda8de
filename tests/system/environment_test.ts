import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { type Command, decodeFrame } from "../support/frames.ts";
import { parseJson } from "../support/json.ts";
import { registration, routeQuery } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { until, withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** The addresses of a route's brokers. */
function addressesIn(route: Command): string[] {
  assert.equal(route.code, 0, route.remark ?? "");
  const { value } = parseJson(new TextDecoder().decode(route.body));
  const brokers = (value as Map<string, unknown>).get("brokerDatas") as Map<string, unknown>[];
  return brokers.flatMap((it) => [...(it.get("brokerAddrs") as Map<string, string>).values()]);
}

describe("clusterTest", () => {
  /** A server with the topic `here` or `there`, and a peer of it. */
  async function serverWith(topic: string, addr: string, options: Record<string, string>) {
    const home = await Home.make();
    const file = await home.configFile(options);
    const server = await ServerProcess.start({ home, args: ["-c", file] });
    const broker = await Peer.connect(server.port);
    const topics = [{ name: topic }, { name: "shared" }];
    const { code } = await broker.call(registration({ name: "broker-a", addr, topics }));
    assert.equal(code, 0);
    return {
      port: server.port,
      peer: broker,
      async [Symbol.asyncDispose]() {
        await broker[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
        await home[Symbol.asyncDispose]();
      },
    };
  }

  async function assertFallsBack(peer: Peer): Promise<void> {
    assert.deepEqual(addressesIn(await peer.call(routeQuery("here"))), ["10.0.0.1:10911"]);
    assert.deepEqual(addressesIn(await peer.call(routeQuery("there"))), ["10.0.0.2:10911"]);
    assert.deepEqual(addressesIn(await peer.call(routeQuery("shared"))), ["10.0.0.1:10911"]);
    assert.equal((await peer.call(routeQuery("nowhere"))).code, 17);
  }

  it("asks the name servers of productEnvNamesrvAddr for topics that are unknown here", async () => {
    await using other = await serverWith("there", "10.0.0.2:10911", {});
    // The first of the two does not answer.
    await using server = await serverWith("here", "10.0.0.1:10911", {
      clusterTest: "true",
      productEnvNamesrvAddr: `127.0.0.1:1;127.0.0.1:${other.port}`,
    });
    await assertFallsBack(server.peer);
    await server.peer.call({
      code: RequestCode.UPDATE_NAMESRV_CONFIG,
      body: "clusterTest=false\n",
    });
    assert.equal((await server.peer.call(routeQuery("there"))).code, 17);
  });

  it("asks the name servers that the address service lists for productEnvName", async () => {
    await using other = await serverWith("there", "10.0.0.2:10911", {});
    const asked: string[] = [];
    await using service = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        asked.push(new URL(request.url).pathname);
        return new Response(`127.0.0.1:${other.port}\n`);
      },
    );
    await using server = await serverWith("here", "10.0.0.1:10911", {
      clusterTest: "true",
      productEnvName: "blue",
      addressServiceDomain: `127.0.0.1:${service.addr.port}`,
    });
    await assertFallsBack(server.peer);
    assert.deepEqual([...new Set(asked)], ["/rocketmq/nsaddr-blue"]);
  });

  it("finds them in the address service of another name server", async () => {
    await using other = await serverWith("there", "10.0.0.2:10911", {});
    const args = [`--namesrvAddrsByUnit=blue=127.0.0.1:${other.port}`];
    await using service = await HttpServerProcess.start({ args });
    await using server = await serverWith("here", "10.0.0.1:10911", {
      clusterTest: "true",
      productEnvName: "blue",
      addressServiceDomain: `127.0.0.1:${service.httpPort}`,
    });
    await assertFallsBack(server.peer);
  });

  it("answers TOPIC_NOT_EXIST when no server there answers", async () => {
    await using server = await serverWith("here", "10.0.0.1:10911", {
      clusterTest: "true",
      addressServiceDomain: "127.0.0.1:1",
    });
    assert.equal((await server.peer.call(routeQuery("there"))).code, 17);
  });
});

describe("NOTIFY_MIN_BROKER_ID_CHANGE", () => {
  it("goes to the brokers that are left when the master is lost", async () => {
    await using home = await Home.make();
    const file = await home.configFile({ notifyMinBrokerIdChanged: "true" });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    using slaveListener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const slaveAddr = `127.0.0.1:${slaveListener.addr.port}`;
    const masterAddr = "10.0.0.1:10911";
    const group = {
      name: "broker-a",
      topics: [{ name: "A" }, { name: "B" }],
      enableActingMaster: true,
    };

    await using slave = await Peer.connect(server.port);
    await using master = await Peer.connect(server.port);
    assert.equal((await slave.call(registration({ ...group, id: 1, addr: slaveAddr }))).code, 0);
    assert.equal((await master.call(registration({ ...group, id: 0, addr: masterAddr }))).code, 0);
    const came = await readNotification(slaveListener);
    assert.deepEqual(came, {
      code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
      flag: 2,
      extFields: {
        minBrokerId: "0",
        minBrokerAddr: masterAddr,
        haBrokerAddr: "127.0.0.1:10912",
      },
    });

    master.close();
    const left = await readNotification(slaveListener);
    assert.deepEqual(left, {
      code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
      flag: 2,
      extFields: {
        minBrokerId: "1",
        minBrokerAddr: slaveAddr,
        offlineBrokerAddr: masterAddr,
      },
    });
  });

  it("that can't be delivered is logged once, and delays nothing", async () => {
    await using home = await Home.make();
    const file = await home.configFile({ notifyMinBrokerIdChanged: "true" });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    await using peer = await Peer.connect(server.port);
    const group = { name: "broker-a", topics: [{ name: "A" }, { name: "B" }] };
    await peer.call(registration({ ...group, id: 1, addr: "127.0.0.1:1" }));
    const [registered, listed] = peer.callAll([
      registration({ ...group, id: 0, addr: "127.0.0.1:2" }),
      { code: RequestCode.GET_BROKER_CLUSTER_INFO },
    ]);
    assert.equal((await registered).code, 0);
    assert.equal((await listed).code, 0);
    await server.err.find(/WARN .*127\.0\.0\.1:1/);
    const { err } = await server.stop();
    assert.equal(err.filter((line) => /WARN .*127\.0\.0\.1:1\b/.test(line)).length, 1);
  });
});

/** Reads the first frame on the next connection. */
async function readNotification(listener: Deno.TcpListener) {
  using conn = await withLimit(listener.accept(), "no connection");
  const bytes = new Uint8Array(await new Response(conn.readable).arrayBuffer());
  const { code, flag, extFields } = decodeFrame(bytes);
  return { code, flag, extFields: Object.fromEntries(extFields!) };
}

describe("a broker", () => {
  it("that is silent for longer than its heartbeat timeout leaves the route", async () => {
    await using home = await Home.make();
    const file = await home.configFile({ scanNotActiveBrokerInterval: "100" });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    await using broker = await Peer.connect(server.port);
    await using client = await Peer.connect(server.port);
    const request = registration({
      name: "broker-a",
      addr: "10.0.0.1:10911",
      topics: [{ name: "A" }, { name: "B" }],
    });
    // Long enough for a query before it is over.
    request.extFields!.heartbeatTimeoutMillis = "3000";
    assert.equal((await broker.call(request)).code, 0);
    assert.equal((await client.call(routeQuery("A"))).code, 0);
    await withLimit(broker.closed, "the connection is still open");
    await server.err.find(/broker unregistered/);
    assert.equal((await client.call(routeQuery("A"))).code, 17);
  });

  it("whose connection is lost leaves the route, with all that stood on it", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using container = await Peer.connect(server.port);
    await using client = await Peer.connect(server.port);
    const topics = [{ name: "A" }, { name: "B" }];
    const names = { "broker-a": "10.0.0.1:10911", "broker-b": "10.0.0.2:10911" };
    for (const [name, addr] of Object.entries(names)) {
      assert.equal((await container.call(registration({ name, addr, topics }))).code, 0);
    }
    assert.equal(addressesIn(await client.call(routeQuery("A"))).length, 2);
    container.close();
    await server.err.find(/broker unregistered .*broker-b/);
    assert.equal((await client.call(routeQuery("A"))).code, 17);
    const { body } = await client.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO });
    assert.equal(
      new TextDecoder().decode(body),
      '{"brokerAddrTable":{},"clusterAddrTable":{}}',
    );
  });
});

describe("needWaitForService", () => {
  it("refuses route queries until waitSecondsForService are over, and nothing else", async () => {
    await using home = await Home.make();
    const file = await home.configFile({
      needWaitForService: "true",
      // Long enough for a query before they are over.
      waitSecondsForService: "4",
    });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    await using peer = await Peer.connect(server.port);
    const early = await peer.call(routeQuery("A"));
    assert.deepEqual([early.code, early.remark], [1, "name server not ready"]);
    assert.equal((await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
    await until(async () => (await peer.call(routeQuery("A"))).code !== 1, "the server is ready");
    assert.equal((await peer.call(routeQuery("A"))).code, 17);
  });
});
