import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { LoopLag } from "../../../src/metrics/loop_lag.ts";

describe("LoopLag", () => {
  let time: FakeTime;
  /** How long the loop was blocked, in milliseconds. */
  let held: number;
  let lag: LoopLag;

  beforeEach(() => {
    time = new FakeTime();
    held = 0;
    lag = new LoopLag(() => Date.now() + held);
    lag.start();
  });
  afterEach(() => {
    lag.stop();
    time.restore();
  });

  const count = () => lag.seconds.counts.reduce((sum, it) => sum + it, 0);

  it("tells twice a second how late a timer was", () => {
    time.tick(1000);
    assert.equal(count(), 2);
    assert.equal(lag.seconds.sum, 0);
    held = 30;
    time.tick(500);
    assert.equal(count(), 3);
    assert.equal(lag.seconds.sum, 0.03);
  });

  it("counts no lateness twice", () => {
    held = 30;
    time.tick(1500);
    assert.equal(lag.seconds.sum, 0.03);
  });

  it("looks no more when it was stopped", () => {
    lag.stop();
    time.tick(5000);
    assert.equal(count(), 0);
  });
});
