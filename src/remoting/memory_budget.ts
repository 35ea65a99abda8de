import type { MemoryBudget } from "./wire/frame_decoder.ts";

/** A budget without a limit. */
export const UNBOUNDED: MemoryBudget = { take: () => true, give: () => {} };

/** A {@link MemoryBudget} whose size is read from a function. */
export class ByteBudget implements MemoryBudget {
  readonly #limit: () => number;
  #used = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Number of bytes reserved. */
  get used(): number {
    return this.#used;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit()) return false;
    this.#used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}
