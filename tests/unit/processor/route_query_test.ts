import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { BROKER, Processors, registration } from "../../support/route_processors.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

let server: Processors;

async function setUp(): Promise<void> {
  server = await Processors.create();
}

const notExist = (topic: string) => ({
  code: 17,
  remark: `No topic route info in name server for the topic: ${topic}\n` +
    "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.",
});

const OLD = { version: 400 };
const ROUTE_A = '"queueDatas":[{"brokerName":"b-a","perm":6,"readQueueNums":8,"topicSysFlag":0,' +
  '"writeQueueNums":8}]';
const BROKER_A = '{"brokerAddrs":{"0":"10.0.0.1:10911"},"brokerName":"b-a","cluster":"C",' +
  '"enableActingMaster":false}';

describe("GET_ROUTEINFO_BY_TOPIC", () => {
  beforeEach(setUp);

  it("answers a route, at once", async () => {
    await server.register();
    assert.ok(
      !(server.handle(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" }) instanceof Promise),
    );
    assert.deepEqual(await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" }), {
      code: 0,
      body: `{"brokerDatas":[${BROKER_A}],"filterServerTable":{},${ROUTE_A}}`,
    });
  });

  it("does not know other topics, and does not log them", async () => {
    await server.register();
    const events = server.log.events.length;
    for (const topic of ["nope", "", "constructor", "__proto__", "題", "x".repeat(255)]) {
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic }),
        notExist(topic),
      );
    }
    assert.equal(server.log.events.length, events);
  });

  it("needs a topic", async () => {
    assert.deepEqual(await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC), {
      code: 1,
      remark: "the field <topic> is missing",
    });
  });

  it("knows topics of every name", async () => {
    for (const topic of ["", "constructor", "__proto__", "題", "x".repeat(255)]) {
      await server.register({ brokerName: topic }, [topic, "more"]);
      assert.equal((await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic })).code, 0);
    }
  });

  describe("its dialect", () => {
    const isStandard = async (fields: Record<string, string>, version: number) =>
      (await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1", ...fields }, {
        version,
      })).body!.includes('{"0":');

    it("is standard JSON from version 401 on", async () => {
      await server.register();
      for (const version of [401, 513, 32767]) assert.equal(await isStandard({}, version), true);
      for (const version of [0, 37, 400]) assert.equal(await isStandard({}, version), false);
    });

    it("is standard JSON for older ones that ask for it", async () => {
      await server.register();
      for (const [wish, standard] of [["true", true], ["TRUE", true], ["1", false], ["", false]]) {
        const fields = { acceptStandardJsonOnly: `${wish}` };
        assert.equal(await isStandard(fields, 400), standard, `${wish}`);
      }
      assert.equal(await isStandard({ acceptStandardJsonOnly: "false" }, 513), true);
    });

    it("keeps non-ASCII text and long numbers for both", async () => {
      const mappings = '{"ü":{"bname":"b-a","currIdMap":{0:0,2:1},"epoch":9007199254740993,' +
        '"topic":"ü","totalQueues":8}}';
      await server.register({}, [], { body: registration(["ü", "T2"], { mappings }) });
      const standard = (await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "ü" })).body!;
      assert.match(standard, /"currIdMap":\{"0":0,"2":1\}/);
      assert.match(standard, /"epoch":"9007199254740993"/);
      assert.match(standard, /"topic":"ü"/);
      const fastjson = (await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "ü" }, OLD))
        .body!;
      assert.match(fastjson, /"currIdMap":\{0:0,2:1\}/);
      assert.match(fastjson, /"epoch":9007199254740993,/);
      assert.match(fastjson, /"topic":"ü"/);
    });
  });

  describe("its cache", () => {
    /** The body's bytes, to check whether they are the same object. */
    const body = async (fields: Record<string, string> = {}, asking = {}) =>
      (await server.handle(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1", ...fields }, asking))
        .body!;

    it("gives the same bytes until the route changes, for each dialect", async () => {
      await server.register();
      const standard = await body();
      const fastjson = await body({}, OLD);
      assert.equal(await body(), standard);
      assert.equal(await body({}, OLD), fastjson);
      await server.register();
      assert.equal(await body(), standard);
      await server.register({ brokerId: "1", brokerAddr: "y" });
      assert.match(new TextDecoder().decode(await body()), /"1":"y"/);
      assert.match(new TextDecoder().decode(await body({}, OLD)), /1:"y"/);
    });

    it("is not for zones, in either direction", async () => {
      await server.register({ __ZONE_NAME: "z1" });
      const whole = await body();
      const zone = await body({ __ZONE_MODE: "true", __ZONE_NAME: "z2" });
      assert.notEqual(new TextDecoder().decode(zone), new TextDecoder().decode(whole));
      assert.equal(await body(), whole);
    });

    it("has no topics without brokers", async () => {
      for (let i = 0; i < 100; i++) {
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: `nope${i}` });
      }
      assert.equal(server.cache.size, 0);
    });
  });

  describe("needWaitForService", () => {
    const notReady = { code: 1, remark: "name server not ready" };

    it("refuses every route for waitSecondsForService after the start", async () => {
      await server.register();
      server.options.waitSecondsForService = 45;
      server.now = 44_999;
      assert.equal((await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" })).code, 0);
      server.options.needWaitForService = true;
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" }),
        notReady,
      );
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "nope" }),
        notReady,
      );
      assert.equal((await server.ask(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER)).code, 0);
      server.now = 45_000;
      assert.equal((await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" })).code, 0);
    });

    it("follows a change of the seconds", async () => {
      server.options.needWaitForService = true;
      server.now = 10_000;
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "x" }),
        notReady,
      );
      server.options.waitSecondsForService = 10;
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "x" }),
        notExist("x"),
      );
      server.options.waitSecondsForService = 0;
      server.now = 0;
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "x" }),
        notExist("x"),
      );
    });
  });

  describe("orderTopicConf", () => {
    const conf = async (topic = "T1") =>
      JSON.parse((await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic })).body!)
        .orderTopicConf;

    it("is there with orderMessageEnable, where there is one", async () => {
      await server.register();
      await server.kv.put("ORDER_TOPIC_CONFIG", "T1", "b-a:8");
      assert.equal(await conf(), undefined);
      server.options.orderMessageEnable = true;
      server.cache.clear();
      assert.equal(await conf(), "b-a:8");
      assert.equal(await conf("T2"), undefined);
    });
  });

  describe("supportActingMaster", () => {
    it("shows the smallest id of a group without master as the master", async () => {
      const slave = { ...BROKER, brokerId: "2", enableActingMaster: "true" };
      await server.register(slave);
      const addrs = async () =>
        JSON.parse((await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" })).body!)
          .brokerDatas[0].brokerAddrs;
      assert.deepEqual(await addrs(), { 2: "10.0.0.1:10911" });
      server.options.supportActingMaster = true;
      server.cache.clear();
      assert.deepEqual(await addrs(), { 0: "10.0.0.1:10911" });
    });
  });

  describe("zones", () => {
    const brokers = async (fields: Record<string, string>) => {
      const { body } = await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, {
        topic: "T1",
        ...fields,
      });
      return JSON.parse(body!).brokerDatas.map((it: { brokerName: string }) => it.brokerName);
    };

    it("filter when the mode is true and the name is not blank", async () => {
      await server.register({ brokerName: "z1", __ZONE_NAME: "zone1" });
      await server.register({ brokerName: "z2", __ZONE_NAME: "zone2" });
      const all = ["z1", "z2"];
      assert.deepEqual(await brokers({ __ZONE_MODE: "true", __ZONE_NAME: "ZONE1" }), ["z1"]);
      assert.deepEqual(await brokers({ __ZONE_MODE: "TRUE", __ZONE_NAME: "zone2" }), ["z2"]);
      assert.deepEqual(await brokers({ __ZONE_MODE: "true", __ZONE_NAME: "  " }), all);
      assert.deepEqual(await brokers({ __ZONE_MODE: "true" }), all);
      assert.deepEqual(await brokers({ __ZONE_MODE: "1", __ZONE_NAME: "zone1" }), all);
      assert.deepEqual(await brokers({ __ZONE_NAME: "zone1" }), all);
    });

    it("may leave nothing, which is no error, and speak the client's dialect", async () => {
      await server.register({ __ZONE_NAME: "zone1" });
      const fields = { topic: "T1", __ZONE_MODE: "true", __ZONE_NAME: "other" };
      const nothing = {
        code: 0,
        body: '{"brokerDatas":[],"filterServerTable":{},"queueDatas":[]}',
      };
      assert.deepEqual(await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, fields), nothing);
      const mine = { ...fields, __ZONE_NAME: "zone1" };
      assert.match((await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, mine)).body!, /\{"0":/);
      assert.match((await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, mine, OLD)).body!, /\{0:/);
    });

    it("leave an unknown topic unknown", async () => {
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, {
          topic: "x",
          __ZONE_MODE: "true",
          __ZONE_NAME: "z",
        }),
        notExist("x"),
      );
    });
  });

  describe("clusterTest", () => {
    const bytes = new TextEncoder().encode('{"brokerDatas":[]}');
    const found = {
      code: 0,
      language: "JAVA",
      version: 513,
      opaque: 0,
      flag: 1,
      remark: null,
      extFields: new Map(),
      body: bytes,
    };

    it("asks the product environment for what is unknown here, and for nothing else", async () => {
      await server.register();
      server.options.productEnvNamesrvAddr = "10.1.1.1:9876";
      server.invoke = () => Promise.resolve(found);
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "x" }),
        notExist("x"),
      );
      server.options.clusterTest = true;
      assert.equal((await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" })).code, 0);
      assert.equal(server.invoked.length, 0);
      assert.deepEqual(await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "x" }), {
        code: 0,
        body: '{"brokerDatas":[]}',
      });
      assert.equal(server.invoked.length, 1);
      assert.equal(server.cache.get("x", "standard"), undefined);
    });

    it("has no route when no environment has one, or none answers", async () => {
      server.options.clusterTest = true;
      server.options.productEnvNamesrvAddr = "10.1.1.1:9876";
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "x" }),
        notExist("x"),
      );
      server.invoke = () => Promise.resolve({ ...found, code: 17, body: null });
      assert.deepEqual(
        await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "x" }),
        notExist("x"),
      );
    });

    it("adds the order configuration, as the reference does", async () => {
      await server.register();
      await server.kv.put("ORDER_TOPIC_CONFIG", "T1", "b-a:8");
      server.options.clusterTest = true;
      assert.match(
        (await server.ask(RequestCode.GET_ROUTEINFO_BY_TOPIC, { topic: "T1" })).body!,
        /"orderTopicConf":"b-a:8"/,
      );
    });
  });
});
