import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ConfigSyntaxError } from "../../../src/config/errors.ts";
import { editYaml, parseYaml } from "../../../src/config/yaml.ts";

const parse = (text: string) => [...parseYaml(text, "x.yaml")];
const edit = (text: string, changes: Record<string, string>) =>
  editYaml(text, new Map(Object.entries(changes)), "x.yaml");

describe("parseYaml", () => {
  it("reads scalars as the text that they are", () => {
    assert.deepEqual(
      parse("a: 010\nb: 1.10\nc: true\nd: 2024-01-01\ne: 'q: x'\nf: \"\\u00e9\"\ng: off\nh: 1_0"),
      [
        ["a", "010"],
        ["b", "1.10"],
        ["c", "true"],
        ["d", "2024-01-01"],
        ["e", "q: x"],
        ["f", "é"],
        ["g", "off"],
        ["h", "1_0"],
      ],
    );
  });

  it("joins nested keys with dots", () => {
    assert.deepEqual(parse("tls:\n  server: {mode: enforcing}\n  test.mode.enable: false\na: b"), [
      ["tls.server.mode", "enforcing"],
      ["tls.test.mode.enable", "false"],
      ["a", "b"],
    ]);
  });

  it("reads a key without value as an empty one, and an empty document as nothing", () => {
    assert.deepEqual(parse("a:\nb: ''"), [["a", ""], ["b", ""]]);
    assert.deepEqual(parse(""), []);
    assert.deepEqual(parse("# only a comment\n"), []);
  });

  it("takes __proto__ for a key", () => {
    assert.deepEqual(parse("__proto__: 1\nconstructor: {__proto__: 2}"), [
      ["__proto__", "1"],
      ["constructor.__proto__", "2"],
    ]);
  });

  const refused: [what: string, text: string, message: RegExp][] = [
    ["a list", "a: [1, 2]", /^x\.yaml: a must be a single value$/],
    ["a nested list", "t:\n  u:\n    - 1", /^x\.yaml: t\.u must be a single value$/],
    ["a list as document", "- a\n- b", /^x\.yaml: must contain keys and values/],
    ["a scalar as document", "just text", /^x\.yaml: must contain keys and values/],
    ["a key that is there in two forms", "a.b: 1\na:\n  b: 2", /^x\.yaml: a\.b occurs twice$/],
    ["a key that is there twice", "a: 1\na: 2", /^x\.yaml: .*line 2/],
    ["a text that is not YAML", "a: 1\nb: {", /^x\.yaml: .*line/],
    ["two documents", "a: 1\n---\nb: 2", /^x\.yaml: [^\n]+$/],
  ];
  for (const [what, text, message] of refused) {
    it(`refuses ${what} in one line that names the file`, () => {
      assert.throws(
        () => parse(text),
        (error) =>
          error instanceof ConfigSyntaxError && message.test(error.message) &&
          !error.message.includes("\n"),
      );
    });
  }
});

describe("editYaml", () => {
  it("keeps comments and order", () => {
    const text = "# one\na: 1 # why\n\nb: 'two'\ntls:\n  server: {mode: enforcing}\n";
    assert.equal(
      edit(text, { a: "10", b: "20", c: "x: y" }),
      '# one\na: 10 # why\n\nb: 20\ntls:\n  server: {mode: enforcing}\nc: "x: y"\n',
    );
  });

  it("appends to an empty document, and to one without an end of line", () => {
    assert.equal(edit("", { a: "1" }), "a: 1\n");
    assert.equal(edit("# c", { a: "" }), '# c\na: ""\n');
    assert.equal(edit("b: 2\r\n", { a: "1" }), "b: 2\r\na: 1\r\n");
  });

  it("writes values that read back the same", () => {
    for (
      const value of ["~", "null", "- x", "a: b", "#", "é😀", "true", "'", '"\\', "", " x ", "[1]"]
    ) {
      assert.deepEqual(parse(edit("a: 1", { a: value })), [["a", value]]);
    }
  });

  const artful = [
    "{a: 1, b: 2}",
    "a: |\n  several\n  lines\nb: 2",
    "b: 2\na:\n  1",
    "'a': 1\nb: 2",
    "a: &x 1\nb: 2\n...\n",
  ];
  for (const text of artful) {
    it(`writes ${JSON.stringify(text)} anew rather than wrongly`, () => {
      assert.deepEqual(new Map(parse(edit(text, { a: "9" }))), new Map([["a", "9"], ["b", "2"]]));
    });
  }

  it("changes a nested key", () => {
    const edited = edit("other:\n  key: 1\nb: 2", { "other.key": "3" });
    assert.deepEqual(new Map(parse(edited)), new Map([["other.key", "3"], ["b", "2"]]));
  });
});
