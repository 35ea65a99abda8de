import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { banner } from "../../../src/cli/banner.ts";

describe("banner", () => {
  it("shows what is known, a line each, names and values below each other", () => {
    assert.equal(
      banner({ version: "1", address: "0.0.0.0:9876", configFile: undefined, kvEntries: 0 }),
      "\n  version    1\n  address    0.0.0.0:9876\n  kvEntries  0\n\n",
    );
  });

  it("fits a screen, and shows both ends of what is too long", () => {
    const path = `/start/${"deep/".repeat(100)}end.json`;
    const text = banner({ kvConfigPath: path, logDir: `${path}\n\x1b[2J` });
    const lines = text.split("\n");
    assert.ok(lines.length <= 24);
    for (const line of lines) assert.ok([...line].length <= 80, line);
    assert.match(lines[1]!, /^ {2}kvConfigPath {2}\/start\/.*….*\/end\.json$/);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f]/);
  });
});
