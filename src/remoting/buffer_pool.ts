/** Smaller buffers cost less to make than to keep. */
const LEAST = 64 * 1024;
const MAX_POOLED = 8 * 1024 * 1024;

/**
 * Buffers of large frames that are done with, for the next large frames. A registration of 10 000
 * topics is 2 MB: fresh memory for each would cost more than all that is done with most of them,
 * and the garbage collector would stop everybody for it.
 */
export class BufferPool {
  /** The smallest first. */
  readonly #free: Uint8Array[] = [];
  #size = 0;

  /** A buffer of at least so many bytes, with anything in it, if there is one. */
  take(size: number): Uint8Array | undefined {
    const at = this.#free.findIndex((buffer) => buffer.length >= size);
    if (size < LEAST || at < 0) return undefined;
    const [buffer] = this.#free.splice(at, 1);
    this.#size -= buffer.length;
    return buffer;
  }

  /** Takes a buffer that nobody looks at any more. Large ones push out smaller ones. */
  give(buffer: Uint8Array): void {
    const { length } = buffer;
    if (length < LEAST || length > MAX_POOLED) return;
    while (this.#size + length > MAX_POOLED && this.#free[0].length < length) {
      this.#size -= this.#free.shift()!.length;
    }
    if (this.#size + length > MAX_POOLED) return;
    const at = this.#free.findIndex((other) => other.length >= length);
    this.#free.splice(at < 0 ? this.#free.length : at, 0, buffer);
    this.#size += length;
  }
}
