import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { deflateSync, inflateSync } from "node:zlib";
import { FastjsonError } from "../../../src/protocol/fastjson_reader.ts";
import {
  readInflatedBody,
  readPlainBody,
  type RegisterBrokerBody,
} from "../../../src/protocol/register_broker_body.ts";
import { concat, int32, utf8 } from "../../support/bytes.ts";
import { BINARY_REGISTER } from "../../support/recorded_frames.ts";

/** Topics that a body may have. */
const MOST = 100_000;
const NOW = 1_700_000_000_000;
const V3_0_0 = 0;
const V4_9_7 = 407;
const V5_5_0 = 513;
const DATA_VERSION = { counter: 3, stateVersion: 1, timestamp: 1795344028266 };
const DATA_VERSION_JSON = JSON.stringify(DATA_VERSION);

function finish<T>(steps: Generator<void, T>): { value: T; yields: number } {
  for (let yields = 0;; yields++) {
    const step = steps.next();
    if (step.done) return { value: step.value, yields };
  }
}

function plain(body: string | Uint8Array, version = V5_5_0): RegisterBrokerBody {
  return finish(readPlainBody(typeof body === "string" ? utf8(body) : body, version, NOW, MOST))
    .value;
}

function inflated(bytes: Uint8Array, version = V5_5_0): RegisterBrokerBody {
  return finish(readInflatedBody(bytes, version, MOST)).value;
}

/** A body of four-byte numbers and length-prefixed texts. */
function parts(...items: (number | string)[]): Uint8Array<ArrayBuffer> {
  return concat(...items.flatMap((item) => {
    if (typeof item === "number") return [int32(item)];
    const bytes = utf8(item);
    return [int32(bytes.length), bytes];
  }));
}

function refuses(read: () => unknown, message: RegExp = /./): void {
  assert.throws(
    read,
    (error: Error) => error instanceof FastjsonError && message.test(error.message),
  );
}

/** As sent by a 5.5.0 broker, with two of its topics. */
const PLAIN = '{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":' +
  '{"counter":3,"stateVersion":1,"timestamp":1795344028266},"mappingDataVersion":{"counter":0,' +
  '"stateVersion":0,"timestamp":1795344040136},"topicConfigTable":{"RMQ_SYS_TRANS_HALF_TOPIC":' +
  '{"attributes":{},"order":false,"perm":6,"readQueueNums":1,"topicFilterType":"SINGLE_TAG",' +
  '"topicName":"RMQ_SYS_TRANS_HALF_TOPIC","topicSysFlag":0,"writeQueueNums":1},"TBW102":' +
  '{"attributes":{},"order":false,"perm":7,"readQueueNums":8,"topicFilterType":"SINGLE_TAG",' +
  '"topicName":"TBW102","topicSysFlag":3,"writeQueueNums":9}},"topicQueueMappingDetailMap":{},' +
  '"topicQueueMappingInfoMap":{"StaticT":{"bname":"broker-a","currIdMap":{1:0,3:1},"dirty":false,' +
  '"epoch":9007199254740993,"scope":"__global__","topic":"StaticT","totalQueues":8}}}}';

const PLAIN_READ: RegisterBrokerBody = {
  dataVersion: DATA_VERSION,
  filterServers: [],
  topics: [
    {
      topicName: "RMQ_SYS_TRANS_HALF_TOPIC",
      readQueueNums: 1,
      writeQueueNums: 1,
      perm: 6,
      topicSysFlag: 0,
    },
    { topicName: "TBW102", readQueueNums: 8, writeQueueNums: 9, perm: 7, topicSysFlag: 3 },
  ],
  mappings: new Map([["StaticT", {
    bname: "broker-a",
    currIdMap: new Map([[1, 0], [3, 1]]),
    dirty: false,
    epoch: 9007199254740993n,
    scope: "__global__",
    topic: "StaticT",
    totalQueues: 8,
  }]]),
};

describe("readPlainBody", () => {
  it("reads what a 5.5.0 broker sends", () => {
    assert.deepEqual(plain(PLAIN), PLAIN_READ);
  });

  it("reads fields in any order, with others between them", () => {
    assert.deepEqual(
      plain(
        '{"x":[{}],"topicConfigSerializeWrapper":{"y":1,"topicConfigTable":{"T":{"z":{},' +
          '"writeQueueNums":2,"topicName":"T","readQueueNums":1}},"dataVersion":' +
          `${DATA_VERSION_JSON}},"filterServerList":["f:1",null,"f:2"]}`,
      ),
      {
        dataVersion: DATA_VERSION,
        filterServers: ["f:1", "f:2"],
        topics: [{ topicName: "T", readQueueNums: 1, writeQueueNums: 2, perm: 6, topicSysFlag: 0 }],
        mappings: new Map(),
      },
    );
  });

  it("reads the bare wrapper of a broker before 3.0.11", () => {
    const wrapper = `{"dataVersion":${DATA_VERSION_JSON},"topicConfigTable":{"T":{"perm":2}}}`;
    assert.deepEqual(plain(wrapper, V3_0_0), {
      dataVersion: DATA_VERSION,
      topics: [{
        topicName: "T",
        readQueueNums: 16,
        writeQueueNums: 16,
        perm: 2,
        topicSysFlag: 0,
      }],
      mappings: new Map(),
    });
    // A later broker's body is not a bare wrapper, and vice versa.
    assert.deepEqual(plain(wrapper, V4_9_7).topics, []);
    assert.deepEqual(plain(PLAIN, 36).topics, []);
    assert.deepEqual(plain(PLAIN, 37), PLAIN_READ);
  });

  it("gives what is missing or null its default", () => {
    const none = {
      dataVersion: { counter: 0, stateVersion: 0, timestamp: NOW },
      topics: [],
      filterServers: [],
      mappings: new Map(),
    };
    assert.deepEqual(plain("{}"), none);
    assert.deepEqual(plain('{"topicConfigSerializeWrapper":null,"filterServerList":null}'), {
      ...none,
      filterServers: undefined,
    });
    assert.deepEqual(
      plain('{"topicConfigSerializeWrapper":{"dataVersion":null,"topicConfigTable":null}}'),
      none,
    );
    assert.deepEqual(
      plain(
        '{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":null,"U":{"topicName":null,' +
          '"readQueueNums":null,"perm":null}},"topicQueueMappingInfoMap":{"T":null,"U":{}}}}',
      ),
      {
        ...none,
        topics: [{
          topicName: "U",
          readQueueNums: 16,
          writeQueueNums: 16,
          perm: 6,
          topicSysFlag: 0,
        }],
        mappings: new Map([["U", {
          topic: null,
          bname: null,
          scope: "__global__",
          totalQueues: 0,
          epoch: 0,
          dirty: false,
          currIdMap: new Map(),
        }]]),
      },
    );
  });

  it("reads a topic the same whatever stands before it", () => {
    const entries: [name: string, value: string][] = ["T", "TU", "é", "it's", "a\\u0062", "ul", "1"]
      .flatMap((name): [string, string][] => [
        [name, `{"perm":6,"readQueueNums":4,"topicName":"${name}","topicSysFlag":0}`],
        [name, `{"perm":6,"readQueueNums":5,"topicName":"${name}","topicSysFlag":0}`],
        [name, `{"perm":6,"readQueueNums":4,"topicName":"other","topicSysFlag":0}`],
        [name, `{"perm":6,"readQueueNums":4,"topicName": "${name}" ,"topicSysFlag":0}`],
        [name, `{'topicName':'${name.replace("'", "\\'")}','perm':2}`],
        [name, `{"topicName":"${name}","topicName":"${name}"}`],
        [name, '{"topicName":null,"perm":2}'],
        [name, '{"topicName":true,"perm":2}'],
        [name, '{"topicName":1,"perm":2}'],
        [name, `{"topicName":n${name}l,"perm":2}`],
        [name, '{"perm":2}'],
        [name, "null"],
      ]);
    const read = (...table: typeof entries) => {
      const members = table.map(([name, value]) => `"${name}":${value}`).join(",");
      try {
        return plain(`{"topicConfigSerializeWrapper":{"topicConfigTable":{${members}}}}`).topics;
      } catch (error) {
        assert.ok(error instanceof FastjsonError);
        return undefined;
      }
    };
    for (const first of entries) {
      for (const second of entries) {
        const alone = [read(first), read(second)];
        const expected = alone.includes(undefined) ? undefined : alone.flat();
        assert.deepEqual(read(first, second), expected, `${second} behind ${first}`);
      }
    }
  });

  it("takes any name", () => {
    const names = ["__proto__", "constructor", "", "日本語\u{1f600}", "x".repeat(255), "a b"];
    const table = names.map((name) => `${JSON.stringify(name)}:{}`).join(",");
    const body = plain(
      `{"topicConfigSerializeWrapper":{"topicConfigTable":{${table}},` +
        `"topicQueueMappingInfoMap":{${table}}}}`,
    );
    assert.deepEqual(body.topics.map((topic) => topic.topicName), names);
    assert.deepEqual([...body.mappings.keys()], names);
  });

  it("refuses what is no registration", () => {
    for (
      const body of [
        "",
        "null",
        "[]",
        "1",
        "{}{}",
        '{"topicConfigSerializeWrapper":[]}',
        '{"topicConfigSerializeWrapper":{"topicConfigTable":[]}}',
        '{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":1}}}',
        '{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"perm":"x"}}}}',
        '{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"readQueueNums":2147483648}}}}',
        '{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"topicName":{}}}}}',
        '{"topicConfigSerializeWrapper":{"dataVersion":[]}}',
        '{"topicConfigSerializeWrapper":{"topicQueueMappingInfoMap":{"T":{"currIdMap":{"x":1}}}}}',
        '{"topicConfigSerializeWrapper":{"topicQueueMappingInfoMap":{"T":{"epoch":"x"}}}}',
        '{"topicConfigSerializeWrapper":{"topicQueueMappingInfoMap":{"T":{"dirty":"maybe"}}}}',
        '{"filterServerList":{}}',
        '{"filterServerList":[{}]}',
      ]
    ) {
      refuses(() => plain(body));
    }
  });

  it("refuses every truncation", () => {
    const bytes = utf8(PLAIN);
    for (let end = 0; end < bytes.length; end++) refuses(() => plain(bytes.subarray(0, end)));
  });

  it("refuses lists that no broker has, as they are read in one go", () => {
    const servers = (count: number) =>
      `{"filterServerList":[${Array(count).fill('"s"').join(",")}],` +
      '"topicConfigSerializeWrapper":{}}';
    assert.equal(plain(servers(10_000)).filterServers?.length, 10_000);
    assert.throws(() => plain(servers(10_001)), /more than 10000 filter servers/);
    const ids = (count: number) => {
      const map = Array.from({ length: count }, (_, i) => `${i}:0`).join(",");
      const info = `{"T":{"topic":"T","bname":"b","currIdMap":{${map}}}}`;
      return `{"topicConfigSerializeWrapper":{"topicQueueMappingInfoMap":${info}}}`;
    };
    assert.equal(plain(ids(65_536)).mappings.get("T")?.currIdMap.size, 65_536);
    assert.throws(() => plain(ids(65_537)), /more than 65536 queue ids/);
  });

  it("lets others run while it reads 10 000 topics", () => {
    const table = Array.from({ length: 10_000 }, (_, i) => `"T${i}":{"topicName":"T${i}"}`);
    const body = `{"topicConfigSerializeWrapper":{"topicConfigTable":{${table}}}}`;
    const { value, yields } = finish(readPlainBody(utf8(body), V5_5_0, NOW, MOST));
    assert.equal(value.topics.length, 10_000);
    assert.equal(value.topics[9_999]!.topicName, "T9999");
    assert.ok(yields > 10 && yields < 1000, `${yields} yields`);
  });

  it("lets others run whatever the entries hold", () => {
    const many = (entry: string) => Array.from({ length: 10_000 }, () => entry).join(",");
    for (const name of ["topicConfigTable", "topicQueueMappingInfoMap"]) {
      // One valid entry, and many that don't count: nulls, and the same name again.
      for (const entry of ['"T":null', '"T":{}']) {
        const body = `{"topicConfigSerializeWrapper":{"${name}":{"U":{},${many(entry)}}}}`;
        const { yields } = finish(readPlainBody(utf8(body), V5_5_0, NOW, MOST));
        assert.ok(yields > 10 && yields < 1000, `${name} ${entry}: ${yields} yields`);
      }
    }
  });
});

describe("readPlainBody, of a body made to block", () => {
  const wrapper = (text: string) => `{"topicConfigSerializeWrapper":{${text}}}`;
  const BODIES: readonly (readonly [start: string, unit: string, end: string])[] = [
    ['{"x":[0', ",0", "]}"],
    ['{"x":{"a":{}', ",a:{}", "}}"],
    ['{"x":0', ',"y":0', "}"],
    ['{"x":0', ',"topicConfigSerializeWrapper":{}', "}"],
    ['{"x":"', "\\u0041", '"}'],
    ['{"filterServerList":[null', ",null", "]}"],
    ['{"filterServerList":["', "\\u0041", '"]}'],
    [wrapper('"dataVersion":{"x":0').slice(0, -2), ',"y":0', "}}}"],
    [wrapper('"topicConfigTable":{"t":{"x":0').slice(0, -2), ',"y":0', "}}}}"],
    [wrapper('"topicConfigTable":{"').slice(0, -2), "\\u0041", '":{}}}}'],
    [wrapper('"topicConfigTable":{"t":{"perm":').slice(0, -2), "1", "}}}}"],
    [wrapper('"topicQueueMappingInfoMap":{"t":{"currIdMap":{0:0').slice(0, -2), ",0:0", "}}}}}"],
  ];

  for (const [start, unit, end] of BODIES) {
    it(`lets others run, or refuses it: ${start}${unit}`, () => {
      const body = utf8(start + unit.repeat(Math.ceil(4_000_000 / unit.length)) + end);
      const steps = readPlainBody(body, V5_5_0, NOW, MOST);
      let yields = 0;
      try {
        while (!steps.next().done) yields++;
      } catch (error) {
        assert.ok(error instanceof FastjsonError);
        assert.match(error.message, /more than \d+/);
        return;
      }
      assert.ok(yields > 500, `${yields} yields`);
    });
  }
});

describe("readInflatedBody", () => {
  const TOPICS = [
    "RMQ_SYS_TRANS_HALF_TOPIC 1 1 6 SINGLE_TAG {}",
    'A 8 9 7 SINGLE_TAG {"+message.type":"NORMAL MIXED"}',
  ];
  const MAPPING = '{"bname":"broker-a","currIdMap":{1:0,3:1},"dirty":true,' +
    '"epoch":9007199254740993,"scope":"__global__","topic":"StaticT","totalQueues":8}';
  const BODY = parts(DATA_VERSION_JSON, 2, ...TOPICS, '["f:1"]', 1, MAPPING);
  const READ: RegisterBrokerBody = {
    dataVersion: DATA_VERSION,
    topics: [
      {
        topicName: "RMQ_SYS_TRANS_HALF_TOPIC",
        readQueueNums: 1,
        writeQueueNums: 1,
        perm: 6,
        topicSysFlag: 0,
      },
      { topicName: "A", readQueueNums: 8, writeQueueNums: 9, perm: 7, topicSysFlag: 0 },
    ],
    filterServers: ["f:1"],
    mappings: new Map([["StaticT", {
      bname: "broker-a",
      currIdMap: new Map([[1, 0], [3, 1]]),
      dirty: true,
      epoch: 9007199254740993n,
      scope: "__global__",
      topic: "StaticT",
      totalQueues: 8,
    }]]),
  };

  it("reads all parts", () => {
    assert.deepEqual(inflated(inflateSync(deflateSync(BODY))), READ);
  });

  it("reads what a real broker sent", () => {
    const header = new DataView(BINARY_REGISTER.buffer).getInt32(4) & 0xffffff;
    const body = inflated(inflateSync(BINARY_REGISTER.subarray(8 + header)));
    assert.deepEqual(body.dataVersion, { counter: 0, stateVersion: 0, timestamp: 1795344837462 });
    assert.equal(body.topics.length, 14);
    assert.deepEqual(body.topics[1], {
      topicName: "BenchmarkTest",
      readQueueNums: 1024,
      writeQueueNums: 1024,
      perm: 6,
      topicSysFlag: 0,
    });
    assert.deepEqual(body.filterServers, []);
    assert.equal(body.mappings.size, 0);
  });

  it("expects no mappings from a 4.x broker", () => {
    const body = parts(DATA_VERSION_JSON, 1, TOPICS[0]!, "[]");
    assert.deepEqual(inflated(body, V4_9_7), {
      ...READ,
      topics: [READ.topics[0]],
      filterServers: [],
      mappings: new Map(),
    });
    refuses(() => inflated(body, 413), /mappings/);
    // Trailing data is ignored.
    assert.equal(inflated(concat(body, utf8("more")), 412).topics.length, 1);
  });

  it("takes a topic without readable attributes, not one with fewer than five fields", () => {
    const read = (topic: string) => inflated(parts(DATA_VERSION_JSON, 1, topic, "[]", 0)).topics[0];
    const config = { readQueueNums: 1, writeQueueNums: 2, perm: 6, topicSysFlag: 0 };
    for (const topic of ["T 1 2 6 SINGLE_TAG", "T 1 2 6 X {", "T 1 2 6 X {} more", "T 1 2 6 "]) {
      assert.deepEqual(read(topic), { topicName: "T", ...config });
    }
    assert.deepEqual(read(" 1 2 6 SINGLE_TAG"), { topicName: "", ...config });
    assert.deepEqual(read("日本 1 2 6 SINGLE_TAG"), { topicName: "日本", ...config });
    assert.deepEqual(read("__proto__ 1 2 6 X"), { topicName: "__proto__", ...config });
    for (
      const topic of [
        "",
        "T",
        "T 1 2 6",
        "T x 2 6 SINGLE_TAG",
        "T 1 2.5 6 SINGLE_TAG",
        "T 1 2 2147483648 SINGLE_TAG",
        "T  1 2 6 SINGLE_TAG",
      ]
    ) {
      refuses(() => read(topic), /unreadable topic/);
    }
  });

  it("leaves out a mapping without topic", () => {
    const read = (mapping: string) => inflated(parts(DATA_VERSION_JSON, 0, "[]", 1, mapping));
    assert.equal(read("null").mappings.size, 0);
    assert.equal(read('{"bname":"b"}').mappings.size, 0);
    assert.deepEqual([...read('{"topic":""}').mappings.keys()], [""]);
  });

  it("takes null for no filter servers", () => {
    assert.equal(inflated(parts(DATA_VERSION_JSON, 0, "null", 0)).filterServers, undefined);
  });

  it("refuses every truncation", () => {
    for (let end = 0; end < BODY.length; end++) refuses(() => inflated(BODY.subarray(0, end)));
  });

  it("refuses counts and lengths that lie", () => {
    const lies = [-1, -2147483648, 2147483647, 1_000_000, 5];
    for (const lie of lies) {
      refuses(() => inflated(parts(lie)), /data version/);
      refuses(() => inflated(concat(int32(lie), utf8("{}"))), /data version/);
      refuses(() => inflated(parts("{}", lie)), /topics/);
      refuses(() => inflated(concat(parts("{}", 1), int32(lie), utf8("T"))), /topic/);
      refuses(() => inflated(parts("{}", 0, lie)), /filter servers/);
      refuses(() => inflated(parts("{}", 0, "[]", lie)), /mappings/);
      refuses(() => inflated(concat(parts("{}", 0, "[]", 1), int32(lie), utf8("{}"))), /mapping/);
    }
    // A count that fits into the bytes, though not as topics.
    refuses(() => inflated(concat(parts("{}", 1000), new Uint8Array(4000))), /unreadable topic/);
  });

  it("refuses parts that are no JSON", () => {
    refuses(() => inflated(parts("null", 0, "[]", 0)), /data version/);
    refuses(() => inflated(parts("x", 0, "[]", 0)));
    refuses(() => inflated(parts("{}", 0, "{}", 0)));
    refuses(() => inflated(parts("{}", 0, "[]", 1, "[]")));
    refuses(() => inflated(parts("{}x", 0, "[]", 0)));
    refuses(() => inflated(parts("{}", 0, "[]x", 0)));
    refuses(() => inflated(parts("{}", 0, "[]", 1, '{"topic":"T"}x')));
  });

  it("lets others run while it reads 10 000 topics and mappings", () => {
    const topics = Array.from({ length: 10_000 }, (_, i) => `T${i} 1 1 6 SINGLE_TAG`);
    const mappings = topics.map((_, i) => `{"topic":"T${i}"}`);
    const read = (...items: (number | string)[]) =>
      finish(readInflatedBody(parts("{}", ...items), V5_5_0, MOST));
    const first = read(10_000, ...topics, "[]", 0);
    assert.equal(first.value.topics.length, 10_000);
    assert.ok(first.yields > 10 && first.yields < 1000);
    const second = read(0, "[]", 10_000, ...mappings);
    assert.equal(second.value.mappings.size, 10_000);
    assert.ok(second.yields > 10 && second.yields < 1000);
  });
});
