import type { Clock } from "../clock.ts";
import type { Log } from "../log/log.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { type Command, Flag, FrameError, type Reply } from "./wire/command.ts";
import { type Frame, FrameDecoder, type MemoryBudget } from "./wire/frame_decoder.ts";
import type { FrameEncoder } from "./wire/frame_encoder.ts";
import type { HeaderMemo } from "./wire/header_memo.ts";
import type { Peer, PeerSoftware } from "./peer.ts";
import { Preamble } from "./wire/preamble.ts";
import type { CloseReason, RemotingCounters } from "./remoting_counters.ts";
import { AnswerResult } from "./request_counters.ts";
import type { TlsAcceptor } from "./tls/acceptor.ts";
import { HandshakeError, type TlsPeer } from "./tls/context.ts";
import type { Socket, SocketHandler } from "./transport/transport.ts";
import { errorMessage } from "../error_message.ts";

/** Responses are collected for one write up to this many bytes, plus one response. */
const WRITE_BATCH = 256 * 1024;

/**
 * The most requests of one connection that may wait for their responses. Reading pauses at the
 * limit, so that responses don't pile up for a peer that does not read them.
 */
const MAX_IN_FLIGHT = 64;

/** Handles requests. */
export interface RequestHandler {
  /** Handles one request, synchronously if possible. Never throws or rejects. */
  handle(request: Command, peer: Peer): Reply | Promise<Reply>;
  /** Called once for each peer whose connection closed. */
  disconnected(peer: Peer): void;
}

/** State shared by all connections of a server. */
export interface ConnectionContext {
  handler: RequestHandler;
  /** Empty except while a connection is using it. */
  encoder: FrameEncoder;
  memo: HeaderMemo;
  budget: MemoryBudget;
  /** Bodies of answered requests are returned to it. Handlers must not keep them. */
  pool: BufferPool;
  counters: RemotingCounters;
  /** Accepts TLS connections. If absent, they are refused. */
  tls?: TlsAcceptor;
  log: Log;
  frameMaxLength: number;
  clock: Pick<Clock, "now" | "monotonic">;
  /** Called when the connection has released its socket. */
  closed(connection: Connection): void;
}

/** One connection: cuts the received bytes into requests and sends the responses in batches. */
export class Connection implements SocketHandler, Peer {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #decoder: FrameDecoder;
  /** When the connection was opened, in milliseconds since the epoch. */
  readonly since: number;
  #preamble: Preamble | undefined = new Preamble();
  #proxiedAddress: string | undefined;
  #tls: TlsPeer | undefined;
  #software: PeerSoftware | undefined;
  /** A TLS handshake is in progress. */
  #securing = false;
  /** Requests whose responses are not sent yet. */
  #inFlight = 0;
  /** Frames wait because the peer does not read its responses, or too many are due. */
  #stalled = false;
  /** Reading has stopped; the connection closes after the last response. */
  #finishing = false;
  /** The peer is gone or has ended its side, and only receives the responses that are due. */
  #gone = false;
  /** The socket accepts no more data. */
  #destroyed = false;
  #lastActive: number;
  #unsentSeen = 0;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#decoder = new FrameDecoder(context.frameMaxLength, context.budget, context.pool);
    this.since = context.clock.now();
    this.#lastActive = context.clock.monotonic();
  }

  get address(): string {
    return this.#proxiedAddress ?? this.#socket.remoteAddress;
  }

  get socketAddress(): string {
    return this.#socket.remoteAddress;
  }

  get proxiedAddress(): string | undefined {
    return this.#proxiedAddress;
  }

  get tls(): TlsPeer | undefined {
    return this.#tls;
  }

  get software(): PeerSoftware | undefined {
    return this.#software;
  }

  /** Whether the peer is gone, or the connection is being closed. */
  get closed(): boolean {
    return this.#gone;
  }

  /** Starts reading. */
  start(): void {
    this.#socket.start(this);
  }

  /**
   * Closes at once. Requests in progress are not answered.
   *
   * @param reason counted in the metrics
   */
  close(reason: CloseReason): void {
    this.#leave(reason);
    this.#destroyed = true;
    this.#socket.destroy();
  }

  /** Stops reading, answers the requests already read, and closes. */
  finish(): void {
    this.#finishing = true;
    this.#socket.pause();
    this.#endWhenDone();
  }

  /**
   * Whether the connection has been silent since the given time (monotonic) with no response
   * due.
   */
  idleSince(time: number): boolean {
    const unsent = this.#socket.unsent;
    if (unsent < this.#unsentSeen) this.#lastActive = this.#context.clock.monotonic();
    this.#unsentSeen = unsent;
    return this.#lastActive < time && this.#inFlight === 0;
  }

  /** The process did not run for so many milliseconds: this is not the peer's silence. */
  excuse(millis: number): void {
    this.#lastActive = Math.min(this.#context.clock.monotonic(), this.#lastActive + millis);
  }

  onData(chunk: Uint8Array): void {
    this.#lastActive = this.#context.clock.monotonic();
    this.#context.counters.bytesIn += chunk.length;
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
    this.#lastActive = this.#context.clock.monotonic();
    this.#goOn();
  }

  onEnd(): void {
    this.#leave("peer");
    this.#endWhenDone();
  }

  onViolation(reason: string): void {
    this.#fail(new FrameError(reason));
  }

  onClose(reason?: string): void {
    this.#destroyed = true;
    this.#leave(this.#reasonOfClose(reason), reason);
    this.#context.closed(this);
  }

  /** @param reason as reported by the socket */
  #reasonOfClose(reason: string | undefined): CloseReason {
    if (this.#finishing) return "stop";
    if (this.#securing) return "tls";
    return reason === undefined ? "peer" : "network";
  }

  /** Returns the frames that follow the preamble; `undefined` while the preamble is incomplete. */
  #open(preamble: Preamble, chunk: Uint8Array): Uint8Array | undefined {
    const opening = preamble.push(chunk);
    if (opening === undefined) return undefined;
    this.#preamble = undefined;
    this.#proxiedAddress = opening.peer?.address;
    const { tls } = this.#context;
    if (opening.kind === "frames") {
      if (tls?.enforcing) throw new FrameError("no TLS handshake, but TLS is enforced");
      this.#socket.plain();
      return opening.rest;
    }
    if (tls === undefined) throw new FrameError("a TLS handshake, but TLS is disabled");
    this.#secure(tls, opening.rest).catch((error) => this.#fail(error));
    return undefined;
  }

  async #secure(tls: TlsAcceptor, received: Uint8Array): Promise<void> {
    this.#securing = true;
    this.#tls = await tls.accept(this.#socket, received, this.address);
    this.#securing = false;
    this.#lastActive = this.#context.clock.monotonic();
    if (!this.#finishing) this.#socket.resume();
  }

  #takeFrames(): void {
    const { encoder } = this.#context;
    const since = this.#lastActive;
    try {
      while (!this.#gone && !this.#overloaded) {
        const frame = this.#decoder.next();
        if (frame === undefined) break;
        this.#request(frame);
        if (encoder.length >= WRITE_BATCH) this.#send(since);
      }
    } finally {
      this.#send(since);
    }
    this.#stallWhenOverloaded();
  }

  #request(frame: Frame): void {
    const request = this.#context.memo.decode(frame);
    this.#software ??= { language: request.language, version: request.version };
    // The server sends no requests on these connections, so a response has no addressee.
    if ((request.flag & Flag.RESPONSE) !== 0) return;
    if (frame.end > frame.headerEnd) request.body = frame.owned ? frame.body : frame.body.slice();
    const response = this.#context.handler.handle(request, this);
    if (!(response instanceof Promise)) {
      this.#answer(request, response);
      if (frame.owned) this.#context.pool.give(frame.bytes);
      return;
    }
    this.#inFlight++;
    const since = this.#lastActive;
    response.then((late) => {
      this.#inFlight--;
      if (frame.owned) this.#context.pool.give(frame.bytes);
      this.#lastActive = this.#context.clock.monotonic();
      this.#answer(request, late);
      this.#send(since);
      this.#stallWhenOverloaded();
      this.#goOn();
    }).catch((error) => this.#fail(error));
  }

  #answer(request: Command, response: Reply): void {
    const { encoder, counters } = this.#context;
    const oneway = (request.flag & Flag.ONEWAY) !== 0;
    if (!oneway) encoder.reply(request, response);
    const written = this.#destroyed ? AnswerResult.WRITE_CHANNEL_FAILED : AnswerResult.SUCCESS;
    const result = oneway ? AnswerResult.ONEWAY : written;
    counters.requests.answered(request.code, response.code, result);
  }

  /** @param since when the answered requests arrived, in milliseconds */
  #send(since: number): void {
    const { encoder, counters, clock } = this.#context;
    counters.bytesOut += encoder.length;
    encoder.flush(this.#socket);
    if (counters.requests.leaving > 0) counters.requests.left(clock.monotonic() - since);
  }

  get #overloaded(): boolean {
    return this.#inFlight >= MAX_IN_FLIGHT || this.#socket.full;
  }

  #stallWhenOverloaded(): void {
    if (!this.#overloaded) return;
    this.#stalled = true;
    this.#socket.pause();
  }

  /** Processes waiting frames if that is allowed now, then resumes reading. */
  #goOn(): void {
    if (this.#stalled && !this.#overloaded) {
      this.#stalled = false;
      try {
        this.#takeFrames();
      } catch (error) {
        this.#fail(error);
      }
      if (!this.#stalled && !this.#finishing) this.#socket.resume();
    }
    this.#endWhenDone();
  }

  #endWhenDone(): void {
    const last = this.#finishing || this.#gone;
    if (last && this.#inFlight === 0 && !this.#stalled) this.#socket.end();
  }

  /** The peer sends nothing more: the connection is removed here and its owners are notified. */
  #leave(why: CloseReason, reason?: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#decoder.release();
    const { log, counters } = this.#context;
    counters.closed[why]++;
    if (log.debugEnabled) log.debug("connection closed", { peer: this.address, reason });
    this.#context.handler.disconnected(this);
  }

  #fail(error: unknown): void {
    const { log } = this.#context;
    const reason = errorMessage(error);
    const why = closeReasonOf(error);
    // A bug in this program. It affects only this peer.
    if (why === "fault") log.error("connection failed", { peer: this.address, error });
    else log.warn("connection refused", { peer: this.address, reason });
    this.close(why);
  }
}

function closeReasonOf(error: unknown): CloseReason {
  if (error instanceof HandshakeError) return "tls";
  return error instanceof FrameError ? "frame" : "fault";
}
