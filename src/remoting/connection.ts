import type { Log } from "../log/log.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { type Command, Flag, FrameError, type Response } from "./wire/command.ts";
import { type Frame, FrameDecoder, type MemoryBudget } from "./wire/frame_decoder.ts";
import type { FrameEncoder } from "./wire/frame_encoder.ts";
import type { HeaderMemo } from "./wire/header_memo.ts";
import { Preamble, type ProxiedPeer } from "./wire/preamble.ts";
import type { CloseReason, RemotingCounters } from "./remoting_counters.ts";
import { AnswerResult } from "./request_counters.ts";
import type { TlsAcceptor } from "./tls/acceptor.ts";
import { HandshakeError, type TlsPeer } from "./tls/context.ts";
import type { Socket, SocketHandler } from "./transport/transport.ts";

/** Bytes of answers that are collected for one write at the most, plus one answer. */
const WRITE_BATCH = 256 * 1024;

/**
 * Requests of one connection that may wait for their answers. Who sends more is read no further
 * until some have left: answers must not pile up for a peer that does not take them.
 */
const MAX_IN_FLIGHT = 64;

/** Answers requests. What it knows of a connection is a handle to close it. */
export interface RequestHandler {
  /** Answers one request, at once where it can. Neither throws nor rejects. */
  handle(request: Command, connection: Connection): Response | Promise<Response>;
  /** Hears once of each connection that is no more. */
  disconnected(connection: Connection): void;
}

/** What a peer's requests tell of it. */
export interface PeerSoftware {
  /** E.g. "JAVA". */
  readonly language: string;
  /** Ordinal of MQVersion. */
  readonly version: number;
}

/** What all connections of a server share. */
export interface ConnectionContext {
  handler: RequestHandler;
  /** Empty whenever no connection is at work with it. */
  encoder: FrameEncoder;
  memo: HeaderMemo;
  budget: MemoryBudget;
  /** Bodies of answered requests go back to it: nobody may hold on to one. */
  pool: BufferPool;
  counters: RemotingCounters;
  /** Takes TLS connections; without it, they are refused. */
  tls?: TlsAcceptor;
  log: Log;
  frameMaxLength: number;
  now(): number;
  /** The connection has let go of its socket. */
  closed(connection: Connection): void;
}

/** One connection: what comes in is cut into requests, what is answered goes out in batches. */
export class Connection implements SocketHandler {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #decoder: FrameDecoder;
  /** When it was opened, in milliseconds since the epoch. */
  readonly since: number;
  #preamble: Preamble | undefined = new Preamble();
  #proxied: ProxiedPeer | undefined;
  #tlsPeer: TlsPeer | undefined;
  #software: PeerSoftware | undefined;
  /** A TLS handshake is under way. */
  #securing = false;
  /** Requests taken whose answers are still to come. */
  #inFlight = 0;
  /** Frames wait: the peer does not read its answers, or too many of them are due. */
  #stalled = false;
  /** No more is read; closes after the last answer. */
  #finishing = false;
  /** The peer is gone, or sends no more: it only gets the answers that it waits for. */
  #gone = false;
  /** The socket takes nothing more. */
  #destroyed = false;
  #lastActive: number;
  #unsentSeen = 0;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#decoder = new FrameDecoder(context.frameMaxLength, context.budget, context.pool);
    this.since = context.now();
    this.#lastActive = this.since;
  }

  /** "address:port" of the peer, the one that a PROXY header names where there was one. */
  get peer(): string {
    return this.#proxied?.address ?? this.#socket.remoteAddress;
  }

  /** TLVs of the connection's PROXY protocol version 2 header, by type. */
  get proxyAttributes(): ReadonlyMap<number, Uint8Array> | undefined {
    return this.#proxied?.attributes;
  }

  /** Who the TLS handshake has shown the peer to be; `undefined` on a plain connection. */
  get tlsPeer(): TlsPeer | undefined {
    return this.#tlsPeer;
  }

  /** What the peer's first request said of it; `undefined` before that. */
  get software(): PeerSoftware | undefined {
    return this.#software;
  }

  /** Whether the peer is gone, or is being closed. */
  get closed(): boolean {
    return this.#gone;
  }

  /** Starts reading. */
  start(): void {
    this.#socket.start(this);
  }

  /**
   * Closes at once. Requests that are being worked at lose their answers.
   *
   * @param reason what is counted; those who know brokers and no connections give none
   */
  close(reason: CloseReason = "expired"): void {
    this.#leave(reason);
    this.#destroyed = true;
    this.#socket.destroy();
  }

  /** Reads no more, answers what it has read, and closes. */
  finish(): void {
    this.#finishing = true;
    this.#socket.pause();
    this.#endWhenDone();
  }

  /** Whether no byte came or went since the given time (milliseconds), and no answer is due. */
  idleSince(time: number): boolean {
    const unsent = this.#socket.unsent;
    if (unsent < this.#unsentSeen) this.#lastActive = this.#context.now();
    this.#unsentSeen = unsent;
    return this.#lastActive < time && this.#inFlight === 0;
  }

  onData(chunk: Uint8Array): void {
    this.#lastActive = this.#context.now();
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
    this.#lastActive = this.#context.now();
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

  /** @param reason what the socket says */
  #reasonOfClose(reason: string | undefined): CloseReason {
    if (this.#finishing) return "stop";
    if (this.#securing) return "tls";
    return reason === undefined ? "peer" : "network";
  }

  /** The frames that stand after the preamble; `undefined` while that is not over. */
  #open(preamble: Preamble, chunk: Uint8Array): Uint8Array | undefined {
    const opening = preamble.push(chunk);
    if (opening === undefined) return undefined;
    this.#preamble = undefined;
    this.#proxied = opening.peer;
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
    this.#tlsPeer = await tls.accept(this.#socket, received, this.peer);
    this.#securing = false;
    this.#lastActive = this.#context.now();
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
    // Nothing is asked on these connections, so an answer is one to nobody.
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
      this.#lastActive = this.#context.now();
      this.#answer(request, late);
      this.#send(since);
      this.#stallWhenOverloaded();
      this.#goOn();
    }).catch((error) => this.#fail(error));
  }

  #answer(request: Command, response: Response): void {
    const { encoder, counters } = this.#context;
    const oneway = (request.flag & Flag.ONEWAY) !== 0;
    if (!oneway) encoder.response(request, response);
    const written = this.#destroyed ? AnswerResult.WRITE_CHANNEL_FAILED : AnswerResult.SUCCESS;
    const result = oneway ? AnswerResult.ONEWAY : written;
    counters.requests.answered(request.code, response.code, result);
  }

  /** @param since when the requests came whose answers leave, in milliseconds */
  #send(since: number): void {
    const { encoder, counters, now } = this.#context;
    counters.bytesOut += encoder.length;
    encoder.flush(this.#socket);
    if (counters.requests.leaving > 0) counters.requests.left(now() - since);
  }

  get #overloaded(): boolean {
    return this.#inFlight >= MAX_IN_FLIGHT || this.#socket.full;
  }

  #stallWhenOverloaded(): void {
    if (!this.#overloaded) return;
    this.#stalled = true;
    this.#socket.pause();
  }

  /** Takes the frames that wait, if they may be taken now, and then reads again. */
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

  /** Nothing more comes from the peer: it is forgotten here, and by those who count on it. */
  #leave(why: CloseReason, reason?: string): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#decoder.release();
    const { log, counters } = this.#context;
    counters.closed[why]++;
    if (log.debugEnabled) log.debug("connection closed", { peer: this.peer, reason });
    this.#context.handler.disconnected(this);
  }

  #fail(error: unknown): void {
    const { log } = this.#context;
    const reason = error instanceof Error ? error.message : String(error);
    // Anything but a frame error is a fault of this program, and costs this one peer only.
    if (error instanceof FrameError) log.warn("connection refused", { peer: this.peer, reason });
    else log.error("connection failed", { peer: this.peer, error });
    if (error instanceof HandshakeError) this.close("tls");
    else this.close(error instanceof FrameError ? "frame" : "fault");
  }
}
