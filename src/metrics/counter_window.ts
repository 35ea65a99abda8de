/** Seconds between two samples of the counters. */
export const SAMPLE_INTERVAL = 5;

/** The growth of some counters between two samples. */
export interface Growth {
  /** Seconds between the samples. */
  readonly seconds: number;
  /** By how much each counter grew, in the order in which they were added. */
  readonly by: readonly number[];
}

/** The latest values of some counters, in a ring of fixed size. */
export class CounterWindow {
  readonly #values: Float64Array;
  readonly #times: Float64Array;
  readonly #counters: number;
  readonly #samples: number;
  #added = 0;

  /**
   * @param counters number of counters
   * @param samples most samples kept; growth is known between any two of them
   */
  constructor(counters: number, samples: number) {
    this.#counters = counters;
    this.#samples = samples;
    this.#values = new Float64Array(counters * samples);
    this.#times = new Float64Array(samples);
  }

  /** Number of samples kept. */
  get size(): number {
    return Math.min(this.#added, this.#samples);
  }

  /**
   * Adds a sample, which replaces the oldest one of a full ring.
   *
   * @param seconds of a monotonic clock
   */
  add(seconds: number, values: readonly number[]): void {
    const row = this.#added++ % this.#samples;
    this.#times[row] = seconds;
    this.#values.set(values.slice(0, this.#counters), row * this.#counters);
  }

  /**
   * The growth between two samples, counted from the latest one.
   *
   * @param from how many samples before the latest, e.g. 1
   * @param to how many samples before the latest; the latest itself by default
   */
  growth(from: number = this.size - 1, to = 0): Growth {
    const by: number[] = [];
    for (let i = 0; i < this.#counters; i++) by.push(this.#at(to, i) - this.#at(from, i));
    return { seconds: this.#time(to) - this.#time(from), by };
  }

  #at(before: number, counter: number): number {
    return this.#values[this.#row(before) * this.#counters + counter] ?? 0;
  }

  #time(before: number): number {
    return this.#times[this.#row(before)] ?? 0;
  }

  #row(before: number): number {
    return Math.max(0, this.#added - 1 - before) % this.#samples;
  }
}
