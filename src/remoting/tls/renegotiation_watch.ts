const HEADER_LENGTH = 5;
const CHANGE_CIPHER_SPEC = 20;
const HANDSHAKE = 22;

/**
 * Looks at the records that a client sends (RFC 5246, section 6.2.1; what is in them may be
 * encrypted) for a renegotiation in TLS 1.2: the runtime only answers it with a warning, and a
 * client may ask again and again. The handshake proper is over with the one record of that kind that
 * follows a change of the cipher. In TLS 1.3 there is no other after it, either: what follows has the
 * type of application data.
 */
export class RenegotiationWatch {
  /** Of the record that has begun; what of it is still to come. */
  #header = new Uint8Array(HEADER_LENGTH);
  #headerLength = 0;
  #left = 0;
  #changedCipher = false;
  #finished = false;

  /**
   * Takes the bytes that came, from the first of the connection on. Returns whether a renegotiation
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
      this.#header[this.#headerLength++] = bytes[at++];
      if (this.#headerLength < HEADER_LENGTH) continue;
      this.#headerLength = 0;
      this.#left = this.#header[3] << 8 | this.#header[4];
      if (this.#isRenegotiation(this.#header[0])) seen = true;
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
