import type { Log } from "../log.ts";
import { type Command, Flag, FrameError, type Response } from "./command.ts";
import { type Frame, FrameDecoder, type MemoryBudget } from "./frame_decoder.ts";
import type { FrameEncoder } from "./frame_encoder.ts";
import { decodeHeader } from "./header_codec.ts";
import { Preamble, type ProxiedPeer } from "./preamble.ts";
import type { Socket, SocketHandler } from "./transport.ts";

/** Answers requests. What it knows of a connection is a handle to close it. */
export interface RequestHandler {
  /** Answers one request, at once where it can. Neither throws nor rejects. */
  handle(request: Command, connection: Connection): Response | Promise<Response>;
  /** Hears once of each connection that is no more. */
  disconnected(connection: Connection): void;
}

/** What all connections of a server share. */
export interface ConnectionContext {
  handler: RequestHandler;
  /** Empty whenever no connection is at work with it. */
  encoder: FrameEncoder;
  budget: MemoryBudget;
  log: Log;
  frameMaxLength: number;
  /** Unsent bytes of one connection above which no more of its requests are taken. */
  highWaterMark(): number;
  now(): number;
  /** The connection has let go of its socket. */
  closed(connection: Connection): void;
}

/** One connection: what comes in is cut into requests, what is answered goes out in batches. */
export class Connection implements SocketHandler {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #decoder: FrameDecoder;
  #preamble: Preamble | undefined = new Preamble();
  #proxied: ProxiedPeer | undefined;
  /** Requests taken whose answers are still to come. */
  #inFlight = 0;
  /** Frames wait because the peer does not read its answers. */
  #stalled = false;
  /** No request is taken any more; closes after the last answer. */
  #finishing = false;
  #ended = false;
  #lastActive: number;
  #unsentSeen = 0;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#decoder = new FrameDecoder(context.frameMaxLength, context.budget);
    this.#lastActive = context.now();
  }

  /** "address:port" of the peer, the one that a PROXY header names where there was one. */
  get peer(): string {
    return this.#proxied?.address ?? this.#socket.remoteAddress;
  }

  /** TLVs of the connection's PROXY protocol version 2 header, by type. */
  get proxyAttributes(): ReadonlyMap<number, Uint8Array> | undefined {
    return this.#proxied?.attributes;
  }

  /** Whether the peer is gone, or is being closed. */
  get closed(): boolean {
    return this.#ended;
  }

  /** Starts reading. */
  start(): void {
    this.#socket.start(this);
  }

  /** Closes at once. Requests that are being worked at lose their answers. */
  close(): void {
    this.#socket.destroy();
    this.onEnd();
  }

  /** Takes no more requests, answers those that it took, and closes. */
  finish(): void {
    this.#finishing = true;
    this.#socket.pause();
    if (this.#inFlight === 0) this.#socket.end();
  }

  /** Whether no byte came or went since the given time (milliseconds). */
  idleSince(time: number): boolean {
    const unsent = this.#socket.unsent;
    if (unsent < this.#unsentSeen) this.#lastActive = this.#context.now();
    this.#unsentSeen = unsent;
    return this.#lastActive < time && this.#inFlight === 0;
  }

  onData(chunk: Uint8Array): void {
    if (this.#finishing || this.#ended) return;
    this.#lastActive = this.#context.now();
    try {
      const frames = this.#preamble === undefined ? chunk : this.#open(this.#preamble, chunk);
      if (frames === undefined) return;
      this.#decoder.push(frames);
      this.#takeFrames();
      this.#decoder.keep();
    } catch (error) {
      this.#fail(error);
    }
  }

  onDrain(): void {
    this.#lastActive = this.#context.now();
    if (!this.#stalled || this.#finishing || this.#ended) return;
    this.#stalled = false;
    try {
      this.#takeFrames();
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (!this.#stalled) this.#socket.resume();
  }

  onEnd(reason?: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#decoder.release();
    const { log } = this.#context;
    if (log.debugEnabled) log.debug("connection closed", { peer: this.peer, reason });
    this.#context.handler.disconnected(this);
    this.#context.closed(this);
    // The peer may have closed its side only: it still gets the answers that it waits for.
    if (this.#inFlight === 0) this.#socket.end();
  }

  /** What stands after the preamble; `undefined` while that is not over. */
  #open(preamble: Preamble, chunk: Uint8Array): Uint8Array | undefined {
    const opening = preamble.push(chunk);
    if (opening === undefined) return undefined;
    this.#preamble = undefined;
    this.#proxied = opening.peer;
    if (opening.kind === "tls") throw new FrameError("a TLS handshake, but TLS is disabled");
    return opening.rest;
  }

  #takeFrames(): void {
    const { encoder, highWaterMark } = this.#context;
    const limit = highWaterMark();
    try {
      while (!this.#ended) {
        if (encoder.length + this.#socket.unsent > limit) {
          this.#stall();
          break;
        }
        const frame = this.#decoder.next();
        if (frame === undefined) break;
        this.#request(frame);
      }
    } finally {
      this.#send();
    }
  }

  #request(frame: Frame): void {
    const header = decodeHeader(frame.header, frame.serializeType);
    // Nothing is asked on these connections, so an answer is one to nobody.
    if ((header.flag & Flag.RESPONSE) !== 0) return;
    const body = frame.body.length === 0 ? null : frame.owned ? frame.body : frame.body.slice();
    const request: Command = { ...header, serializeType: frame.serializeType, body };
    const response = this.#context.handler.handle(request, this);
    if (!(response instanceof Promise)) {
      this.#answer(request, response);
      return;
    }
    this.#inFlight++;
    void response.then((late) => {
      this.#inFlight--;
      this.#answer(request, late);
      this.#send();
      if (this.#socket.unsent > this.#context.highWaterMark()) this.#stall();
      if ((this.#finishing || this.#ended) && this.#inFlight === 0) this.#socket.end();
    });
  }

  #answer(request: Command, response: Response): void {
    if ((request.flag & Flag.ONEWAY) === 0) this.#context.encoder.response(request, response);
  }

  #send(): void {
    for (const part of this.#context.encoder.take()) this.#socket.write(part);
  }

  #stall(): void {
    this.#stalled = true;
    this.#socket.pause();
  }

  #fail(error: unknown): void {
    const { log } = this.#context;
    const reason = error instanceof Error ? error.message : String(error);
    // Anything but a frame error is a fault of this program, and costs this one peer only.
    if (error instanceof FrameError) log.warn("connection refused", { peer: this.peer, reason });
    else log.error("connection failed", { peer: this.peer, error });
    this.close();
  }
}
