import { type CommandHeader, Flag, FrameError, type OutgoingRequest } from "./wire/command.ts";
import { type Frame, FrameDecoder } from "./wire/frame_decoder.ts";
import { encodeRequest } from "./wire/frame_encoder.ts";
import { decodeHeader } from "./wire/header_codec.ts";
import type { Socket, TlsConnect, Transport } from "./transport/transport.ts";

/** What a peer answered. */
export interface RemoteAnswer extends CommandHeader {
  body: Uint8Array | null;
}

/** How a {@link ClientConnection} is made. */
export interface ConnectOptions {
  /** Milliseconds for connecting, with the TLS handshake if there is one. */
  timeout: number;
  /** The largest frame that is taken. */
  frameMaxLength: number;
  /** Left out, the connection is a plain one. */
  tls?: TlsConnect;
}

/** A peer that gave no answer: it let the time pass, or ended the connection. */
export class NoAnswerError extends Error {
  override name = "NoAnswerError";
  constructor(readonly kind: "silent" | "closed", message: string) {
    super(message);
  }
}

/** A peer that sent what can't be an answer. */
export class StrangeAnswerError extends FrameError {
  override name = "StrangeAnswerError";
  /** @param start the first bytes that it sent */
  constructor(message: string, readonly start: Uint8Array) {
    super(message);
  }
}

/** How many of a peer's first bytes are kept, for a {@link StrangeAnswerError}. */
const START_LENGTH = 16;
const UNBOUNDED = { take: () => true, give: () => {} };

interface Waiting {
  resolve(answer: RemoteAnswer): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** A connection to a server of the protocol. Any number of requests may be under way on it. */
export class ClientConnection {
  readonly #address: string;
  readonly #socket: Socket;
  readonly #decoder: FrameDecoder;
  readonly #waiting = new Map<number, Waiting>();
  #start = new Uint8Array(0);
  #opaque = 0;
  #failure: Error | undefined;

  private constructor(address: string, socket: Socket, frameMaxLength: number) {
    this.#address = address;
    this.#socket = socket;
    this.#decoder = new FrameDecoder(frameMaxLength, UNBOUNDED);
    socket.start({
      onData: (chunk) => this.#read(chunk),
      onDrain: () => {},
      onEnd: () => this.#fail(new NoAnswerError("closed", `${address} closed the connection`)),
      onClose: (reason) =>
        this.#fail(new NoAnswerError("closed", `${address} broke the connection: ${reason}`)),
    });
  }

  /**
   * Connects.
   *
   * @param address "host:port"
   * @throws {TypeError} when the address is none
   * @throws what the transport throws when the peer can't be reached in time
   */
  static async open(
    transport: Transport,
    address: string,
    { timeout, frameMaxLength, tls }: ConnectOptions,
  ): Promise<ClientConnection> {
    const { hostname, port } = parseAddress(address);
    const socket = await transport.connect(hostname, port, timeout, tls);
    return new ClientConnection(address, socket, frameMaxLength);
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @param timeout milliseconds
   * @throws {NoAnswerError} when none comes in time, or the connection ends before
   * @throws {StrangeAnswerError} when something else comes; the connection is closed then
   */
  invoke(request: OutgoingRequest, timeout: number): Promise<RemoteAnswer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const opaque = this.#opaque++ & 0x7fffffff;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(opaque);
        reject(new NoAnswerError("silent", `no answer from ${this.#address} in time`));
      }, timeout);
      this.#waiting.set(opaque, { resolve, reject, timer });
      this.#socket.write(encodeRequest(request, opaque, 0));
    });
  }

  /** Ends the connection; requests that are under way are rejected. */
  close(): void {
    this.#fail(new NoAnswerError("closed", `the connection to ${this.#address} was closed`));
  }

  #read(chunk: Uint8Array): void {
    const missing = START_LENGTH - this.#start.length;
    if (missing > 0) {
      this.#start = new Uint8Array([...this.#start, ...chunk.subarray(0, missing)]);
    }
    try {
      this.#decoder.push(chunk);
      for (let frame = this.#decoder.next(); frame; frame = this.#decoder.next()) {
        this.#answer(frame);
      }
      this.#decoder.keep();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#fail(new StrangeAnswerError(error.message, this.#start));
    }
  }

  #answer(frame: Frame): void {
    const header = decodeHeader(frame.header, frame.serializeType);
    // A server may also send requests of its own.
    if ((header.flag & Flag.RESPONSE) === 0) return;
    const waiting = this.#waiting.get(header.opaque);
    // It came too late.
    if (waiting === undefined) return;
    this.#waiting.delete(header.opaque);
    clearTimeout(waiting.timer);
    waiting.resolve({ ...header, body: frame.body.length === 0 ? null : frame.body.slice() });
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#socket.destroy();
    this.#decoder.release();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
  }
}

/**
 * Splits "host:port" or "[v6]:port".
 *
 * @throws {TypeError} when it is something else
 */
export function parseAddress(address: string): { hostname: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:\[\]]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) throw new TypeError(`no "host:port": ${address}`);
  return { hostname: match[1] ?? match[2], port };
}
