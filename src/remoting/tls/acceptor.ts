import type { Log, PeerFields } from "../../log/log.ts";
import type { TlsContext, TlsPeer } from "../../tls/context.ts";
import { HandshakeError } from "../../tls/handshake_error.ts";
import type { Socket } from "../transport/transport.ts";
import type { WorkSlice } from "../../work_slice.ts";

/** Options that a {@link TlsAcceptor} reads each time it needs them. */
export interface HandshakeOptions {
  tlsHandshakeTimeoutMillis: number;
  tlsMaxHandshakes: number;
  tlsMaxHandshakesPerAddress: number;
}

/** A handshake in progress. */
interface Handshake {
  /** Ends it, because another one needs its place. */
  abort(reason: string): void;
}

/**
 * Accepts TLS connections, with limits on concurrent handshakes and on their duration. At a limit, a
 * new handshake takes the place of the oldest one of its address, or of the address that has most: a
 * peer that begins handshakes without end only displaces its own.
 */
export class TlsAcceptor {
  /** Whether plain connections are refused. */
  readonly enforcing: boolean;
  readonly #context: () => TlsContext | Promise<TlsContext>;
  readonly #options: Readonly<HandshakeOptions>;
  readonly #slice: WorkSlice;
  readonly #log: Log;
  /** By address, the oldest first. */
  readonly #byAddress = new Map<string, Set<Handshake>>();
  #handshakes = 0;
  #succeeded = 0;
  #failed = 0;

  /** @param parts.context returns the context for new connections */
  constructor(parts: {
    enforcing: boolean;
    context: () => TlsContext | Promise<TlsContext>;
    options: Readonly<HandshakeOptions>;
    slice: WorkSlice;
    log: Log;
  }) {
    this.enforcing = parts.enforcing;
    this.#context = parts.context;
    this.#options = parts.options;
    this.#slice = parts.slice;
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

  /** Number of failed handshakes, including those ended because too many were in progress. */
  get failed(): number {
    return this.#failed;
  }

  /**
   * Performs the server side of a handshake on a connection whose first bytes have arrived.
   * Afterwards the socket is paused, and its data is encrypted.
   *
   * @param address without a port: handshakes are limited for each
   * @param peer the peer's addresses, for the log
   * @throws {HandshakeError} when the handshake fails, takes too long or the client is refused; the
   * caller must close the connection
   */
  async accept(
    socket: Socket,
    received: Uint8Array,
    address: string,
    peer: PeerFields,
  ): Promise<TlsPeer> {
    const limit = this.#options.tlsHandshakeTimeoutMillis;
    this.#makePlace(address);
    // The memory belongs to the caller.
    const first = received.slice();
    const ended = Promise.withResolvers<never>();
    const abort = (reason: string) => ended.reject(new HandshakeError(`TLS: ${reason}`));
    const timer = setTimeout(
      () => abort(`no handshake in ${limit} ms (tlsHandshakeTimeoutMillis)`),
      limit,
    );
    const handshake: Handshake = { abort };
    this.#begin(address, handshake);
    try {
      const tlsPeer = await Promise.race([ended.promise, this.#handshake(socket, first, peer)]);
      this.#succeeded++;
      return tlsPeer;
    } catch (error) {
      this.#failed++;
      throw error;
    } finally {
      clearTimeout(timer);
      this.#end(address, handshake);
    }
  }

  /** Ends handshakes, so that one more of an address can begin. */
  #makePlace(address: string): void {
    const { tlsMaxHandshakes: all, tlsMaxHandshakesPerAddress: most } = this.#options;
    const own = this.#byAddress.get(address);
    if (own !== undefined && own.size >= most) {
      this.#abortOldest(address, `${most} newer ones of its address (tlsMaxHandshakesPerAddress)`);
    } else if (this.#handshakes >= all) {
      let busiest = address;
      let count = own?.size ?? 0;
      for (const [other, { size }] of this.#byAddress) {
        if (size > count) [busiest, count] = [other, size];
      }
      this.#abortOldest(busiest, `${all} newer ones (tlsMaxHandshakes)`);
    }
  }

  #abortOldest(address: string, displacedBy: string): void {
    const [oldest] = this.#byAddress.get(address) ?? [];
    if (oldest === undefined) return;
    // Its place is free at once, although its promise only settles later.
    this.#end(address, oldest);
    oldest.abort(`the handshake gave way to ${displacedBy}`);
  }

  #begin(address: string, handshake: Handshake): void {
    const own = this.#byAddress.get(address);
    if (own === undefined) this.#byAddress.set(address, new Set([handshake]));
    else own.add(handshake);
    this.#handshakes++;
  }

  #end(address: string, handshake: Handshake): void {
    const own = this.#byAddress.get(address);
    if (own === undefined || !own.delete(handshake)) return;
    this.#handshakes--;
    if (own.size === 0) this.#byAddress.delete(address);
  }

  async #handshake(socket: Socket, received: Uint8Array, peer: PeerFields): Promise<TlsPeer> {
    socket.pause();
    const current = this.#context();
    const context = current instanceof Promise ? await current : current;
    let session;
    try {
      session = await socket.secure(context.accept, received, this.#slice);
    } catch (error) {
      throw HandshakeError.of(error, received);
    }
    const tlsPeer = context.check(session, Date.now());
    const { protocol, cipher, certificate } = tlsPeer;
    if (certificate !== undefined) {
      const { subject, subjectAltName, fingerprint, verified } = certificate;
      const shown = { subject, subjectAltName, fingerprint, verified };
      this.#log.info("TLS client", { ...peer, protocol, cipher, ...shown });
    } else if (this.#log.debugEnabled) {
      this.#log.debug("TLS client", { ...peer, protocol, cipher });
    }
    return tlsPeer;
  }
}
