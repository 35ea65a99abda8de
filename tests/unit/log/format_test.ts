import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { formatEvent, formatJsonEvent } from "../../../src/log/format.ts";

describe("formatEvent", () => {
  it("writes key=value, in order, without fields that are undefined", () => {
    assert.equal(
      formatEvent("broker registered", {
        cluster: "DefaultCluster",
        id: 0,
        version: 12345678901234567890n,
        first: true,
        zone: undefined,
        master: null,
        path: "C:\\x",
        topic: "主题-ü",
      }),
      "broker registered cluster=DefaultCluster id=0 version=12345678901234567890 first=true" +
        " master=null path=C:\\x topic=主题-ü",
    );
    assert.equal(formatEvent("started"), "started");
  });

  it("quotes what could be taken for something else", () => {
    const cases: [value: string, written: string][] = [
      ["", `""`],
      ["a b", `"a b"`],
      ["a\u00a0b", `"a\u00a0b"`],
      [`a"b`, `"a\\"b"`],
      ["a=b", `"a=b"`],
      ["a\\ b", `"a\\\\ b"`],
    ];
    for (const [value, written] of cases) {
      assert.equal(formatEvent("e", { value }), `e value=${written}`);
    }
  });

  it("lets nothing end the line or reach the terminal unprinted", () => {
    const cases: [value: string, written: string][] = [
      ["a\nERROR forged", `"a\\nERROR forged"`],
      ["a\r\n", `"a\\r\\n"`],
      ["\x1b[2J", `"\\u001b[2J"`],
      ["\0\x7f\x9b", `"\\u0000\\u007f\\u009b"`],
      ["\u2028\u2029\u0085", `"\\u2028\\u2029\\u0085"`],
      ["\u202egnp.exe", `"\\u202egnp.exe"`],
      ["a\ud800", `"a\\ud800"`],
      ["\u{e0041}", `"\\udb40\\udc41"`],
    ];
    for (const [value, written] of cases) {
      assert.equal(formatEvent("e", { value }), `e value=${written}`);
    }
    for (let code = 0; code < 0x3000; code++) {
      const character = String.fromCharCode(code);
      const line = formatEvent(character, { [character]: character });
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    }
  });

  it("cuts long values, not between the halves of a character", () => {
    const value = (text: string) => formatEvent("e", { value: text });
    assert.equal(value("x".repeat(1024)), `e value=${"x".repeat(1024)}`);
    assert.equal(value("x".repeat(1030)), `e value="${"x".repeat(1024)}…(6 more)"`);
    assert.equal(value("x".repeat(1023) + "😀😀"), `e value="${"x".repeat(1023)}…(4 more)"`);
    assert.equal(value("x".repeat(1022) + "😀😀"), `e value="${"x".repeat(1022)}😀…(2 more)"`);
  });

  it("writes an error's message, and its stack only when asked to", () => {
    const error = new TypeError("it broke\nbadly");
    assert.equal(formatEvent("e", { error }), `e error="it broke\\nbadly"`);
    const line = formatEvent("e", { error }, true);
    assert.match(
      line,
      /^e error="it broke\\nbadly" error\.stack="TypeError: it broke.*format_test/,
    );
    assert.ok(!line.includes("\n"));
    assert.equal(formatEvent("e", { error: new RangeError() }), "e error=RangeError");
  });

  it("writes objects as JSON, and never throws", () => {
    const round: Record<string, unknown> = {};
    round.itself = round;
    const hostile = {
      toJSON() {
        throw new Error("no");
      },
    };
    assert.equal(
      formatEvent("e", { a: [1, 2n], b: new Set(["x"]) }),
      `e a="[1,\\"2\\"]" b="[\\"x\\"]"`,
    );
    assert.equal(formatEvent("e", { m: new Map([["k", 1]]) }), `e m="[[\\"k\\",1]]"`);
    assert.equal(
      formatEvent("e", { round, hostile }),
      "e round=(unprintable) hostile=(unprintable)",
    );
    assert.equal(formatEvent("e", { odd: { toJSON: () => undefined } }), `e odd="[object Object]"`);
  });
});

describe("formatJsonEvent", () => {
  const parse = (...args: Parameters<typeof formatJsonEvent>) =>
    JSON.parse(`{${formatJsonEvent(...args)}}`);

  it("keeps numbers, flags and small objects, and writes all else as text", () => {
    const fields = {
      id: 0,
      huge: 12345678901234567890n,
      first: true,
      master: null,
      zone: undefined,
      nothing: NaN,
      list: [1, 2n],
      map: new Map([["k", { a: "b" }]]),
      topic: "主题-ü",
      error: new RangeError("it broke\nbadly"),
    };
    assert.deepEqual(parse("broker registered", fields), {
      event: "broker registered",
      id: 0,
      huge: "12345678901234567890",
      first: true,
      master: null,
      nothing: "NaN",
      list: [1, "2"],
      map: [["k", { a: "b" }]],
      topic: "主题-ü",
      error: "it broke\nbadly",
    });
  });

  it("is one line that prints, whatever is in it, and never fails", () => {
    const round: Record<string, unknown> = {};
    round.itself = round;
    const fields = { round, odd: { toJSON: () => undefined }, bad: ["\u2028\x9b\ud800"] };
    assert.deepEqual(parse("e", fields), {
      event: "e",
      round: "(unprintable)",
      odd: "[object Object]",
      bad: ["\u2028\x9b\ud800"],
    });
    for (let code = 0; code < 0x3000; code++) {
      const character = String.fromCharCode(code);
      const line = formatJsonEvent(character, { [character]: character, list: [character] });
      assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      assert.equal(JSON.parse(`{${line}}`)[character], character);
    }
  });

  it("cuts what is long, and writes stacks when asked to", () => {
    const { text, list } = parse("e", { text: "x".repeat(1030), list: ["y".repeat(1030)] });
    assert.equal(text, `${"x".repeat(1024)}…(6 more)`);
    assert.match(list, /^\["y{1022}…\(10 more\)$/);
    const { error, ...stack } = parse("e", { error: new Error("bad") }, true);
    assert.equal(error, "bad");
    assert.match(stack["error.stack"], /^Error: bad\n.*format_test/);
  });

  it("leaves the names of the line's own members to them", () => {
    assert.deepEqual(parse("e", { event: 1, time: 2, level: 3 }), {
      event: "e",
      _event: 1,
      _time: 2,
      _level: 3,
    });
  });
});
