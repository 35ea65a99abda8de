/**
 * A histogram of latencies in microseconds, as HdrHistogram does it: linear buckets within each power of
 * two, so that every value keeps a relative error below 1/64 and recording is one array increment.
 */
const SUB_BITS = 6;
const SUB_COUNT = 1 << SUB_BITS;

export class Histogram {
  // 64 exact buckets below 64 us, then 64 for each power of two up to 2^31 us (35 minutes).
  readonly #counts = new Float64Array(SUB_COUNT * (32 - SUB_BITS));
  #total = 0;
  #max = 0;

  /** Number of recorded values. */
  get count(): number {
    return this.#total;
  }

  /** The largest recorded value, in milliseconds. */
  get maxMs(): number {
    return this.#max / 1000;
  }

  /** Records a latency of `ms` milliseconds; negative and too long values are clamped. */
  record(ms: number): void {
    const us = Math.min(Math.max(Math.floor(ms * 1000), 0), 0x7fffffff);
    const shift = us < SUB_COUNT ? 0 : 32 - SUB_BITS - 1 - Math.clz32(us);
    this.#counts[shift * SUB_COUNT + (us >> shift)]!++;
    this.#total++;
    if (us > this.#max) this.#max = us;
  }

  /**
   * The value in milliseconds that a `fraction` (0..1) of all values does not exceed; 0 if empty.
   */
  percentileMs(fraction: number): number {
    const wanted = Math.max(1, Math.ceil(this.#total * fraction));
    let seen = 0;
    for (let index = 0; index < this.#counts.length; index++) {
      seen += this.#counts[index]!;
      if (seen >= wanted) return Math.min(upperEdge(index), this.#max) / 1000;
    }
    return 0;
  }

  /** Removes all values. */
  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#max = 0;
  }
}

function upperEdge(index: number): number {
  const shift = Math.max(0, Math.floor(index / SUB_COUNT) - 1);
  return (index - shift * SUB_COUNT + 1) * 2 ** shift - 1;
}
