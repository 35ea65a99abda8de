import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  type CommandHeader,
  FrameError,
  SerializeType,
} from "../../../../src/remoting/wire/command.ts";
import {
  decodeHeader,
  encodeHeader,
  encodeJsonHeader,
  type OutgoingHeader,
} from "../../../../src/remoting/wire/header_codec.ts";
import { concat, hex, int16, int32, text, utf8 } from "../../../support/bytes.ts";
import {
  BINARY_CLUSTER_INFO,
  BINARY_REGISTER,
  BINARY_UNREGISTER,
  inOurLanguage,
  NO_CONFIG_ITEM,
  PUT_KV,
  REGISTERED,
  SUCCESS,
  TOPIC_NOT_EXIST,
} from "../../../support/recorded_frames.ts";
import { binaryRequest, cutFrames } from "../../../support/frames.ts";

const { JSON: AS_JSON, ROCKETMQ } = SerializeType;

const DEFAULTS: CommandHeader = {
  code: 0,
  language: "JAVA",
  version: 0,
  opaque: 0,
  flag: 0,
  remark: null,
  extFields: new Map(),
};

function headerOf(frame: Uint8Array): Uint8Array {
  return cutFrames(frame)[0]!.header;
}

function fromJson(header: string): CommandHeader {
  return decodeHeader(utf8(header), AS_JSON);
}

function refuses(bytes: Uint8Array, type: SerializeType, message = /./): void {
  assert.throws(
    () => decodeHeader(bytes, type),
    (error: Error) => error instanceof FrameError && message.test(error.message),
    bytes.toHex().slice(0, 200),
  );
}

describe("decodeHeader of JSON", () => {
  it("reads what a real tool sends", () => {
    assert.deepEqual(decodeHeader(headerOf(PUT_KV), AS_JSON), {
      code: 100,
      language: "JAVA",
      version: 513,
      opaque: 7,
      flag: 0,
      remark: null,
      extFields: new Map([
        ["namespace", "ORDER_TOPIC_CONFIG"],
        ["value", "broker-b:8"],
        ["key", "TopicB"],
      ]),
    });
  });

  it("reads fields in any order, with others between them, and blanks", () => {
    assert.deepEqual(
      fromJson(
        '{ "version":401, "x":{"y":[1,{}]}, "serializeTypeCurrentRPC":"JSON", "remark":"r",\n' +
          '"opaque":-2147483648,"extFields":{"b":"2","a":"1"},"language":"GO","flag":2,' +
          '"code":904,"payload":null}',
      ),
      {
        code: 904,
        language: "GO",
        version: 401,
        opaque: -2147483648,
        flag: 2,
        remark: "r",
        extFields: new Map([["b", "2"], ["a", "1"]]),
      },
    );
  });

  it("gives what is missing or null its default", () => {
    assert.deepEqual(fromJson("{}"), DEFAULTS);
    assert.deepEqual(
      fromJson(
        '{"code":null,"language":null,"version":null,"opaque":null,"flag":null,"remark":null,' +
          '"extFields":null}',
      ),
      DEFAULTS,
    );
  });

  it("takes numbers and booleans in extFields as text, leaves out null", () => {
    assert.deepEqual(
      fromJson('{"extFields":{"a":1,"b":true,"c":null,"d":"null","e":""}}').extFields,
      new Map([["a", "1"], ["b", "true"], ["d", "null"], ["e", ""]]),
    );
  });

  it("takes fastjson's dialect", () => {
    assert.deepEqual(fromJson("{code:105,'opaque':'7',extFields:{0:'x',},}"), {
      ...DEFAULTS,
      code: 105,
      opaque: 7,
      extFields: new Map([["0", "x"]]),
    });
  });

  it("takes any name in extFields", () => {
    const long = "x".repeat(65_536);
    const fields = new Map(
      ["__proto__", "constructor", "", "日本語", "\ufeff", long].map((name) => [name, name]),
    );
    const json = `{${Array.from(fields, ([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)}}`;
    assert.deepEqual(fromJson(`{"extFields":${json}}`).extFields, fields);
  });

  it("refuses everything else", () => {
    for (
      const header of [
        "",
        "null",
        "[]",
        "1",
        "x",
        "{}{}",
        '{"code":"x"}',
        '{"code":99999999999}',
        '{"code":1.5}',
        '{"opaque":{}}',
        '{"extFields":[]}',
        '{"extFields":{"a":{}}}',
        '{"remark":[]}',
        '{"x":' + "[".repeat(100),
      ]
    ) {
      refuses(utf8(header), AS_JSON);
    }
  });

  it("refuses every truncation", () => {
    const header = headerOf(PUT_KV);
    for (let end = 0; end < header.length; end++) refuses(header.subarray(0, end), AS_JSON);
  });
});

describe("decodeHeader of the binary form", () => {
  it("reads what real brokers send", () => {
    assert.deepEqual(decodeHeader(headerOf(BINARY_CLUSTER_INFO), ROCKETMQ), {
      ...DEFAULTS,
      code: 106,
      version: 513,
      opaque: 36,
    });
    assert.deepEqual(decodeHeader(headerOf(BINARY_UNREGISTER), ROCKETMQ), {
      ...DEFAULTS,
      code: 104,
      version: 513,
      opaque: 559,
      extFields: new Map([
        ["brokerId", "1"],
        ["clusterName", "DefaultCluster"],
        ["brokerAddr", "127.0.0.1:10921"],
        ["brokerName", "broker-a"],
      ]),
    });
    const register = decodeHeader(headerOf(BINARY_REGISTER), ROCKETMQ);
    assert.equal(register.code, 103);
    assert.equal(register.extFields.size, 9);
    assert.equal(register.extFields.get("compressed"), "false");
    assert.equal(register.extFields.get("heartbeatTimeoutMillis"), "10000");
  });

  it("reads every number at its ends, and the remark", () => {
    const header = concat(
      hex("ffff ff 8000 80000000 7fffffff"),
      int32(9),
      utf8("\ufeffré→"),
      int32(0),
    );
    assert.deepEqual(decodeHeader(header, ROCKETMQ), {
      code: -1,
      language: "OTHER",
      version: -32768,
      opaque: -2147483648,
      flag: 2147483647,
      remark: "\ufeffré→",
      extFields: new Map(),
    });
  });

  it("names the languages", () => {
    const header = headerOf(BINARY_CLUSTER_INFO);
    const names = [0, 1, 7, 9, 12, 13, 14, 127, 128].map((code) => {
      header[2] = code;
      return decodeHeader(header, ROCKETMQ).language;
    });
    assert.deepEqual(names, [
      "JAVA",
      "CPP",
      "OTHER",
      "GO",
      "RUST",
      "NODE_JS",
      "OTHER",
      "OTHER",
      "OTHER",
    ]);
  });

  it("takes a string of length zero for null", () => {
    const header = headerOf(binaryRequest({ extFields: { a: "", "": "x", b: "y" } }));
    assert.deepEqual(decodeHeader(header, ROCKETMQ).extFields, new Map([["b", "y"]]));
    assert.equal(decodeHeader(header, ROCKETMQ).remark, null);
  });

  it("takes any name", () => {
    const extFields = Object.fromEntries(
      ["__proto__x", "constructor", "日本語", "k".repeat(32_767)].map((name) => [name, name]),
    );
    const header = headerOf(binaryRequest({ extFields: { ...extFields, v: "v".repeat(65_536) } }));
    assert.deepEqual(
      decodeHeader(header, ROCKETMQ).extFields,
      new Map([...Object.entries(extFields), ["v", "v".repeat(65_536)]]),
    );
    const proto = headerOf(binaryRequest({ extFields: JSON.parse('{"__proto__":"p"}') }));
    assert.deepEqual(decodeHeader(proto, ROCKETMQ).extFields, new Map([["__proto__", "p"]]));
  });

  it("reads a header inside a larger buffer", () => {
    const header = headerOf(BINARY_UNREGISTER);
    const inside = concat(new Uint8Array(13).fill(0xff), header, new Uint8Array(5).fill(0xff));
    assert.deepEqual(
      decodeHeader(inside.subarray(13, 13 + header.length), ROCKETMQ),
      decodeHeader(header, ROCKETMQ),
    );
  });

  it("ignores what stands behind the fields, as the reference does", () => {
    const header = concat(headerOf(BINARY_CLUSTER_INFO), hex("ffffffff"));
    assert.equal(decodeHeader(header, ROCKETMQ).code, 106);
  });

  it("refuses every truncation", () => {
    for (const recorded of [BINARY_UNREGISTER, BINARY_CLUSTER_INFO]) {
      const header = headerOf(recorded);
      for (let end = 0; end < header.length; end++) refuses(header.subarray(0, end), ROCKETMQ);
    }
  });

  it("refuses lengths that lie", () => {
    const start = hex("0069 00 0201 00000000 00000000");
    const fields = (...parts: Uint8Array[]) => {
      const all = concat(...parts);
      return concat(start, int32(0), int32(all.length), all);
    };
    for (const lie of [-1, -2147483648, 2147483647, 5]) {
      refuses(concat(start, int32(lie), utf8("abcd")), ROCKETMQ);
      refuses(concat(start, int32(0), int32(lie), utf8("abcd")), ROCKETMQ);
      refuses(fields(int16(1), utf8("k"), int32(lie), utf8("v")), ROCKETMQ);
    }
    for (const lie of [-1, -32768, 32767, 2]) {
      refuses(fields(int16(lie), utf8("k")), ROCKETMQ);
    }
    refuses(fields(new Uint8Array(1)), ROCKETMQ);
    refuses(fields(int16(1), utf8("k"), new Uint8Array(3)), ROCKETMQ);
    // A value exceeds the fields, but not the header.
    refuses(
      concat(start, int32(0), int32(8), int16(1), utf8("k"), int32(4), utf8("vvvv")),
      ROCKETMQ,
    );
  });
});

describe("encodeHeader", () => {
  const text_ = (header: OutgoingHeader) => text(encodeHeader(header, AS_JSON));

  it("writes JSON byte for byte as the reference, but for the language", () => {
    const flag = 1;
    const cases: [Uint8Array, OutgoingHeader][] = [
      [SUCCESS, { code: 0, opaque: 7, flag }],
      [NO_CONFIG_ITEM, {
        code: 22,
        opaque: 5,
        flag,
        extFields: [],
        remark: "No config item, Namespace: ORDER_TOPIC_CONFIG Key: TopicB",
      }],
      [REGISTERED, {
        code: 0,
        opaque: 101,
        flag,
        extFields: [["haServerAddr", "192.0.2.2:10916"], ["masterAddr", "127.0.0.1:10911"]],
      }],
      [TOPIC_NOT_EXIST, {
        code: 17,
        opaque: 0,
        flag,
        remark: "No topic route info in name server for the topic: NoSuchTopic\nSee " +
          "https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.",
      }],
    ];
    for (const [recorded, header] of cases) {
      assert.equal(text_(header), text(headerOf(inOurLanguage(recorded))));
    }
  });

  it("writes the binary form byte for byte as the reference, but for the language", () => {
    const header = headerOf(BINARY_UNREGISTER);
    header[2] = 7;
    assert.deepEqual(
      encodeHeader({
        code: 104,
        opaque: 559,
        flag: 0,
        extFields: [
          ["brokerId", "1"],
          ["clusterName", "DefaultCluster"],
          ["brokerAddr", "127.0.0.1:10921"],
          ["brokerName", "broker-a"],
        ],
      }, ROCKETMQ),
      header,
    );
    const bare = headerOf(BINARY_CLUSTER_INFO);
    bare[2] = 7;
    for (const extFields of [undefined, []]) {
      const outgoing = { code: 106, opaque: 36, flag: 0, extFields };
      assert.deepEqual(encodeHeader(outgoing, ROCKETMQ), bare);
    }
  });

  it("writes what it reads, in both forms", () => {
    const header: OutgoingHeader = {
      code: 17,
      opaque: -2147483648,
      flag: 1,
      version: 401,
      remark: 'line\nquote" \u0000 日本 \u{1f600}',
      extFields: [["__proto__", "constructor"], ["é", "x".repeat(65_536)], ["k", '"\\\t']],
    };
    for (const type of [AS_JSON, ROCKETMQ] as const) {
      assert.deepEqual(decodeHeader(encodeHeader(header, type), type), {
        ...header,
        language: "OTHER",
        extFields: new Map(header.extFields),
      });
    }
    // JSON can distinguish an empty string from an absent one.
    const empty: OutgoingHeader = {
      code: 0,
      opaque: 0,
      flag: 1,
      remark: "",
      extFields: [["a", ""]],
    };
    assert.deepEqual(fromJson(encodeJsonHeader(empty)), {
      ...DEFAULTS,
      language: "OTHER",
      version: 513,
      flag: 1,
      remark: "",
      extFields: new Map([["a", ""]]),
    });
  });

  it("writes this server's version unless told otherwise", () => {
    assert.match(text_({ code: 0, opaque: 0, flag: 1 }), /"version":513}$/);
    assert.match(text_({ code: 0, opaque: 0, flag: 1, version: 401 }), /"version":401}$/);
  });
});
