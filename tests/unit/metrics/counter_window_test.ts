import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CounterWindow } from "../../../src/metrics/counter_window.ts";

describe("CounterWindow", () => {
  it("tells the growth between any two samples, and over all it has", () => {
    const window = new CounterWindow(2, 4);
    assert.deepEqual(window.growth(), { seconds: 0, by: [0, 0] });
    window.add(10, [1, 100]);
    assert.deepEqual(window.growth(), { seconds: 0, by: [0, 0] });
    window.add(15, [4, 100]);
    window.add(21, [5, 110]);
    assert.deepEqual(window.growth(), { seconds: 11, by: [4, 10] });
    assert.deepEqual(window.growth(1), { seconds: 6, by: [1, 10] });
    assert.deepEqual(window.growth(2, 1), { seconds: 5, by: [3, 0] });
  });

  it("forgets the oldest sample when it is full", () => {
    const window = new CounterWindow(1, 3);
    for (let i = 0; i < 10; i++) window.add(i, [i * i]);
    assert.equal(window.size, 3);
    assert.deepEqual(window.growth(), { seconds: 2, by: [81 - 49] });
  });
});
