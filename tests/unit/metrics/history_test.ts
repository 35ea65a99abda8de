import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { History, HISTORY_SAMPLES } from "../../../src/metrics/history.ts";
import { RequestCode, ResponseCode } from "../../../src/protocol/codes.ts";
import { AnswerResult } from "../../../src/remoting/request_counters.ts";
import { metricsWorld, type World } from "../../support/metrics_world.ts";

let sources: World;
let seconds: number;
let history: History;

/** Answers requests that took this long. */
function answer(count: number, milliseconds: number): void {
  const { requests } = sources.remoting;
  for (let i = 0; i < count; i++) {
    requests.answered(
      RequestCode.GET_ROUTEINFO_BY_TOPIC,
      ResponseCode.SUCCESS,
      AnswerResult.SUCCESS,
    );
  }
  requests.left(milliseconds);
}

function sampleAfter(passed: number): void {
  seconds += passed;
  history.sample();
}

describe("History", () => {
  beforeEach(() => {
    sources = metricsWorld();
    seconds = 0;
    history = new History({
      sources,
      now: () => 1_700_000_000_000 + seconds * 1000,
      monotonic: () => seconds * 1000,
    });
  });

  it("has nothing to show before the second sample", () => {
    answer(1000, 0);
    history.sample();
    assert.deepEqual(history.view().requests, []);
  });

  it("is collected once for all who look between two samples", () => {
    sampleAfter(0);
    answer(10, 0);
    sampleAfter(5);
    const view = history.view();
    answer(10, 0);
    assert.equal(history.view(), view);
    sampleAfter(5);
    assert.deepEqual(history.view().requests, [2, 2]);
  });

  it("shows rates, latencies and memory of each interval", () => {
    answer(1000, 0);
    history.sample();
    answer(98, 0);
    answer(2, 50);
    sources.classes.default.refused += 5;
    sampleAfter(5);
    // A late sample does not look like more load.
    answer(100, 0);
    sampleAfter(10);
    sampleAfter(5);
    const { end, requests, busy, p50Millis, p99Millis, heapUsed, rss } = history.view();
    assert.equal(end, 1_700_000_020_000);
    assert.deepEqual(requests, [20, 10, 0]);
    assert.deepEqual(busy, [1, 0, 0]);
    assert.deepEqual(p50Millis.map((it) => it && Number(it.toFixed(2))), [0.51, 0.5, null]);
    // Prometheus says the same: half of the way from 10 to 100 ms.
    assert.deepEqual(p99Millis, [55, 0.99, null]);
    assert.deepEqual([heapUsed, rss], [[8e6, 8e6, 8e6], [60e6, 60e6, 60e6]]);
  });

  it("keeps 15 minutes, however long it runs", () => {
    for (let i = 0; i < 500; i++) {
      answer(i, 0);
      sampleAfter(5);
    }
    const { requests, heapUsed } = history.view();
    assert.deepEqual([requests.length, heapUsed.length], [HISTORY_SAMPLES, HISTORY_SAMPLES]);
    assert.deepEqual([requests[0], requests.at(-1)], [320 / 5, 499 / 5]);
  });
});
