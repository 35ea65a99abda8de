const SLAB = 64 * 1024;
/** Sizes that are kept, in bytes, with the number of free buffers of each that is. */
const CLASSES = [
  { size: 512, kept: Infinity },
  { size: 2 * 1024, kept: 1024 },
  { size: 8 * 1024, kept: 128 },
  { size: 32 * 1024, kept: 32 },
  { size: 128 * 1024, kept: 8 },
  { size: 512 * 1024, kept: 2 },
] as const;

/** The largest buffer that there is. */
export const MAX_BUFFER = CLASSES[CLASSES.length - 1].size;

/**
 * Buffers for the reads and writes of all connections. The smallest are cut from slabs, as each
 * connection has one as long as it is open; of the others, a few are kept for the next who needs one.
 */
export class SocketBuffers {
  readonly #free: Uint8Array<ArrayBuffer>[][] = CLASSES.map(() => []);
  #slab = new ArrayBuffer(0);
  #cut = 0;

  /** A buffer of one of the sizes, with anything in it. */
  take(size: number): Uint8Array<ArrayBuffer> {
    const at = CLASSES.findIndex((one) => one.size >= size);
    return this.#free[at]!.pop() ?? this.#make(CLASSES[at]!.size);
  }

  /** Takes back a whole buffer that nobody uses any more, the system included. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    const at = CLASSES.findIndex(({ size }) => size === buffer.length);
    const free = this.#free[at]!;
    if (free.length < CLASSES[at]!.kept) free.push(buffer);
  }

  #make(size: number): Uint8Array<ArrayBuffer> {
    if (size !== CLASSES[0].size) return new Uint8Array(size);
    if (this.#cut + size > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(SLAB);
      this.#cut = 0;
    }
    const buffer = new Uint8Array(this.#slab, this.#cut, size);
    this.#cut += size;
    return buffer;
  }
}
