import { uint16At } from "../../byte_access.ts";
import type { Log } from "../../log/log.ts";
import { HandshakeError, type TlsContext, type TlsPeer } from "./context.ts";
import type { Socket } from "../transport/transport.ts";
import { errorMessage } from "../../error_message.ts";

/** Options that a {@link TlsAcceptor} reads each time it needs them. */
export interface HandshakeOptions {
  tlsHandshakeTimeoutMillis: number;
  tlsMaxHandshakes: number;
}

/**
 * Versions that a client hello may name: the highest one that the client supports, up to TLS 1.2.
 */
const OLD_VERSIONS = new Map([[0x300, "SSL 3.0"], [0x301, "TLS 1.0"], [0x302, "TLS 1.1"]]);
/**
 * Offset of the version in a record that starts with a hello (RFC 5246, sections 6.2.1 and
 * 7.4.1.2).
 */
const HELLO_VERSION_AT = 9;

/** Accepts TLS connections, with limits on concurrent handshakes and on their duration. */
export class TlsAcceptor {
  /** Whether plain connections are refused. */
  readonly enforcing: boolean;
  readonly #context: () => TlsContext | Promise<TlsContext>;
  readonly #options: Readonly<HandshakeOptions>;
  readonly #log: Log;
  #handshakes = 0;
  #succeeded = 0;
  #failed = 0;

  /** @param parts.context returns the context for new connections */
  constructor(parts: {
    enforcing: boolean;
    context: () => TlsContext | Promise<TlsContext>;
    options: Readonly<HandshakeOptions>;
    log: Log;
  }) {
    this.enforcing = parts.enforcing;
    this.#context = parts.context;
    this.#options = parts.options;
    this.#log = parts.log;
  }

  /** Number of handshakes in progress. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /** Number of successful handshakes. */
  get succeeded(): number {
    return this.#succeeded;
  }

  /** Number of failed handshakes, including those refused because too many were in progress. */
  get failed(): number {
    return this.#failed;
  }

  /**
   * Performs the server side of a handshake on a connection whose first bytes have arrived.
   * Afterwards the socket is paused, and its data is encrypted.
   *
   * @param peer the peer's address, for the log
   * @throws {HandshakeError} when the handshake fails, takes too long or the client is refused; the
   * caller must close the connection
   */
  async accept(socket: Socket, received: Uint8Array, peer: string): Promise<TlsPeer> {
    const { tlsHandshakeTimeoutMillis: limit, tlsMaxHandshakes: most } = this.#options;
    if (this.#handshakes >= most) {
      this.#failed++;
      throw new HandshakeError(`TLS: ${most} handshakes are in progress (tlsMaxHandshakes)`);
    }
    this.#handshakes++;
    // The memory belongs to the caller.
    const first = received.slice();
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const reason = `TLS: no handshake in ${limit} ms (tlsHandshakeTimeoutMillis)`;
      late.reject(new HandshakeError(reason));
    }, limit);
    try {
      const tlsPeer = await Promise.race([late.promise, this.#handshake(socket, first, peer)]);
      this.#succeeded++;
      return tlsPeer;
    } catch (error) {
      this.#failed++;
      throw error;
    } finally {
      clearTimeout(timer);
      this.#handshakes--;
    }
  }

  async #handshake(socket: Socket, received: Uint8Array, peer: string): Promise<TlsPeer> {
    socket.pause();
    const current = this.#context();
    const context = current instanceof Promise ? await current : current;
    let session;
    try {
      session = await socket.secure(context.accept, received);
    } catch (error) {
      throw new HandshakeError(`TLS: ${tooOld(received) ?? reasonOf(error)}`);
    }
    const tlsPeer = context.check(session, Date.now());
    const { protocol, cipher, certificate } = tlsPeer;
    if (certificate !== undefined) {
      this.#log.info("TLS client", { peer, protocol, cipher, ...certificate });
    } else if (this.#log.debugEnabled) {
      this.#log.debug("TLS client", { peer, protocol, cipher });
    }
    return tlsPeer;
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
