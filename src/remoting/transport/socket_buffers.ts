const SLAB = 64 * 1024;
const SMALLEST = 512;
/** The largest buffer that there is, in bytes. */
export const MAX_BUFFER = 512 * 1024;
/** The sizes of buffers, in bytes, and how many free ones of each are kept. */
const CLASSES = [
  { size: SMALLEST, kept: Infinity },
  { size: 2 * 1024, kept: 1024 },
  { size: 8 * 1024, kept: 512 },
  { size: 32 * 1024, kept: 96 },
  { size: 128 * 1024, kept: 12 },
  { size: MAX_BUFFER, kept: 2 },
];

/**
 * Buffers for the reads and writes of all connections. The smallest are cut from slabs, as each
 * connection has one as long as it is open; of the others, a few are kept for the next who needs one.
 */
export class SocketBuffers {
  readonly #classes = CLASSES.map(({ size, kept }) => ({
    size,
    kept,
    free: [] as Uint8Array<ArrayBuffer>[],
  }));
  #slab = new ArrayBuffer(0);
  #cut = 0;

  /** A buffer of one of the sizes, with anything in it. */
  take(size: number): Uint8Array<ArrayBuffer> {
    const fitting = this.#classes.find((one) => one.size >= size);
    if (fitting === undefined) throw new RangeError(`no buffer has ${size} bytes`);
    return fitting.free.pop() ?? this.#make(fitting.size);
  }

  /** Takes back a whole buffer that is no longer used, by the system either. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    const own = this.#classes.find(({ size }) => size === buffer.length);
    if (own !== undefined && own.free.length < own.kept) own.free.push(buffer);
  }

  #make(size: number): Uint8Array<ArrayBuffer> {
    if (size !== SMALLEST) return new Uint8Array(size);
    if (this.#cut + size > this.#slab.byteLength) {
      this.#slab = new ArrayBuffer(SLAB);
      this.#cut = 0;
    }
    const buffer = new Uint8Array(this.#slab, this.#cut, size);
    this.#cut += size;
    return buffer;
  }
}
