import { byteAt, int32At } from "../byte_access.ts";

const BLOCK = 64;
/** The word of the last block at which the message's length stands, in bits. */
const LENGTH_AT = 14;
const STATE = 5;
/** Content from this length on is hashed faster by OpenSSL, in spite of what a call of it costs. */
export const SHORT_CONTENT = 4096;

/**
 * SHA-1 (RFC 3174) of short content in plain code: a call of node:crypto costs ten times what the
 * hash of a route query does.
 */
export class Sha1 {
  readonly #words = new Int32Array(80);

  /** The state before the first block. */
  static initial(): Int32Array {
    return Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  }

  /**
   * Adds the last bytes of a message, and the padding.
   *
   * @param state what came before them; it becomes the hash
   * @param before how many bytes came before them, a multiple of 64
   */
  finish(state: Int32Array, bytes: Uint8Array, length: number, before: number): void {
    const words = this.#words;
    let at = 0;
    for (; at + BLOCK <= length; at += BLOCK) this.block(state, bytes, at);
    const whole = (length - at) >> 2;
    this.#load(bytes, at, whole);
    let last = 0;
    let shift = 24;
    for (at += 4 * whole; at < length; at++, shift -= 8) last |= byteAt(bytes, at) << shift;
    words[whole] = last | (0x80 << shift);
    words.fill(0, whole + 1, LENGTH_AT + 2);
    if (whole >= LENGTH_AT) {
      this.#compress(state);
      words.fill(0, 0, LENGTH_AT);
    }
    const bits = (before + length) * 8;
    words[LENGTH_AT] = bits / 2 ** 32;
    words[LENGTH_AT + 1] = bits;
    this.#compress(state);
  }

  /** Adds a block of 64 bytes. */
  block(state: Int32Array, bytes: Uint8Array, at: number): void {
    this.#load(bytes, at, BLOCK / 4);
    this.#compress(state);
  }

  #load(bytes: Uint8Array, at: number, count: number): void {
    for (let i = 0; i < count; i++) this.#words[i] = int32At(bytes, at + 4 * i);
  }

  /**
   * Adds the block in the first 16 words. Each sum is cut to 32 bits at once: with larger numbers in
   * between, V8 computes in floating point and takes twice as long.
   */
  #compress(state: Int32Array): void {
    const w = this.#words;
    for (let i = 16; i < 80; i++) {
      const x = wordAt(w, i - 3) ^ wordAt(w, i - 8) ^ wordAt(w, i - 14) ^ wordAt(w, i - 16);
      w[i] = (x << 1) | (x >>> 31);
    }
    let a = wordAt(state, 0);
    let b = wordAt(state, 1);
    let c = wordAt(state, 2);
    let d = wordAt(state, 3);
    let e = wordAt(state, 4);
    let i = 0;
    for (; i < 20; i++) {
      const f = (((b & c) | (~b & d)) + 0x5a827999) | 0;
      const next = (((((a << 5) | (a >>> 27)) + f) | 0) + ((e + wordAt(w, i)) | 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (; i < 40; i++) {
      const f = ((b ^ c ^ d) + 0x6ed9eba1) | 0;
      const next = (((((a << 5) | (a >>> 27)) + f) | 0) + ((e + wordAt(w, i)) | 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (; i < 60; i++) {
      const f = (((b & c) | (b & d) | (c & d)) - 0x70e44324) | 0;
      const next = (((((a << 5) | (a >>> 27)) + f) | 0) + ((e + wordAt(w, i)) | 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    for (; i < 80; i++) {
      const f = ((b ^ c ^ d) - 0x359d3e2a) | 0;
      const next = (((((a << 5) | (a >>> 27)) + f) | 0) + ((e + wordAt(w, i)) | 0)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    state[0] = wordAt(state, 0) + a;
    state[1] = wordAt(state, 1) + b;
    state[2] = wordAt(state, 2) + c;
    state[3] = wordAt(state, 3) + d;
    state[4] = wordAt(state, 4) + e;
  }
}

/** The two states of a key's HMAC. As they can sign like the key, they are as secret. */
export interface HmacKey {
  readonly inner: Int32Array;
  readonly outer: Int32Array;
}

/** HMAC-SHA1 (RFC 2104) of short content, with the key's part of the work done once. */
export class HmacSha1 {
  readonly #sha1 = new Sha1();
  readonly #state = new Int32Array(STATE);
  readonly #inner = new Uint8Array(4 * STATE);

  /** The states of a key of any length. */
  key(secret: Uint8Array): HmacKey {
    const padded = new Uint8Array(BLOCK);
    if (secret.length > BLOCK) {
      const hash = Sha1.initial();
      this.#sha1.finish(hash, secret, secret.length, 0);
      writeBytes(hash, padded);
    } else {
      padded.set(secret);
    }
    const inner = Sha1.initial();
    this.#sha1.block(inner, padded.map((byte) => byte ^ 0x36), 0);
    const outer = Sha1.initial();
    this.#sha1.block(outer, padded.map((byte) => byte ^ 0x5c), 0);
    return { inner, outer };
  }

  /**
   * Signs the first `length` bytes.
   *
   * @param into takes the 20 bytes
   */
  sign(key: HmacKey, content: Uint8Array, length: number, into: Uint8Array): void {
    const state = this.#state;
    state.set(key.inner);
    this.#sha1.finish(state, content, length, BLOCK);
    writeBytes(state, this.#inner);
    state.set(key.outer);
    this.#sha1.finish(state, this.#inner, this.#inner.length, BLOCK);
    writeBytes(state, into);
  }
}

/** A word at a position inside of the array. */
function wordAt(words: Int32Array, i: number): number {
  return words[i] ?? 0;
}

function writeBytes(state: Int32Array, into: Uint8Array): void {
  for (let i = 0; i < STATE; i++) {
    const word = wordAt(state, i);
    into[4 * i] = word >>> 24;
    into[4 * i + 1] = (word >>> 16) & 0xff;
    into[4 * i + 2] = (word >>> 8) & 0xff;
    into[4 * i + 3] = word & 0xff;
  }
}
