/**
 * Hands out turns, each so long after the one before: who comes in a crowd waits, and leaves room
 * between for others.
 */
export class Throttle {
  readonly #gap: number;
  readonly #longest: number;
  readonly #now: () => number;
  #last = -Infinity;

  /**
   * @param gap milliseconds between two turns
   * @param now milliseconds of a clock that never goes back
   * @param longest milliseconds that nobody waits longer than: who comes when the crowd before would
   *   take more has its turn together with others
   */
  constructor(gap: number, now: () => number, longest = Infinity) {
    this.#gap = gap;
    this.#longest = longest;
    this.#now = now;
  }

  /** Resolves when the caller's turn has come. */
  async turn(): Promise<void> {
    const now = this.#now();
    this.#last = Math.min(Math.max(this.#last + this.#gap, now), now + this.#longest);
    const wait = this.#last - now;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
