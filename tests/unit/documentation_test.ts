import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "@std/testing/bdd";
import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));

function read(path: string): string {
  return Deno.readTextFileSync(join(PROJECT, path));
}

/** Paths of the files under a folder that end in `extension`. */
function* filesBelow(folder: string, extension: string): Generator<string> {
  for (const entry of Deno.readDirSync(join(PROJECT, folder))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory) yield* filesBelow(path, extension);
    else if (entry.name.endsWith(extension)) yield path;
  }
}

function pages(): string[] {
  const top = [...Deno.readDirSync(PROJECT)].map(({ name }) => name);
  return [
    ...top.filter((name) => name.endsWith(".md")),
    ...filesBelow("docs", ".md"),
    ...filesBelow("bench", ".md"),
    ...filesBelow("std", ".md"),
    ...filesBelow("tests", ".md"),
  ];
}

function headings(page: string): string[] {
  const text = read(page).replace(/^```[^]*?^```/gm, "");
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => title);
}

/** The anchor that the repository's host generates for a heading. */
function anchor(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
}

describe("the specification", () => {
  it("has every section that a comment in src names", () => {
    let cited = 0;
    for (const path of filesBelow("src", ".ts")) {
      const text = read(path).replace(/\n\s*(\*|\/\/) ?/g, " ");
      for (const [, page, section] of text.matchAll(/(\w+\.md)(?:, "([^"]+)")?/g)) {
        if (page !== "protocol.md" && page !== "semantics.md") continue;
        cited++;
        const known = headings(`docs/${page}`);
        assert.ok(section === undefined || known.includes(section), `${path}: ${page}, ${section}`);
      }
    }
    assert.ok(cited > 10, `${cited} found`);
  });

  it("has a row for every request and response code", () => {
    const text = read("docs/protocol.md");
    for (const [name, code] of Object.entries({ ...RequestCode, ...ResponseCode })) {
      const row = new RegExp(`(^\\| |sends one request itself: )${code} +(\\| )?${name}\\b`, "m");
      assert.match(text, row, name);
    }
  });
});

/** Links of a page to files of the project, and to headings in them. */
function* linksOf(page: string): Generator<{ target: string; file: string; fragment?: string }> {
  const text = read(page).replace(/^```[^]*?^```/gm, "");
  for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^\w+:/.test(target)) continue;
    const [path = "", fragment] = target.split("#");
    yield { target, file: path === "" ? page : join(dirname(page), path), fragment };
  }
}

describe("the pages", () => {
  it("link to files and headings that exist", () => {
    let checked = 0;
    for (const page of pages()) {
      for (const { target, file, fragment } of linksOf(page)) {
        assert.doesNotThrow(() => Deno.statSync(join(PROJECT, file)), `${page}: ${target}`);
        if (fragment !== undefined) {
          assert.ok(headings(file).map(anchor).includes(fragment), `${page}: ${target}`);
        }
        checked++;
      }
    }
    assert.ok(checked > 50, `${checked} found`);
  });

  it("are all named in docs/README.md", () => {
    const named = new Set([...linksOf("docs/README.md")].map(({ file }) => file));
    const missing = [...filesBelow("docs", ".md")].filter((page) => !named.has(page));
    assert.deepEqual(missing, ["docs/README.md"]);
  });

  it("start with a README of at most 120 lines", () => {
    const lines = read("README.md").trimEnd().split("\n").length;
    assert.ok(lines <= 120, `${lines} lines`);
  });
});
describe("docs/troubleshooting.md", () => {
  /** Parts of messages that come from elsewhere: the system, the runtime, Java, placeholders. */
  const FOREIGN =
    /address already in use|No such file or directory|received fatal alert: \w+|namesrv\.log|connect to HOST:9876 failed|No route info of this topic|NullPointerException: keyCertChain|TLS 1.1|\b(FILE|HOST|NAME|CN|N)\b|\)|\.{3}|["=:]|\d+(\.\d+)*/i;

  it("quotes messages that the program has", () => {
    let sources = "";
    for (const path of filesBelow("src", ".ts")) sources += read(path);
    sources = sources.replace(/"\s*\+\s*"|`\s*\+\s*`|"\s*\+\s*`|`\s*\+\s*"/g, "");
    let checked = 0;
    const unknown: string[] = [];
    for (const [, cell = ""] of read("docs/troubleshooting.md").matchAll(/^\| ([^|]+) \|/gm)) {
      for (const [, message = ""] of cell.matchAll(/`([^`]+)`/g)) {
        for (const part of message.split(new RegExp(FOREIGN, "gi")).filter(Boolean)) {
          const text = part.trim();
          if (text.length < 8 || /^\w+$/.test(text)) continue;
          if (!sources.includes(text)) unknown.push(text);
          checked++;
        }
      }
    }
    assert.deepEqual(unknown, []);
    assert.ok(checked > 30, `${checked} found`);
  });
});
