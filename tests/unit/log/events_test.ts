import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { LOG_EVENT_GROUPS } from "../../../src/log/events.ts";

const SOURCES = new URL("../../../src/", import.meta.url);

/** The text of all sources but the table itself. */
function sources(folder = SOURCES): string {
  let text = "";
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const at = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory) text += sources(at);
    else if (name.endsWith(".ts") && !at.href.endsWith("/log/events.ts")) {
      text += Deno.readTextFileSync(at);
    }
  }
  return text;
}

// The types of Log already exclude other events, levels and fields.
describe("the table of log events", () => {
  const rows = LOG_EVENT_GROUPS.flatMap(({ events }) => Object.entries(events));

  it("has each event once", () => {
    const names = rows.map(([event]) => event);
    assert.deepEqual(names, [...new Set(names)]);
  });

  it("has no event that the code does not log", () => {
    const text = sources();
    for (const [event] of rows) assert.ok(text.includes(JSON.stringify(event)), event);
  });

  it("says of each what it means, and has no level or field twice", () => {
    for (const [event, { levels, fields, meaning }] of rows) {
      assert.match(meaning, /^\S.*\.$/, event);
      assert.ok(levels.length > 0, event);
      assert.deepEqual([levels, fields], [[...new Set(levels)], [...new Set(fields)]], event);
    }
  });
});
