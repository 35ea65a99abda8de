import { byteAt } from "../byte_access.ts";
import { bucketOf } from "../histogram.ts";

/** Bounds of the latency buckets in milliseconds, as in the reference (RemotingMetricsManager). */
export const LATENCY_BOUNDS: readonly number[] = [1, 3, 5, 7, 10, 100, 1000, 2000, 3000];

/** The outcome of sending a response. */
export const AnswerResult = { SUCCESS: 0, ONEWAY: 1, WRITE_CHANNEL_FAILED: 2 } as const;
export type AnswerResult = typeof AnswerResult[keyof typeof AnswerResult];

/** Requests with the same code, response code and result. */
export interface RequestSeries {
  /** `undefined` for all unknown codes. */
  readonly requestCode: number | undefined;
  /** `undefined` for all unknown codes. */
  readonly responseCode: number | undefined;
  readonly result: AnswerResult;
  /**
   * Number of requests per bucket of {@link LATENCY_BOUNDS}; the last entry counts the slower ones.
   */
  readonly counts: readonly number[];
  readonly count: number;
  /** Total time in milliseconds. */
  readonly sum: number;
}

/** Called for each request when its response has been sent. */
export type LatencyListener = (
  requestCode: number | undefined,
  responseCode: number | undefined,
  result: AnswerResult,
  milliseconds: number,
) => void;

const RESULTS = 3;
/** Codes from this value on count as unknown. */
const CODES = 2048;

/**
 * Counts requests and measures response times.
 *
 * This is on the hot path. Counting a request is one addition, and the clock is read once for all
 * responses of one write; until then, they wait in a list of numbers. The clock has a resolution of
 * one millisecond, as in the reference, so most requests take 0 ms. Those are not recorded one by
 * one: any request that is in no other bucket is in the first.
 */
export class RequestCounters {
  readonly #requestCodes: readonly number[];
  readonly #responseCodes: readonly number[];
  readonly #requestSlots: Uint8Array;
  readonly #responseSlots: Uint8Array;
  readonly #answers: Float64Array;
  readonly #sums: Float64Array;
  /** For cells with responses slower than the first bucket: counts by bucket. */
  readonly #slow = new Map<number, number[]>();
  /** Cells of responses not sent yet. */
  readonly #leaving: number[] = [];
  #leavingCount = 0;
  readonly #listeners: LatencyListener[] = [];

  /** @param requestCodes the codes counted separately, below 2048; likewise for responses */
  constructor(requestCodes: readonly number[], responseCodes: readonly number[]) {
    this.#requestCodes = requestCodes;
    this.#responseCodes = responseCodes;
    this.#requestSlots = slotsOf(requestCodes);
    this.#responseSlots = slotsOf(responseCodes);
    const cells = (requestCodes.length + 1) * (responseCodes.length + 1) * RESULTS;
    this.#answers = new Float64Array(cells);
    this.#sums = new Float64Array(cells);
  }

  /** Records the response to a request. The next {@link left} says when it was sent. */
  answered(requestCode: number, responseCode: number, result: AnswerResult): void {
    const request = requestCode >>> 0 < CODES ? byteAt(this.#requestSlots, requestCode) : 0;
    const response = responseCode >>> 0 < CODES ? byteAt(this.#responseSlots, responseCode) : 0;
    const cell = (request * (this.#responseCodes.length + 1) + response) * RESULTS + result;
    this.#answers[cell] = (this.#answers[cell] ?? 0) + 1;
    this.#leaving[this.#leavingCount++] = cell;
  }

  /** Number of responses not sent yet. */
  get leaving(): number {
    return this.#leavingCount;
  }

  /**
   * Records that all responses since the last call were sent, this many milliseconds after their
   * requests arrived.
   */
  left(milliseconds: number): void {
    if (milliseconds > 0 || this.#listeners.length > 0) this.#write(milliseconds);
    this.#leavingCount = 0;
  }

  /** Calls the listener for each request from now on. It must not throw. */
  subscribe(listener: LatencyListener): void {
    this.#listeners.push(listener);
  }

  /** All series with at least one request. */
  *series(): Generator<RequestSeries> {
    for (let cell = 0; cell < this.#answers.length; cell++) {
      const count = this.#answers[cell] ?? 0;
      if (count === 0) continue;
      const counts = [...this.#slow.get(cell) ?? new Array(LATENCY_BOUNDS.length + 1).fill(0)];
      counts[0] = count - counts.reduce((sum, slow) => sum + slow, 0);
      yield { ...this.#codesOf(cell), counts, count, sum: this.#sums[cell] ?? 0 };
    }
  }

  #write(milliseconds: number): void {
    const bucket = bucketOf(LATENCY_BOUNDS, milliseconds);
    for (let i = 0; i < this.#leavingCount; i++) {
      const cell = this.#leaving[i] ?? 0;
      this.#sums[cell] = (this.#sums[cell] ?? 0) + milliseconds;
      if (bucket > 0) this.#countSlow(cell, bucket);
      if (this.#listeners.length === 0) continue;
      const { requestCode, responseCode, result } = this.#codesOf(cell);
      for (const listener of this.#listeners) {
        listener(requestCode, responseCode, result, milliseconds);
      }
    }
  }

  #countSlow(cell: number, bucket: number): void {
    let slow = this.#slow.get(cell);
    if (slow === undefined) {
      this.#slow.set(cell, slow = new Array(LATENCY_BOUNDS.length + 1).fill(0));
    }
    slow[bucket] = (slow[bucket] ?? 0) + 1;
  }

  #codesOf(cell: number): Pick<RequestSeries, "requestCode" | "responseCode" | "result"> {
    const pair = Math.floor(cell / RESULTS);
    const responses = this.#responseCodes.length + 1;
    return {
      requestCode: this.#requestCodes[Math.floor(pair / responses) - 1],
      responseCode: this.#responseCodes[pair % responses - 1],
      result: cell % RESULTS as AnswerResult,
    };
  }
}

/** Position of each code in its list, from 1 on; 0 for all others. */
function slotsOf(codes: readonly number[]): Uint8Array {
  const slots = new Uint8Array(CODES);
  codes.forEach((code, i) => slots[code] = i + 1);
  return slots;
}
