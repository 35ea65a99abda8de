import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Histogram, quantile } from "../../src/histogram.ts";

describe("Histogram", () => {
  it("counts each number in the first bucket whose bound is not below it", () => {
    const distribution = new Histogram([1, 5, 10]);
    for (const value of [0, 1, 1.5, 5, 7, 10, 10.5, 1000]) distribution.add(value);
    assert.deepEqual(distribution.counts, [2, 2, 2, 2]);
    assert.equal(distribution.sum, 1035);
  });

  it("passes each number from then on to all subscribers", () => {
    const distribution = new Histogram([1]);
    const heard: number[] = [];
    distribution.add(1);
    distribution.subscribe((value) => void heard.push(value));
    distribution.add(2);
    distribution.add(0.5);
    const alsoHeard: number[] = [];
    distribution.subscribe((value) => void alsoHeard.push(value));
    distribution.add(3);
    assert.deepEqual(heard, [2, 0.5, 3]);
    assert.deepEqual(alsoHeard, [3]);
    assert.deepEqual(distribution.counts, [2, 2]);
  });
});

describe("quantile", () => {
  it("takes values to be spread evenly over their bucket, as Prometheus does", () => {
    assert.equal(quantile([1, 5], [10, 0, 0], 0.5), 0.5);
    assert.equal(quantile([1, 5], [10, 10, 0], 0.75), 3);
    assert.equal(quantile([1, 5], [0, 4, 0], 1), 5);
  });

  it("is the highest bound for values above all, and unknown without values", () => {
    assert.equal(quantile([1, 5], [1, 0, 9], 0.5), 5);
    assert.equal(quantile([1, 5], [0, 0, 0], 0.5), undefined);
  });
});
