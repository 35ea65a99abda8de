import { Buffer } from "node:buffer";
import * as net from "node:net";
import { setImmediate } from "node:timers";
import * as tls from "node:tls";
import { checkListenPermission } from "./net_permission.ts";
import { RenegotiationWatch } from "../tls/renegotiation_watch.ts";
import {
  ConnectTimeout,
  type Listener,
  type Socket,
  type SocketHandler,
  type TlsAccept,
  type TlsConnect,
  type TlsSession,
  type Transport,
  type WaterMarks,
} from "./transport.ts";

const READ_BUFFER = 64 * 1024;
/** Bytes read from one connection before others get a turn. */
const READ_BURST = 256 * 1024;
/** Most bytes passed to node:net in one call. */
const WRITE_PIECE = 256 * 1024;
/** Makes node:net emit "drain" after every write that the system did not take at once. */
const HIGH_WATER = 1;
/** Milliseconds until accepting is retried after a failure. */
const ACCEPT_AGAIN_AFTER = 1000;
const CLOSED = "closed by the peer";

/**
 * Connections over `node:net`. It serves thousands of busy connections fairly, which `Deno.listen`
 * does not (bench/README.md has the figures).
 */
export class NodeTransport implements Transport {
  /** Shared by all connections: received bytes are consumed or copied before the next read. */
  readonly #readBuffer = new Uint8Array(READ_BUFFER);

  listen(
    options: { hostname: string; port: number; backlog: number; waterMarks: WaterMarks },
    accept: (socket: Socket) => void,
  ): Promise<Listener> {
    const { hostname, port, backlog, waterMarks } = options;
    // node:net detects a missing permission too late to report it to the caller.
    checkListenPermission(hostname, port);
    const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    server.on("connection", (accepted) => {
      // The peer may be gone already.
      if (accepted.remoteAddress === undefined) accepted.destroy();
      else accept(new NodeSocket(accepted, waterMarks, this.#readBuffer));
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: hostname, port, backlog }, () => {
        server.off("error", reject);
        // A failed accept must not affect other connections.
        server.on("error", () => {});
        const address = server.address() as net.AddressInfo;
        const timer = acceptOn(server, backlog);
        resolve({
          port: address.port,
          close: () => {
            clearInterval(timer);
            server.close();
          },
        });
      });
    });
  }

  connect(
    hostname: string,
    port: number,
    timeout: number,
    secure?: TlsConnect,
  ): Promise<Socket> {
    const options = { host: hostname, port, noDelay: true, highWaterMark: HIGH_WATER };
    return new Promise((resolve, reject) => {
      const socket = secure === undefined
        ? net.connect(options)
        : tls.connect({ ...options, ...secure });
      const fail = (error: Error) => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(() => {
        // For TLS, `connecting` is false once the plain connection below it is established.
        fail(new ConnectTimeout(secure !== undefined && !socket.connecting));
      }, timeout);
      socket.once("error", fail);
      socket.once(secure === undefined ? "connect" : "secureConnect", () => {
        clearTimeout(timer);
        socket.off("error", fail);
        socket.pause();
        resolve(new NodeSocket(socket, UNBOUNDED));
      });
    });
  }
}

/**
 * Keeps a server accepting connections after a failure. When the process has no file descriptor for
 * one, the runtime (2.9) neither reports it nor accepts again until listen is called once more.
 * The system treats that as no change.
 */
function acceptOn(server: net.Server, backlog: number): ReturnType<typeof setInterval> {
  const { _handle } = server as unknown as { _handle: { listen(backlog: number): number } };
  const timer = setInterval(() => _handle.listen(backlog), ACCEPT_AGAIN_AFTER);
  Deno.unrefTimer(timer);
  return timer;
}

/** The few requests that this program sends are never held back. */
const UNBOUNDED: WaterMarks = { high: () => Infinity, low: () => Infinity };

class NodeSocket implements Socket {
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
    const { remoteAddress: host, remotePort: port } = socket;
    this.remoteAddress = host?.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
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
    this.#socket = socket;
    this.#watch();
    this.#securing = true;
    // Only a tls.Server turns this into an error.
    socket.on("_tlsError", (error: Error) => this.#violated(error.message));
    const encrypted = handleOf(plain);
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
    const handler = this.#handler!;
    const socket = this.#socket;
    // Not the Buffer itself, because its slice() does not copy.
    socket.on("data", ({ buffer, byteOffset, byteLength }: Uint8Array) => {
      handler.onData(new Uint8Array(buffer, byteOffset, byteLength));
      if (this.#encrypts) this.#countBurst(byteLength);
    });
    socket.on("end", () => {
      if (socket !== this.#socket) return;
      this.#encrypted = undefined;
      handler.onEnd();
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
    while (this.#queued > 0 && socket.writableLength === 0 && !socket.destroyed) {
      const [first] = this.#queue;
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
    const holder = accepted as unknown as { _handle: unknown };
    const handle = holder._handle;
    holder._handle = null;
    const options = {
      handle,
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
    return new net.Socket(options as net.SocketConstructorOpts);
  }
}

/** The part of node:net's connection handle that is used here. */
interface ReadHandle {
  /**
   * Called with the bytes read, or with none at the end or on an error. {@link readStart} looks it
   * up.
   */
  onread(bytes: ArrayBuffer | undefined): void;
  readStart(): void;
  readStop(): void;
}

function handleOf(socket: net.Socket): ReadHandle {
  return (socket as unknown as { _handle: ReadHandle })._handle;
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
  // Only tls.Server exposes this, and it does not accept a high water mark.
  const { _handle } = socket as unknown as { _handle: { verifyError(): string } };
  return { ...session, certificate, distrust: _handle.verifyError() || undefined };
}
