import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ConfigSyntaxError } from "../../../src/config/errors.ts";
import { editProperties, formatProperty, parseProperties } from "../../../src/config/properties.ts";

const parse = (text: string) => Object.fromEntries(parseProperties(text, "x.properties"));
const edit = (text: string, changes: Record<string, string>) =>
  editProperties(text, new Map(Object.entries(changes)), "x.properties");

describe("parseProperties", () => {
  // Results of java.util.Properties of JDK 17 for the same texts.
  const cases: [text: string, entries: Record<string, string>][] = [
    ["", {}],
    ["a=b", { a: "b" }],
    ["a:b\nc d\ne\tf\ng\fh", { a: "b", c: "d", e: "f", g: "h" }],
    ["a = b \nc : d\t", { a: "b ", c: "d\t" }],
    ["a  b=c", { a: "b=c" }],
    ["a == b", { a: "= b" }],
    ["a :=b", { a: "=b" }],
    ["key", { key: "" }],
    ["=v", { "": "v" }],
    ["  \t\f a=b", { a: "b" }],
    ["# a=b\n! c=d\n  #e=f\n\n \t\ng=h#i", { g: "h#i" }],
    ["# comment \\\na=b", { a: "b" }],
    ["a=b\rc=d\r\ne=f", { a: "b", c: "d", e: "f" }],
    ["a=one\\\n  two\\\r\n\tthree\\\rfour", { a: "onetwothreefour" }],
    ["a=b\\\\\nc=d", { a: "b\\", c: "d" }],
    ["a=b\\\\\\\nc=d", { a: "b\\c=d" }],
    ["a=b\\\n\nc=d", { a: "b", c: "d" }],
    ["a=b\\\n#no comment", { a: "b#no comment" }],
    ["a\\\nb=c", { ab: "c" }],
    ["a=b\\", { a: "b" }],
    ["a\\=b\\:c\\ d=e", { "a=b:c d": "e" }],
    ['a=\\t\\n\\r\\f\\\\\\=\\:\\ \\q\\"', { a: '\t\n\r\f\\=: q"' }],
    ["a=\\u00e9\\u4E2D\\ud83d\\ude00", { a: "é中😀" }],
    ["\\u0061=b", { a: "b" }],
    ["a=\\\\u0041", { a: "\\u0041" }],
    ["a=\\U0041", { a: "U0041" }],
    ["a=1\na=2", { a: "2" }],
    ["a=中", { a: "中" }],
  ];
  for (const [text, entries] of cases) {
    it(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(parse(text), entries));
  }

  it("takes names of Object's own properties as keys", () => {
    const entries = parseProperties("__proto__=1\nconstructor=2\ntoString=3", "x");
    assert.deepEqual([...entries], [["__proto__", "1"], ["constructor", "2"], ["toString", "3"]]);
  });

  it("names source and line of a malformed escape", () => {
    for (const escape of ["\\u12", "\\u12G4", "\\u", "\\uuuuu"]) {
      assert.throws(
        () => parse(`a=b\n# c\nd=e\\\n  f\ng=${escape}`),
        (error) =>
          error instanceof ConfigSyntaxError && /^x\.properties, line 5: \\u /.test(error.message),
      );
    }
  });

  it("counts the lines of continuations and of all line ends", () => {
    assert.throws(() => parse("a=b\\\n c\r\n\r\rd=\\u1"), /line 5:/);
  });

  it("takes as much as its limits say", () => {
    const limits = { maxLength: 10, maxKeys: 2 };
    assert.equal(parseProperties("a=1\nb=2\n\n\n", "x", limits).size, 2);
    assert.throws(() => parseProperties("a=123456789", "x", limits), /longer than 10 characters/);
    assert.throws(() => parseProperties("a\nb\nc", "x", limits), /more than 2 keys/);
    assert.equal(parseProperties("a\na\na\na\na", "x", limits).size, 1);
  });
});

describe("formatProperty", () => {
  const texts = [
    "",
    "plain",
    " leading and trailing ",
    "a=b:c#d!e",
    "#x",
    "!x",
    "C:\\temp\\new",
    "tab\tline\nreturn\rfeed\f",
    "é中😀\0\x1f\x7f\ud800",
    "\\u0041",
  ];
  it("writes ASCII lines that read back the same", () => {
    for (const key of texts) {
      for (const value of texts) {
        const line = formatProperty(key, value);
        assert.match(line, /^[\x20-\x7e]*$/);
        assert.deepEqual([...parseProperties(line + "\n", "x")], [[key, value]]);
      }
    }
  });

  it("writes usual values as they are", () => {
    assert.equal(formatProperty("configBlackList", "a;b"), "configBlackList=a;b");
    assert.equal(formatProperty("addr", "http://h:80/x y"), "addr=http://h:80/x y");
  });
});

describe("editProperties", () => {
  it("keeps comments, order, blanks and other lines", () => {
    const text = "# one\n\n  a = 1\n! two\nb: 2\nc 3\n";
    assert.equal(
      edit(text, { b: "20", new: "x" }),
      "# one\n\n  a = 1\n! two\nb=20\nc 3\nnew=x\n",
    );
    assert.equal(edit(text, { a: "10" }), "# one\n\n  a=10\n! two\nb: 2\nc 3\n");
  });

  it("changes nothing where the value is already there", () => {
    const text = "a : 1\nb=2";
    assert.equal(edit(text, { a: "1" }), text);
  });

  it("replaces a value that goes over several lines", () => {
    assert.equal(edit("a=1\\\n  2\\\n  3\nb=4\n", { a: "5" }), "a=5\nb=4\n");
  });

  it("changes the last of equal keys, which is the one that counts", () => {
    assert.equal(edit("a=1\na=2\n", { a: "3" }), "a=1\na=3\n");
    assert.equal(edit("a=1\na=2\n", { a: "1" }), "a=1\na=1\n");
  });

  it("changes several keys, wherever they stand", () => {
    assert.equal(edit("a=1\nb=2\nc=3", { c: "30", a: "10" }), "a=10\nb=2\nc=30");
  });

  it("appends to any text", () => {
    assert.equal(edit("", { a: "1" }), "a=1\n");
    assert.equal(edit("b=2", { a: "1" }), "b=2\na=1\n");
    assert.equal(edit("b=2\r\n", { a: "1" }), "b=2\r\na=1\r\n");
    assert.equal(edit("# c", { a: "1" }), "# c\na=1\n");
    for (const open of ["b=2\\", "b=2\\\n", "b=2\\\r\n", "b=2\\\n  ", "# c \\", "\\"]) {
      const edited = edit(open, { a: "1" });
      assert.equal(parse(edited).a, "1", JSON.stringify(edited));
      assert.equal(parse(edited).b, parse(open).b, JSON.stringify(edited));
    }
  });

  it("does not mistake a comment for the option", () => {
    assert.equal(edit("#a=1\n", { a: "2" }), "#a=1\na=2\n");
  });
});
