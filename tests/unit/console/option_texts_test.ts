import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "@std/testing/bdd";
import { OPTION_GROUPS, OPTION_NAMES, optionOf } from "../../../src/config/options.ts";
import translations from "../../../src/console/texts/options_zh.json" with { type: "json" };

const options = new Map<string, string[]>(Object.entries(translations.options));

describe("the Chinese texts of the options", () => {
  it("are there for every option and group, and for nothing else", () => {
    assert.deepEqual([...options.keys()].sort(), OPTION_NAMES.toSorted());
    const titles = OPTION_GROUPS.map(({ title }) => title);
    assert.deepEqual(Object.keys(translations.groups).sort(), titles.sort());
  });

  it("translate the English texts as they are now", () => {
    for (const name of OPTION_NAMES) {
      const [translated, text = ""] = options.get(name) ?? [];
      const { doc } = optionOf(name);
      const fingerprint = createHash("sha256").update(doc).digest("hex").slice(0, 8);
      assert.equal(
        translated,
        fingerprint,
        `${name} has changed: translate it again in src/console/texts/options_zh.json, with ${fingerprint}`,
      );
      assert.match(text, /[\u4e00-\u9fff]/, name);
    }
  });

  it("keep the names of options, values and paths that the English ones mention", () => {
    for (const name of OPTION_NAMES) {
      const text = options.get(name)?.[1] ?? "";
      for (
        const [mentioned] of optionOf(name).doc.matchAll(/`[^`]+`|\b[a-z]+[A-Z]\w+\b|\/\w[\w/]+/g)
      ) {
        assert.ok(text.includes(mentioned), `${name}: ${mentioned}`);
      }
    }
  });
});
