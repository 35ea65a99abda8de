import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { WorkSlice } from "../../../src/work_slice.ts";
import { Registry } from "prom-client";
import { type Definition, DEFINITIONS, PREFIX } from "../../../src/metrics/definitions.ts";
import { Metrics } from "../../../src/metrics/metrics.ts";
import { RequestCode, ResponseCode } from "../../../src/protocol/codes.ts";
import { AnswerResult } from "../../../src/remoting/request_counters.ts";
import { metricsWorld, type World } from "../../support/metrics_world.ts";
import { parseScrape } from "../../support/scrape.ts";

const { SUCCESS, ONEWAY, WRITE_CHANNEL_FAILED } = AnswerResult;

describe("Metrics", () => {
  let sources: World;
  let metrics: Metrics;

  beforeEach(() => {
    sources = metricsWorld();
    metrics = new Metrics(sources, new WorkSlice(setImmediate));
  });

  /** The scraped metrics whose names begin with this. */
  async function scrape(start: string): Promise<Record<string, number>> {
    const { values } = parseScrape(await metrics.render());
    return Object.fromEntries([...values].filter(([series]) => series.startsWith(start)));
  }

  function addBroker(cluster: string, brokerName: string, id: number, port: number): void {
    const brokerAddr = `10.0.0.1:${port}`;
    const broker = { clusterName: cluster, brokerName, brokerAddr };
    const { tables } = sources;
    tables.putBroker({
      ...broker,
      brokerId: id,
      enableActingMaster: false,
      zoneName: undefined,
    });
    tables.putLiveBroker({
      ...broker,
      haServerAddr: "",
      dataVersion: { stateVersion: 0, timestamp: 0, counter: 0 },
      heartbeatTimeoutMillis: 120_000,
      connection: { close() {} },
      lastUpdateTimestamp: 1_700_000_000_000 + port,
      heardAt: 0,
      restored: false,
    });
  }

  function addTopic(topic: string, brokerName: string): void {
    const queues = { readQueueNums: 4, writeQueueNums: 4, perm: 6, topicSysFlag: 0 };
    sources.tables.putQueueData(topic, { brokerName, ...queues });
  }

  function answer(requestCode: number, responseCode: number, result: AnswerResult, ms = 0): void {
    sources.remoting.requests.answered(requestCode, responseCode, result);
    sources.remoting.requests.left(ms);
  }

  it("has the content type of the library's text", () => {
    assert.equal(metrics.contentType, new Registry().contentType);
  });

  it("has every metric of the table, of its type and with its help", async () => {
    const text = await metrics.render();
    const { types } = parseScrape(text);
    assert.deepEqual(
      [...types],
      DEFINITIONS.map(({ name, type }) => [name, type]),
    );
    for (const { name, help } of DEFINITIONS) {
      assert.ok(text.includes(`# HELP ${name} ${help}\n`), name);
    }
  });

  it("tells the latency as RocketMQ does", async () => {
    answer(RequestCode.GET_ROUTEINFO_BY_TOPIC, ResponseCode.SUCCESS, SUCCESS);
    answer(RequestCode.GET_ROUTEINFO_BY_TOPIC, ResponseCode.SUCCESS, SUCCESS, 4);
    const labels = 'protocol_type="remoting",request_code="get_routeinfo_by_topic",' +
      'response_code="success",result="success"';
    const bounds = { 1: 1, 3: 1, 5: 2, 7: 2, 10: 2, 100: 2, 1000: 2, 2000: 2, 3000: 2, "+Inf": 2 };
    assert.deepEqual(await scrape("rocketmq_rpc_latency"), {
      ...Object.fromEntries(
        Object.entries(bounds).map(([le, count]) => [
          `rocketmq_rpc_latency_bucket{${labels},le="${le}"}`,
          count,
        ]),
      ),
      [`rocketmq_rpc_latency_sum{${labels}}`]: 4,
      [`rocketmq_rpc_latency_count{${labels}}`]: 2,
    });
  });

  it("names the results of answers as RocketMQ does", async () => {
    for (const result of [SUCCESS, ONEWAY, WRITE_CHANNEL_FAILED]) {
      answer(RequestCode.UNREGISTER_BROKER, 0, result);
    }
    const series = Object.keys(await scrape("rocketmq_rpc_latency_count"));
    const results = series.map((it) => /result="(\w+)"/.exec(it)![1]);
    assert.deepEqual(results, ["success", "oneway", "write_channel_failed"]);
  });

  it("counts requests by code and errors by both codes, over all results", async () => {
    answer(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, SUCCESS);
    answer(RequestCode.GET_ROUTEINFO_BY_TOPIC, 17, SUCCESS);
    answer(RequestCode.GET_ROUTEINFO_BY_TOPIC, 17, ONEWAY);
    answer(RequestCode.PUT_KV_CONFIG, 1, SUCCESS);
    assert.deepEqual(await scrape(PREFIX + "requests_total"), {
      [`${PREFIX}requests_total{request_code="get_routeinfo_by_topic"}`]: 3,
      [`${PREFIX}requests_total{request_code="put_kv_config"}`]: 1,
    });
    assert.deepEqual(await scrape(PREFIX + "errors_total"), {
      [
        `${PREFIX}errors_total{request_code="get_routeinfo_by_topic",response_code="topic_not_exist"}`
      ]: 2,
      [`${PREFIX}errors_total{request_code="put_kv_config",response_code="system_error"}`]: 1,
    });
  });

  it("puts unknown codes under one label value, however many there are", async () => {
    for (let code = 10_000; code < 12_000; code++) answer(code, 3, SUCCESS);
    assert.deepEqual(await scrape(PREFIX + "requests_total"), {
      [`${PREFIX}requests_total{request_code="unknown"}`]: 2000,
    });
  });

  it("tells queues and refusals by request class", async () => {
    sources.classes.client_request = { waiting: 3, running: 2, refused: 7 };
    sources.classes.default = { waiting: 0, running: 1, refused: 0 };
    sources.classes.registration = { waiting: 8, running: 9, refused: 1 };
    sources.classes.disk = { waiting: 4, running: 5, refused: 6 };
    for (
      const [name, route, other, registration, disk] of [
        ["queue_depth", 3, 0, 8, 4],
        ["requests_in_progress", 2, 1, 9, 5],
        ["system_busy_total", 7, 0, 1, 6],
      ] as const
    ) {
      assert.deepEqual(await scrape(PREFIX + name), {
        [`${PREFIX}${name}{request_class="client_request"}`]: route,
        [`${PREFIX}${name}{request_class="default"}`]: other,
        [`${PREFIX}${name}{request_class="registration"}`]: registration,
        [`${PREFIX}${name}{request_class="disk"}`]: disk,
      });
    }
  });

  it("counts connections, and why they closed", async () => {
    sources.server = { connections: 5 };
    sources.remoting.accepted = 30;
    Object.assign(sources.remoting.closed, { peer: 10, frame: 4, tls: 3, idle: 8 });
    sources.remoting.bytesIn = 12_345;
    sources.remoting.bytesOut = 2 ** 40;
    const values = await scrape(PREFIX);
    assert.equal(values[`${PREFIX}connections`], 5);
    assert.equal(values[`${PREFIX}connections_accepted_total`], 30);
    assert.equal(values[`${PREFIX}connections_refused_total`], 7);
    assert.equal(values[`${PREFIX}received_bytes_total`], 12_345);
    assert.equal(values[`${PREFIX}sent_bytes_total`], 2 ** 40);
    assert.deepEqual(await scrape(PREFIX + "connections_closed_total"), {
      [`${PREFIX}connections_closed_total{reason="peer"}`]: 10,
      [`${PREFIX}connections_closed_total{reason="network"}`]: 0,
      [`${PREFIX}connections_closed_total{reason="idle"}`]: 8,
      [`${PREFIX}connections_closed_total{reason="frame"}`]: 4,
      [`${PREFIX}connections_closed_total{reason="tls"}`]: 3,
      [`${PREFIX}connections_closed_total{reason="slow"}`]: 0,
      [`${PREFIX}connections_closed_total{reason="memory"}`]: 0,
      [`${PREFIX}connections_closed_total{reason="limit"}`]: 0,
      [`${PREFIX}connections_closed_total{reason="expired"}`]: 0,
      [`${PREFIX}connections_closed_total{reason="stop"}`]: 0,
      [`${PREFIX}connections_closed_total{reason="fault"}`]: 0,
    });
  });

  it("counts brokers by cluster and role, topics and queue data", async () => {
    addBroker("east", "a", 0, 1);
    addBroker("east", "a", 1, 2);
    addBroker("east", "b", 0, 3);
    addBroker("west", "c", 2, 4);
    for (const name of ["a", "b", "c"]) addTopic("T1", name);
    addTopic("T2", "a");
    assert.deepEqual(await scrape(PREFIX + "brokers{"), {
      [`${PREFIX}brokers{cluster="east",role="master"}`]: 2,
      [`${PREFIX}brokers{cluster="east",role="slave"}`]: 1,
      [`${PREFIX}brokers{cluster="west",role="master"}`]: 0,
      [`${PREFIX}brokers{cluster="west",role="slave"}`]: 1,
    });
    const values = await scrape(PREFIX);
    assert.equal(values[`${PREFIX}topics`], 2);
    assert.equal(values[`${PREFIX}queue_data`], 4);
  });

  it("tells a hundred clusters apart, and cuts names that are too long", async () => {
    addBroker("x".repeat(10_000), "long", 0, 1);
    for (let i = 0; i < 300; i++) addBroker(`cluster-${i}`, `broker-${i}`, 0, 10 + i);
    const brokers = await scrape(PREFIX + "brokers{");
    assert.equal(Object.keys(brokers).length, 2 * 101);
    assert.equal(brokers[`${PREFIX}brokers{cluster="(others)",role="master"}`], 201);
    assert.equal(brokers[`${PREFIX}brokers{cluster="${"x".repeat(255)}",role="master"}`], 1);
  });

  it("writes names that hold anything", async () => {
    addBroker('a"b\\c\nd', "__proto__", 0, 1);
    const text = await metrics.render();
    assert.ok(text.includes('brokers{cluster="a\\"b\\\\c\\nd",role="master"} 1\n'));
  });

  it("tells each broker when metricsPerBroker says so, and only then", async () => {
    addBroker("east", "a", 0, 1);
    addBroker("east", "a", 7, 2);
    addTopic("T1", "a");
    addTopic("T2", "a");
    assert.deepEqual(await scrape(PREFIX + "broker_"), {});
    sources.options.metricsPerBroker = true;
    const master = 'cluster="east",broker="a",broker_id="0"';
    const slave = 'cluster="east",broker="a",broker_id="7"';
    assert.deepEqual(await scrape(PREFIX + "broker_"), {
      [`${PREFIX}broker_last_heartbeat_timestamp_seconds{${master}}`]: 1_700_000_000.001,
      [`${PREFIX}broker_last_heartbeat_timestamp_seconds{${slave}}`]: 1_700_000_000.002,
      [`${PREFIX}broker_heartbeat_timeout_seconds{${master}}`]: 120,
      [`${PREFIX}broker_heartbeat_timeout_seconds{${slave}}`]: 120,
      [`${PREFIX}broker_topics{cluster="east",broker="a"}`]: 2,
    });
    sources.options.metricsPerBroker = false;
    assert.deepEqual(await scrape(PREFIX + "broker_"), {});
  });

  it("counts registrations by what came of them, and brokers that left", async () => {
    Object.assign(sources.routes.counters, { changed: 4, unchanged: 90, stale: 1 });
    Object.assign(sources.routes.counters, {
      expired: 2,
      disconnected: 3,
      unregistered: 5,
      unconfirmed: 7,
    });
    answer(RequestCode.REGISTER_BROKER, ResponseCode.SUCCESS, SUCCESS);
    answer(RequestCode.REGISTER_BROKER, ResponseCode.SYSTEM_ERROR, SUCCESS);
    answer(RequestCode.REGISTER_BROKER, ResponseCode.SYSTEM_BUSY, SUCCESS);
    answer(RequestCode.UNREGISTER_BROKER, ResponseCode.SYSTEM_ERROR, SUCCESS);
    assert.deepEqual(await scrape(PREFIX + "registrations_total"), {
      [`${PREFIX}registrations_total{result="changed"}`]: 4,
      [`${PREFIX}registrations_total{result="unchanged"}`]: 90,
      [`${PREFIX}registrations_total{result="stale"}`]: 1,
      [`${PREFIX}registrations_total{result="refused"}`]: 2,
    });
    assert.deepEqual(await scrape(PREFIX + "brokers_removed_total"), {
      [`${PREFIX}brokers_removed_total{reason="expired"}`]: 2,
      [`${PREFIX}brokers_removed_total{reason="disconnected"}`]: 3,
      [`${PREFIX}brokers_removed_total{reason="unregistered"}`]: 5,
      [`${PREFIX}brokers_removed_total{reason="unconfirmed"}`]: 7,
    });
  });

  it("tells of cache, KV table and TLS", async () => {
    Object.assign(sources.cache, { hits: 10, misses: 4, size: 5000, topics: 3 });
    Object.assign(sources.kv, { valueCount: 6, writes: 8, failedWrites: 1 });
    sources.tls = {
      acceptor: { handshakes: 2, succeeded: 20, failed: 5 },
      store: { expires: 1_800_000_000_000, reloads: 3, failedReloads: 1 },
    };
    const values = await scrape(PREFIX);
    for (
      const [series, value] of Object.entries({
        route_cache_hits_total: 10,
        route_cache_misses_total: 4,
        route_cache_bytes: 5000,
        route_cache_topics: 3,
        kv_values: 6,
        'kv_writes_total{result="ok"}': 8,
        'kv_writes_total{result="failed"}': 1,
        'tls_handshakes_total{result="ok"}': 20,
        'tls_handshakes_total{result="failed"}': 5,
        tls_handshakes_in_progress: 2,
        'tls_reloads_total{result="ok"}': 3,
        'tls_reloads_total{result="failed"}': 1,
        tls_certificate_expiry_timestamp_seconds: 1_800_000_000,
      })
    ) {
      assert.equal(values[PREFIX + series], value, series);
    }
  });

  it("tells no expiry while there is no certificate", async () => {
    assert.deepEqual(await scrape(PREFIX + "tls_certificate"), {});
  });

  it("tells of the process", async () => {
    const values = await scrape(PREFIX);
    for (
      const [series, value] of Object.entries({
        process_resident_memory_bytes: 60e6,
        'process_cpu_seconds_total{mode="user"}': 1.5,
        'process_cpu_seconds_total{mode="system"}': 0.25,
        process_start_time_seconds: 1_700_000_000.5,
        v8_heap_used_bytes: 8e6,
        v8_heap_total_bytes: 10e6,
        v8_heap_limit_bytes: 4e9,
        v8_external_memory_bytes: 1e6,
        'build_info{version="1.2.3",protocol="V5_5_0",deno="2.9.6",v8="15"}': 1,
      })
    ) {
      assert.equal(values[PREFIX + series], value, series);
    }
  });

  it("reads each time anew", async () => {
    sources.cache.hits = 1;
    assert.equal((await scrape(PREFIX))[`${PREFIX}route_cache_hits_total`], 1);
    sources.cache.hits = 2;
    assert.equal((await scrape(PREFIX))[`${PREFIX}route_cache_hits_total`], 2);
  });
});

describe("the table of metrics", () => {
  it("has each name once, with RocketMQ's or our own beginning, and as Prometheus wants it", () => {
    const names = DEFINITIONS.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { name, type } of DEFINITIONS) {
      assert.match(name, /^[a-z][a-z0-9_]*$/);
      assert.ok(name === "rocketmq_rpc_latency" || name.startsWith(PREFIX), name);
      assert.equal(name.endsWith("_total"), type === "counter", name);
    }
  });

  it("gives each sample exactly the labels that it names", () => {
    const sources = metricsWorld();
    sources.options.metricsPerBroker = true;
    sources.remoting.requests.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 17, SUCCESS);
    sources.remoting.requests.left(0);
    const refused = { allowed: false, reason: "unsigned", authenticated: "no" } as const;
    sources.access.counters.count("kv:write", refused, true, 0);
    sources.tables.putBroker({
      clusterName: "c",
      brokerName: "b",
      brokerId: 0,
      brokerAddr: "10.0.0.1:1",
      enableActingMaster: false,
      zoneName: undefined,
    });
    for (const definition of DEFINITIONS as readonly Definition[]) {
      for (const { labels } of definition.read(sources)) {
        assert.deepEqual(Object.keys(labels), [...definition.labels], definition.name);
      }
    }
  });
});
