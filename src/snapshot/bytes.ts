import { crc32 } from "node:zlib";
import { type Long, parseLong } from "../protocol/long.ts";

/** Content that is not a snapshot; the message gives the reason. */
export class SnapshotError extends Error {
  override name = "SnapshotError";
}

const PIECE_BYTES = 64 * 1024;
/** Most bytes of a number. */
const NUMBER_BYTES = 8;

/**
 * Appends numbers and texts to a sequence of bytes. Whole numbers take seven bits a byte, smallest
 * first, with the sign in the lowest bit.
 */
export class ByteWriter {
  readonly #utf8 = new TextEncoder();
  readonly #full: Uint8Array<ArrayBuffer>[] = [];
  #piece = new Uint8Array(PIECE_BYTES);
  #length = 0;
  #crc = 0;

  /** @param value a safe integer */
  number(value: number): void {
    if (this.#length + NUMBER_BYTES > this.#piece.length) this.#flush();
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    while (rest >= 0x80) {
      this.#piece[this.#length++] = 0x80 | (rest & 0x7f);
      rest = rest < 0x80000000 ? rest >>> 7 : Math.floor(rest / 0x80);
    }
    this.#piece[this.#length++] = rest;
  }

  flag(value: boolean): void {
    this.number(value ? 1 : 0);
  }

  text(value: string): void {
    const bytes = this.#utf8.encode(value);
    this.number(bytes.length);
    for (let at = 0; at < bytes.length;) {
      if (this.#length === this.#piece.length) this.#flush();
      const part = bytes.subarray(at, at + this.#piece.length - this.#length);
      this.#piece.set(part, this.#length);
      this.#length += part.length;
      at += part.length;
    }
  }

  long(value: Long): void {
    this.text(String(value));
  }

  /** Writes whether there is a value, and then the value. */
  optional<T>(value: T | undefined, write: (value: T) => void): void {
    this.flag(value !== undefined);
    if (value !== undefined) write(value);
  }

  /** Ends the sequence. Returns its bytes in pieces, their number, and their CRC-32. */
  end(): { pieces: Uint8Array<ArrayBuffer>[]; length: number; crc: number } {
    this.#flush();
    const length = this.#full.reduce((sum, piece) => sum + piece.length, 0);
    return { pieces: this.#full, length, crc: this.#crc };
  }

  #flush(): void {
    const piece = this.#piece.subarray(0, this.#length);
    this.#crc = crc32(piece, this.#crc);
    this.#full.push(piece);
    this.#piece = new Uint8Array(PIECE_BYTES);
    this.#length = 0;
  }
}

/**
 * Reads what a {@link ByteWriter} wrote.
 *
 * All methods throw a {@link SnapshotError} when the bytes are something else.
 */
export class ByteReader {
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  number(): number {
    const bytes = this.#bytes;
    let value = 0;
    let unit = 1;
    for (let length = 1;; length++) {
      const byte = bytes[this.#at++];
      if (byte === undefined) throw new SnapshotError("it ends too early");
      if (length > NUMBER_BYTES) throw new SnapshotError("a number is too long");
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) break;
      unit *= 0x80;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  flag(): boolean {
    return this.number() !== 0;
  }

  /** Reads the number of things that follow, each of which takes a byte at least. */
  count(): number {
    const count = this.number();
    if (count < 0 || count > this.#bytes.length - this.#at) {
      throw new SnapshotError("a count is larger than the rest");
    }
    return count;
  }

  text(): string {
    const length = this.count();
    this.#at += length;
    try {
      return this.#utf8.decode(this.#bytes.subarray(this.#at - length, this.#at));
    } catch {
      throw new SnapshotError("a text is not UTF-8");
    }
  }

  long(): Long {
    const value = parseLong(this.text());
    if (value === undefined) throw new SnapshotError("a number is no 64-bit integer");
    return value;
  }

  optional<T>(read: () => T): T | undefined {
    return this.flag() ? read() : undefined;
  }

  list<T>(read: () => T): T[] {
    return Array.from({ length: this.count() }, read);
  }

  /** Reads an index of a list. */
  index(length: number): number {
    const index = this.number();
    if (index < 0 || index >= length) throw new SnapshotError("an index is out of range");
    return index;
  }

  /** Checks that nothing follows. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new SnapshotError("something follows its end");
  }
}
