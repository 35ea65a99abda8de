import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  AnswerResult,
  LATENCY_BOUNDS,
  RequestCounters,
} from "../../../src/remoting/request_counters.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const { SUCCESS, ONEWAY, WRITE_CHANNEL_FAILED } = AnswerResult;

/** Counts by bucket, given only those that are not zero. */
function buckets(counts: Record<number, number>): number[] {
  return Array.from({ length: LATENCY_BOUNDS.length + 1 }, (_, i) => counts[i] ?? 0);
}

describe("RequestCounters", () => {
  let counters: RequestCounters;

  beforeEach(() => {
    counters = new RequestCounters([103, 105, 905], [0, 17, 1500]);
  });

  it("has nothing at first", () => {
    assert.deepEqual([...counters.series()], []);
    assert.equal(counters.leaving, 0);
  });

  it("keeps codes and results apart", () => {
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, SUCCESS);
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, SUCCESS);
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 17, SUCCESS);
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, ONEWAY);
    counters.answered(RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE, 1500, WRITE_CHANNEL_FAILED);
    counters.left(0);
    const seen = [...counters.series()].map((
      { requestCode, responseCode, result, count },
    ) => [requestCode, responseCode, result, count]);
    assert.deepEqual(seen, [
      [105, 0, SUCCESS, 2],
      [105, 0, ONEWAY, 1],
      [105, 17, SUCCESS, 1],
      [905, 1500, WRITE_CHANNEL_FAILED, 1],
    ]);
  });

  it("puts all codes that are not known together", () => {
    for (const code of [0, -1, 104, 4711, 32_767, 2 ** 31 - 1, -(2 ** 31)]) {
      counters.answered(code, 3, SUCCESS);
    }
    counters.left(0);
    const [only, ...others] = counters.series();
    assert.deepEqual(others, []);
    assert.equal(only!.requestCode, undefined);
    assert.equal(only!.responseCode, undefined);
    assert.equal(only!.count, 7);
  });

  it("gives all answers that leave at once the same time", () => {
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, SUCCESS);
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, SUCCESS);
    counters.answered(RequestCode.REGISTER_BROKER, 0, SUCCESS);
    assert.equal(counters.leaving, 3);
    counters.left(4);
    assert.equal(counters.leaving, 0);
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, SUCCESS);
    counters.left(0);
    const [registrations, routes] = counters.series();
    assert.deepEqual(registrations!.counts, buckets({ 2: 1 }));
    assert.equal(registrations!.sum, 4);
    assert.deepEqual(routes!.counts, buckets({ 0: 1, 2: 2 }));
    assert.equal(routes!.sum, 8);
    assert.equal(routes!.count, 3);
  });

  it("has a bucket for each bound, and one for what is beyond", () => {
    for (const milliseconds of [0, 1, 2, 3, 3000, 3001, 90_000]) {
      counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, SUCCESS);
      counters.left(milliseconds);
    }
    const [routes] = counters.series();
    assert.deepEqual(routes!.counts, buckets({ 0: 2, 1: 2, 8: 1, 9: 2 }));
    assert.equal(routes!.sum, 96_007);
  });

  it("takes a clock that was set back for no time", () => {
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 0, SUCCESS);
    counters.left(-3_600_000);
    const [routes] = counters.series();
    assert.deepEqual(routes!.counts, buckets({ 0: 1 }));
    assert.equal(routes!.sum, 0);
  });

  it("passes each request to the listener, including those that took no time", () => {
    const heard: unknown[] = [];
    counters.subscribe((...request) => void heard.push(request));
    counters.answered(RequestCode.GET_ROUTEINFO_BY_TOPIC, 17, SUCCESS);
    counters.answered(4711, 0, ONEWAY);
    counters.left(0);
    counters.answered(RequestCode.REGISTER_BROKER, 0, SUCCESS);
    counters.left(12);
    assert.deepEqual(heard, [
      [105, 17, SUCCESS, 0],
      [undefined, 0, ONEWAY, 0],
      [103, 0, SUCCESS, 12],
    ]);
  });
});
