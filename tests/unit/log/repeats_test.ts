import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { type LeftOut, RepeatLimit } from "../../../src/log/repeats.ts";

let time: FakeTime;
let told: LeftOut[];

function make(kind: number, peers = 0): RepeatLimit {
  return new RepeatLimit({ kind, peers }, (leftOut) => told.push(leftOut));
}

describe("RepeatLimit", () => {
  beforeEach(() => {
    time = new FakeTime("2026-11-22T12:00:00Z");
    told = [];
  });

  afterEach(() => {
    time.restore();
  });

  it("lets so many pass in each minute", () => {
    const repeats = make(2);
    const passed: number[] = [];
    for (let second = 0; second < 180; second++) {
      if (repeats.passes("INFO", "e", false)) passed.push(second);
      time.tick(1000);
    }
    assert.deepEqual(passed, [0, 1, 60, 61, 120, 121]);
    const minute = { level: "INFO", event: "e", count: 58, seconds: 60 };
    assert.deepEqual(told, [minute, minute, minute]);
  });

  it("says nothing where nothing was left out, and lets all pass at 0", () => {
    const repeats = make(2);
    for (let i = 0; i < 2; i++) assert.ok(repeats.passes("INFO", "e", false));
    repeats.limits.kind = 0;
    for (let i = 0; i < 100; i++) assert.ok(repeats.passes("INFO", "e", false));
    time.tick(120_000);
    repeats.close();
    assert.deepEqual(told, []);
  });

  it("leaves out no more than a minute's when the clock is set back", () => {
    const repeats = make(1);
    for (let i = 0; i < 3; i++) repeats.passes("INFO", "e", false);
    time.restore();
    time = new FakeTime("2026-11-22T11:00:00Z");
    assert.ok(repeats.passes("INFO", "e", false));
    assert.deepEqual(told, [{ level: "INFO", event: "e", count: 2, seconds: 0 }]);
    assert.ok(!repeats.passes("INFO", "e", false));
    time.tick(60_000);
    assert.ok(repeats.passes("INFO", "e", false));
  });

  it("counts each event of each level, up to a number of them apart", () => {
    const repeats = make(1);
    for (let i = 0; i < 1000; i++) assert.ok(repeats.passes("INFO", `e${i}`, false));
    assert.ok(!repeats.passes("INFO", "e7", false));
    // All further events share one window.
    assert.ok(repeats.passes("INFO", "a", false));
    assert.ok(!repeats.passes("INFO", "b", false));
    assert.ok(!repeats.passes("INFO", "c", false));
    time.tick(60_000);
    assert.deepEqual(told.map(({ event, count }) => [event, count]), [["e7", 1], ["(others)", 2]]);
    // After a minute they are removed.
    assert.ok(repeats.passes("INFO", "b", false));
    assert.ok(repeats.passes("INFO", "c", false));
  });

  it("limits all that peers cause together, at each level, and nothing else", () => {
    const repeats = make(10, 20);
    let passed = 0;
    for (let i = 0; i < 500; i++) if (repeats.passes("DEBUG", `e${i % 50}`, true)) passed++;
    assert.equal(passed, 20);
    assert.ok(repeats.passes("WARN", "e1", true), "noise does not hide a warning");
    assert.ok(repeats.passes("DEBUG", "own", false));
    time.tick(60_000);
    const summary = told.find(({ event }) => event === "(all that peers cause)");
    assert.deepEqual(summary, {
      level: "DEBUG",
      event: "(all that peers cause)",
      count: 480,
      seconds: 60,
    });
    assert.ok(repeats.passes("DEBUG", "e1", true));
  });
});
