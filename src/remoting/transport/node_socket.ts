import type * as net from "node:net";
import { nextTick } from "node:process";
import { setImmediate } from "node:timers";
import type { TlsAccept, TlsSession } from "../../tls/session.ts";
import type { WorkSlice } from "../../work_slice.ts";
import { peerAddress } from "./peer_address.ts";
import { moveConnection, type ReadHandle } from "./runtime_internals.ts";
import { CLOSED, TlsServerSide } from "./tls_server_side.ts";
import type { Socket, SocketHandler, WaterMarks } from "./transport.ts";

/** Bytes read from one connection before others get a turn. */
const READ_BURST = 256 * 1024;
/** Most bytes passed to node:net in one call. */
const WRITE_PIECE = 256 * 1024;
/** Makes node:net emit "drain" after every write that the system did not take at once. */
export const HIGH_WATER = 1;

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

  get localHost(): string | undefined {
    return this.#socket.localAddress;
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

  async secure(accept: TlsAccept, received: Uint8Array, slice: WorkSlice): Promise<TlsSession> {
    if (slice.over) await slice.turn();
    const plain = this.#socket;
    if (plain.destroyed) throw new Error(CLOSED);
    // From now on, received bytes belong to the handshake.
    plain.removeAllListeners("data");
    const accepted = { ...accept, highWaterMark: HIGH_WATER };
    const tls = slice.run(() =>
      new TlsServerSide(plain, accepted, received, (reason) => this.#handler?.onViolation?.(reason))
    );
    this.#socket = tls.socket;
    this.#watch();
    this.#securing = true;
    const shaken = slice.run(() => tls.handshake());
    // The hello is answered within this tick.
    slice.runAsync(() => new Promise<void>(nextTick));
    const session = await shaken;
    this.#securing = false;
    this.#encrypts = true;
    this.#encrypted = tls.encrypted;
    this.#listen();
    this.#stopReading();
    return session;
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
