import { Buffer } from "node:buffer";
import type * as net from "node:net";
import { setImmediate } from "node:timers";
import * as tls from "node:tls";
import { RenegotiationWatch } from "../tls/renegotiation_watch.ts";
import { peerAddress } from "./peer_address.ts";
import { moveConnection, type ReadHandle, readHandleOf, verifyError } from "./runtime_internals.ts";
import type { Socket, SocketHandler, TlsAccept, TlsSession, WaterMarks } from "./transport.ts";

/** Bytes read from one connection before others get a turn. */
const READ_BURST = 256 * 1024;
/** Most bytes passed to node:net in one call. */
const WRITE_PIECE = 256 * 1024;
/** Makes node:net emit "drain" after every write that the system did not take at once. */
export const HIGH_WATER = 1;
const CLOSED = "closed by the peer";

/** A connection over node:net, or the server side of one over node:tls. */
export class NodeSocket implements Socket {
  readonly remoteAddress: string;
  readonly #waterMarks: WaterMarks;
  readonly #readBuffer: Uint8Array | undefined;
  #socket: net.Socket;
  /** A TLS handshake is in progress. */
  #securing = false;
  /** With TLS, the data has been copied by the time `write` returns. */
  #encrypts = false;
  /** A violation by the peer that was seen before the handshake was known to be over. */
  #violation: string | undefined;
  /** The handle below TLS, as long as it may deliver data. */
  #encrypted: ReadHandle | undefined;
  #handler: SocketHandler | undefined;
  /** Data not yet taken by the system, except for the piece that node:net holds. */
  #queue: Uint8Array[] = [];
  #queued = 0;
  #full = false;
  #ending = false;
  #paused = false;
  /** Bytes read since other connections had a turn, and whether they have it now. */
  #burst = 0;
  #resting = false;
  #reason: string | undefined;

  /** @param readBuffer receives plain bytes; without it, each read allocates a buffer */
  constructor(socket: net.Socket, waterMarks: WaterMarks, readBuffer?: Uint8Array) {
    this.remoteAddress = peerAddress(socket.remoteAddress, socket.remotePort);
    this.#waterMarks = waterMarks;
    this.#readBuffer = readBuffer;
    this.#socket = socket;
    this.#watch();
  }

  get unsent(): number {
    return this.#queued + this.#socket.writableLength;
  }

  get full(): boolean {
    return this.#full;
  }

  /** Starts events without reading. {@link secure} must follow. */
  attend(handler: SocketHandler): void {
    this.#handler = handler;
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
    this.#listen();
    this.#socket.resume();
  }

  plain(): void {
    if (this.#readBuffer === undefined) return;
    this.#socket = this.#withBuffer(this.#socket, this.#readBuffer);
    this.#watch();
    this.#listen();
  }

  async secure(accept: TlsAccept, received: Uint8Array): Promise<TlsSession> {
    const plain = this.#socket;
    if (plain.destroyed) throw new Error(CLOSED);
    // From now on, received bytes belong to the handshake.
    plain.removeAllListeners("data");
    plain.unshift(Buffer.from(received));
    const options = { isServer: true, rejectUnauthorized: false, ...accept };
    const socket = new tls.TLSSocket(plain, { ...options, ...TLS_WATER_MARK });
    // node:tls takes what was received piece by piece, also once a piece has failed the handshake: the
    // runtime (2.9) then throws where nothing can catch it.
    const read = plain.read;
    plain.read = (size) => socket.destroyed ? null : read.call(plain, size);
    this.#socket = socket;
    this.#watch();
    this.#securing = true;
    // Only a tls.Server turns this into an error.
    socket.on("_tlsError", (error: Error) => this.#violated(error.message));
    const encrypted = readHandleOf(plain);
    this.#watchEnd(encrypted, socket);
    const unwatch = this.#watchRecords(encrypted, received);
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
    this.#securing = false;
    if (this.#violation !== undefined) throw new Error(this.#violation);
    this.#encrypts = true;
    this.#encrypted = encrypted;
    const session = sessionOf(socket);
    if (session.protocol !== "TLSv1.2") unwatch();
    this.#listen();
    this.#stopReading();
    return session;
  }

  /**
   * Ends TLS when the connection below it has ended and the runtime (2.9) says nothing: it forgets an end
   * that comes while TLS still holds decrypted data. Each read after the end reports it once more.
   */
  #watchEnd(encrypted: ReadHandle, socket: tls.TLSSocket): void {
    const { onread } = encrypted;
    const end = () => {
      if (socket.readableLength === 0 && !socket.isPaused() && !socket.destroyed) socket.push(null);
    };
    encrypted.onread = (bytes) => {
      onread.call(encrypted, bytes);
      // What is held comes first. An end that is already known is left as it is.
      if (bytes === undefined && this.#encrypts) setImmediate(end);
    };
  }

  /** @returns a function that ends the watch the next time reading is stopped and restarted */
  #watchRecords(encrypted: ReadHandle, received: Uint8Array): () => void {
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
    if (this.#encrypts) this.#handler?.onViolation?.(`TLS: ${reason}`);
    else this.#violation ??= reason;
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    let free = false;
    if (this.#queued === 0 && socket.writableLength === 0 && bytes.length <= WRITE_PIECE) {
      socket.write(bytes);
      if (socket.writableLength === 0) return true;
      free = this.#encrypts;
    } else if (!socket.destroyed) {
      this.#queue.push(bytes);
      this.#queued += bytes.length;
      this.#writeQueued();
    }
    if (this.unsent > this.#waterMarks.high()) this.#full = true;
    return free;
  }

  pause(): void {
    this.#paused = true;
    this.#stopReading();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#resting) this.#startReading();
  }

  end(): void {
    this.#ending = true;
    if (this.#securing) this.destroy();
    else if (this.#queued === 0) this.#socket.destroySoon();
  }

  destroy(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#encrypted = undefined;
    this.#socket.destroy();
  }

  /** Listens to the socket's events, as long as it is the current one. */
  #watch(): void {
    const socket = this.#socket;
    socket.on("drain", () => this.#drained());
    socket.on("error", (error) => this.#reason = error.message);
    socket.on("close", () => {
      if (socket === this.#socket) this.#closed();
    });
  }

  #listen(): void {
    const socket = this.#socket;
    // Not the Buffer itself, because its slice() does not copy.
    socket.on("data", ({ buffer, byteOffset, byteLength }: Uint8Array) => {
      this.#handler?.onData(new Uint8Array(buffer, byteOffset, byteLength));
      if (this.#encrypts) this.#countBurst(byteLength);
    });
    socket.on("end", () => {
      if (socket !== this.#socket) return;
      this.#encrypted = undefined;
      this.#handler?.onEnd();
    });
  }

  /** Pausing TLS alone would not stop it from reading, decrypting and buffering. */
  #stopReading(): void {
    this.#socket.pause();
    this.#encrypted?.readStop();
  }

  #startReading(): void {
    this.#socket.resume();
    this.#encrypted?.readStart();
  }

  #countBurst(count: number): void {
    this.#burst += count;
    if (this.#burst >= READ_BURST) this.#rest();
  }

  /** The system would otherwise stay with this connection as long as it has data. */
  #rest(): void {
    this.#burst = 0;
    this.#resting = true;
    this.#stopReading();
    setImmediate(() => {
      this.#resting = false;
      if (!this.#paused) this.#startReading();
    });
  }

  /** Writes in pieces, so that the progress of a large response is visible. */
  #writeQueued(): void {
    const socket = this.#socket;
    while (socket.writableLength === 0 && !socket.destroyed) {
      const [first] = this.#queue;
      if (first === undefined) return;
      const piece = first.subarray(0, WRITE_PIECE);
      if (piece.length === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(WRITE_PIECE);
      this.#queued -= piece.length;
      socket.write(piece);
    }
  }

  #drained(): void {
    this.#writeQueued();
    if (this.#full && this.unsent <= this.#waterMarks.low()) {
      this.#full = false;
      this.#handler?.onDrain();
    }
    if (this.#ending && this.#queued === 0) this.#socket.destroySoon();
  }

  #closed(): void {
    this.#encrypted = undefined;
    this.#queue = [];
    this.#queued = 0;
    this.#full = false;
    this.#handler?.onClose(this.#reason);
  }

  /**
   * Returns the same connection, reading into the given buffer: `onread` saves an allocation and a
   * copy per read. node:net only offers it for sockets that one creates, so the connection's handle
   * moves to a new socket.
   */
  #withBuffer(accepted: net.Socket, buffer: Uint8Array): net.Socket {
    const options = {
      allowHalfOpen: true,
      highWaterMark: HIGH_WATER,
      onread: {
        buffer,
        callback: (count: number, bytes: Uint8Array) => {
          this.#handler?.onData(bytes.subarray(0, count));
          this.#countBurst(count);
          return true;
        },
      },
    };
    return moveConnection(accepted, options as net.SocketConstructorOpts);
  }
}

/** TLSSocket passes it to the stream, although its type does not declare it. */
const TLS_WATER_MARK = { highWaterMark: HIGH_WATER } as tls.TLSSocketOptions;

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
