/** Bucket bounds for durations of some milliseconds, in seconds. */
export const SECONDS: readonly number[] = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
];

/** A histogram: counts of values by bucket, and their sum. */
export class Histogram {
  /** Upper bounds of the buckets, inclusive and ascending. */
  readonly bounds: readonly number[];
  /** Count of values per bucket; the last bucket is for values above all bounds. */
  readonly counts: number[];
  #sum = 0;
  readonly #listeners: ((value: number) => void)[] = [];

  /** @param bounds upper bounds of the buckets, ascending */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  /** The sum of all numbers. */
  get sum(): number {
    return this.#sum;
  }

  /** Adds a value. */
  add(value: number): void {
    const bucket = bucketOf(this.bounds, value);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.#sum += value;
    for (const listener of this.#listeners) listener(value);
  }

  /** Calls the listener with each value from now on. It must not throw. */
  subscribe(listener: (value: number) => void): void {
    this.#listeners.push(listener);
  }
}

/** Index of a value's bucket: the first whose bound is not below the value. */
export function bucketOf(bounds: readonly number[], value: number): number {
  const at = bounds.findIndex((bound) => value <= bound);
  return at < 0 ? bounds.length : at;
}

/**
 * Estimates the value below which a part of the values lies, as Prometheus does: values are taken to be
 * spread evenly over their bucket, and the lowest bucket begins at 0.
 *
 * @param counts values per bucket; the last bucket is for values above all bounds
 * @param part from 0 to 1
 * @returns the highest bound where the value lies above all of them; `undefined` without values
 */
export function quantile(
  bounds: readonly number[],
  counts: readonly number[],
  part: number,
): number | undefined {
  const rank = part * counts.reduce((sum, count) => sum + count, 0);
  if (rank === 0) return undefined;
  let below = 0;
  for (const [i, bound] of bounds.entries()) {
    const count = counts[i] ?? 0;
    if (below + count >= rank) {
      const start = bounds[i - 1] ?? 0;
      return start + (bound - start) * (rank - below) / count;
    }
    below += count;
  }
  return bounds.at(-1);
}
