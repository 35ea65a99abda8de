import type { MemoryBudget } from "./wire/frame_decoder.ts";

/** A {@link MemoryBudget} of so many bytes as a function says at the time. */
export class ByteBudget implements MemoryBudget {
  readonly #limit: () => number;
  #used = 0;

  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Bytes taken and not given back. */
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
