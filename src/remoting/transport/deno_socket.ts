import { setImmediate } from "node:timers/promises";
import { isWholeClientHello } from "../tls/client_hello.ts";
import { HIGH_WATER, NodeSocket } from "./node_socket.ts";
import { peerAddress } from "./peer_address.ts";
import type { Reader, ReadGate } from "./read_gate.ts";
import { adoptConnection } from "./runtime_internals.ts";
import { MAX_BUFFER, type SocketBuffers } from "./socket_buffers.ts";
import type { TlsAccept, TlsSession } from "../../tls/session.ts";
import type { Socket, SocketHandler, WaterMarks } from "./transport.ts";
import { errorMessage } from "../../error_message.ts";
import type { WorkSlice } from "../../work_slice.ts";

/** Bytes that one connection may bring before the others have their turn. */
const READ_BURST = 256 * 1024;
/**
 * Sizes of reads. A filled read is followed by a larger one. The largest size is given up with the
 * first read that did not fill it, so that no connection waits with such a buffer.
 */
const READ_SIZES = [512, 8 * 1024, 128 * 1024] as const;
const LARGEST = READ_SIZES.length - 1;
/** Reads in a row that would have fitted into the smallest size, until that is taken again. */
const READS_TO_SHRINK = 16;

/** A connection that was sent more bytes since the read before lets others read first. */
const BULK = 64 * 1024;

/** Bytes to write, with the buffer that is free afterwards if they are a copy. */
interface Piece {
  bytes: Uint8Array;
  buffer?: Uint8Array<ArrayBuffer>;
}

/** Bytes read at once when a hello is not whole. */
const HELLO_READ = 2048;
const CLOSED = "closed by the peer";

/** The parts that all sockets share. */
export interface Shared {
  gate: ReadGate;
  buffers: SocketBuffers;
}

/**
 * A connection over `Deno.Conn`. TLS goes on over node:tls, as Deno has no TLS with client
 * certificates, nor TLS on a connection that began as a plain one.
 */
export class DenoSocket implements Socket, Reader {
  readonly remoteAddress: string;
  readonly #conn: Deno.TcpConn;
  readonly #waterMarks: WaterMarks;
  readonly #gate: ReadGate;
  readonly #buffers: SocketBuffers;
  #handler: SocketHandler | undefined;
  /** The TLS socket that all calls go to, once TLS was asked for. */
  #secured: NodeSocket | undefined;

  /** A read waits for the gate, is under way, or is being handled. */
  #reading = false;
  /** The buffer of the read that is under way, and the gate's tick in which it was issued. */
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #issuedIn = 0;
  #paused = false;
  /** Came while paused: bytes, or the end. */
  #held: Uint8Array | null | undefined;
  /** The peer sends no more. */
  #ended = false;
  /** Index of the size of the next read. */
  #size = 0;
  /** Reads in a row that would have fitted into the smallest size. */
  #small = 0;
  bulky = false;
  /** Bytes that were written since the last read. */
  #written = 0;
  /** Of the smallest size; not given back between reads. */
  #ownBuffer: Uint8Array<ArrayBuffer> | undefined;
  /** Bytes read in a row. */
  #burst = 0;

  /** The piece that is being written, and those that wait for it. */
  #writing: Piece | undefined;
  #queue: Piece[] = [];
  #unsent = 0;
  #full = false;
  #ending = false;
  #closed = false;
  #reason: string | undefined;

  constructor(conn: Deno.TcpConn, waterMarks: WaterMarks, { gate, buffers }: Shared) {
    this.#conn = conn;
    this.remoteAddress = peerAddress(conn.remoteAddr.hostname, conn.remoteAddr.port);
    this.#waterMarks = waterMarks;
    this.#gate = gate;
    this.#buffers = buffers;
  }

  get localHost(): string {
    return this.#conn.localAddr.hostname;
  }

  get unsent(): number {
    return this.#secured?.unsent ?? this.#unsent;
  }

  get full(): boolean {
    return this.#secured?.full ?? this.#full;
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
    this.#readOn();
  }

  plain(): void {}

  pause(): void {
    if (this.#secured !== undefined) return this.#secured.pause();
    this.#paused = true;
  }

  resume(): void {
    if (this.#secured !== undefined) return this.#secured.resume();
    if (!this.#paused) return;
    this.#paused = false;
    // Not before the caller is done.
    if (this.#held !== undefined) queueMicrotask(() => this.#release());
    else this.#readOn();
  }

  async secure(accept: TlsAccept, received: Uint8Array, slice: WorkSlice): Promise<TlsSession> {
    if (this.#buffer !== undefined) throw new Error("a read is under way: pause first");
    // If there were more to read, node:tls could process that before the bytes received here.
    const hello = await this.#readHello(received);
    if (this.#closed) throw new Error(CLOSED);
    const handler = this.#handler;
    if (handler === undefined) throw new Error("not started");
    const socket = adoptConnection(this.#conn, HIGH_WATER);
    const secured = new NodeSocket(socket, this.#waterMarks);
    this.#secured = secured;
    this.#giveOwnBuffer();
    secured.attend({
      onData: (chunk) => handler.onData(chunk),
      onDrain: () => handler.onDrain(),
      onEnd: () => handler.onEnd(),
      onViolation: (reason) => handler.onViolation?.(reason),
      onClose: (reason) => {
        this.#conn.close();
        handler.onClose(reason);
      },
    });
    // The alert of a handshake that fails at once would be lost.
    await setImmediate();
    return secured.secure(accept, hello, slice);
  }

  /** Reads on until the client's hello is whole. */
  async #readHello(received: Uint8Array): Promise<Uint8Array> {
    let hello = received;
    const buffer = new Uint8Array(HELLO_READ);
    while (!isWholeClientHello(hello)) {
      const count = this.#closed ? null : await this.#conn.read(buffer);
      if (count === null) throw new Error(CLOSED);
      const longer = new Uint8Array(hello.length + count);
      longer.set(hello);
      longer.set(buffer.subarray(0, count), hello.length);
      hello = longer;
    }
    return hello;
  }

  write(bytes: Uint8Array, constant = false): boolean {
    if (this.#secured !== undefined) return this.#secured.write(bytes);
    if (this.#closed || bytes.length === 0) return true;
    const piece = constant ? { bytes } : this.#copyOf(bytes);
    this.#unsent += bytes.length;
    this.#written += bytes.length;
    if (this.#writing === undefined) this.#writeOut(piece);
    else this.#queue.push(piece);
    if (this.#unsent > this.#waterMarks.high()) this.#full = true;
    return piece.buffer !== undefined;
  }

  end(): void {
    if (this.#secured !== undefined) return this.#secured.end();
    this.#ending = true;
    if (this.#writing === undefined) this.#close();
  }

  destroy(): void {
    if (this.#secured !== undefined) return this.#secured.destroy();
    this.#close();
  }

  /** For the gate alone: reads once, if that is still wanted. */
  read(): void {
    if (this.#closed || this.#paused) return this.#readDone();
    this.#issuedIn = this.#gate.tick;
    const buffer = this.#takeBuffer();
    this.#buffer = buffer;
    this.#conn.read(buffer).then(this.#onRead, this.#onReadFailed);
  }

  // Bound once, and no async function: these run for every request.
  readonly #onRead = (count: number | null) => {
    const buffer = this.#readOver();
    if (this.#issuedIn !== this.#gate.tick) this.#burst = 0;
    if (buffer !== undefined && !this.#closed) {
      this.#take(count === null ? null : buffer.subarray(0, count));
    }
    this.#giveBuffer(buffer);
    this.#readDone();
  };

  readonly #onReadFailed = (error: unknown) => {
    this.#giveBuffer(this.#readOver());
    this.#fail(error);
    this.#readDone();
  };

  /** Returns the read's buffer. */
  #readOver(): Uint8Array<ArrayBuffer> | undefined {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    this.#gate.completed(this.#issuedIn);
    return buffer;
  }

  /** @param bytes null: the peer sends no more */
  #take(bytes: Uint8Array | null): void {
    if (bytes !== null) this.#adaptSize(bytes.length);
    // It may have to be kept for long.
    if (this.#paused) this.#held = bytes && bytes.slice();
    else this.#deliver(bytes);
  }

  #deliver(bytes: Uint8Array | null): void {
    if (bytes !== null) return this.#handler?.onData(bytes);
    this.#ended = true;
    this.#handler?.onEnd();
  }

  #release(): void {
    const held = this.#held;
    if (held === undefined || this.#paused || this.#closed) return;
    this.#held = undefined;
    this.#deliver(held);
    this.#readOn();
  }

  #readDone(): void {
    this.#reading = false;
    if (this.#closed) this.#giveOwnBuffer();
    else this.#readOn();
  }

  #readOn(): void {
    if (this.#reading || this.#paused || this.#closed || this.#ended) return;
    if (this.#secured !== undefined || this.#held !== undefined) return;
    this.#reading = true;
    if (this.#burst < READ_BURST) return this.#gate.admit(this);
    this.#burst = 0;
    this.#gate.defer(this);
  }

  #adaptSize(count: number): void {
    this.#burst += count;
    const filled = count === READ_SIZES[this.#size];
    this.bulky = filled || this.#written > BULK;
    this.#written = 0;
    if (filled) {
      this.#size = Math.min(this.#size + 1, LARGEST);
      this.#small = 0;
    } else if (this.#size === LARGEST) {
      this.#size--;
    } else if (this.#size > 0) {
      this.#small = count < READ_SIZES[0] ? this.#small + 1 : 0;
      if (this.#small === READS_TO_SHRINK) this.#size = 0;
    }
  }

  #takeBuffer(): Uint8Array<ArrayBuffer> {
    const size = READ_SIZES[this.#size];
    if (this.#size > 0 && size !== undefined) return this.#buffers.take(size);
    return this.#ownBuffer ??= this.#buffers.take(READ_SIZES[0]);
  }

  #giveBuffer(buffer: Uint8Array<ArrayBuffer> | undefined): void {
    if (buffer !== undefined && buffer !== this.#ownBuffer) this.#buffers.give(buffer);
  }

  #giveOwnBuffer(): void {
    if (this.#ownBuffer !== undefined) this.#buffers.give(this.#ownBuffer);
    this.#ownBuffer = undefined;
  }

  /**
   * Small pieces are copied: whether the system has taken the bytes is only known after the return.
   */
  #copyOf(bytes: Uint8Array): Piece {
    if (bytes.length > MAX_BUFFER) return { bytes };
    const buffer = this.#buffers.take(bytes.length);
    buffer.set(bytes);
    return { bytes: buffer.subarray(0, bytes.length), buffer };
  }

  #writeOut(piece: Piece): void {
    this.#writing = piece;
    this.#conn.write(piece.bytes).then(this.#onWritten, this.#onWriteFailed);
  }

  readonly #onWritten = (count: number) => {
    this.#sent(count);
    const piece = this.#writing;
    if (piece !== undefined && count < piece.bytes.length && !this.#closed) {
      return this.#writeOut({ bytes: piece.bytes.subarray(count), buffer: piece.buffer });
    }
    this.#writeDone();
    const next = this.#queue.shift();
    if (next !== undefined) this.#writeOut(next);
    else if (this.#ending) this.#close();
  };

  readonly #onWriteFailed = (error: unknown) => {
    this.#writeDone();
    this.#fail(error);
  };

  #writeDone(): void {
    const buffer = this.#writing?.buffer;
    if (buffer !== undefined) this.#buffers.give(buffer);
    this.#writing = undefined;
  }

  #sent(count: number): void {
    if (this.#closed) return;
    this.#unsent -= count;
    if (!this.#full || this.#unsent > this.#waterMarks.low()) return;
    this.#full = false;
    this.#handler?.onDrain();
  }

  #fail(error: unknown): void {
    this.#reason ??= errorMessage(error);
    this.#close();
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#unsent = 0;
    this.#full = false;
    this.#held = undefined;
    this.#conn.close();
    if (!this.#reading) this.#giveOwnBuffer();
    // Not before the caller is done.
    const reason = this.#reason;
    queueMicrotask(() => this.#handler?.onClose(reason));
  }
}
