import { type Long, parseLong } from "./long.ts";

/** A text that is not JSON, not even in fastjson's dialect, or that does not hold what was asked for. */
export class FastjsonError extends Error {
  override name = "FastjsonError";
}

/** A JSON value read without loss: objects are Maps, integers are exact. */
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
/** Below this input, strings hardly repeat and the slots would cost more than they save. */
const INTERN_MIN_INPUT = 8192;

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

// U+FEFF is a character of a name like any other.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Pulls values out of JSON bytes as fastjson writes and reads them: unquoted keys (`{0:"a"}`),
 * single quotes, 64-bit integers kept exact. The caller says what it expects, so that a body of
 * ten thousand topics is read without building a tree first. Nesting is bounded.
 *
 * Every method throws {@link FastjsonError} when the text is not of the form asked for.
 */
export class FastjsonReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #depth = 0;
  /** True right after an opening bracket: the next member needs no comma before it. */
  #first = false;
  readonly #interned: (string | undefined)[] | undefined;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    if (end - start >= INTERN_MIN_INPUT) this.#interned = new Array(INTERN_SLOTS);
  }

  /** Enters an object. Returns false, and consumes it, when the value is `null`. */
  beginObject(): boolean {
    return this.#begin(OPEN_OBJECT, "an object");
  }

  /** Enters an array. Returns false, and consumes it, when the value is `null`. */
  beginArray(): boolean {
    return this.#begin(OPEN_ARRAY, "an array");
  }

  /** The next key of the object entered last, its value next; `undefined` when the object ends. */
  nextKey(): string | undefined {
    if (!this.#nextMember(CLOSE_OBJECT)) return undefined;
    const key = this.#key();
    if (this.#skipBlanks() !== COLON) this.#fail("':' expected after a key");
    this.#at++;
    return key;
  }

  /** Whether the array entered last has another element, its value next. */
  nextElement(): boolean {
    return this.#nextMember(CLOSE_ARRAY);
  }

  /** A string, or `null`. Numbers and booleans come as their text, as fastjson takes them. */
  readString(): string | null {
    const byte = this.#skipBlanks();
    if (byte === QUOTE || byte === APOSTROPHE) return this.#string(byte);
    const word = this.#word();
    if (word === "null") return null;
    if (word === "true" || word === "false" || isNumber(word)) return word;
    this.#fail(`a string expected, not ${quoteShort(word)}`);
  }

  /** A 64-bit integer; `fallback` for `null`. Integers in quotes are taken, as fastjson does. */
  readLong(fallback: Long = 0): Long {
    const text = this.#scalar("an integer");
    if (text === "null") return fallback;
    const value = parseLong(text);
    if (value === undefined) this.#fail(`an integer expected, not ${quoteShort(text)}`);
    return value;
  }

  /** A 32-bit integer; `fallback` for `null`. */
  readInt(fallback = 0): number {
    const small = this.#smallInt();
    if (small >= 0) return small;
    const value = this.readLong(fallback);
    if (typeof value === "bigint" || value !== (value | 0)) {
      this.#fail(`a 32-bit integer expected, not ${value}`);
    }
    return value;
  }

  /** A boolean; false for `null`. */
  readBoolean(): boolean {
    const text = this.#scalar("true or false");
    if (text === "true" || text === "1") return true;
    if (text === "false" || text === "null" || text === "0") return false;
    this.#fail(`true or false expected, not ${quoteShort(text)}`);
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

  /** Nothing but blanks may follow. */
  end(): void {
    if (this.#skipBlanks() !== -1) this.#fail("the text goes on after its value");
  }

  /** The offset of the next byte to be read. */
  get offset(): number {
    return this.#at;
  }

  /** Goes back to an offset at which a value began that was tried by the methods below. */
  rewind(offset: number): void {
    this.#at = offset;
  }

  /**
   * Skips bytes that are the same as those between two offsets before them; false when they are
   * not. For whole values, or parts of one that together are whole.
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

  /** Skips the inside of a string in quotes, if it is this text, and ASCII that needs no escape. */
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
    // fastjson takes a comma before the closing bracket.
    if (byte === close) return this.#nextMember(close);
    return true;
  }

  #key(): string {
    const byte = this.#skipBlanks();
    if (byte === QUOTE || byte === APOSTROPHE) return this.#string(byte);
    const word = this.#word();
    if (word === "") this.#fail("a key expected");
    return word;
  }

  /** A scalar's text, with or without quotes. */
  #scalar(what: string): string {
    const byte = this.#skipBlanks();
    if (byte === QUOTE || byte === APOSTROPHE) return this.#string(byte);
    const word = this.#word();
    if (word === "") this.#fail(`${what} expected`);
    return word;
  }

  /** null, true, false or a number. */
  #plainWord(): string {
    const word = this.#word();
    if (word === "null" || word === "true" || word === "false" || isNumber(word)) return word;
    this.#fail(word === "" ? "a value expected" : `a value expected, not ${quoteShort(word)}`);
  }

  /** The usual case of readInt, without a string in between; -1 when it is another one. */
  #smallInt(): number {
    this.#skipBlanks();
    const bytes = this.#bytes;
    let at = this.#at;
    let value = 0;
    const limit = Math.min(this.#end, at + 9);
    for (; at < limit; at++) {
      const digit = bytes[at] - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (at === this.#at || at === this.#end) return -1;
    const next = bytes[at];
    if (next !== COMMA && next !== CLOSE_OBJECT && next !== CLOSE_ARRAY) return -1;
    this.#at = at;
    return value;
  }

  /** Letters, digits, `_ $ + - .` as they stand; an empty string when there are none. */
  #word(): string {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    let hash = 0;
    while (at < this.#end && isWordByte(bytes[at])) hash = (Math.imul(hash, 31) + bytes[at++]) | 0;
    this.#at = at;
    return this.#intern(start, at, hash);
  }

  #string(quote: number): string {
    const bytes = this.#bytes;
    const end = this.#end;
    const start = this.#at + 1;
    let at = start;
    // One pass finds the end, tells ASCII and hashes: most of a registration's time is spent here.
    let all = 0;
    let hash = 0;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === quote) break;
      if (byte === BACKSLASH) return this.#escaped(start, quote);
      all |= byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (at >= end) this.#fail("unterminated string");
    this.#at = at + 1;
    return all < 0x80 ? this.#intern(start, at, hash) : utf8.decode(bytes.subarray(start, at));
  }

  #skipString(): void {
    const bytes = this.#bytes;
    const quote = bytes[this.#at];
    let at = this.#at + 1;
    while (at < this.#end && bytes[at] !== quote) at += bytes[at] === BACKSLASH ? 2 : 1;
    if (at >= this.#end) this.#fail("unterminated string");
    this.#at = at + 1;
  }

  #escaped(start: number, quote: number): string {
    const bytes = this.#bytes;
    let text = "";
    let run = start;
    let at = start;
    for (; at < this.#end && bytes[at] !== quote; at++) {
      if (bytes[at] !== BACKSLASH) continue;
      if (at > run) text += utf8.decode(bytes.subarray(run, at));
      const escape = bytes[++at];
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
    if (at >= this.#end) this.#fail("unterminated string");
    if (at > run) text += utf8.decode(bytes.subarray(run, at));
    this.#at = at + 1;
    return text;
  }

  /** The number that so many hexadecimal digits are. */
  #hex(start: number, length: number): number {
    let value = 0;
    for (let at = start; at < start + length; at++) {
      const digit = hexDigit(this.#bytes[at]);
      if (digit < 0) this.#fail("a bad \\u escape");
      value = value * 16 + digit;
    }
    return value;
  }

  /**
   * The ASCII string between two offsets. Bodies repeat the same keys and values ten thousand
   * times: a slot by hash gives the string made before when its characters are the same.
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

  /** The next byte that is no blank, not consumed; -1 at the end. */
  #skipBlanks(): number {
    const bytes = this.#bytes;
    while (this.#at < this.#end) {
      const byte = bytes[this.#at];
      if (byte > 0x20) return byte;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.#at++;
    }
    return -1;
  }

  #fail(what: string): never {
    throw new FastjsonError(`bad JSON at byte ${this.#at}: ${what}`);
  }
}

/** By the byte after a backslash. */
const ESCAPES = new Map(
  [
    ['"', '"'],
    ["'", "'"],
    ["\\", "\\"],
    ["/", "/"],
    ["b", "\b"],
    ["f", "\f"],
    ["n", "\n"],
    ["r", "\r"],
    ["t", "\t"],
    ["v", "\v"],
    ["0", "\0"],
  ].map(([escape, char]) => [escape.charCodeAt(0), char]),
);

/**
 * Reads a whole text in fastjson's dialect.
 *
 * @throws {FastjsonError} when it is not JSON or goes on after its value
 */
export function parseFastjson(bytes: Uint8Array): JsonValue {
  const reader = new FastjsonReader(bytes);
  const value = reader.readValue();
  reader.end();
  return value;
}

function asciiText(bytes: Uint8Array, start: number, end: number): string {
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
