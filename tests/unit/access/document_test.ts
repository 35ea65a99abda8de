import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Document, DocumentError, type Position } from "../../../src/access/document.ts";

/** Items of a list, enough of them for a text that is read in pieces. */
const items = (item: (i: number) => string) => Array.from({ length: 1500 }, (_, i) => item(i));
const FLOW = items((i) => `  - {name: n${i}, may: [a, b], about: some text} # ${i}\n`);

/** Everything that a document says, and where; or the fault that it has. */
function shown(document: Document): unknown {
  const places: [string, Position][] = [];
  const visit = (path: string, node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    places.push([path, document.where(node)]);
    for (const [key, value] of Object.entries(node)) {
      const inside = `${path}/${key}`;
      if (!Array.isArray(node)) places.push([`${inside} (key)`, document.whereKey(node, key)]);
      places.push([inside, document.where(node, Array.isArray(node) ? Number(key) : key)]);
      visit(inside, value);
    }
  };
  visit("", document.root);
  return { root: document.root, places };
}

async function outcome(read: () => Document | Promise<Document>): Promise<unknown> {
  try {
    return shown(await read());
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return error.fault;
  }
}

/** The number of turns in which a text was read; it says the same as when it is read at once. */
async function turnsOf(text: string): Promise<number> {
  let turns = 0;
  const nextTurn = () => Promise.resolve(void turns++);
  const inTurns = await outcome(() => Document.inTurns(text, "list", nextTurn));
  assert.deepEqual(inTurns, await outcome(() => new Document(text)));
  return turns;
}

describe("Document.inTurns", () => {
  const long = {
    "between other keys": `# begin\nfirst: 1\nlist:\n${FLOW.join("")}last: {a: b}\n`,
    "at the end, without a last line break": `first: 1\nlist:\n${FLOW.join("").trimEnd()}`,
    "of items over several lines": `list: # long\n\n${
      items((i) => `- name: n${i}\n  # about it\n\n  may:\n    - a\n    - b: [c,\n      d]\n`).join(
        "",
      )
    }last: 1\n`,
    "with Windows line breaks": `first: 1\nlist:\n${FLOW.join("")}last: 1\n`
      .replaceAll("\n", "\r\n"),
    "with dashes inside of texts": `list:\n${
      items((i) => `  - text: |\n      - ${i}\n      - b\n    other: "a\n      - c"\n`).join("")
    }`,
    "with anchors near their aliases": `list:\n${
      items((i) => `  - [&a${i} the long text of one more item in the list, *a${i}]\n`).join("")
    }`,
  };
  for (const [what, text] of Object.entries(long)) {
    it(`reads a long list ${what} in turns, as if at once`, async () => {
      const turns = await turnsOf(text);
      assert.ok(turns > 4, `${turns} turns`);
    });
  }

  const other = {
    "a short text": "first: 1\nlist:\n  - a\n",
    "a list in brackets": `list: [\n${FLOW.join(",").replaceAll(/ {2}- |#.*/g, "")}]\n`,
    "no such list": `other:\n${FLOW.join("")}`,
    "a list that is not of the root": `root:\n  list:\n${
      FLOW.join("").replaceAll("  - ", "    - ")
    }`,
    "a key inside of a text": `first: "\nlist:\n${FLOW.join("").replaceAll(/#.*/g, "")}"\n`,
    "an empty list": `list:\nother:\n${FLOW.join("")}`,
  };
  for (const [what, text] of Object.entries(other)) {
    it(`reads ${what} at once`, async () => {
      await turnsOf(text);
    });
  }

  const last = FLOW.length - 1;
  const faults = {
    "in the last item": FLOW.with(last, "  - {name: n, may: [a}\n"),
    "of indentation": FLOW.with(last, " - {name: n}\n"),
    "of a key that is there twice": FLOW.with(last, "  - {name: n, name: m}\n"),
    "of an alias": FLOW.with(last, "  - *nowhere\n"),
    "of a quotation that doesn't end": FLOW.with(900, '  - "a\n'),
    "of a second document": FLOW.with(900, "---\n"),
    "of a second list": FLOW.with(900, "list:\n"),
    "of tabs": FLOW.with(900, "\t- a\n"),
  };
  for (const [what, lines] of Object.entries(faults)) {
    it(`tells a fault ${what} like one of the whole`, async () => {
      const text = `first: 1\nlist:\n${lines.join("")}last: 1\n`;
      await turnsOf(text);
      assert.throws(() => new Document(text), DocumentError);
    });
  }

  it("follows an alias to an item far away", async () => {
    await turnsOf(`first: &f {a: b}\nlist:\n${FLOW.with(last, "  - *f\n").join("")}`);
    await turnsOf(`list:\n${FLOW.with(1, "  - &f {a: b}\n").with(last, "  - *f\n").join("")}`);
  });
});

describe("a fault of a document", () => {
  it("does not repeat the text, which may be a secret", () => {
    for (
      const text of [
        "secret: !Xy^hidden",
        "secret: !a!b!hidden",
        'secret: "hidden',
        "secret: *hidden",
      ]
    ) {
      assert.throws(
        () => new Document(text),
        (error: unknown) =>
          error instanceof DocumentError && !error.fault.message.includes("hidden"),
        text,
      );
    }
  });
});
