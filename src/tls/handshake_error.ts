import { uint16At } from "../byte_access.ts";
import { errorMessage } from "../error_message.ts";

/**
 * Versions that a client hello may name: the highest one that the client supports, up to TLS 1.2.
 */
const OLD_VERSIONS = new Map([[0x300, "SSL 3.0"], [0x301, "TLS 1.0"], [0x302, "TLS 1.1"]]);
/**
 * Offset of the version in a record that starts with a hello (RFC 5246, sections 6.2.1 and
 * 7.4.1.2).
 */
const HELLO_VERSION_AT = 9;

/** A refused or failed TLS connection. The message is one line that gives the reason. */
export class HandshakeError extends Error {
  override name = "HandshakeError";

  /**
   * The error for a handshake that the runtime failed.
   *
   * @param received the first bytes of the connection
   */
  static of(error: unknown, received: Uint8Array): HandshakeError {
    return new HandshakeError(`TLS: ${tooOld(received) ?? reasonOf(error)}`);
  }
}

/**
 * For an outdated client, the runtime's own message would only name something else missing in its
 * hello.
 */
function tooOld(received: Uint8Array): string | undefined {
  const name = OLD_VERSIONS.get(uint16At(received, HELLO_VERSION_AT));
  return name && `the client supports at most ${name}; TLS 1.2 is the minimum`;
}

function reasonOf(error: unknown): string {
  const reason = errorMessage(error);
  // Uses the wording of other TLS libraries, which users may recognise.
  return reason.replace(/ \(SSL routines:.*\)$/, "");
}
