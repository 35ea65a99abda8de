import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  FastjsonError,
  FastjsonReader,
  type JsonValue,
  parseFastjson,
} from "../../../src/protocol/fastjson_reader.ts";
import { utf8 } from "../../support/bytes.ts";

function read(text: string): JsonValue {
  return parseFastjson(utf8(text));
}

function reader(text: string): FastjsonReader {
  return new FastjsonReader(utf8(text));
}

function refuses(text: string | Uint8Array, message?: RegExp): void {
  const bytes = typeof text === "string" ? utf8(text) : text;
  assert.throws(
    () => parseFastjson(bytes),
    (error) => error instanceof FastjsonError && (message?.test(error.message) ?? true),
    `${text}`.slice(0, 80),
  );
}

/** A standard JSON value as the reader returns it. */
function lossless(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(lossless);
  if (typeof value !== "object" || value === null) return value as JsonValue;
  return new Map(Object.entries(value).map(([key, item]) => [key, lossless(item)]));
}

describe("parseFastjson", () => {
  it("reads what JSON.parse reads", () => {
    for (
      const text of [
        "null",
        "true",
        "false",
        "0",
        "-17",
        "1.5",
        "-2.5E+3",
        '""',
        '"text"',
        "[]",
        "{}",
        " \t\r\n[ 1 , 2 ,\n[ ] , { } ] \n",
        '{"a":{"b":[1,"2",null,true,{"c":false}]},"d":"e"}',
        '"\\u0041\\n\\t\\b\\f\\r\\"\\\\\\/\\ud83d\\ude00"',
        '{"日本":"語","é":"\u{1f600}"}',
      ]
    ) {
      assert.deepEqual(read(text), lossless(JSON.parse(text)), text);
    }
  });

  it("takes fastjson's liberties", () => {
    assert.deepEqual(read('{0:"a",1:"b"}'), new Map([["0", "a"], ["1", "b"]]));
    assert.deepEqual(read("{-1:1,a_b$:2,x.y:3}"), new Map([["-1", 1], ["a_b$", 2], ["x.y", 3]]));
    assert.deepEqual(read("{'a':'it\"s','b':'\\''}"), new Map([["a", 'it"s'], ["b", "'"]]));
    assert.deepEqual(read('"it\'s"'), "it's");
    assert.deepEqual(read("[1,2,]"), [1, 2]);
    assert.deepEqual(read('{"a":1,}'), new Map([["a", 1]]));
    assert.deepEqual(read('[[1,],{"a":[],},]'), [[1], new Map([["a", []]])]);
    assert.equal(read('"\\x41\\v\\0"'), "A\v\0");
    assert.equal(read('"a\tb\nc"'), "a\tb\nc");
  });

  it("keeps 64-bit integers exact at both ends", () => {
    assert.deepEqual(
      read("[9223372036854775807,-9223372036854775808,9007199254740993,9007199254740991]"),
      [9223372036854775807n, -9223372036854775808n, 9007199254740993n, 9007199254740991],
    );
  });

  it("refuses integers beyond 64 bits rather than rounding them", () => {
    refuses("9223372036854775808", /64/);
    refuses('{"epoch":-9223372036854775809}', /64/);
  });

  it("refuses what is no JSON", () => {
    for (
      const text of [
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[}",
        "{]",
        "[,]",
        "{,}",
        "[1,,2]",
        "[1 2]",
        '{"a"}',
        '{"a":}',
        '{"a":1 "b":2}',
        "{:1}",
        '{"a"=1}',
        "[1]]",
        "{}{}",
        "nul",
        "nulll",
        "True",
        "NaN",
        "-",
        "+",
        ".",
        "1.2.3",
        "1e",
        "0x10",
        "abc",
        "\u00a0null",
        "\ufeffnull",
        '"\\u12"',
        '"\\u12g4"',
        '"\\u00\x104"',
        '"\\u',
        '"\\x4"',
        '"\\q"',
        '"\\',
        '"abc',
        "'abc\"",
        "\0",
      ]
    ) {
      refuses(text);
    }
  });

  it("says where it stopped", () => {
    refuses('{"a":[1,x]}', /^bad JSON at byte 9: .*"x"/);
  });

  it("quotes a long word shortly", () => {
    assert.throws(
      () => read("x".repeat(100_000)),
      (error: Error) => error.message.length < 200,
    );
  });

  it("bounds the depth", () => {
    assert.doesNotThrow(() => read("[".repeat(64) + "]".repeat(64)));
    refuses("[".repeat(65) + "]".repeat(65), /nested/);
    refuses('{"a":'.repeat(65) + "1" + "}".repeat(65), /nested/);
    refuses("[".repeat(1_000_000), /nested/);
  });

  it("counts the depth of what is open, not of what was", () => {
    const wide = `[${"[[1]],{},".repeat(500)}]`;
    assert.equal((read(wide) as JsonValue[]).length, 1000);
  });

  it("takes any name", () => {
    const long = "k".repeat(65_536);
    const names = ["__proto__", "constructor", "", "日本語", "\u{1f600}", "\ufeffbom", long, "a b"];
    const object = `{${names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(name)}`)}}`;
    assert.deepEqual(read(object), new Map(names.map((name) => [name, name])));
  });

  it("gives the last of two values with one key", () => {
    assert.deepEqual(read('{"a":1,"a":2}'), new Map([["a", 2]]));
  });

  it("shows invalid UTF-8 as replacement characters and reads on", () => {
    const bytes = utf8('["a?b","c"]');
    bytes[bytes.indexOf(0x3f)] = 0xff;
    assert.deepEqual(parseFastjson(bytes), ["a\ufffdb", "c"]);
    // A lead byte before the closing quote must not swallow the quote.
    const cut = utf8('{"?":1}');
    cut[cut.indexOf(0x3f)] = 0xe6;
    assert.deepEqual(parseFastjson(cut), new Map([["\ufffd", 1]]));
  });

  it("keeps lone surrogates that were escaped", () => {
    assert.equal(read('"\\ud800x\\udc00"'), "\ud800x\udc00");
  });

  it("fails at every cut, and always ends", () => {
    const text =
      '{"a":[1,-2.5e3,{"b":null,\'c\':true,}],0:"\\u0041\\n日",d:9223372036854775807,"e":{}}';
    const bytes = utf8(text);
    assert.equal((parseFastjson(bytes) as Map<string, JsonValue>).size, 4);
    for (let end = 0; end < bytes.length; end++) refuses(bytes.subarray(0, end));
  });

  it("reads only its part of a buffer", () => {
    const bytes = utf8('xx{"a":1}yy');
    const part = new FastjsonReader(bytes, 2, 9);
    assert.deepEqual(part.readValue(), new Map([["a", 1]]));
    part.end();
    const cut = new FastjsonReader(bytes, 2, 8);
    assert.throws(() => cut.readValue(), FastjsonError);
    // The end of the range ends a word or an escape, whatever follows it.
    assert.equal(new FastjsonReader(utf8("1234"), 0, 2).readValue(), 12);
    assert.throws(() => new FastjsonReader(utf8('"\\u00412"'), 0, 5).readValue(), FastjsonError);
  });

  it("refuses a megabyte of digits with a letter behind them at once", () => {
    // A backtracking pattern would take hours for it.
    refuses(`[${"1".repeat(1_000_000)}x]`);
    refuses(`{"a":${"1".repeat(1_000_000)}.x}`);
    refuses("9".repeat(1_000_000), /64/);
  });

  it("repeats strings of a large text exactly", () => {
    // Large enough for interned strings, with more names than slots.
    const names = Array.from({ length: 5000 }, (_, i) => `name-${i % 2500}-${"x".repeat(i % 140)}`);
    assert.deepEqual(read(JSON.stringify(names)), names);
    // Some of these share the slot of the longer name before them.
    const pairs = Array.from({ length: 20_000 }, (_, i) => [`p${i}z`, `p${i}`]).flat();
    assert.deepEqual(read(JSON.stringify(pairs)), pairs);
  });
});

describe("FastjsonReader", () => {
  it("walks an object and an array", () => {
    const json = reader('{"a":[1,2],"b":{"c":"d"},"e":null}');
    assert.ok(json.beginObject());
    assert.equal(json.nextKey(), "a");
    assert.ok(json.beginArray());
    assert.ok(json.nextElement());
    assert.equal(json.readInt(), 1);
    assert.ok(json.nextElement());
    assert.equal(json.readInt(), 2);
    assert.equal(json.nextElement(), false);
    assert.equal(json.nextKey(), "b");
    json.skip();
    assert.equal(json.nextKey(), "e");
    assert.equal(json.beginObject(), false);
    assert.equal(json.nextKey(), undefined);
    json.end();
  });

  it("tells null from an object and an array", () => {
    assert.equal(reader("null").beginObject(), false);
    assert.equal(reader(" null ").beginArray(), false);
    for (const text of ["[]", "1", '"x"', "nul", "nullx", ""]) {
      assert.throws(() => reader(text).beginObject(), FastjsonError, text);
    }
    for (const text of ["{}", "1", '"x"', "nul", ""]) {
      assert.throws(() => reader(text).beginArray(), FastjsonError, text);
    }
  });

  it("reads strings, also from scalars", () => {
    assert.equal(reader('"x"').readString(), "x");
    assert.equal(reader("null").readString(), null);
    assert.equal(reader('"null"').readString(), "null");
    assert.equal(reader("12").readString(), "12");
    assert.equal(reader("1.50").readString(), "1.50");
    assert.equal(reader("true").readString(), "true");
    for (const text of ["{}", "[]", "x", "", "nul"]) {
      assert.throws(() => reader(text).readString(), FastjsonError, text);
    }
  });

  it("reads longs", () => {
    const cases: [string, number | bigint][] = [
      ["5", 5],
      ['"5"', 5],
      ["'5'", 5],
      ["+5", 5],
      ["-0", 0],
      ["9223372036854775807", 9223372036854775807n],
      ['"-9223372036854775808"', -9223372036854775808n],
      ["null", 42],
    ];
    for (const [text, value] of cases) assert.equal(reader(text).readLong(42), value, text);
    for (const text of ["9223372036854775808", "1.5", '"x"', "true", "{}", "[1]", ""]) {
      assert.throws(() => reader(text).readLong(), FastjsonError, text);
    }
  });

  it("reads ints with whatever stands around them", () => {
    const ints = [0, 7, 12345678, 123456789, 1234567890, 2147483647, -1, -2147483648];
    for (const around of [",", " ,", "\n,"]) {
      const json = reader(`[${ints.join(around)} , "8",'9',null,0012 ]`);
      json.beginArray();
      const read: number[] = [];
      while (json.nextElement()) read.push(json.readInt(99));
      assert.deepEqual(read, [...ints, 8, 9, 99, 12]);
    }
    assert.equal(reader("7").readInt(), 7);
    for (
      const text of ["2147483648", "-2147483649", "99999999999999999999", "1.0", "1a", "x", ""]
    ) {
      assert.throws(() => reader(text).readInt(), FastjsonError, text);
    }
  });

  it("reads booleans", () => {
    for (const text of ["true", '"true"', "1"]) {
      assert.equal(reader(text).readBoolean(), true, text);
    }
    for (const text of ["false", '"false"', "0", "null"]) {
      assert.equal(reader(text).readBoolean(), false, text);
    }
    for (const text of ["yes", "2", "{}", ""]) {
      assert.throws(() => reader(text).readBoolean(), FastjsonError, text);
    }
  });

  it("skips values of every kind, and only whole ones", () => {
    const values = [
      "1",
      "-1.5e3",
      '"a\\"b\\\\"',
      "'a\\'b'",
      "null",
      "[1,[2,{}],]",
      '{"a":{0:[]},}',
      "12345678901234567890123",
    ];
    for (const value of values) {
      const json = reader(`[${value},7]`);
      json.beginArray();
      json.nextElement();
      json.skip();
      assert.ok(json.nextElement(), value);
      assert.equal(json.readInt(), 7, value);
    }
    for (const text of ['"a', '"a\\', '"a\\"', "[1", '{"a":', "x", "", "[1}"]) {
      assert.throws(() => reader(text).skip(), FastjsonError, text);
    }
    assert.throws(() => reader("[".repeat(1000)).skip(), FastjsonError);
  });
});
