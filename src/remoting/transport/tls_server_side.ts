import { Buffer } from "node:buffer";
import type * as net from "node:net";
import { setImmediate } from "node:timers";
import * as tls from "node:tls";
import type { TlsAccept, TlsSession } from "../../tls/session.ts";
import { RenegotiationWatch } from "../tls/renegotiation_watch.ts";
import { type ReadHandle, readHandleOf, verifyError } from "./runtime_internals.ts";

/** The reason when a peer closes its connection during the handshake. */
export const CLOSED = "closed by the peer";

/** How to accept, and what the socket's stream takes. */
export interface ServerSideOptions extends TlsAccept {
  highWaterMark?: number;
  /** Application protocols (RFC 7301), the preferred one first. */
  ALPNProtocols?: string[];
}

/** The server side of a TLS connection over one of node:net whose first bytes have arrived. */
export class TlsServerSide {
  readonly socket: tls.TLSSocket;
  /** The handle below TLS: pausing the socket alone would not stop it from reading and decrypting. */
  readonly encrypted: ReadHandle;
  readonly #unwatchRecords: () => void;
  readonly #violatedLater: (reason: string) => void;
  #secured = false;
  #reason: string | undefined;
  /** A violation by the peer that was seen before the handshake was known to be over. */
  #violation: string | undefined;

  /**
   * @param plain read by nobody else from now on
   * @param violated called when the peer violates TLS after the handshake
   */
  constructor(
    plain: net.Socket,
    options: ServerSideOptions,
    received: Uint8Array,
    violated: (reason: string) => void,
  ) {
    plain.unshift(Buffer.from(received));
    // TLSSocket passes highWaterMark to the stream, although its type does not declare it.
    const settings: tls.TLSSocketOptions = {
      isServer: true,
      rejectUnauthorized: false,
      ...options,
    };
    const socket = new tls.TLSSocket(plain, settings);
    // node:tls takes what was received piece by piece, also once a piece has failed the handshake: the
    // runtime (2.9) then throws where nothing can catch it.
    const read = plain.read;
    plain.read = (size) => socket.destroyed ? null : read.call(plain, size);
    this.socket = socket;
    this.#violatedLater = violated;
    socket.on("error", (error) => this.#reason = error.message);
    // Only a tls.Server turns this into an error.
    socket.on("_tlsError", (error: Error) => this.#violated(error.message));
    this.encrypted = readHandleOf(plain);
    this.#watchEnd();
    this.#unwatchRecords = this.#watchRecords(received);
  }

  /**
   * Resolves when the handshake is complete, with the socket paused. Rejects when it fails or the
   * connection closes first; the caller must destroy the socket.
   */
  async handshake(): Promise<TlsSession> {
    const { socket } = this;
    await new Promise<void>((resolve, reject) => {
      const ended = () => socket.destroy();
      socket.once("close", () => reject(new Error(this.#reason ?? CLOSED)));
      socket.once("end", ended);
      socket.once("secure", () => {
        socket.off("end", ended);
        socket.pause();
        resolve();
      });
      // Otherwise "end" would not be emitted.
      socket.resume();
    });
    if (this.#violation !== undefined) throw new Error(this.#violation);
    this.#secured = true;
    const session = sessionOf(socket);
    if (session.protocol !== "TLSv1.2") this.#unwatchRecords();
    return session;
  }

  /**
   * Ends TLS when the connection below it has ended and the runtime (2.9) says nothing: it forgets an end
   * that comes while TLS still holds decrypted data. Each read after the end reports it once more.
   */
  #watchEnd(): void {
    const { encrypted, socket } = this;
    const { onread } = encrypted;
    const end = () => {
      if (socket.readableLength === 0 && !socket.isPaused() && !socket.destroyed) socket.push(null);
    };
    encrypted.onread = (bytes) => {
      onread.call(encrypted, bytes);
      // Data that TLS still holds comes first. An end that is already known is left as it is.
      if (bytes === undefined && this.#secured) setImmediate(end);
    };
  }

  /** @returns a function that ends the watch the next time reading is stopped and restarted */
  #watchRecords(received: Uint8Array): () => void {
    const { encrypted } = this;
    const watch = new RenegotiationWatch();
    const { onread } = encrypted;
    watch.sees(received);
    encrypted.onread = (bytes) => {
      if (bytes !== undefined && watch.sees(new Uint8Array(bytes))) {
        this.#violated("renegotiation");
      } else {
        onread.call(encrypted, bytes);
      }
    };
    return () => encrypted.onread = onread;
  }

  #violated(reason: string): void {
    if (this.#secured) this.#violatedLater(`TLS: ${reason}`);
    else this.#violation ??= reason;
  }
}

/** The result of a socket's handshake. */
function sessionOf(socket: tls.TLSSocket): TlsSession {
  const session: TlsSession = {
    protocol: socket.getProtocol() ?? "unknown",
    cipher: socket.getCipher().standardName,
    resumed: socket.isSessionReused(),
  };
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return session;
  return { ...session, certificate, distrust: verifyError(socket) || undefined };
}
