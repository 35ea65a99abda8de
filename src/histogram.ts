/** Bounds for what takes some milliseconds, in seconds. */
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

/** How numbers are spread: how many there were up to each of some bounds, and their sum. */
export class Histogram {
  /** Upper bounds of the buckets, inclusive and ascending. */
  readonly bounds: readonly number[];
  /** How many numbers fell into each bucket; the last one has those above all bounds. */
  readonly counts: number[];
  #sum = 0;
  #listener: ((value: number) => void) | undefined;

  /** @param bounds upper bounds of the buckets, ascending */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  /** The sum of all numbers. */
  get sum(): number {
    return this.#sum;
  }

  /** Takes a number. */
  add(value: number): void {
    this.counts[bucketOf(this.bounds, value)]++;
    this.#sum += value;
    this.#listener?.(value);
  }

  /** Tells each number from now on, in place of whom it told before. */
  onAdd(listener: (value: number) => void): void {
    this.#listener = listener;
  }
}

/** The bucket that a number belongs to: the first whose bound is not below it. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let at = 0;
  while (at < bounds.length && value > bounds[at]) at++;
  return at;
}
