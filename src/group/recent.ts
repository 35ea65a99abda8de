/** Milliseconds for which a result is good. */
const AGE = 2000;

/**
 * The latest results of work that is asked for by a key. Those who ask at the same time, or within two
 * seconds, share one result; different keys take turns, one at a time.
 */
export class Recent<T> {
  readonly #now: () => number;
  readonly #results = new Map<string, { readonly value: Promise<T>; until: number }>();
  #last: Promise<unknown> = Promise.resolve();

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The result of the work, recent or new. Errors are not kept. */
  get(key: string, work: () => Promise<T>): Promise<T> {
    for (const [old, { until }] of this.#results) {
      if (this.#now() >= until) this.#results.delete(old);
    }
    const known = this.#results.get(key);
    if (known !== undefined) return known.value;
    const value = this.#last.then(work);
    const entry = { value, until: Infinity };
    this.#results.set(key, entry);
    this.#last = value.then(
      () => void (entry.until = this.#now() + AGE),
      () => void this.#results.delete(key),
    );
    return value;
  }
}
