const MINUTE = 60_000;
/** Addresses that are remembered. Over it, the one that began first is forgotten. */
const MAX_ADDRESSES = 10_000;

/** Limits how often an address may try to log in. */
export class LoginLimit {
  readonly #perMinute: () => number;
  readonly #now: () => number;
  /** The minutes that have begun, in their order. */
  readonly #minutes = new Map<string, { readonly began: number; attempts: number }>();

  /**
   * @param perMinute attempts of an address in a minute
   * @param now milliseconds of a monotonic clock
   */
  constructor(perMinute: () => number, now: () => number) {
    this.#perMinute = perMinute;
    this.#now = now;
  }

  /**
   * Counts an attempt.
   *
   * @returns `undefined` when it is allowed; otherwise the seconds until the next one is
   */
  attempt(address: string): number | undefined {
    const now = this.#now();
    const known = this.#minutes.get(address);
    if (known !== undefined && now - known.began < MINUTE) {
      if (known.attempts >= this.#perMinute()) {
        return Math.ceil((known.began + MINUTE - now) / 1000);
      }
      known.attempts++;
      return undefined;
    }
    this.#minutes.delete(address);
    this.#minutes.set(address, { began: now, attempts: 1 });
    for (const oldest of this.#minutes.keys()) {
      if (this.#minutes.size <= MAX_ADDRESSES) break;
      this.#minutes.delete(oldest);
    }
    return undefined;
  }
}
