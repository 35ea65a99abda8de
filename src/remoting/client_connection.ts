import { parseAddress } from "../address.ts";
import { ipOf } from "../ip_ranges.ts";
import { type CommandHeader, Flag, FrameError, type OutgoingRequest } from "./wire/command.ts";
import { type Frame, FrameDecoder } from "./wire/frame_decoder.ts";
import { encodeRequest } from "./wire/frame_encoder.ts";
import { decodeHeader } from "./wire/header_codec.ts";
import type { Socket, TlsConnect, Transport } from "./transport/transport.ts";
import { UNBOUNDED } from "./memory_budget.ts";

/** A response from a peer. */
export interface RemoteAnswer extends CommandHeader {
  body: Uint8Array | null;
}

/** Options of a {@link ClientConnection}. */
export interface ConnectOptions {
  /** Milliseconds for connecting, including the TLS handshake if there is one. */
  timeout: number;
  /** The largest frame accepted, in bytes. */
  frameMaxLength: number;
  /** If absent, the connection is plain. */
  tls?: TlsConnect;
}

/** The peer did not answer in time, or closed the connection. */
export class NoAnswerError extends Error {
  override name = "NoAnswerError";
  constructor(readonly kind: "silent" | "closed", message: string) {
    super(message);
  }
}

/** The peer sent something that can't be a response. */
export class StrangeAnswerError extends FrameError {
  override name = "StrangeAnswerError";
  /** @param start the first bytes that the peer sent */
  constructor(message: string, readonly start: Uint8Array) {
    super(message);
  }
}

/** How many of a peer's first bytes are kept for a {@link StrangeAnswerError}. */
const START_LENGTH = 16;

interface Waiting {
  resolve(answer: RemoteAnswer): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** A connection to a server that speaks the protocol. Any number of requests may be in flight. */
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
   * @throws {TypeError} when the address is malformed
   * @throws the transport's error when the peer can't be reached in time
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

  /** The IP address of the peer, if it is one of this machine, as far as the connection tells. */
  get localPeer(): string | undefined {
    const { localHost, remoteAddress } = this.#socket;
    if (localHost === undefined) return undefined;
    const peer = ipOf(remoteAddress);
    return ipOf(localHost) === peer ? peer : undefined;
  }

  /**
   * Sends a request and waits for the response.
   *
   * @param timeout milliseconds
   * @throws {NoAnswerError} when none arrives in time, or the connection ends first
   * @throws {StrangeAnswerError} when the peer sends anything else; the connection is then closed
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

  /** Closes the connection. Requests in flight are rejected. */
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
    // The response came too late.
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
