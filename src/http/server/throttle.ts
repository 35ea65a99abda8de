/**
 * Hands out turns at a fixed distance: callers that arrive together wait, and leave time for other
 * work in between.
 */
export class Throttle {
  readonly #gap: number;
  readonly #longest: number;
  readonly #now: () => number;
  #last = -Infinity;

  /**
   * @param gap milliseconds between two turns
   * @param now milliseconds of a monotonic clock
   * @param longest the longest wait in milliseconds: callers that would wait longer share a turn
   */
  constructor(gap: number, now: () => number, longest = Infinity) {
    this.#gap = gap;
    this.#longest = longest;
    this.#now = now;
  }

  /** Resolves when it is the caller's turn. */
  async turn(): Promise<void> {
    const now = this.#now();
    this.#last = Math.min(Math.max(this.#last + this.#gap, now), now + this.#longest);
    const wait = this.#last - now;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
