import { bucketOf } from "../histogram.ts";

/** Milliseconds of the latency buckets: those of the reference (RemotingMetricsManager). */
export const LATENCY_BOUNDS: readonly number[] = [1, 3, 5, 7, 10, 100, 1000, 2000, 3000];

/** What became of an answer. */
export const AnswerResult = { SUCCESS: 0, ONEWAY: 1, WRITE_CHANNEL_FAILED: 2 } as const;
export type AnswerResult = typeof AnswerResult[keyof typeof AnswerResult];

/** All requests of one code with answers of one code and one result. */
export interface RequestSeries {
  /** `undefined`: all codes that are not known. */
  readonly requestCode: number | undefined;
  /** `undefined`: all codes that are not known. */
  readonly responseCode: number | undefined;
  readonly result: AnswerResult;
  /** How many took up to each of {@link LATENCY_BOUNDS}, and in the end those that took longer. */
  readonly counts: readonly number[];
  readonly count: number;
  /** Milliseconds that they took together. */
  readonly sum: number;
}

/** Hears of each request when its answer has left. */
export type LatencyListener = (
  requestCode: number | undefined,
  responseCode: number | undefined,
  result: AnswerResult,
  milliseconds: number,
) => void;

const RESULTS = 3;
/** Codes from here on are not known. */
const CODES = 2048;

/**
 * Counts requests and how long their answers took.
 *
 * It is on the way of every request. Hence a request adds one to a number, and the time is looked at
 * once for all answers of one write: those wait in a list of numbers until it is done. The clock has
 * milliseconds, as that of the reference, so most of them took none: nothing is written down for
 * these, as what is in no other bucket is in the first.
 */
export class RequestCounters {
  readonly #requestCodes: readonly number[];
  readonly #responseCodes: readonly number[];
  readonly #requestSlots: Uint8Array;
  readonly #responseSlots: Uint8Array;
  readonly #answers: Float64Array;
  readonly #sums: Float64Array;
  /** Of cells with answers that took longer than the first bucket: how many, by bucket. */
  readonly #slow = new Map<number, number[]>();
  /** Cells of answers that have not left yet. */
  readonly #leaving: number[] = [];
  #leavingCount = 0;
  #listener: LatencyListener | undefined;

  /** @param requestCodes those that are told apart, below 2048, as are the response codes */
  constructor(requestCodes: readonly number[], responseCodes: readonly number[]) {
    this.#requestCodes = requestCodes;
    this.#responseCodes = responseCodes;
    this.#requestSlots = slotsOf(requestCodes);
    this.#responseSlots = slotsOf(responseCodes);
    const cells = (requestCodes.length + 1) * (responseCodes.length + 1) * RESULTS;
    this.#answers = new Float64Array(cells);
    this.#sums = new Float64Array(cells);
  }

  /** A request has its answer, which leaves with the next {@link left}. */
  answered(requestCode: number, responseCode: number, result: AnswerResult): void {
    const request = requestCode >>> 0 < CODES ? this.#requestSlots[requestCode >>> 0] : 0;
    const response = responseCode >>> 0 < CODES ? this.#responseSlots[responseCode >>> 0] : 0;
    const cell = (request * (this.#responseCodes.length + 1) + response) * RESULTS + result;
    this.#answers[cell]++;
    this.#leaving[this.#leavingCount++] = cell;
  }

  /** How many answers have not left yet. */
  get leaving(): number {
    return this.#leavingCount;
  }

  /** The answers since the last time have left, so many milliseconds after their requests came. */
  left(milliseconds: number): void {
    if (milliseconds > 0 || this.#listener !== undefined) {
      // A clock that was set back.
      this.#write(Math.max(0, milliseconds));
    }
    this.#leavingCount = 0;
  }

  /** Tells each request from now on, in place of whom it told before. */
  onLeft(listener: LatencyListener): void {
    this.#listener = listener;
  }

  /** What there was, by codes and result. */
  *series(): Generator<RequestSeries> {
    for (let cell = 0; cell < this.#answers.length; cell++) {
      const count = this.#answers[cell];
      if (count === 0) continue;
      const counts = [...this.#slow.get(cell) ?? new Array(LATENCY_BOUNDS.length + 1).fill(0)];
      counts[0] = count - counts.reduce((sum, slow) => sum + slow, 0);
      yield { ...this.#codesOf(cell), counts, count, sum: this.#sums[cell] };
    }
  }

  #write(milliseconds: number): void {
    const bucket = bucketOf(LATENCY_BOUNDS, milliseconds);
    for (let i = 0; i < this.#leavingCount; i++) {
      const cell = this.#leaving[i];
      this.#sums[cell] += milliseconds;
      if (bucket > 0) this.#slowOf(cell)[bucket]++;
      if (this.#listener === undefined) continue;
      const { requestCode, responseCode, result } = this.#codesOf(cell);
      this.#listener(requestCode, responseCode, result, milliseconds);
    }
  }

  #slowOf(cell: number): number[] {
    let slow = this.#slow.get(cell);
    if (slow === undefined) {
      this.#slow.set(cell, slow = new Array(LATENCY_BOUNDS.length + 1).fill(0));
    }
    return slow;
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

/** The place of each code in its list, from 1 on; 0 stands for all others. */
function slotsOf(codes: readonly number[]): Uint8Array {
  const slots = new Uint8Array(CODES);
  codes.forEach((code, i) => slots[code] = i + 1);
  return slots;
}
