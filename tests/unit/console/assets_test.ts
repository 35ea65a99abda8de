import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { describe, it } from "@std/testing/bdd";
import { CONSOLE_ASSETS } from "../../../src/console/built/assets.ts";

/** Kibibytes that a browser loads for the console at most, compressed. */
const MOST_KIB = 120;

function textOf(gzip: string): string {
  return gunzipSync(Uint8Array.fromBase64(gzip)).toString();
}

describe("the built console", () => {
  it(`has at most ${MOST_KIB} KiB, compressed`, () => {
    const sizes = CONSOLE_ASSETS.map(({ gzip }) => Uint8Array.fromBase64(gzip).length);
    assert.ok(sizes.length > 0);
    assert.ok(sizes.reduce((sum, size) => sum + size, 0) <= MOST_KIB * 1024, `${sizes}`);
  });

  it("has no script and no style in its page, which the content security policy would refuse", () => {
    const page = textOf(CONSOLE_ASSETS.find(({ name }) => name === "index.html")!.gzip);
    for (const [, inside = ""] of page.matchAll(/<script[^>]*>([^]*?)<\/script>/g)) {
      assert.equal(inside, "");
    }
    assert.doesNotMatch(page, /<style|\sstyle=|\son\w+=/);
  });

  it("names nothing elsewhere, and no folder of the machine that built it", () => {
    for (const { name, gzip } of CONSOLE_ASSETS) {
      const text = textOf(gzip).replaceAll(/http:\/\/www\.w3\.org\/[\w/]+/g, "");
      assert.doesNotMatch(text, /(?:src|href|url|from|import)\s*[=(]?\s*["'(]?https?:/, name);
      assert.doesNotMatch(text, /file:\/\/|\/home\/|\/root\/|node_modules|registry\./, name);
    }
  });

  it("names all its files in the page, under names that change with their content", async () => {
    const page = textOf(CONSOLE_ASSETS.find(({ name }) => name === "index.html")!.gzip);
    for (const { name, gzip } of CONSOLE_ASSETS) {
      if (name === "index.html") continue;
      const content = new TextEncoder().encode(textOf(gzip));
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
      assert.equal(name.split(".")[1], digest.slice(0, 12));
      assert.ok(page.includes(`"${name}"`), name);
    }
  });
});
