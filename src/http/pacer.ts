/**
 * Hands out turns, each so long after the one before: who comes in a crowd waits, and leaves room
 * between for others.
 */
export class Pacer {
  readonly #gap: number;
  readonly #now: () => number;
  #last = -Infinity;

  /**
   * @param gap milliseconds between two turns
   * @param now milliseconds of a clock that never goes back
   */
  constructor(gap: number, now: () => number) {
    this.#gap = gap;
    this.#now = now;
  }

  /** Resolves when the caller's turn has come. */
  async turn(): Promise<void> {
    const now = this.#now();
    this.#last = Math.max(this.#last + this.#gap, now);
    const wait = this.#last - now;
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }
}
