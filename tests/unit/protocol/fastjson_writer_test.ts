import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { parseFastjson } from "../../../src/protocol/fastjson_reader.ts";
import {
  type Dialect,
  jsonLong,
  jsonMap,
  jsonNumericMap,
  jsonString,
  jsonStrings,
} from "../../../src/protocol/fastjson_writer.ts";
import { utf8 } from "../../support/bytes.ts";

const DIALECTS: Dialect[] = ["fastjson", "standard"];
const SAMPLES = [
  "",
  "plain",
  "quote \" backslash \\ slash / apostrophe '",
  Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join(""),
  "\u007f\u0080\u009f\u00a0\u2028\u2029\ufeff\uffff",
  "é日本語\u{1f600}",
  "\ud800 and \udc00",
  "__proto__",
  "x".repeat(65_536),
  "日".repeat(65_536),
];

describe("jsonString", () => {
  it("writes what every reader reads back", () => {
    for (const sample of SAMPLES) {
      const json = jsonString(sample);
      assert.equal(JSON.parse(json), sample);
      // Encoded and decoded.
      assert.equal(parseFastjson(utf8(json)), sample);
    }
  });

  it("leaves text as it is, as the reference does in both dialects", () => {
    assert.equal(jsonString("é日\u{1f600}\u2028\u007f"), '"é日\u{1f600}\u2028\u007f"');
    assert.equal(jsonString('a"b\\c\n\u0001\u000b'), '"a\\"b\\\\c\\n\\u0001\\u000b"');
  });

  it("writes lone surrogates so that UTF-8 can carry them", () => {
    assert.equal(jsonString("\ud800"), '"\\ud800"');
  });
});

describe("jsonLong", () => {
  it("writes every digit, quoted beyond 2^53 in the standard dialect", () => {
    assert.equal(jsonLong(9007199254740991, "standard"), "9007199254740991");
    assert.equal(jsonLong(9007199254740993n, "standard"), '"9007199254740993"');
    assert.equal(jsonLong(-9223372036854775808n, "standard"), '"-9223372036854775808"');
    assert.equal(jsonLong(9007199254740993n, "fastjson"), "9007199254740993");
    assert.equal(jsonLong(0, "fastjson"), "0");
  });
});

describe("jsonNumericMap", () => {
  const entries = [
    [10, '"k"'],
    [2, '"c"'],
    [0, '"a"'],
    [-1, '"z"'],
    [9007199254740993n, '"l"'],
    [1, '"b"'],
  ] as const;

  it("leaves keys unquoted and in their order in fastjson's dialect", () => {
    assert.equal(
      jsonNumericMap(entries, "fastjson"),
      '{10:"k",2:"c",0:"a",-1:"z",9007199254740993:"l",1:"b"}',
    );
  });

  it("quotes keys and sorts them by number in the standard dialect, as the reference does", () => {
    assert.equal(
      jsonNumericMap(entries, "standard"),
      '{"-1":"z","0":"a","1":"b","2":"c","10":"k","9007199254740993":"l"}',
    );
  });

  it("writes an empty map", () => {
    for (const dialect of DIALECTS) assert.equal(jsonNumericMap([], dialect), "{}");
  });
});

describe("jsonMap", () => {
  it("sorts keys in the standard dialect only", () => {
    const entries = [["b", "1"], ["a", "2"], ["__proto__", "3"], ["é", "4"], ["", "5"]] as const;
    assert.equal(jsonMap(entries, "fastjson"), '{"b":1,"a":2,"__proto__":3,"é":4,"":5}');
    assert.equal(jsonMap(entries, "standard"), '{"":5,"__proto__":3,"a":2,"b":1,"é":4}');
  });

  it("escapes keys", () => {
    assert.equal(jsonMap([['a"b', "1"]], "fastjson"), '{"a\\"b":1}');
  });

  it("takes any iterable", () => {
    assert.equal(jsonMap(new Map([["a", "1"]]), "standard"), '{"a":1}');
  });
});

describe("jsonStrings", () => {
  it("writes an array", () => {
    assert.equal(jsonStrings([]), "[]");
    assert.equal(jsonStrings(new Set(["a", 'b"'])), '["a","b\\""]');
    assert.equal(jsonStrings(["é"]), '["é"]');
  });
});
