import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { TopicNames } from "../../../../src/http/routes/topic_names.ts";

/** Tables with topics, which count how often these are visited. */
class Tables {
  topicNamesVersion = 0;
  visits = 0;
  readonly names = new Set<string>(["One", "two"]);

  *topics(): Generator<string> {
    this.visits++;
    yield* this.names;
  }

  add(name: string): void {
    this.names.add(name);
    this.topicNamesVersion++;
  }
}

describe("TopicNames", () => {
  it("are collected once, and again when topics were added", () => {
    const tables = new Tables();
    const names = new TopicNames(tables);
    const expected = [{ topic: "One", folded: "one" }, { topic: "two", folded: "two" }];
    for (let i = 0; i < 3; i++) assert.deepEqual([...names.topics()], expected);
    assert.equal(tables.visits, 1);
    tables.add("Three");
    const more = [...expected, { topic: "Three", folded: "three" }];
    for (let i = 0; i < 3; i++) assert.deepEqual([...names.topics()], more);
    assert.equal(tables.visits, 2);
  });

  it("are not remembered when they changed meanwhile, or were not visited to the end", () => {
    const tables = new Tables();
    const names = new TopicNames(tables);
    for (const { topic } of names.topics()) if (topic === "One") tables.add("Three");
    for (const _ of names.topics()) break;
    assert.deepEqual(Array.from(names.topics(), ({ topic }) => topic), ["One", "two", "Three"]);
    assert.equal(tables.visits, 3);
  });
});
