import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { join } from "node:path";
import { setImmediate } from "node:timers";
import { loadConfiguration } from "../../../src/config/load.ts";
import { Namesrv } from "../../../src/namesrv.ts";
import { environmentWith } from "../../support/config_fixtures.ts";
import { int32, utf8 } from "../../support/bytes.ts";
import { type FakeSocket, FakeTransport } from "../../support/fake_socket.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { BROKER, registration } from "../../support/route_processors.ts";
import { parseScrape } from "../../support/scrape.ts";
import { TestClock } from "../../support/test_clock.ts";
import { until } from "../../support/wait.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import { readAnswers, request } from "../../support/frames.ts";

const ONEWAY = 2;

describe("the metrics of a Namesrv", () => {
  let dir: string;
  let transport: FakeTransport;
  let namesrv: Namesrv;
  let log: RecordedLog;

  beforeEach(async () => {
    dir = await Deno.makeTempDir();
    transport = new FakeTransport();
    const file = join(dir, "namesrv.properties");
    await Deno.writeTextFile(file, `kvConfigPath=${join(dir, "kv.json")}\n`);
    log = new RecordedLog();
    namesrv = await Namesrv.start({
      configuration: await loadConfiguration(
        { configFile: file },
        environmentWith({ HOME: dir }),
        Deno,
      ),
      transport,
      files: Deno,
      log,
      setLogLevel() {},
      setLogLimits() {},
    });
  });
  afterEach(async () => {
    await namesrv.stop();
    await Deno.remove(dir, { recursive: true });
  });

  /** Sends a request and waits for the response. */
  async function ask(
    peer: FakeSocket,
    code: number,
    extFields: Record<string, string> = {},
    body?: string,
  ): Promise<number> {
    const before = peer.received.length;
    peer.send(request({ code, extFields, body: body === undefined ? undefined : utf8(body) }));
    await until(() => peer.received.length > before);
    return readAnswers(peer.received.slice(before))[0]!.code;
  }

  function register(peer: FakeSocket, topics: string[], fields: Record<string, string> = {}) {
    return ask(peer, RequestCode.REGISTER_BROKER, { ...BROKER, ...fields }, registration(topics));
  }

  /** Asserts the counts of these metrics, without the prefix, since the start. */
  async function assertCounts(expected: Record<string, number>): Promise<void> {
    const values = parseScrape(await namesrv.metrics.render()).values;
    for (const [series, value] of Object.entries(expected)) {
      assert.equal(values.get(`rocketmq_namesrv_${series}`) ?? 0, value, series);
    }
  }

  it("count requests, errors and bytes", async () => {
    const peer = transport.open();
    await register(peer, ["T1", "T2"]);
    for (const topic of ["T1", "T2", "T1", "T3"]) {
      await ask(peer, RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic });
    }
    await ask(peer, 4711);
    peer.send(request({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, flag: ONEWAY }));
    // A oneway request may wait for its turn, and its end can't be observed.
    const list = "get_all_topic_list_from_nameserver success oneway";
    await until(async () => list in await latencies());
    const latency = await latencies();
    assert.deepEqual(latency, {
      [list]: 1,
      "get_routeinfo_by_topic success success": 3,
      "get_routeinfo_by_topic topic_not_exist success": 1,
      "register_broker success success": 1,
      "unknown request_code_not_supported success": 1,
    });
    await assertCounts({
      'requests_total{request_code="get_routeinfo_by_topic"}': 4,
      'requests_total{request_code="get_all_topic_list_from_nameserver"}': 1,
      'requests_total{request_code="unknown"}': 1,
      'errors_total{request_code="get_routeinfo_by_topic",response_code="topic_not_exist"}': 1,
      sent_bytes_total: peer.received.length,
      route_cache_hits_total: 1,
      route_cache_misses_total: 3,
      route_cache_topics: 2,
    });
  });

  async function latencies(): Promise<Record<string, number>> {
    const values = parseScrape(await namesrv.metrics.render()).values;
    const pattern =
      /^rocketmq_rpc_latency_count\{protocol_type="remoting",request_code="(.*)",response_code="(.*)",result="(.*)"\}$/;
    const found = [...values].flatMap(([series, value]): [string, number][] => {
      const match = pattern.exec(series);
      return match === null ? [] : [[match.slice(1).join(" "), value]];
    });
    return Object.fromEntries(found.sort());
  }

  it("count bytes that came, requests or not", async () => {
    const peer = transport.open();
    const sent = request({ code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic: "T" } });
    peer.send(sent.slice(0, 10));
    await assertCounts({ received_bytes_total: 10, sent_bytes_total: 0 });
    peer.send(sent.slice(10));
    await assertCounts({ received_bytes_total: sent.length });
  });

  it("count registrations by what came of them", async () => {
    const peer = transport.open();
    await register(peer, ["T1", "T2"]);
    await register(peer, ["T1", "T2"]);
    await register(peer, ["T1", "T2"]);
    // Single topics before a first full registration, and an invalid body.
    assert.equal(await register(peer, ["T1"], { brokerName: "other" }), 1);
    assert.equal(await ask(peer, RequestCode.REGISTER_BROKER, BROKER, "{broken"), 1);
    await assertCounts({
      'registrations_total{result="changed"}': 1,
      'registrations_total{result="unchanged"}': 2,
      'registrations_total{result="refused"}': 2,
      'registrations_total{result="stale"}': 0,
      // The second and the third were known, and only the broken body was parsed again.
      registration_decode_seconds_count: 3,
      'brokers{cluster="C",role="master"}': 1,
      topics: 2,
      queue_data: 2,
    });
  });

  it("count brokers that leave, each once", async () => {
    const [first, second, third] = ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]
      .map((address) => transport.open(address));
    for (const [i, peer] of [first, second, third].entries()) {
      const fields = { brokerName: `b${i}`, brokerAddr: `10.0.0.${i}:10911` };
      await register(peer!, ["T1", "T2"], fields);
    }
    await ask(first!, RequestCode.UNREGISTER_BROKER, {
      ...BROKER,
      brokerName: "b0",
      brokerAddr: "10.0.0.0:10911",
    });
    await ask(first!, RequestCode.UNREGISTER_BROKER, { ...BROKER, brokerName: "nobody" });
    await new Promise((resolve) => setImmediate(resolve));
    second!.sendEnd();
    await new Promise((resolve) => setImmediate(resolve));
    await assertCounts({
      'brokers_removed_total{reason="unregistered"}': 1,
      'brokers_removed_total{reason="disconnected"}': 1,
      'brokers_removed_total{reason="expired"}': 0,
      'connections_closed_total{reason="peer"}': 1,
      connections: 2,
      connections_accepted_total: 3,
      queue_data: 2,
    });
  });

  it("count connections that could not be accepted", async () => {
    transport.listened[0]!.acceptFailed(new Error("Too many open files (os error 24)"));
    await assertCounts({ accept_failures_total: 1, connections_accepted_total: 0 });
    assert.deepEqual(log.at("ERROR").map(({ event, fields }) => [event, fields]), [
      ["connection not accepted", {
        address: "::",
        reason: "Too many open files (os error 24)",
      }],
    ]);
  });

  it("count connections that closed by reason", async () => {
    transport.open().sendEnd();
    transport.open().break("reset");
    transport.open().send(int32(1), int32(0));
    transport.open();
    await assertCounts({
      'connections_closed_total{reason="peer"}': 1,
      'connections_closed_total{reason="network"}': 1,
      'connections_closed_total{reason="frame"}': 1,
      connections_refused_total: 1,
      connections_accepted_total: 4,
      connections: 1,
    });
  });

  it("count writes of the KV file, and how long the disk took", async () => {
    const peer = transport.open();
    await ask(peer, RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k", value: "v" });
    await ask(peer, RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k", value: "v" });
    // The file and its folder, twice: the backup is a link to what was synced before.
    await ask(peer, RequestCode.PUT_KV_CONFIG, { namespace: "n", key: "k2", value: "v" });
    await assertCounts({
      kv_values: 2,
      'kv_writes_total{result="ok"}': 2,
      'kv_writes_total{result="failed"}': 0,
      kv_fsync_seconds_count: 4,
      'requests_total{request_code="put_kv_config"}': 3,
    });
  });

  it("tell each broker as soon as metricsPerBroker is switched on", async () => {
    const peer = transport.open();
    await register(peer, ["T1", "T2"]);
    const series = 'broker_topics{cluster="C",broker="b-a"}';
    await assertCounts({ [series]: 0 });
    assert.equal(
      await ask(peer, RequestCode.UPDATE_NAMESRV_CONFIG, {}, "metricsPerBroker=true\n"),
      0,
    );
    await assertCounts({ [series]: 2 });
  });
});

describe("the metrics of a Namesrv, as time goes by", () => {
  it("count brokers that expire and connections that are idle", async () => {
    using time = new FakeTime();
    const dir = await Deno.makeTempDir();
    const transport = new FakeTransport();
    const file = join(dir, "namesrv.properties");
    await Deno.writeTextFile(
      file,
      `kvConfigPath=${join(dir, "kv.json")}\nserverChannelMaxIdleTimeSeconds=60\n`,
    );
    const configuration = await loadConfiguration(
      { configFile: file },
      environmentWith({ HOME: dir }),
      Deno,
    );
    const namesrv = await Namesrv.start({
      configuration,
      transport,
      files: Deno,
      log: new RecordedLog(),
      setLogLevel() {},
      setLogLimits() {},
      clock: new TestClock(),
    });
    const body = utf8(registration(["T1", "T2"]));
    const extFields = { ...BROKER, heartbeatTimeoutMillis: "10000" };
    transport.open().send(request({ code: RequestCode.REGISTER_BROKER, extFields, body }));
    transport.open();
    await time.tickAsync(70_000);
    const { values } = parseScrape(await namesrv.metrics.render());
    const value = (series: string) => values.get(`rocketmq_namesrv_${series}`);
    assert.equal(value('brokers_removed_total{reason="expired"}'), 1);
    assert.equal(value('brokers_removed_total{reason="disconnected"}'), 0);
    assert.equal(value('connections_closed_total{reason="expired"}'), 1);
    assert.equal(value('connections_closed_total{reason="idle"}'), 1);
    assert.equal(value("connections"), 0);
    await namesrv.stop();
    await Deno.remove(dir, { recursive: true });
  });
});
