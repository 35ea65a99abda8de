import type { TlsAccept, TlsSession } from "../../src/tls/session.ts";
import type {
  Listener,
  Socket,
  SocketHandler,
  Transport,
  WaterMarks,
} from "../../src/remoting/transport/transport.ts";
import { concat } from "./bytes.ts";

/**
 * A socket whose peer is the test. It checks the contract of {@link Socket}, and fails when the
 * code under test or the test violates it.
 */
export class FakeSocket implements Socket {
  readonly remoteAddress: string;
  /** Bytes received by the peer, one entry per write. */
  writes: Uint8Array[] = [];
  paused = false;
  /** Whether {@link end} was called. */
  ending = false;
  closed = false;
  #handler: SocketHandler | undefined;
  readonly #marks: WaterMarks;
  readonly #backlog: Uint8Array[] = [];
  #reads = true;
  #full = false;

  constructor(marks: WaterMarks = { high: () => 65536, low: () => 32768 }, address = "10.0.0.1:1") {
    this.#marks = marks;
    this.remoteAddress = address;
  }

  get unsent(): number {
    return this.#backlog.reduce((sum, bytes) => sum + bytes.length, 0);
  }

  get full(): boolean {
    return this.#full;
  }

  /** All bytes received by the peer. */
  get received(): Uint8Array {
    return concat(...this.writes);
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    if (this.ending) throw new Error("write after end");
    // Bytes taken at once may be overwritten afterwards.
    this.#backlog.push(this.#reads ? bytes.slice() : bytes);
    if (this.#reads) this.#flush();
    else if (this.unsent > this.#marks.high()) this.#full = true;
    return this.#reads;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  plain(): void {}

  /** The test decides the result of the handshake. */
  handshake = Promise.withResolvers<TlsSession>();
  /** Arguments of the handshake. */
  secured: { accept: TlsAccept; received: Uint8Array } | undefined;

  secure(accept: TlsAccept, received: Uint8Array): Promise<TlsSession> {
    this.secured = { accept, received };
    return this.handshake.promise;
  }

  end(): void {
    this.ending = true;
    if (this.#backlog.length === 0) this.#close();
  }

  destroy(): void {
    this.#backlog.length = 0;
    this.#close();
  }

  /** The peer sends bytes. The buffer is overwritten afterwards, as a transport may do. */
  send(...parts: Uint8Array[]): void {
    if (this.paused || this.closed) throw new Error("nothing may be heard now");
    const chunk = concat(...parts);
    this.#handler!.onData(chunk);
    chunk.fill(0xff);
  }

  /** The peer stops reading until {@link read}. */
  stopReading(): void {
    this.#reads = false;
  }

  /** The peer reads this many of the waiting writes; by default all of them, and all later ones. */
  read(count = Infinity): void {
    this.#reads = count === Infinity;
    this.#flush(count);
  }

  /** The peer ends its side. */
  sendEnd(): void {
    if (this.paused || this.closed) throw new Error("nothing may be heard now");
    this.#handler!.onEnd();
  }

  /** Breaks the connection. */
  break(reason: string): void {
    this.#backlog.length = 0;
    this.#close(reason);
  }

  #flush(count = Infinity): void {
    this.writes.push(...this.#backlog.splice(0, Math.min(count, this.#backlog.length)));
    if (this.#full && this.unsent <= this.#marks.low()) {
      this.#full = false;
      this.#handler!.onDrain();
    }
    if (this.ending && this.#backlog.length === 0) this.#close();
  }

  #close(reason?: string): void {
    if (this.closed) return;
    this.closed = true;
    this.#handler!.onClose(reason);
  }
}

/** A transport whose connections are {@link FakeSocket}s. */
export class FakeTransport implements Transport {
  /** The options of each listen. */
  readonly listened: Parameters<Transport["listen"]>[0][] = [];
  readonly #open = new Set<string>();
  #accept: ((socket: Socket) => void) | undefined;

  get listening(): boolean {
    return this.#open.size > 0;
  }

  listen(
    options: Parameters<Transport["listen"]>[0],
    accept: (socket: Socket) => void,
  ): Promise<Listener> {
    const port = options.port || 40000;
    // As on most systems, the wildcard of IPv6 takes IPv4 connections, too.
    if (options.hostname === "0.0.0.0" && this.#open.has(`:: ${port}`)) {
      return Promise.reject(Object.assign(new Error("in use"), { code: "EADDRINUSE" }));
    }
    this.listened.push(options);
    const key = `${options.hostname} ${port}`;
    this.#open.add(key);
    this.#accept = accept;
    return Promise.resolve({ port, close: () => void this.#open.delete(key) });
  }

  connect(): Promise<Socket> {
    throw new Error("not faked");
  }

  /** A peer connects. */
  open(address?: string): FakeSocket {
    const socket = new FakeSocket(this.listened[0]!.waterMarks, address);
    this.#accept!(socket);
    return socket;
  }
}
