import { byteAt } from "../byte_access.ts";
import { type Long, parseLong } from "./long.ts";

/** Text that is not JSON, not even in fastjson's dialect, or not of the expected form. */
export class FastjsonError extends Error {
  override name = "FastjsonError";
}

/** A parsed JSON value: objects are Maps, integers are exact. */
export type JsonValue =
  | null
  | boolean
  | Long
  | string
  | JsonValue[]
  | Map<string, JsonValue>;

const MAX_DEPTH = 64;
const INTERN_SLOTS = 1024;
const INTERN_MAX_LENGTH = 128;
/** Below this size, strings hardly repeat and interning would cost more than it saves. */
const INTERN_MIN_INPUT = 8192;
/** Bytes after which others have a turn: they take less than a millisecond. */
export const STEP_BYTES = 4 * 1024;

const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;
const LETTER_U = 0x75;
const LETTER_X = 0x78;

// A leading U+FEFF is part of the text, not a byte order mark.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A pull parser for JSON as fastjson writes and reads it: unquoted keys (`{0:"a"}`), single quotes,
 * exact 64-bit integers. The caller states what it expects, so that a body of ten thousand topics
 * is read without building a tree first. The nesting depth is limited.
 *
 * Every method throws {@link FastjsonError} when the text does not have the expected form.
 */
export class FastjsonReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #depth = 0;
  /** Where the current step began. */
  #stepStart: number;
  readonly #longestStep: number;
  /** True right after an opening bracket, when the next member needs no comma before it. */
  #first = false;
  readonly #interned: (string | undefined)[] | undefined;

  /** @param longestStep bytes that may be read between two calls of {@link rest} */
  constructor(bytes: Uint8Array, start = 0, end = bytes.length, longestStep = Infinity) {
    this.#bytes = bytes;
    this.#at = this.#stepStart = start;
    this.#end = end;
    this.#longestStep = longestStep;
    if (end - start >= INTERN_MIN_INPUT) this.#interned = new Array(INTERN_SLOTS);
  }

  /** Enters an object. Consumes `null` and returns false. */
  beginObject(): boolean {
    return this.#begin(OPEN_OBJECT, "an object");
  }

  /** Enters an array. Consumes `null` and returns false. */
  beginArray(): boolean {
    return this.#begin(OPEN_ARRAY, "an array");
  }

  /**
   * Returns the next key of the innermost object, leaving its value to be read; `undefined` at the
   * object's end.
   */
  nextKey(): string | undefined {
    if (!this.#nextMember(CLOSE_OBJECT)) return undefined;
    const key = this.#key();
    if (this.#skipBlanks() !== COLON) this.#fail("':' expected after a key");
    this.#at++;
    return key;
  }

  /** Whether the innermost array has another element, which is then to be read. */
  nextElement(): boolean {
    return this.#nextMember(CLOSE_ARRAY);
  }

  /** Reads a string or `null`. Numbers and booleans are returned as text, as in fastjson. */
  readString(): string | null {
    const byte = this.#skipBlanks();
    if (byte === QUOTE || byte === APOSTROPHE) return this.#string(byte);
    const word = this.#word();
    if (word === "null") return null;
    if (word === "true" || word === "false" || isNumber(word)) return word;
    this.#fail(`a string expected, not ${quoteShort(word)}`);
  }

  /**
   * Reads a 64-bit integer; returns `fallback` for `null`. Accepts quoted integers, as fastjson
   * does.
   */
  readLong(fallback: Long = 0): Long {
    const text = this.#scalar("an integer");
    if (text === "null") return fallback;
    const value = parseLong(text);
    if (value === undefined) this.#fail(`an integer expected, not ${quoteShort(text)}`);
    return value;
  }

  /** Reads a 32-bit integer; returns `fallback` for `null`. */
  readInt(fallback = 0): number {
    const small = this.#smallInt();
    if (small >= 0) return small;
    const value = this.readLong(fallback);
    if (typeof value === "bigint" || value !== (value | 0)) {
      this.#fail(`a 32-bit integer expected, not ${value}`);
    }
    return value;
  }

  /** Reads a boolean; returns false for `null`. */
  readBoolean(): boolean {
    const text = this.#scalar("true or false");
    if (text === "true" || text === "1") return true;
    if (text === "false" || text === "null" || text === "0") return false;
    this.#fail(`true or false expected, not ${quoteShort(text)}`);
  }

  /** The kind of the next value. */
  get next(): "object" | "array" | "scalar" {
    const byte = this.#skipBlanks();
    return byte === OPEN_OBJECT ? "object" : byte === OPEN_ARRAY ? "array" : "scalar";
  }

  /** Whether the current step has lasted long enough for others to have a turn. */
  get tired(): boolean {
    return this.#at - this.#stepStart >= STEP_BYTES;
  }

  /** Begins the next step. */
  rest(): void {
    this.#stepStart = this.#at;
  }

  /** Skips one value of any kind, which may be large. Yields between its steps. */
  *skipInSteps(): Generator<void> {
    /** Whether each of the open brackets began an object. */
    const objects: boolean[] = [];
    do {
      const byte = this.#skipBlanks();
      if (byte === OPEN_OBJECT) objects.push(this.beginObject());
      else if (byte === OPEN_ARRAY) objects.push(!this.beginArray());
      else this.skip();
      for (;;) {
        const isObject = objects.at(-1);
        if (isObject === undefined) break;
        if (isObject ? this.nextKey() !== undefined : this.nextElement()) break;
        objects.pop();
      }
      if (this.tired) {
        yield;
        this.rest();
      }
    } while (objects.length > 0);
  }

  /** Skips one value of any kind. */
  skip(): void {
    switch (this.#skipBlanks()) {
      case OPEN_OBJECT:
        this.beginObject();
        while (this.nextKey() !== undefined) this.skip();
        return;
      case OPEN_ARRAY:
        this.beginArray();
        while (this.nextElement()) this.skip();
        return;
      case QUOTE:
      case APOSTROPHE:
        this.#skipString();
        return;
      default:
        this.#plainWord();
    }
  }

  /** Reads one value of any kind into Maps, arrays and scalars. */
  readValue(): JsonValue {
    const byte = this.#skipBlanks();
    if (byte === OPEN_OBJECT) {
      const object = new Map<string, JsonValue>();
      this.beginObject();
      for (let key = this.nextKey(); key !== undefined; key = this.nextKey()) {
        object.set(key, this.readValue());
      }
      return object;
    }
    if (byte === OPEN_ARRAY) {
      const array: JsonValue[] = [];
      this.beginArray();
      while (this.nextElement()) array.push(this.readValue());
      return array;
    }
    if (byte === QUOTE || byte === APOSTROPHE) return this.#string(byte);
    const word = this.#plainWord();
    if (word === "null") return null;
    if (word === "true") return true;
    if (word === "false") return false;
    const long = parseLong(word);
    if (long !== undefined) return long;
    if (/^[+-]?\d+$/.test(word)) this.#fail(`${quoteShort(word)} is beyond 64 bits`);
    return Number(word);
  }

  /** Checks that only blanks follow. */
  end(): void {
    if (this.#skipBlanks() !== -1) this.#fail("the text goes on after its value");
  }

  /** Offset of the next byte. */
  get offset(): number {
    return this.#at;
  }

  /** Goes back to the start of a value that was tried with the methods below. */
  rewind(offset: number): void {
    this.#at = offset;
  }

  /**
   * Skips bytes that equal an earlier range; returns false when they differ. The range must consist
   * of whole values, or the ranges taken together must.
   */
  takeRepeated(start: number, end: number): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    const length = end - start;
    if (length > this.#end - at) return false;
    for (let i = 0; i < length; i++) {
      if (bytes[at + i] !== bytes[start + i]) return false;
    }
    this.#at = at + length;
    return true;
  }

  /**
   * Skips the content of a quoted string if it equals this text, which must be ASCII without
   * escapes.
   */
  takeText(text: string): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    const { length } = text;
    if (length > this.#end - at) return false;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code !== bytes[at + i] || code >= 0x80) return false;
      if (code === QUOTE || code === APOSTROPHE || code === BACKSLASH) return false;
    }
    this.#at = at + length;
    return true;
  }

  #begin(open: number, what: string): boolean {
    const byte = this.#skipBlanks();
    if (byte !== open) {
      if (byte === 0x6e && this.#word() === "null") return false;
      this.#fail(`${what} expected`);
    }
    if (++this.#depth > MAX_DEPTH) this.#fail(`nested more than ${MAX_DEPTH} deep`);
    this.#at++;
    this.#first = true;
    return true;
  }

  #nextMember(close: number): boolean {
    this.#checkStep();
    let byte = this.#skipBlanks();
    if (byte === close) {
      this.#at++;
      this.#depth--;
      this.#first = false;
      return false;
    }
    if (this.#first) {
      this.#first = false;
      return true;
    }
    if (byte !== COMMA) this.#fail(`',' or '${String.fromCharCode(close)}' expected`);
    this.#at++;
    byte = this.#skipBlanks();
    // fastjson allows a comma before the closing bracket.
    if (byte === close) return this.#nextMember(close);
    return true;
  }

  #checkStep(): void {
    if (this.#at - this.#stepStart <= this.#longestStep) return;
    this.#fail(`a value of more than ${this.#longestStep} bytes`);
  }

  /** Where a text must end that begins here. */
  get #textEnd(): number {
    return Math.min(this.#end, this.#at + this.#longestStep);
  }

  #key(): string {
    const byte = this.#skipBlanks();
    if (byte === QUOTE || byte === APOSTROPHE) return this.#string(byte);
    const word = this.#word();
    if (word === "") this.#fail("a key expected");
    return word;
  }

  /** Reads the text of a scalar, with or without quotes. */
  #scalar(what: string): string {
    const byte = this.#skipBlanks();
    if (byte === QUOTE || byte === APOSTROPHE) return this.#string(byte);
    const word = this.#word();
    if (word === "") this.#fail(`${what} expected`);
    return word;
  }

  /** Reads null, true, false or a number. */
  #plainWord(): string {
    const word = this.#word();
    if (word === "null" || word === "true" || word === "false" || isNumber(word)) return word;
    this.#fail(word === "" ? "a value expected" : `a value expected, not ${quoteShort(word)}`);
  }

  /** Fast path of readInt that makes no string; returns -1 when it does not apply. */
  #smallInt(): number {
    this.#skipBlanks();
    const bytes = this.#bytes;
    let at = this.#at;
    let value = 0;
    const limit = Math.min(this.#end, at + 9);
    for (; at < limit; at++) {
      const digit = byteAt(bytes, at) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (at === this.#at || at === this.#end) return -1;
    const next = bytes[at];
    if (next !== COMMA && next !== CLOSE_OBJECT && next !== CLOSE_ARRAY) return -1;
    this.#at = at;
    return value;
  }

  /** Reads letters, digits and `_ $ + - .`; returns an empty string when there are none. */
  #word(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let hash = 0;
    const end = this.#textEnd;
    for (; at < end; at++) {
      const byte = byteAt(bytes, at);
      if (!isWordByte(byte)) break;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (at === end && end < this.#end) this.#tooLong();
    this.#at = at;
    return this.#intern(start, at, hash);
  }

  #string(quote: number): string {
    const bytes = this.#bytes;
    const end = this.#textEnd;
    const start = this.#at + 1;
    let at = start;
    // A single pass finds the end, checks for ASCII and hashes: most of a registration's time is
    // spent here.
    let all = 0;
    let hash = 0;
    for (; at < end; at++) {
      const byte = byteAt(bytes, at);
      if (byte === quote) break;
      if (byte === BACKSLASH) return this.#escaped(start, quote);
      all |= byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (at >= end) this.#unterminated(end);
    this.#at = at + 1;
    return all < 0x80 ? this.#intern(start, at, hash) : utf8.decode(bytes.subarray(start, at));
  }

  #skipString(): void {
    const bytes = this.#bytes;
    const quote = bytes[this.#at];
    const end = this.#textEnd;
    let at = this.#at + 1;
    while (at < end && bytes[at] !== quote) at += bytes[at] === BACKSLASH ? 2 : 1;
    if (at >= end) this.#unterminated(end);
    this.#at = at + 1;
  }

  #escaped(start: number, quote: number): string {
    const bytes = this.#bytes;
    let text = "";
    let run = start;
    let at = start;
    const end = this.#textEnd;
    for (; at < end && bytes[at] !== quote; at++) {
      if (bytes[at] !== BACKSLASH) continue;
      if (at > run) text += utf8.decode(bytes.subarray(run, at));
      const escape = byteAt(bytes, ++at);
      if (escape === LETTER_U || escape === LETTER_X) {
        const length = escape === LETTER_U ? 4 : 2;
        text += String.fromCharCode(this.#hex(at + 1, length));
        at += length;
      } else {
        const char = ESCAPES.get(escape);
        if (char === undefined) this.#fail("a bad escape in a string");
        text += char;
      }
      run = at + 1;
    }
    if (at >= end) this.#unterminated(end);
    if (at > run) text += utf8.decode(bytes.subarray(run, at));
    this.#at = at + 1;
    return text;
  }

  #unterminated(end: number): never {
    if (end < this.#end) this.#tooLong();
    this.#fail("unterminated string");
  }

  #tooLong(): never {
    this.#fail(`a text of more than ${this.#longestStep} bytes`);
  }

  /** Parses this many hexadecimal digits. */
  #hex(start: number, length: number): number {
    let value = 0;
    for (let at = start; at < start + length; at++) {
      const digit = hexDigit(byteAt(this.#bytes, at));
      if (digit < 0) this.#fail("a bad \\u escape");
      value = value * 16 + digit;
    }
    return value;
  }

  /**
   * Returns the ASCII string between two offsets. Bodies repeat the same keys and values ten
   * thousand times: a hash slot holds an earlier string, which is reused if it is equal.
   */
  #intern(start: number, end: number, hash: number): string {
    const bytes = this.#bytes;
    const length = end - start;
    if (length > INTERN_MAX_LENGTH) return utf8.decode(bytes.subarray(start, end));
    const interned = this.#interned;
    if (interned === undefined) return asciiText(bytes, start, end);
    const slot = (hash ^ (hash >>> 15)) & (INTERN_SLOTS - 1);
    const known = interned[slot];
    if (known !== undefined && known.length === length) {
      let i = 0;
      while (i < length && known.charCodeAt(i) === bytes[start + i]) i++;
      if (i === length) return known;
    }
    const text = asciiText(bytes, start, end);
    interned[slot] = text;
    return text;
  }

  /** Returns the next byte that is not blank, without consuming it; -1 at the end. */
  #skipBlanks(): number {
    const bytes = this.#bytes;
    const end = this.#end;
    for (let at = this.#at; at < end; at++) {
      const byte = byteAt(bytes, at);
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
        this.#at = at;
        return byte;
      }
    }
    this.#at = end;
    return -1;
  }

  #fail(what: string): never {
    throw new FastjsonError(`bad JSON at byte ${this.#at}: ${what}`);
  }
}

/** By the character after the backslash. */
const ESCAPES: ReadonlyMap<number, string> = new Map([
  [QUOTE, '"'],
  [APOSTROPHE, "'"],
  [BACKSLASH, "\\"],
  [0x2f, "/"],
  [0x62, "\b"],
  [0x66, "\f"],
  [0x6e, "\n"],
  [0x72, "\r"],
  [0x74, "\t"],
  [0x76, "\v"],
  [0x30, "\0"],
]);

/**
 * Parses a complete text in fastjson's dialect.
 *
 * @throws {FastjsonError} when it is malformed or continues after its value
 */
export function parseFastjson(bytes: Uint8Array): JsonValue {
  const reader = new FastjsonReader(bytes);
  const value = reader.readValue();
  reader.end();
  return value;
}

/** The text of ASCII bytes, not too many: they become arguments of a call. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
}

function isWordByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x41 && byte <= 0x5a) || byte === 0x5f || byte === 0x24 || byte === 0x2d ||
    byte === 0x2b || byte === 0x2e;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function isNumber(word: string): boolean {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(word);
}

function quoteShort(text: string): string {
  return JSON.stringify(text.length > 40 ? text.slice(0, 40) + "…" : text);
}
