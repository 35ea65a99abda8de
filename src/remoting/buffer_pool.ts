/** Allocating smaller buffers costs less than pooling them. */
const LEAST = 64 * 1024;
const MAX_POOLED = 8 * 1024 * 1024;

/**
 * Reuses the buffers of large frames. A registration of 10 000 topics is 2 MB: allocating that each
 * time would cost more than processing most of them, and cause long garbage collections.
 */
export class BufferPool {
  /** Sorted by size, smallest first. */
  readonly #free: Uint8Array[] = [];
  #size = 0;

  /** Returns a free buffer of at least this size, with arbitrary contents, if there is one. */
  take(size: number): Uint8Array | undefined {
    const at = this.#free.findIndex((buffer) => buffer.length >= size);
    if (size < LEAST || at < 0) return undefined;
    const [buffer] = this.#free.splice(at, 1);
    this.#size -= buffer?.length ?? 0;
    return buffer;
  }

  /**
   * Returns a buffer to the pool. The caller must not use it afterwards. Large buffers displace
   * smaller ones.
   */
  give(buffer: Uint8Array): void {
    const { length } = buffer;
    if (length < LEAST || length > MAX_POOLED) return;
    let [smallest] = this.#free;
    while (this.#size + length > MAX_POOLED && smallest !== undefined && smallest.length < length) {
      this.#size -= smallest.length;
      this.#free.shift();
      [smallest] = this.#free;
    }
    if (this.#size + length > MAX_POOLED) return;
    const at = this.#free.findIndex((other) => other.length >= length);
    this.#free.splice(at < 0 ? this.#free.length : at, 0, buffer);
    this.#size += length;
  }
}
