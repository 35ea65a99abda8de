import { FrameError, SerializeType } from "./command.ts";

/** A frame's parts. */
export interface Frame {
  serializeType: SerializeType;
  header: Uint8Array;
  body: Uint8Array;
  /** False: header and body are views of what was pushed, and change when that does. */
  owned: boolean;
}

/** Memory that all connections share for what has come in and is not answered yet. */
export interface MemoryBudget {
  /** Takes bytes from the budget; false, and nothing taken, when they are more than is left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

const NO_BYTES = new Uint8Array(0);
const FIRST_CAPACITY = 1024;

/**
 * Cuts a byte stream into frames (protocol.md, "Frame"), wherever the stream itself was cut.
 *
 * Push what came, then take frames until there is none. Bytes of an unfinished frame are copied
 * into a buffer that grows with what has really come, never with what a length field announces.
 */
export class FrameDecoder {
  readonly #maxLength: number;
  readonly #budget: MemoryBudget;
  /** The bytes pushed last, not copied; everything before `#at` is consumed. */
  #chunk: Uint8Array = NO_BYTES;
  #at = 0;
  /** An unfinished frame, from its length field on. */
  #partial = NO_BYTES;
  #partialLength = 0;

  /** @param maxLength the largest value of a frame's length field */
  constructor(maxLength: number, budget: MemoryBudget) {
    this.#maxLength = maxLength;
    this.#budget = budget;
  }

  /** Gives bytes as they came. They must stay as they are until {@link keep} or the next push. */
  push(chunk: Uint8Array): void {
    this.keep();
    this.#chunk = chunk;
    this.#at = 0;
  }

  /**
   * The next whole frame, or `undefined` when more bytes are needed.
   *
   * @throws {FrameError} on a length or marker that no frame can have, or when memory is short
   */
  next(): Frame | undefined {
    if (this.#partialLength > 0) return this.#nextFromPartial();
    const available = this.#chunk.length - this.#at;
    if (available < 8) {
      if (available >= 4) this.#checkLength(int32(this.#chunk, this.#at));
      return undefined;
    }
    const length = int32(this.#chunk, this.#at);
    this.#check(length, int32(this.#chunk, this.#at + 4));
    if (available < 4 + length) return undefined;
    const frame = cut(this.#chunk, this.#at, length, false);
    this.#at += 4 + length;
    return frame;
  }

  /** Copies what is not consumed yet, so that the caller may use its buffer again. */
  keep(): void {
    const rest = this.#chunk.subarray(this.#at);
    this.#chunk = NO_BYTES;
    this.#at = 0;
    if (rest.length > 0) this.#append(rest);
  }

  /** Whether bytes are waiting: of an unfinished frame, or of frames not taken yet. */
  get pending(): number {
    return this.#partialLength + this.#chunk.length - this.#at;
  }

  /** Gives the memory back. The decoder is of no use after it. */
  release(): void {
    this.#budget.give(this.#partial.length);
    this.#partial = NO_BYTES;
    this.#partialLength = 0;
    this.#chunk = NO_BYTES;
    this.#at = 0;
  }

  #nextFromPartial(): Frame | undefined {
    if (!this.#fill(8)) {
      if (this.#partialLength >= 4) this.#checkLength(int32(this.#partial, 0));
      return undefined;
    }
    const length = int32(this.#partial, 0);
    this.#check(length, int32(this.#partial, 4));
    if (!this.#fill(4 + length)) return undefined;
    const frame = cut(this.#partial, 0, length, true);
    // Never used again, so the frame's views stay good for as long as their holder likes.
    const rest = this.#partial.subarray(4 + length, this.#partialLength);
    this.#budget.give(this.#partial.length);
    this.#partial = NO_BYTES;
    this.#partialLength = 0;
    // More than one frame is there only when a connection was paused with frames unread.
    this.#append(rest);
    return frame;
  }

  /** Moves bytes of the chunk to the partial frame until it holds `size`; false when too few. */
  #fill(size: number): boolean {
    const missing = size - this.#partialLength;
    if (missing <= 0) return true;
    const taken = this.#chunk.subarray(this.#at, this.#at + missing);
    this.#append(taken);
    this.#at += taken.length;
    return taken.length === missing;
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const needed = this.#partialLength + bytes.length;
    if (needed > this.#partial.length) {
      let capacity = Math.max(FIRST_CAPACITY, this.#partial.length);
      while (capacity < needed) capacity *= 2;
      if (!this.#budget.take(capacity - this.#partial.length)) {
        throw new FrameError("no memory left for unfinished frames (maxBufferedRequestBytes)");
      }
      const grown = new Uint8Array(capacity);
      grown.set(this.#partial.subarray(0, this.#partialLength));
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#partialLength);
    this.#partialLength = needed;
  }

  #checkLength(length: number): void {
    if (length < 4 || length > this.#maxLength) {
      throw new FrameError(
        `a frame's length of ${length} is not between 4 and ${this.#maxLength} (frameMaxLength)`,
      );
    }
  }

  #check(length: number, marker: number): void {
    this.#checkLength(length);
    const type = marker >>> 24;
    if (type !== SerializeType.JSON && type !== SerializeType.ROCKETMQ) {
      throw new FrameError(`unknown serializeType ${type}`);
    }
    if ((marker & 0xffffff) > length - 4) {
      throw new FrameError(
        `a header of ${marker & 0xffffff} bytes is longer than its frame of ${length}`,
      );
    }
  }
}

function cut(bytes: Uint8Array, at: number, length: number, owned: boolean): Frame {
  const marker = int32(bytes, at + 4);
  const headerEnd = at + 8 + (marker & 0xffffff);
  return {
    serializeType: (marker >>> 24) as SerializeType,
    header: bytes.subarray(at + 8, headerEnd),
    body: bytes.subarray(headerEnd, at + 4 + length),
    owned,
  };
}

function int32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
