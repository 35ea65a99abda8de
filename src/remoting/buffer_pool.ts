/** Smaller buffers cost less to make than to keep. */
const LEAST = 64 * 1024;
const MAX_POOLED = 8 * 1024 * 1024;

/**
 * Buffers of large frames that are done with, for the next large frames. A registration of 10 000
 * topics is 2 MB: fresh memory for each would cost more than all that is done with most of them,
 * and the garbage collector would stop everybody for it.
 */
export class BufferPool {
  #free: Uint8Array[] = [];
  #size = 0;

  /** A buffer of at least so many bytes, with anything in it, if there is one. */
  take(size: number): Uint8Array | undefined {
    const at = this.#free.findIndex((buffer) => buffer.length >= size);
    if (size < LEAST || at < 0) return undefined;
    const [buffer] = this.#free.splice(at, 1);
    this.#size -= buffer.length;
    return buffer;
  }

  /** Takes a buffer that nobody looks at any more. */
  give(buffer: Uint8Array): void {
    if (buffer.length < LEAST || this.#size + buffer.length > MAX_POOLED) return;
    this.#free.push(buffer);
    this.#size += buffer.length;
  }
}
