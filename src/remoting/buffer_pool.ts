import type { ByteBudget, SpareMemory } from "./memory_budget.ts";

/** Allocating smaller buffers costs less than pooling them. */
const LEAST = 64 * 1024;
const DEFAULT_CAPACITY = 8 * 1024 * 1024;

type SpareBudget = Pick<ByteBudget, "takeSpare" | "giveSpare">;

const NO_LIMIT: SpareBudget = { takeSpare: () => true, giveSpare: () => {} };

/**
 * Reuses the buffers of large frames. A registration of 10 000 topics is 2 MB: allocating that each
 * time would cost more than processing most of them, and cause long garbage collections.
 */
export class BufferPool implements SpareMemory {
  /** Sorted by size, smallest first. */
  readonly #free: Uint8Array[] = [];
  readonly #budget: SpareBudget;
  readonly #capacity: number;
  #size = 0;

  /**
   * @param budget pays for the buffers while they are here
   * @param capacity bytes of all buffers; it must have room for the largest frame, or the largest
   *   are allocated each time
   */
  constructor(budget: SpareBudget = NO_LIMIT, capacity = DEFAULT_CAPACITY) {
    this.#budget = budget;
    this.#capacity = capacity;
  }

  /** Returns a free buffer of at least this size, with arbitrary contents, if there is one. */
  take(size: number): Uint8Array | undefined {
    const at = this.#free.findIndex((buffer) => buffer.length >= size);
    if (size < LEAST || at < 0) return undefined;
    const [buffer] = this.#free.splice(at, 1);
    if (buffer !== undefined) this.#forget(buffer);
    return buffer;
  }

  /**
   * Returns a buffer to the pool. The caller must not use it afterwards. Large buffers displace
   * smaller ones.
   */
  give(buffer: Uint8Array): void {
    const { length } = buffer;
    if (length < LEAST || length > this.#capacity) return;
    let [smallest] = this.#free;
    while (
      this.#size + length > this.#capacity && smallest !== undefined && smallest.length < length
    ) {
      this.#free.shift();
      this.#forget(smallest);
      [smallest] = this.#free;
    }
    if (this.#size + length > this.#capacity || !this.#budget.takeSpare(length, this)) return;
    const at = this.#free.findIndex((other) => other.length >= length);
    this.#free.splice(at < 0 ? this.#free.length : at, 0, buffer);
    this.#size += length;
  }

  clear(): void {
    for (const buffer of this.#free.splice(0)) this.#forget(buffer);
  }

  #forget({ length }: Uint8Array): void {
    this.#size -= length;
    this.#budget.giveSpare(length);
  }
}
