import { int32At } from "../../byte_access.ts";
import { BufferPool } from "../buffer_pool.ts";
import { FrameError, SerializeType } from "./command.ts";

/**
 * A frame: a range of bytes. Its parts are extracted on demand, because most frames are answered
 * without them and creating a view costs more than the rest of the work on such a frame.
 */
export class Frame {
  readonly serializeType: SerializeType;
  readonly bytes: Uint8Array;
  readonly headerStart: number;
  readonly headerEnd: number;
  /** Where the body ends. */
  readonly end: number;
  /**
   * True if the bytes hold nothing else. False if they are part of the pushed chunk, which will be
   * reused.
   */
  readonly owned: boolean;

  /** @param at offset of the length field */
  constructor(bytes: Uint8Array, at: number, length: number, owned: boolean) {
    const marker = int32At(bytes, at + 4);
    this.serializeType = (marker >>> 24) as SerializeType;
    this.bytes = bytes;
    this.headerStart = at + 8;
    this.headerEnd = at + 8 + (marker & 0xffffff);
    this.end = at + 4 + length;
    this.owned = owned;
  }

  get header(): Uint8Array {
    return this.bytes.subarray(this.headerStart, this.headerEnd);
  }

  get body(): Uint8Array {
    return this.bytes.subarray(this.headerEnd, this.end);
  }
}

/** There is no memory for what is being received. */
export class MemoryShortage extends Error {
  override name = "MemoryShortage";
}

/** Memory for what is kept for a peer. */
export interface MemoryBudget {
  /** Reserves bytes. Returns false, and reserves nothing, when fewer are left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** The limit on headers. */
export interface HeaderLimit {
  maxHeaderBytes: number;
}

const NO_LIMIT: HeaderLimit = { maxHeaderBytes: Infinity };
const NO_BYTES = new Uint8Array(0);
const FIRST_CAPACITY = 1024;
/** Headers up to this size are always allowed. */
const SMALL_HEADER = 1024;

/**
 * Cuts a byte stream into frames (protocol.md, "Frame"), regardless of how the stream was chunked.
 *
 * Push the received bytes, then take frames until there are no more. Bytes of an unfinished frame
 * are copied into a buffer that grows with the bytes received, never with the announced length.
 */
export class FrameDecoder {
  readonly #maxLength: number;
  readonly #limits: Readonly<HeaderLimit>;
  readonly #budget: MemoryBudget;
  readonly #pool: BufferPool;
  /** The bytes pushed last, not copied; everything before `#at` is consumed. */
  #chunk: Uint8Array = NO_BYTES;
  #at = 0;
  /** Copies of bytes pushed before the chunk, consumed up to `#keptAt`. */
  #kept: Uint8Array = NO_BYTES;
  #keptAt = 0;
  #keptEnd = 0;
  #unfinished = 0;

  /**
   * @param maxLength the largest allowed value of a frame's length field
   * @param pool of buffers for large frames; the holder of an `owned` frame returns its buffer
   * @param limits read for each header
   */
  constructor(
    maxLength: number,
    budget: MemoryBudget,
    pool = new BufferPool(),
    limits: Readonly<HeaderLimit> = NO_LIMIT,
  ) {
    this.#maxLength = maxLength;
    this.#budget = budget;
    this.#pool = pool;
    this.#limits = limits;
  }

  /**
   * The number of the frame that has begun and whose end is missing; `undefined` if there is none.
   * It stays the same until this frame is complete.
   */
  get unfinished(): number | undefined {
    return this.#keptEnd > this.#keptAt ? this.#unfinished : undefined;
  }

  /** Adds received bytes. They must not change until {@link keep} or the next push. */
  push(chunk: Uint8Array): void {
    this.keep();
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * Returns the next complete frame, or `undefined` when more bytes are needed.
   *
   * @throws {FrameError} on an invalid length or marker
   * @throws {MemoryShortage} when the memory budget is used up
   */
  next(): Frame | undefined {
    if (this.#keptEnd > 0) return this.#nextKept();
    const available = this.#chunk.length - this.#at;
    if (available < 8) {
      if (available >= 4) this.#checkLength(int32At(this.#chunk, this.#at));
      return undefined;
    }
    const length = int32At(this.#chunk, this.#at);
    this.#check(length, int32At(this.#chunk, this.#at + 4));
    if (available < 4 + length) return undefined;
    const frame = new Frame(this.#chunk, this.#at, length, false);
    this.#at += 4 + length;
    return frame;
  }

  /**
   * Copies the unconsumed bytes, so that the caller may reuse its buffer.
   *
   * @throws {MemoryShortage} when the memory budget is used up
   */
  keep(): void {
    const chunk = this.#chunk;
    const at = this.#at;
    this.#chunk = NO_BYTES;
    this.#at = 0;
    // Usually nothing is left, and a view costs a noticeable part of a request.
    if (at < chunk.length) this.#append(chunk.subarray(at), Infinity);
  }

  /** Releases the memory. The decoder must not be used afterwards. */
  release(): void {
    this.#forget();
    this.#chunk = NO_BYTES;
    this.#at = 0;
  }

  #nextKept(): Frame | undefined {
    if (!this.#fill(8, FIRST_CAPACITY)) {
      if (this.#keptEnd - this.#keptAt >= 4) this.#checkLength(int32At(this.#kept, this.#keptAt));
      return undefined;
    }
    const length = int32At(this.#kept, this.#keptAt);
    this.#check(length, int32At(this.#kept, this.#keptAt + 4));
    if (!this.#fill(4 + length, 4 + length)) return undefined;
    const end = this.#keptAt + 4 + length;
    const last = end === this.#keptEnd;
    // A buffer that holds only this frame now belongs to it.
    const frame = new Frame(this.#kept, this.#keptAt, length, last && this.#keptAt === 0);
    if (last) {
      this.#forget();
    } else {
      this.#keptAt = end;
      this.#unfinished++;
    }
    return frame;
  }

  /**
   * Moves bytes from the chunk until `size` bytes are kept; returns false when there are too few.
   */
  #fill(size: number, capacity: number): boolean {
    const missing = size - (this.#keptEnd - this.#keptAt);
    if (missing <= 0) return true;
    const taken = this.#chunk.subarray(this.#at, this.#at + missing);
    this.#append(taken, capacity);
    this.#at += taken.length;
    return taken.length === missing;
  }

  /** @param capacity the expected total of the kept bytes, as far as it is known */
  #append(bytes: Uint8Array, capacity: number): void {
    if (bytes.length === 0) return;
    if (this.#keptEnd === 0) this.#unfinished++;
    if (this.#keptEnd + bytes.length > this.#kept.length) this.#grow(bytes.length, capacity);
    this.#kept.set(bytes, this.#keptEnd);
    this.#keptEnd += bytes.length;
  }

  #grow(more: number, capacity: number): void {
    const waiting = this.#kept.subarray(this.#keptAt, this.#keptEnd);
    const needed = waiting.length + more;
    const doubled = Math.max(FIRST_CAPACITY, 2 * this.#kept.length);
    const size = Math.max(needed, this.#kept.length, Math.min(doubled, capacity));
    // A pooled buffer costs nothing, so it may be as large as the announced length.
    const spare = this.#pool.take(capacity === Infinity ? size : Math.max(size, capacity));
    const length = spare?.length ?? size;
    if (!this.#budget.take(length - this.#kept.length)) {
      throw new MemoryShortage(
        "no memory left for an unfinished frame (maxBufferedRequestBytes, " +
          "maxBufferedBytesPerAddress, maxBufferedBytesPerConnection)",
      );
    }
    const grown = spare ?? new Uint8Array(size);
    grown.set(waiting);
    this.#pool.give(this.#kept);
    this.#kept = grown;
    this.#keptAt = 0;
    this.#keptEnd = waiting.length;
  }

  #forget(): void {
    this.#budget.give(this.#kept.length);
    this.#kept = NO_BYTES;
    this.#keptAt = 0;
    this.#keptEnd = 0;
  }

  #checkLength(length: number): void {
    if (length < 4 || length > this.#maxLength) {
      throw new FrameError(
        `frame length ${length} is not between 4 and ${this.#maxLength} (frameMaxLength)`,
      );
    }
  }

  #check(length: number, marker: number): void {
    this.#checkLength(length);
    const type = marker >>> 24;
    if (type !== SerializeType.JSON && type !== SerializeType.ROCKETMQ) {
      throw new FrameError(`unknown serializeType ${type}`);
    }
    const header = marker & 0xffffff;
    if (header > length - 4) {
      throw new FrameError(`a header of ${header} bytes is longer than its frame of ${length}`);
    }
    if (header > SMALL_HEADER && header > this.#limits.maxHeaderBytes) {
      const most = this.#limits.maxHeaderBytes;
      throw new FrameError(`a header of ${header} bytes is longer than ${most} (maxHeaderBytes)`);
    }
  }
}
