import { beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";
import assert from "node:assert/strict";
import {
  BROKER,
  connection,
  Processors,
  readable,
  registration,
} from "../../support/route_processors.ts";
import { identity } from "../../support/route_world.ts";
import { concat, int32, utf8 } from "../../support/bytes.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const MANY = Array.from({ length: 3000 }, (_, i) => `topic-${i}`);

/** A registration's compressed body. */
function compressed(topics: readonly string[], mappings: readonly string[] = []): Uint8Array {
  const part = (text: string) => concat(int32(utf8(text).length), utf8(text));
  return deflateSync(concat(
    part('{"counter":1,"stateVersion":0,"timestamp":1700000000000}'),
    int32(topics.length),
    ...topics.map((name) => part(`${name} 8 8 6 SINGLE_TAG {}`)),
    part("[]"),
    int32(mappings.length),
    ...mappings.map(part),
  ));
}

function without(name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(BROKER).filter(([key]) => key !== name));
}

let server: Processors;

async function setUp(): Promise<void> {
  server = await Processors.create();
}

describe("REGISTER_BROKER", () => {
  beforeEach(setUp);

  it("answers a master with an empty object of fields and no body", async () => {
    assert.deepEqual(await server.register(), { code: 0, ext: {} });
    assert.deepEqual(server.brokers(), ["b-a"]);
    assert.deepEqual([...server.tables.topics()], ["T1", "T2"]);
  });

  it("answers a small registration at once, and a large one later", async () => {
    const small = server.handle(RequestCode.REGISTER_BROKER, BROKER, {
      body: registration(["T1", "T2"]),
    });
    assert.ok(!(small instanceof Promise));
    const large = server.handle(RequestCode.REGISTER_BROKER, { ...BROKER, brokerName: "large" }, {
      body: registration(MANY),
    });
    assert.ok(large instanceof Promise);
    await large;
  });

  it("passes on what the header says", async () => {
    const address = connection();
    await server.register(
      {
        __ZONE_NAME: "z",
        enableActingMaster: "TRUE",
        heartbeatTimeoutMillis: "1234",
        brokerId: "0",
      },
      ["T1", "T2"],
      { connection: address },
    );
    const { zoneName, enableActingMaster, cluster } = server.tables.broker("b-a")!;
    assert.deepEqual([zoneName, enableActingMaster, cluster], ["z", true, "C"]);
    const live = server.tables.liveBroker("C", "b-a", "10.0.0.1:10911")!;
    assert.equal(live.heartbeatTimeoutMillis, 1234);
    assert.equal(live.haServerAddr, "10.0.0.1:10912");
    assert.equal(live.connection, address);
    await server.register();
    assert.equal(
      server.tables.liveBroker("C", "b-a", "10.0.0.1:10911")!.heartbeatTimeoutMillis,
      120_000,
    );
  });

  it("knows brokers older than 5.0 by the field that they don't send", async () => {
    await server.register({ brokerName: "old", brokerId: "1" });
    assert.equal(server.tables.queueDatas("T1"), undefined);
    await server.register({ brokerName: "new", brokerId: "1", enableActingMaster: "false" });
    assert.equal(server.tables.queueData("T1", "new")!.perm, 6);
  });

  it("tells a slave of its master", async () => {
    const slave = { brokerId: "1", brokerAddr: "10.0.0.2:10911", haServerAddr: "10.0.0.2:10912" };
    assert.deepEqual(await server.register(slave), { code: 0, ext: {} });
    await server.register();
    assert.deepEqual(await server.register(slave), {
      code: 0,
      ext: { haServerAddr: "10.0.0.1:10912", masterAddr: "10.0.0.1:10911" },
    });
  });

  it("gives the order configuration, also an empty one, to masters and slaves", async () => {
    assert.equal((await server.register()).body, undefined);
    await server.kv.put("ORDER_TOPIC_CONFIG", "T1", "b-a:8");
    assert.deepEqual(await server.register(), {
      code: 0,
      ext: {},
      body: '{"table":{"T1":"b-a:8"}}',
    });
    assert.equal(
      (await server.register({ brokerId: "1", brokerAddr: "x" })).body,
      '{"table":{"T1":"b-a:8"}}',
    );
    await server.kv.delete("ORDER_TOPIC_CONFIG", "T1");
    assert.equal((await server.register()).body, '{"table":{}}');
    server.options.returnOrderTopicConfigToBroker = false;
    assert.equal((await server.register()).body, undefined);
  });

  it("refuses a single topic before the first full registration", async () => {
    assert.deepEqual(await server.register({}, ["T1"]), {
      code: 1,
      remark: "register broker failed",
      ext: {},
    });
    assert.deepEqual(server.brokers(), []);
  });

  it("answers a stale rival as if nothing were wrong", async () => {
    const body = registration(["T1", "T2"]).replace('"stateVersion":0', '"stateVersion":5');
    await server.register({}, [], { body });
    assert.deepEqual(await server.register({ brokerAddr: "rival" }), { code: 0, ext: {} });
    assert.deepEqual([...server.tables.broker("b-a")!.brokerAddrs], [[0, "10.0.0.1:10911"]]);
  });

  const required = Object.keys(BROKER).filter((name) => name !== "haServerAddr");
  for (const name of required) {
    it(`is refused without ${name}, and nothing changes`, async () => {
      assert.deepEqual(
        await server.ask(RequestCode.REGISTER_BROKER, without(name), {
          body: registration(["T1", "T2"]),
        }),
        { code: 1, remark: `the field <${name}> is missing` },
      );
      assert.deepEqual(server.brokers(), []);
    });
  }

  for (
    const [name, value] of [
      ["brokerId", ""],
      ["brokerId", "abc"],
      ["brokerId", "1.5"],
      ["brokerId", "9223372036854775808"],
    ]
  ) {
    it(`is refused with ${name} "${value}", and nothing changes`, async () => {
      assert.deepEqual(await server.register({ [name!]: value! }), {
        code: 1,
        remark: `the field <${name}> is not an integer: "${value}"`,
      });
      assert.deepEqual(server.brokers(), []);
    });
  }

  for (
    const [name, value] of [
      ["heartbeatTimeoutMillis", ""],
      ["heartbeatTimeoutMillis", "x"],
      ["bodyCrc32", "x"],
      // Not masked with 0x7fffffff, as the protocol wants it.
      ["bodyCrc32", "4294967295"],
    ]
  ) {
    it(`ignores ${name} "${value}", with a line at DEBUG`, async () => {
      server.log.debugEnabled = true;
      assert.deepEqual(await server.register({ [name!]: value! }), { code: 0, ext: {} });
      assert.equal(
        server.tables.liveBroker("C", "b-a", "10.0.0.1:10911")!.heartbeatTimeoutMillis,
        120_000,
      );
      assert.deepEqual(
        server.log.events.filter((it) => it.event.startsWith("field ignored")),
        [{
          level: "DEBUG",
          event: "field ignored: not an integer",
          fields: { code: RequestCode.REGISTER_BROKER, field: name, value },
        }],
      );
    });
  }

  it("is taken without haServerAddr, and a slave hears of its master without it", async () => {
    const answer = await server.ask(RequestCode.REGISTER_BROKER, without("haServerAddr"), {
      body: registration(["T1", "T2"]),
    });
    assert.deepEqual(answer, { code: 0, ext: {} });
    assert.deepEqual(await server.register({ brokerId: "1", brokerAddr: "10.0.0.2:10911" }), {
      code: 0,
      ext: { masterAddr: "10.0.0.1:10911" },
    });
  });

  describe("filter servers", () => {
    const filters = () => server.tables.filterServers("b-a", "10.0.0.1:10911");
    const list = '"filterServerList":["f"],';
    const body = registration(["T1", "T2"], { filterServers: ["f"] });
    const wrapper = body.slice(body.indexOf('{"dataVersion'), -1);

    for (
      const [what, sent, version, kept] of [
        ["go with a body that has no list", body.replace(list, ""), 413, undefined],
        ["go with an empty object", "{}", 413, undefined],
        ["go without a body", "", 413, undefined],
        ["stay with null", body.replace('["f"]', "null"), 413, ["f"]],
        ["stay with a broker older than 3.0.11", wrapper, 36, ["f"]],
        ["stay with a broker older than 3.0.11 without a body", "", 36, ["f"]],
      ] as const
    ) {
      it(what, async () => {
        await server.register({}, [], { body });
        assert.deepEqual(filters(), ["f"]);
        for (let again = 0; again < 2; again++) {
          assert.equal((await server.register({}, [], { body: sent, version })).code, 0);
          assert.deepEqual(filters(), kept);
        }
      });
    }
  });

  it("shows only the start of a long text that is not a number", async () => {
    const { remark } = await server.register({ brokerId: "x".repeat(65_536) });
    assert.equal(remark, `the field <brokerId> is not an integer: "${"x".repeat(40)}…"`);
  });

  for (
    const [id, key] of [["-1", -1], ["9007199254740993", 9007199254740993n], ["+7", 7]] as const
  ) {
    it(`takes brokerId ${id}`, async () => {
      assert.equal((await server.register({ brokerId: id })).code, 0);
      assert.deepEqual([...server.tables.broker("b-a")!.brokerAddrs.keys()], [key]);
    });
  }

  it("takes names of every kind", async () => {
    for (const name of ["__proto__", "constructor", "", "題-ü-🗝", "x".repeat(254)]) {
      const fields = { brokerName: name, clusterName: name, brokerAddr: name, haServerAddr: name };
      const answer = await server.register(fields, [name, `${name}2`]);
      assert.deepEqual(answer, { code: 0, ext: {} });
      assert.deepEqual(server.tables.broker(name)!.brokerAddrs, new Map([[0, name]]));
      assert.equal(server.tables.queueData(name, name)!.readQueueNums, 8);
    }
  });

  it("refuses names that are too long or have control characters, and says which", async () => {
    const names: Record<string, string> = {
      clusterName: "x".repeat(256),
      brokerName: "題".repeat(86),
      brokerAddr: "10.0.0.1\u0000:10911",
      haServerAddr: "\n",
      __ZONE_NAME: "\u007f",
    };
    for (const [field, name] of Object.entries(names)) {
      const reason = name.length > 80 ? "more than 255 bytes of UTF-8" : "a control character";
      const { code, remark } = await server.register({ [field]: name });
      assert.deepEqual([code, remark], [1, `the field <${field}> has ${reason}`]);
    }
    for (const topic of ["x".repeat(256), "T\n"]) {
      const { code, remark = "" } = await server.register({}, ["T1", topic]);
      assert.equal(code, 1);
      assert.match(remark, /^unreadable body: the field <topicName> has /);
    }
    const filterServers = await server.register({}, [], {
      body: registration([], { filterServers: ["f".repeat(256)] }),
    });
    assert.match(filterServers.remark ?? "", /<filterServerList> has more than 255 bytes/);
    const mappings = { mappings: `{"T1":{"topic":"T1","bname":"${"b".repeat(256)}"}}` };
    const mapped = await server.register({}, [], { body: registration(["T1", "T2"], mappings) });
    assert.match(mapped.remark ?? "", /<bname> has more than 255 bytes/);
    assert.deepEqual(server.brokers(), []);
    const { remark } = await server.ask(RequestCode.UNREGISTER_BROKER, {
      ...BROKER,
      brokerName: "x".repeat(256),
    });
    assert.match(remark ?? "", /<brokerName> has more than 255 bytes/);
  });

  describe("its body", () => {
    it("may be missing: no topics, and a data version of zeros", async () => {
      assert.deepEqual(await server.register({}, [], { body: "" }), { code: 0, ext: {} });
      assert.deepEqual(server.brokers(), ["b-a"]);
      assert.deepEqual(server.routes.dataVersion(identity("C", "b-a", "10.0.0.1:10911")), {
        counter: 0,
        stateVersion: 0,
        timestamp: 0,
      });
    });

    it("may be an empty object", async () => {
      assert.deepEqual(await server.register({}, [], { body: "{}" }), { code: 0, ext: {} });
      assert.deepEqual(server.brokers(), ["b-a"]);
    });

    for (
      const [what, body] of [
        ["null", "null"],
        ["a list", "[]"],
        ["no JSON", "{nonsense"],
        ["two values", "{}{}"],
        ["a table that is a number", '{"topicConfigSerializeWrapper":{"topicConfigTable":5}}'],
        ["a queue number that is a word", registration(["T1", "T2"]).replace(":8,", ':"eight",')],
        ["nested too deep", `{"x":${"[".repeat(100)}${"]".repeat(100)}}`],
      ]
    ) {
      it(`is refused when it is ${what}, and nothing changes`, async () => {
        const answer = await server.register({}, [], { body });
        assert.equal(answer.code, 1);
        assert.match(answer.remark!, /^unreadable body: ./);
        assert.equal(answer.ext, undefined);
        assert.deepEqual(server.brokers(), []);
      });
    }

    it("is refused, too, when only its end can't be read, and nothing changes", async () => {
      const body = registration(MANY).slice(0, -1);
      const answer = await server.register({}, [], { body });
      assert.match(answer.remark!, /^unreadable body: ./);
      assert.deepEqual(server.brokers(), []);
      assert.deepEqual([...server.tables.topics()], []);
    });

    it("may be compressed", async () => {
      for (const flag of ["true", "TRUE"]) {
        const fields = { brokerName: flag, compressed: flag };
        const answer = await server.register(fields, [], { body: compressed(["T1", flag]) });
        assert.deepEqual(answer, { code: 0, ext: {} });
        assert.notEqual(server.tables.queueData(flag, flag), undefined);
      }
    });

    it("is refused when it should be compressed and is not, or is cut", async () => {
      const whole = compressed(["T1", "T2"]);
      for (const body of [registration(["T1", "T2"]), whole.subarray(0, 40)]) {
        const answer = await server.register({ compressed: "true" }, [], { body });
        assert.match(
          answer.remark!,
          /^unreadable body: invalid zlib stream: ./,
        );
        assert.equal(answer.code, 1);
      }
      assert.deepEqual(server.brokers(), []);
    });

    for (const flag of ["false", "yes", "1", undefined]) {
      it(`is recognised as zlib under compressed=${flag}, unless that is switched off`, async () => {
        const fields: Record<string, string> = flag === undefined ? {} : { compressed: flag };
        const body = compressed(["T1", "T2"]);
        server.options.detectCompressedRegistration = false;
        assert.equal((await server.register(fields, [], { body })).code, 1);
        assert.deepEqual(server.brokers(), []);
        server.options.detectCompressedRegistration = true;
        assert.equal((await server.register(fields, [], { body })).code, 0);
        assert.deepEqual([...server.tables.topics()], ["T1", "T2"]);
      });
    }

    it("has static mappings from version 413 on, when it is compressed", async () => {
      const info = '{"bname":"b-a","currIdMap":{0:0},"epoch":9007199254740993,"topic":"T1"}';
      const body = compressed(["T1", "T2"], [info]);
      const fields = { compressed: "true" };
      await server.register({ ...fields, brokerName: "4" }, [], { body, version: 412 });
      assert.equal(server.tables.mappings("T1"), undefined);
      await server.register(fields, [], { body, version: 413 });
      assert.equal(server.tables.mappings("T1")!.get("b-a")!.epoch, 9007199254740993n);
    });

    it("is only the inner part below version 37", async () => {
      const whole = registration(["T1", "T2"]);
      const inner = whole.slice(whole.indexOf('{"dataVersion"'), -1);
      assert.equal((await server.register({}, [], { body: inner, version: 36 })).code, 0);
      assert.deepEqual([...server.tables.topics()], ["T1", "T2"]);
    });

    it("is bounded in what it inflates to", async () => {
      server.options.maxInflatedBodyBytes = 1024;
      const small = compressed(["T1", "T2"]);
      assert.equal((await server.register({ compressed: "true" }, [], { body: small })).code, 0);
      const bombs = [
        deflateSync(Buffer.alloc(1025)),
        deflateSync(Buffer.alloc(100_000_000)),
        compressed(MANY),
      ];
      for (const body of bombs) {
        const fields = { brokerName: "bomb", compressed: "true" };
        const answer = await server.register(fields, [], { body });
        assert.match(
          answer.remark!,
          /^unreadable body: the body inflates to more than 1024 bytes \(maxInflatedBodyBytes\)$/,
        );
      }
      assert.deepEqual(server.brokers(), ["b-a"]);
    });
  });

  describe("bodyCrc32", () => {
    const body = registration(["T1", "T2"]);
    const good = `${crc32(body) & 0x7fffffff}`;

    it("is the body's, without its sign bit", async () => {
      let negative = body;
      while (crc32(negative) < 0x80000000) negative += " ";
      const answer = await server.register({ bodyCrc32: `${crc32(negative) & 0x7fffffff}` }, [], {
        body: negative,
      });
      assert.deepEqual(answer, { code: 0, ext: {} });
    });

    it("is of the bytes as sent, compressed or not", async () => {
      const bytes = compressed(["T1", "T2"]);
      const fields = { compressed: "true", bodyCrc32: `${crc32(bytes) & 0x7fffffff}` };
      assert.equal((await server.register(fields, [], { body: bytes })).code, 0);
    });

    it("is not given when it is 0", async () => {
      assert.equal((await server.register({ bodyCrc32: "0" })).code, 0);
    });

    for (
      const [what, crc, sent] of [
        ["differs", `${Number(good) ^ 1}`, body],
        ["is given without a body", good, ""],
        ["is of a body that can't be read anyway", good, "{nonsense"],
      ]
    ) {
      it(`is refused when it ${what}, and nothing changes`, async () => {
        const answer = await server.register({ bodyCrc32: crc! }, [], { body: sent });
        assert.deepEqual(answer, { code: 1, remark: "crc32 not match", ext: {} });
        assert.deepEqual(server.brokers(), []);
        assert.deepEqual(server.log.namesAt("WARN"), ["registration refused: crc32 differs"]);
      });
    }
  });

  it("is answered at once when it comes again, however large, and changes nothing", async () => {
    const body = registration(MANY);
    await server.register({}, [], { body });
    server.routes.wipeWritePerm("b-a");
    const again = server.handle(RequestCode.REGISTER_BROKER, BROKER, { body });
    assert.ok(!(again instanceof Promise));
    assert.deepEqual(readable(again), { code: 0, ext: {} });
    assert.equal(server.tables.queueData("topic-0", "b-a")!.perm, 4);
    assert.equal(server.tables.topicCount, MANY.length);
  });

  it("is another one when the same bytes come in another version's words", async () => {
    const body = registration(["T1", "T2"]);
    await server.register({}, [], { body, version: 36 });
    assert.equal(server.tables.topicCount, 0);
    await server.register({}, [], { body, version: 513 });
    assert.equal(server.tables.topicCount, 2);
  });

  it("keeps its place behind a large one that came before, also when it comes again", async () => {
    const small = registration(["T1", "T2"], { counter: 1 });
    await server.register({}, [], { body: small });
    const asking = { connection: connection() };
    const body = registration(MANY, { counter: 2 });
    const large = server.handle(RequestCode.REGISTER_BROKER, BROKER, { ...asking, body });
    const again = server.handle(RequestCode.REGISTER_BROKER, BROKER, { ...asking, body: small });
    assert.ok(again instanceof Promise);
    await Promise.all([large, again]);
    assert.equal(server.routes.dataVersion(identity("C", "b-a", "10.0.0.1:10911"))!.counter, 1);
  });

  it("leaves nothing of a broker whose connection closed before its turn came", async () => {
    const gone = connection();
    gone.closed = true;
    for (const body of ["", registration(["T1", "T2"])]) {
      assert.equal((await server.register({}, [], { body, connection: gone })).code, 0);
      assert.deepEqual(server.brokers(), []);
    }
    const there = connection();
    await server.register({}, ["T1", "T2"], { connection: there });
    await server.register({}, ["T1", "T2"], { connection: gone });
    const live = server.tables.liveBroker("C", "b-a", "10.0.0.1:10911")!;
    assert.equal(live.connection, there);
  });

  it("leaves nothing of a broker whose connection closed while its body was read", async () => {
    const broker = connection();
    const answer = server.handle(RequestCode.REGISTER_BROKER, BROKER, {
      body: registration(MANY),
      connection: broker,
    });
    broker.closed = true;
    assert.equal((await answer).code, 0);
    assert.deepEqual(server.brokers(), []);
  });
});

describe("UNREGISTER_BROKER", () => {
  beforeEach(setUp);

  it("is answered at once, known or not, and done later", async () => {
    await server.register();
    assert.deepEqual(await server.ask(RequestCode.UNREGISTER_BROKER, BROKER), { code: 0 });
    assert.deepEqual(
      await server.ask(RequestCode.UNREGISTER_BROKER, { ...BROKER, brokerName: "nobody" }),
      { code: 0 },
    );
    assert.deepEqual(server.brokers(), ["b-a"]);
    server.settle();
    assert.deepEqual(server.brokers(), []);
  });

  it("is refused when too many wait", async () => {
    server.options.unRegisterBrokerQueueCapacity = 1;
    assert.equal((await server.ask(RequestCode.UNREGISTER_BROKER, BROKER)).code, 0);
    assert.deepEqual(await server.ask(RequestCode.UNREGISTER_BROKER, BROKER), {
      code: 1,
      remark: "too many unregistrations are queued",
    });
  });

  it("is refused without its fields, or with a brokerId that is no number", async () => {
    await server.register();
    for (const name of ["brokerName", "brokerAddr", "clusterName", "brokerId"]) {
      assert.deepEqual(await server.ask(RequestCode.UNREGISTER_BROKER, without(name)), {
        code: 1,
        remark: `the field <${name}> is missing`,
      });
    }
    assert.deepEqual(
      await server.ask(RequestCode.UNREGISTER_BROKER, { ...BROKER, brokerId: "abc" }),
      {
        code: 1,
        remark: 'the field <brokerId> is not an integer: "abc"',
      },
    );
    server.settle();
    assert.deepEqual(server.brokers(), ["b-a"]);
  });
});

describe("BROKER_HEARTBEAT", () => {
  beforeEach(setUp);

  it("refreshes a known broker, and is success for an unknown one", async () => {
    using time = new FakeTime();
    await server.register({ heartbeatTimeoutMillis: "1000" });
    time.tick(900);
    assert.deepEqual(await server.ask(RequestCode.BROKER_HEARTBEAT, BROKER), { code: 0 });
    assert.deepEqual(
      await server.ask(RequestCode.BROKER_HEARTBEAT, { ...BROKER, brokerAddr: "nowhere" }),
      { code: 0 },
    );
    const live = server.tables.liveBroker("C", "b-a", "10.0.0.1:10911")!;
    assert.equal(live.lastUpdateTimestamp, time.now);
    assert.equal([...server.tables.liveBrokers()].length, 1);
  });

  it("needs no brokerId, and is refused without the rest", async () => {
    assert.deepEqual(await server.ask(RequestCode.BROKER_HEARTBEAT, without("brokerId")), {
      code: 0,
    });
    for (const name of ["brokerName", "brokerAddr", "clusterName"]) {
      assert.deepEqual(await server.ask(RequestCode.BROKER_HEARTBEAT, without(name)), {
        code: 1,
        remark: `the field <${name}> is missing`,
      });
    }
  });
});

describe("QUERY_DATA_VERSION", () => {
  beforeEach(setUp);

  const STORED = '{"counter":1,"stateVersion":0,"timestamp":1700000000000}';

  it("refuses a body that is longer than any data version", async () => {
    const body = STORED.padEnd(4097);
    assert.deepEqual(await server.ask(RequestCode.QUERY_DATA_VERSION, BROKER, { body }), {
      code: 1,
      remark: "the body has 4097 bytes; the limit is 4096",
    });
    assert.equal(
      (await server.ask(RequestCode.QUERY_DATA_VERSION, BROKER, { body: STORED.padEnd(4096) }))
        .code,
      0,
    );
  });

  it("tells of an unknown broker that it changed, without a body", async () => {
    for (const body of ["", STORED]) {
      assert.deepEqual(await server.ask(RequestCode.QUERY_DATA_VERSION, BROKER, { body }), {
        code: 0,
        ext: { changed: "true" },
      });
    }
  });

  for (
    const [what, body, changed] of [
      ["an equal version", STORED, "false"],
      ["an equal version without stateVersion", '{"timestamp":1700000000000,"counter":1}', "false"],
      ["unknown fields", '{"counter":1,"x":[{}],"timestamp":1700000000000}', "false"],
      ["another counter", STORED.replace(":1,", ":2,"), "true"],
      ["another stateVersion", STORED.replace(":0,", ":2,"), "true"],
      ["another timestamp", STORED.replace("000}", "001}"), "true"],
      ["no version", "", "true"],
      ["null", "null", "true"],
    ]
  ) {
    it(`compares the stored version with ${what}: changed is ${changed}`, async () => {
      await server.register();
      assert.deepEqual(await server.ask(RequestCode.QUERY_DATA_VERSION, BROKER, { body }), {
        code: 0,
        ext: { changed },
        body: STORED,
      });
    });
  }

  it("compares beyond 2^53, digit for digit", async () => {
    const big = (counter: string) => `{"counter":${counter},"stateVersion":0,"timestamp":0}`;
    const body = `{"topicConfigSerializeWrapper":{"dataVersion":${big("9007199254740993")}}}`;
    await server.register({}, [], { body });
    assert.deepEqual(
      await server.ask(RequestCode.QUERY_DATA_VERSION, BROKER, { body: big("9007199254740993") }),
      {
        code: 0,
        ext: { changed: "false" },
        body: big("9007199254740993"),
      },
    );
    const answer = await server.ask(RequestCode.QUERY_DATA_VERSION, BROKER, {
      body: big("9007199254740992"),
    });
    assert.deepEqual(answer.ext, { changed: "true" });
  });

  it("refreshes the broker's time", async () => {
    using time = new FakeTime();
    await server.register();
    time.tick(1000);
    await server.ask(RequestCode.QUERY_DATA_VERSION, BROKER, { body: STORED });
    const live = server.tables.liveBroker("C", "b-a", "10.0.0.1:10911")!;
    assert.equal(live.lastUpdateTimestamp, time.now);
  });

  it("knows a broker in its own cluster only", async () => {
    await server.register();
    const answer = await server.ask(
      RequestCode.QUERY_DATA_VERSION,
      { ...BROKER, clusterName: "D" },
      { body: STORED },
    );
    assert.deepEqual(answer, { code: 0, ext: { changed: "true" } });
  });

  it("is refused with a body that can't be read, without its fields, or a bad brokerId", async () => {
    await server.register();
    for (const body of ["nonsense", "[]", "{}{}", '{"counter":"x"}', '{"counter":1.5}']) {
      const answer = await server.ask(RequestCode.QUERY_DATA_VERSION, BROKER, { body });
      assert.equal(answer.code, 1);
      assert.match(answer.remark!, /^unreadable body: ./);
    }
    for (const name of ["brokerName", "brokerAddr", "clusterName", "brokerId"]) {
      assert.deepEqual(
        await server.ask(RequestCode.QUERY_DATA_VERSION, without(name), { body: STORED }),
        {
          code: 1,
          remark: `the field <${name}> is missing`,
        },
      );
    }
    assert.equal(
      (await server.ask(RequestCode.QUERY_DATA_VERSION, { ...BROKER, brokerId: "abc" })).code,
      1,
    );
  });
});

describe("GET_BROKER_CLUSTER_INFO", () => {
  beforeEach(setUp);

  it("has unquoted ids for every version, and leaves out what is not there", async () => {
    const empty = { code: 0, body: '{"brokerAddrTable":{},"clusterAddrTable":{}}' };
    assert.deepEqual(await server.ask(RequestCode.GET_BROKER_CLUSTER_INFO), empty);
    await server.register({ __ZONE_NAME: "z", enableActingMaster: "true" });
    await server.register({ brokerId: "2", brokerAddr: "ü:1", enableActingMaster: "true" });
    for (const version of [0, 400, 513]) {
      assert.deepEqual(await server.ask(RequestCode.GET_BROKER_CLUSTER_INFO, {}, { version }), {
        code: 0,
        body: '{"brokerAddrTable":{"b-a":{"brokerAddrs":{0:"10.0.0.1:10911",2:"ü:1"},' +
          '"brokerName":"b-a","cluster":"C","enableActingMaster":true}},' +
          '"clusterAddrTable":{"C":["b-a"]}}',
      });
    }
  });
});

describe("GET_BROKER_MEMBER_GROUP", () => {
  beforeEach(setUp);

  it("answers for known groups and unknown ones, in the cluster that was asked for", async () => {
    await server.register();
    await server.register({ brokerId: "1", brokerAddr: "y" });
    const remark = "not set any response code";
    assert.deepEqual(
      await server.ask(RequestCode.GET_BROKER_MEMBER_GROUP, {
        clusterName: "D",
        brokerName: "b-a",
      }),
      {
        code: 0,
        remark,
        body: '{"brokerMemberGroup":{"brokerAddrs":{0:"10.0.0.1:10911",1:"y"},' +
          '"brokerName":"b-a","cluster":"D"}}',
      },
    );
    assert.deepEqual(
      await server.ask(RequestCode.GET_BROKER_MEMBER_GROUP, {
        clusterName: "C",
        brokerName: "constructor",
      }),
      {
        code: 0,
        remark,
        body: '{"brokerMemberGroup":{"brokerAddrs":{},"brokerName":"constructor","cluster":"C"}}',
      },
    );
  });

  it("is refused without its fields", async () => {
    assert.deepEqual(await server.ask(RequestCode.GET_BROKER_MEMBER_GROUP, { brokerName: "x" }), {
      code: 1,
      remark: "the field <clusterName> is missing",
    });
    assert.deepEqual(await server.ask(RequestCode.GET_BROKER_MEMBER_GROUP, { clusterName: "x" }), {
      code: 1,
      remark: "the field <brokerName> is missing",
    });
  });
});

describe("WIPE_WRITE_PERM_OF_BROKER and ADD_WRITE_PERM_OF_BROKER", () => {
  beforeEach(setUp);

  it("count the topics of the broker, and log who asked", async () => {
    await server.register();
    assert.deepEqual(
      await server.ask(RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: "b-a" }),
      {
        code: 0,
        ext: { wipeTopicCount: "2" },
      },
    );
    assert.equal(server.tables.queueData("T1", "b-a")!.perm, 4);
    assert.deepEqual(
      await server.ask(RequestCode.ADD_WRITE_PERM_OF_BROKER, { brokerName: "b-a" }),
      {
        code: 0,
        ext: { addTopicCount: "2" },
      },
    );
    assert.equal(server.tables.queueData("T1", "b-a")!.perm, 6);
    const logged = server.log.events.filter((it) => it.event.startsWith("write permission"));
    assert.deepEqual(logged.map(({ fields }) => fields), [
      { peer: "10.0.0.9:1", broker: "b-a", topics: 2 },
      { peer: "10.0.0.9:1", broker: "b-a", topics: 2 },
    ]);
  });

  it("count nothing for an unknown broker, and are refused without one", async () => {
    assert.deepEqual(await server.ask(RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: "x" }), {
      code: 0,
      ext: { wipeTopicCount: "0" },
    });
    assert.deepEqual(await server.ask(RequestCode.ADD_WRITE_PERM_OF_BROKER, { brokerName: "x" }), {
      code: 0,
      ext: { addTopicCount: "0" },
    });
    for (
      const code of [RequestCode.WIPE_WRITE_PERM_OF_BROKER, RequestCode.ADD_WRITE_PERM_OF_BROKER]
    ) {
      assert.deepEqual(await server.ask(code), {
        code: 1,
        remark: "the field <brokerName> is missing",
      });
    }
  });
});
