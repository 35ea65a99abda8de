import type { Log } from "../../log/log.ts";
import { HandshakeError, type TlsContext, type TlsPeer } from "./context.ts";
import type { Socket } from "../transport/transport.ts";

/** The values that a {@link TlsAcceptor} reads, each time it needs them. */
export interface HandshakeOptions {
  tlsHandshakeTimeoutMillis: number;
  tlsMaxHandshakes: number;
}

/** By the version that a client's hello names: the best that it can do, up to TLS 1.2. */
const OLD_VERSIONS = new Map([[0x300, "SSL 3.0"], [0x301, "TLS 1.0"], [0x302, "TLS 1.1"]]);
/** Where a record that begins with a hello has the version (RFC 5246, sections 6.2.1 and 7.4.1.2). */
const HELLO_VERSION_AT = 9;

/** Takes TLS connections: so many handshakes at once, each in a limited time. */
export class TlsAcceptor {
  /** Whether plain connections are refused. */
  readonly enforcing: boolean;
  readonly #context: () => TlsContext | Promise<TlsContext>;
  readonly #options: Readonly<HandshakeOptions>;
  readonly #log: Log;
  #handshakes = 0;
  #succeeded = 0;
  #failed = 0;

  /** @param parts.context what new connections are taken with */
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

  /** Handshakes that are not over. */
  get handshakes(): number {
    return this.#handshakes;
  }

  /** Handshakes that brought a connection. */
  get succeeded(): number {
    return this.#succeeded;
  }

  /** Handshakes that did not, and connections whose handshake was one too many. */
  get failed(): number {
    return this.#failed;
  }

  /**
   * Does the server's part of a handshake on a connection whose first bytes have come. Afterwards
   * the socket is paused, and what it reads and writes is encrypted on the way.
   *
   * @param peer who that is, for the log
   * @throws {HandshakeError} when it fails, takes too long, or the client is not welcome; the
   * connection must be closed then
   */
  async accept(socket: Socket, received: Uint8Array, peer: string): Promise<TlsPeer> {
    const { tlsHandshakeTimeoutMillis: limit, tlsMaxHandshakes: most } = this.#options;
    if (this.#handshakes >= most) {
      this.#failed++;
      throw new HandshakeError(`TLS: ${most} handshakes are under way (tlsMaxHandshakes)`);
    }
    this.#handshakes++;
    // The memory is the caller's.
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

/** What the runtime says of an old client is about what else its hello lacks. */
function tooOld(received: Uint8Array): string | undefined {
  const version = received[HELLO_VERSION_AT] << 8 | received[HELLO_VERSION_AT + 1];
  const name = OLD_VERSIONS.get(version);
  return name && `the client offers ${name} at most, and TLS 1.2 is the least`;
}

function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  // What another library would have said, for programs that know that one.
  return reason.replace(/ \(SSL routines:.*\)$/, "");
}
