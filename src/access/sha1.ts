import { byteAt, int32At } from "../byte_access.ts";

const BLOCK = 64;
const STATE = 5;
/** Content from this length on is hashed faster by OpenSSL, in spite of what a call of it costs. */
export const SHORT_CONTENT = 4096;

/**
 * SHA-1 (RFC 3174) of short content in plain code: a call of node:crypto costs ten times what the
 * hash of a route query does.
 */
export class Sha1 {
  readonly #words = new Int32Array(80);
  readonly #scratch = new Uint8Array(2 * BLOCK);

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
    let at = 0;
    for (; at + BLOCK <= length; at += BLOCK) this.block(state, bytes, at);
    const tail = this.#scratch;
    tail.fill(0);
    for (let i = at; i < length; i++) tail[i - at] = byteAt(bytes, i);
    tail[length - at] = 0x80;
    const end = length - at < BLOCK - 8 ? BLOCK : 2 * BLOCK;
    const bits = (before + length) * 8;
    for (let i = 1, left = bits; i <= 8; i++, left = Math.floor(left / 256)) {
      tail[end - i] = left & 0xff;
    }
    for (let i = 0; i < end; i += BLOCK) this.block(state, tail, i);
  }

  /** Adds a block of 64 bytes. */
  block(state: Int32Array, bytes: Uint8Array, at: number): void {
    const w = this.#words;
    for (let i = 0; i < 16; i++, at += 4) {
      w[i] = int32At(bytes, at);
    }
    for (let i = 16; i < 80; i++) {
      const x = wordAt(w, i - 3) ^ wordAt(w, i - 8) ^ wordAt(w, i - 14) ^ wordAt(w, i - 16);
      w[i] = (x << 1) | (x >>> 31);
    }
    let a = wordAt(state, 0);
    let b = wordAt(state, 1);
    let c = wordAt(state, 2);
    let d = wordAt(state, 3);
    let e = wordAt(state, 4);
    for (let i = 0; i < 80; i++) {
      const f = i < 20
        ? ((b & c) | (~b & d)) + 0x5a827999
        : i < 40
        ? (b ^ c ^ d) + 0x6ed9eba1
        : i < 60
        ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
        : (b ^ c ^ d) + 0xca62c1d6;
      const next = (((a << 5) | (a >>> 27)) + f + e + wordAt(w, i)) | 0;
      e = d;
      d = c;
      c = (b << 30) | (b >>> 2);
      b = a;
      a = next;
    }
    state[0] = (wordAt(state, 0) + a) | 0;
    state[1] = (wordAt(state, 1) + b) | 0;
    state[2] = (wordAt(state, 2) + c) | 0;
    state[3] = (wordAt(state, 3) + d) | 0;
    state[4] = (wordAt(state, 4) + e) | 0;
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
