import assert from "node:assert/strict";
import { once } from "node:events";
import * as tls from "node:tls";
import { describe, it } from "@std/testing/bdd";
import { DEFINITIONS } from "../../src/metrics/definitions.ts";
import { kvPut, registration, routeQuery } from "../support/brokers.ts";
import { makeAuthority, makeCertificate } from "../support/certificates.ts";
import { Collector } from "./collector.ts";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { until } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const ROUTE = "get_routeinfo_by_topic";
const LATENCY = "rocketmq_rpc_latency";
const PREFIX = "rocketmq_namesrv_";
const SERVER_KIND = 2;
const ERROR_STATUS = 2;
const TOPICS = [{ name: "T1" }, { name: "T2" }];

async function startWith(environment: Record<string, string>) {
  const home = await Home.make();
  const server = await ServerProcess.start({
    home,
    args: [
      "-c",
      await home.configFile({
        metricsPerBroker: "true",
        routeSnapshotPath: `${home.path}/routes.snapshot`,
        routeSnapshotInterval: "100",
      }),
    ],
    env: environment,
  });
  return {
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    },
  };
}

/** Registers, sends route queries in two writes, and sends requests that fail. */
async function drive(peer: Peer): Promise<void> {
  const addr = "10.0.0.1:10911";
  await peer.call(registration({ name: "broker-a", addr, topics: TOPICS }));
  await peer.call(routeQuery("T1"));
  await Promise.all(peer.callAll(["T1", "T1", "nowhere"].map(routeQuery)));
  await peer.call(kvPut("n", "k", "v"));
  await peer.call({ code: RequestCode.PUT_KV_CONFIG, extFields: { namespace: "n" } });
  await peer.call({ code: 4711 });
}

/** The last exported values of a metric (without the prefix), by labels. */
function numbersOf(collector: Collector, name: string): Record<string, number> {
  return Object.fromEntries(collector.metrics.get(PREFIX + name)?.numbers ?? []);
}

/** Resolves when metrics of all requests of {@link drive} have arrived. */
async function untilDriven(collector: Collector): Promise<void> {
  const last = () => collector.metrics.get(`${PREFIX}requests_total`)?.numbers;
  await until(() => last()?.get("request_code=unknown") === 1);
}

describe("OpenTelemetry", () => {
  it("is sent every metric, with the numbers of what happened", async () => {
    await using collector = new Collector();
    await using started = await startWith(collector.environment);
    await using peer = await Peer.connect(started.server.port);
    await drive(peer);
    // There is no certificate before the first TLS connection, and there are no rules, no etcd and no controller.
    const absent =
      /tls_certificate|access_(decisions|account|rules)|etcd|kv_(entries|writes)_refused|_controller_/;
    const expected = DEFINITIONS.filter(({ name }) => !absent.test(name));
    await untilDriven(collector);
    await until(() => expected.every(({ name }) => collector.metrics.has(name)));
    assert.equal(collector.service, "the-name-server");
    const numbers = (name: string) => numbersOf(collector, name);
    assert.deepEqual(numbers("requests_total"), {
      "request_code=put_kv_config": 2,
      "request_code=register_broker": 1,
      [`request_code=${ROUTE}`]: 4,
      "request_code=unknown": 1,
    });
    assert.deepEqual(numbers("errors_total"), {
      "request_code=put_kv_config response_code=system_error": 1,
      [`request_code=${ROUTE} response_code=topic_not_exist`]: 1,
      "request_code=unknown response_code=request_code_not_supported": 1,
    });
    assert.deepEqual(numbers("brokers"), {
      "cluster=DefaultCluster role=master": 1,
      "cluster=DefaultCluster role=slave": 0,
    });
    assert.deepEqual(numbers("topics"), { "": 2 });
    assert.deepEqual(numbers("broker_topics"), { "broker=broker-a cluster=DefaultCluster": 2 });
    assert.deepEqual(numbers("connections"), { "": 1 });
    assert.deepEqual(numbers("route_cache_hits_total"), { "": 2 });
    assert.deepEqual(numbers("kv_writes_total"), { "result=ok": 1, "result=failed": 0 });

    const latency = collector.metrics.get(LATENCY)!;
    const labels = (request: string, response: string) =>
      `protocol_type=remoting request_code=${request} response_code=${response} result=success`;
    const counts = [...latency.histograms].map(([key, { count }]) => [key, count]);
    assert.deepEqual(Object.fromEntries(counts), {
      [labels("put_kv_config", "success")]: 1,
      [labels("put_kv_config", "system_error")]: 1,
      [labels("register_broker", "success")]: 1,
      [labels(ROUTE, "success")]: 3,
      [labels(ROUTE, "topic_not_exist")]: 1,
      [labels("unknown", "request_code_not_supported")]: 1,
    });
    const { bounds } = latency.histograms.get(labels(ROUTE, "success"))!;
    assert.deepEqual(bounds, [1, 3, 5, 7, 10, 100, 1000, 2000, 3000]);

    for (const { name, type, unit, help } of expected) {
      const { kind, description, unit: exported } = collector.metrics.get(name)!;
      assert.deepEqual([kind, exported, description], [type, unit, help], name);
    }
    assert.deepEqual(collector.misfits, []);
  });

  it("is sent a span for each request, with its code", async () => {
    await using collector = new Collector();
    await using started = await startWith(collector.environment);
    await using peer = await Peer.connect(started.server.port);
    await drive(peer);
    await until(() => collector.spans.length >= 8);
    const seen = collector.spans.map(({ name, kind, attributes, status }) => {
      assert.equal(kind, SERVER_KIND);
      assert.equal(attributes["rpc.system"], "rocketmq");
      assert.equal(attributes["rpc.method"], name);
      assert.equal(attributes["client.address"], peer.address);
      const codes = [attributes["rocketmq.request_code"], attributes["rocketmq.response_code"]];
      return [name, ...codes, status.code === ERROR_STATUS ? status.message : ""].join(" ");
    });
    assert.deepEqual(seen, [
      "register_broker 103 0 ",
      `${ROUTE} 105 0 `,
      `${ROUTE} 105 0 `,
      `${ROUTE} 105 0 `,
      `${ROUTE} 105 17 `,
      "put_kv_config 100 0 ",
      "put_kv_config 100 1 namespace or key is null",
      "unknown 4711 3 ",
    ]);
    // This one waited for the disk.
    assert.ok(collector.spans[5]!.nanoseconds > 0);
  });

  it("exports handshakes, reloads and the certificate's expiry", async () => {
    await using home = await Home.make();
    const makePair = async (name: string, days: number) => {
      await makeAuthority(home.path, "ca");
      await makeCertificate(home.path, name, "ca", { days });
      const [pem, key] = [home.file(`${name}.pem`), home.file(`${name}.key`)];
      return await Deno.readTextFile(pem) + await Deno.readTextFile(key);
    };
    const use = (pair: string) => home.write("both.pem", pair);
    await use(await makePair("one", 10));
    await using collector = new Collector();
    await using server = await ServerProcess.start({
      home,
      args: [
        "-c",
        await home.configFile({
          "tls.test.mode.enable": "false",
          "tls.server.keyPath": home.file("both.pem"),
          "tls.server.certPath": home.file("both.pem"),
        }),
      ],
      env: collector.environment,
    });
    const expiry = () => numbersOf(collector, "tls_certificate_expiry_timestamp_seconds")[""] ?? 0;
    const daysLeft = () => Math.round((expiry() - Date.now() / 1000) / 86_400);

    const socket = tls.connect({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    await using stranger = await Peer.connect(server.port);
    await stranger.send(new Uint8Array([0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5]));
    await stranger.closed;
    await until(() => numbersOf(collector, "connections_closed_total")["reason=tls"] === 1);
    const handshakes = { "result=ok": 1, "result=failed": 1 };
    assert.deepEqual(numbersOf(collector, "tls_handshakes_total"), handshakes);
    assert.deepEqual(numbersOf(collector, "connections_refused_total"), { "": 1 });
    assert.equal(daysLeft(), 10);
    socket.destroy();

    await use(await makePair("two", 20));
    server.kill("SIGHUP");
    await until(() => numbersOf(collector, "tls_reloads_total")["result=ok"] === 1);
    assert.equal(daysLeft(), 20);
    await use("nothing");
    server.kill("SIGHUP");
    await until(() => numbersOf(collector, "tls_reloads_total")["result=failed"] === 1);
    assert.equal(daysLeft(), 20);
  });

  it("is sent no spans when they are switched off", async () => {
    await using collector = new Collector();
    await using started = await startWith({
      ...collector.environment,
      OTEL_DENO_TRACING: "false",
    });
    await using peer = await Peer.connect(started.server.port);
    await drive(peer);
    await untilDriven(collector);
    await started.server.stop();
    assert.deepEqual(collector.spans, []);
  });
});
