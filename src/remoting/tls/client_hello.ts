const RECORD_HEADER = 5;
const HANDSHAKE_HEADER = 4;
const HANDSHAKE = 22;
/** Larger than any real hello, in bytes. */
const MAX_HELLO = 16 * 1024;

/**
 * Returns whether the first bytes of a TLS connection hold the client's whole hello (RFC 8446, 4 and
 * 5.1), after which the client waits. Also true for bytes that can't become one.
 */
export function isWholeClientHello(bytes: Uint8Array): boolean {
  if (bytes.length > MAX_HELLO) return true;
  /** Bytes of the message that came, and its length. */
  let came = 0;
  let length = HANDSHAKE_HEADER;
  const header: number[] = [];
  for (let at = 0; came < length;) {
    if (at + RECORD_HEADER > bytes.length) return false;
    const [type, , , high = 0, low = 0] = bytes.subarray(at, at + RECORD_HEADER);
    const recordLength = (high << 8) | low;
    if (type !== HANDSHAKE || recordLength === 0 || recordLength > MAX_HELLO) return true;
    const start = at + RECORD_HEADER;
    const fragment = bytes.subarray(start, start + recordLength);
    header.push(...fragment.subarray(0, HANDSHAKE_HEADER - header.length));
    if (header.length === HANDSHAKE_HEADER) {
      length = HANDSHAKE_HEADER + header.slice(1).reduce((sum, byte) => sum * 256 + byte, 0);
      if (length > MAX_HELLO) return true;
    }
    came += fragment.length;
    at = start + recordLength;
  }
  return true;
}
