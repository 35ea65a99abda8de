import { deepEqual, equal, throws } from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parse, YamlSyntaxError } from "@std/yaml";

describe("@std/yaml parse", () => {
  it("reads maps, lists and texts of all styles", () => {
    const text = `# comment
name: a
list:
  - 1
  - "x: y"
flow: { a: [true, null], 'b': ~ }
folded: >-
  one
  two
literal: |
  one
  two
`;
    deepEqual(parse(text), {
      name: "a",
      list: [1, "x: y"],
      flow: { a: [true, null], b: null },
      folded: "one two",
      literal: "one\ntwo\n",
    });
  });

  it("answers null for an empty text", () => {
    for (const text of ["", "\n", "# only a comment\n", "---\n"]) equal(parse(text), null);
  });

  it("tells numbers from texts", () => {
    const cases: [string, unknown][] = [
      ["0", 0],
      ["-0", -0],
      ["9876", 9876],
      ["+5", 5],
      ["-1", -1],
      ["1_000", 1000],
      ["010", 8],
      ["-010", -8],
      ["09", "09"],
      ["0o17", "0o17"],
      ["0x1F", 31],
      ["-0x1F", -31],
      ["0X1F", "0X1F"],
      ["0b101", 5],
      ["1_", "1_"],
      ["0_", "0_"],
      ["1.5", 1.5],
      ["1.", 1],
      [".5", .5],
      ["-.5", "-.5"],
      ["1e3", 1000],
      ["1.5e+3", 1500],
      ["00.5", "00.5"],
      [".inf", Infinity],
      ["-.INF", -Infinity],
      [".NaN", NaN],
      ["1:30", "1:30"],
      ["127.0.0.1", "127.0.0.1"],
      ["127.0.0.1:9876;127.0.0.2:9876", "127.0.0.1:9876;127.0.0.2:9876"],
      ["9007199254740993", 9007199254740992],
    ];
    for (const [text, value] of cases) deepEqual(parse(text), value, text);
  });

  it("knows true and false in three spellings, and yes and on for texts", () => {
    deepEqual(parse("[true, True, TRUE, false, False, FALSE]"), [
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    deepEqual(parse("[yes, no, on, off, y, tRue]"), ["yes", "no", "on", "off", "y", "tRue"]);
    deepEqual(parse("[null, Null, NULL, ~, nil]"), [null, null, null, null, "nil"]);
  });

  it("reads timestamps, anchors and merge keys", () => {
    deepEqual(parse("2020-01-02"), new Date("2020-01-02"));
    deepEqual(parse("a: &x { b: 1 }\nc:\n  <<: *x\n  d: 2"), { a: { b: 1 }, c: { b: 1, d: 2 } });
  });

  it("leaves every scalar a text with the failsafe schema", () => {
    const text = "a: 010\nb: true\nc: ~\nd:\ne: [1.5, 2020-01-02, '']\nf: <<";
    deepEqual(parse(text, { schema: "failsafe" }), {
      a: "010",
      b: "true",
      c: "~",
      d: null,
      e: ["1.5", "2020-01-02", ""],
      f: "<<",
    });
    throws(() => parse("a: !!int 1", { schema: "failsafe" }), SyntaxError);
  });

  it("takes __proto__ for a key like others", () => {
    const value = parse("__proto__: 1") as object;
    deepEqual(Object.entries(value), [["__proto__", 1]]);
  });

  it("names the line and column of an error", () => {
    const wrong = [
      "a: [1",
      "a: 1\n b: 2",
      "a: 1\na: 2",
      "a: *none",
      "a: 'x",
      "--- 1\n--- 2\n",
      "a: !!js/function 'f'",
    ];
    for (const text of wrong) throws(() => parse(text), SyntaxError, text);
    throws(() => parse("a: 1\nb: *none\n"), (error) => {
      equal(error instanceof YamlSyntaxError, true);
      const { name, line, message } = error as YamlSyntaxError;
      deepEqual([name, line], ["YamlSyntaxError", 2]);
      equal(/at line 2, column \d+/.test(message), true);
      return true;
    });
  });
});
