import { byteAt, uint16At } from "../../byte_access.ts";

const HEADER_LENGTH = 5;
const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;

/**
 * Detects a renegotiation in TLS 1.2 from the types of the records that a client sends (RFC 5246,
 * section 6.2.1; their contents may be encrypted). The runtime answers one only with a warning, so
 * a client may ask again and again. The initial handshake ends with the one handshake record after
 * the change of cipher. TLS 1.3 has no such record later either: everything after it has the type
 * application data.
 */
export class RenegotiationWatch {
  /** The header of the current record, and how much of the record is still missing. */
  #header = new Uint8Array(HEADER_LENGTH);
  #headerLength = 0;
  #left = 0;
  #changedCipher = false;
  #finished = false;

  /**
   * Takes the received bytes, from the start of the connection on. Returns whether a renegotiation
   * has begun.
   */
  sees(bytes: Uint8Array): boolean {
    let seen = false;
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      this.#header[this.#headerLength++] = byteAt(bytes, at++);
      if (this.#headerLength < HEADER_LENGTH) continue;
      this.#headerLength = 0;
      this.#left = uint16At(this.#header, 3);
      if (this.#isRenegotiation(byteAt(this.#header, 0))) seen = true;
    }
    return seen;
  }

  #isRenegotiation(type: number): boolean {
    if (type === CHANGE_CIPHER_SPEC) this.#changedCipher = true;
    if (type !== HANDSHAKE || !this.#changedCipher) return false;
    if (this.#finished) return true;
    this.#finished = true;
    return false;
  }
}
