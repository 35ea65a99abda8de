import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "@std/testing/bdd";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const SRC = join(PROJECT, "src");
const PAGE = Deno.readTextFileSync(join(PROJECT, "docs/architecture.md"));

/** The rooms of docs/architecture.md, and what each may use. */
function rooms(): Map<string, string[]> {
  const rows = PAGE.matchAll(/^\| `([^`]+)` \|[^|]*\|([^|]*)\|/gm);
  return new Map(Array.from(rows, ([, room = "", uses = ""]) => [room, names(uses)]));
}

function names(text: string): string[] {
  return Array.from(text.matchAll(/`([^`]+)`/g), ([, name = ""]) => name);
}

/** Modules that every room may use. */
function everyones(): string[] {
  const [, sentence = ""] = /All rooms may use ([^]*?)\. What else/.exec(PAGE) ?? [];
  return names(sentence);
}

/** Files below src, by their paths in it. */
function* files(folder = SRC): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* files(path);
    else if (/[.]tsx?$/.test(name)) yield relative(SRC, path);
  }
}

/** The room of a file; a file that stands above the rooms is its own. */
function roomOf(file: string): string {
  const folder = dirname(file);
  return folder === "." ? file : folder;
}

/** Files below src that a file imports. */
function importsOf(file: string): string[] {
  const text = Deno.readTextFileSync(join(SRC, file));
  const found = text.matchAll(/\b(?:from|import) ?\(?"(\.[^"]+)"/g);
  return Array.from(found, ([, path = ""]) => join(dirname(file), path))
    .filter((path) => !path.startsWith(".."));
}

describe("docs/architecture.md", () => {
  const table = rooms();
  const shared = everyones();

  it("has a row for each room, and none for another", () => {
    const found = new Set([...files()].map(roomOf).filter((room) => !shared.includes(room)));
    found.add("log");
    assert.deepEqual([...table.keys()].sort(), [...found].sort());
  });

  it("says which rooms each may use", () => {
    const problems: string[] = [];
    for (const file of files()) {
      const room = roomOf(file);
      for (const path of importsOf(file)) {
        const used = roomOf(path);
        if (used === room || shared.includes(used) || table.get(room)?.includes(used)) continue;
        problems.push(`src/${file} uses src/${path}: its row does not name ${used}`);
      }
    }
    assert.deepEqual(problems, []);
  });

  it("loads the client of etcd and the controller only for servers that use them", () => {
    const loaded = new Set<string>();
    const load = (file: string) => {
      if (loaded.has(file)) return;
      loaded.add(file);
      const text = Deno.readTextFileSync(join(SRC, file));
      const statements = text.matchAll(/^(?:import|export) (?!type )[^;]*?from "(\.[^"]+)";/gm);
      for (const [, path = ""] of statements) load(join(dirname(file), path));
    };
    load("serve.ts");
    assert.ok(loaded.has("kv/kv_config.ts"), [...loaded].join(" "));
    assert.deepEqual(
      [...loaded].filter((file) => /(^|\/)etcd(\/|_kv)|controller(\/|_table)/.test(file)),
      [],
    );
  });

  it("names no use that there is not", () => {
    const used = new Set<string>();
    for (const file of files()) {
      for (const path of importsOf(file)) used.add(`${roomOf(file)} ${roomOf(path)}`);
    }
    const unused = [...table].flatMap(([room, uses]) =>
      uses.map((name) => `${room} ${name}`).filter((pair) => !used.has(pair))
    );
    assert.deepEqual(unused, []);
  });

  it("names only files that exist", () => {
    const paths = names(PAGE.slice(PAGE.indexOf("## The way of a frame")))
      .filter((name) => /^[\w/]+\.(ts|json)$/.test(name));
    const known = [...files()].map((file) => `/${file}`);
    const missing = paths.filter((path) =>
      path.endsWith(".ts") && !known.some((file) => file.endsWith(`/${path}`))
    );
    assert.ok(paths.length > 20, `${paths.length} found`);
    assert.deepEqual(missing, []);
  });
});
