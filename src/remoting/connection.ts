import type { Clock } from "../clock.ts";
import type { Log } from "../log/log.ts";
import type { BufferPool } from "./buffer_pool.ts";
import { type Command, Flag, FrameError, type Reply } from "./wire/command.ts";
import { ipOf, type Networks } from "../ip_ranges.ts";
import type { ByteBudget, MemoryAccount, MemoryHolder } from "./memory_budget.ts";
import { type Frame, FrameDecoder, MemoryShortage } from "./wire/frame_decoder.ts";
import type { FrameEncoder } from "./wire/frame_encoder.ts";
import { type HeaderMemo, MemoShare } from "./wire/header_memo.ts";
import { addressesOf, type Peer, type PeerSoftware } from "./peer.ts";
import { Preamble } from "./wire/preamble.ts";
import type { CloseReason, RemotingCounters } from "./remoting_counters.ts";
import { AnswerResult } from "./request_counters.ts";
import type { TlsAcceptor } from "./tls/acceptor.ts";
import type { TlsPeer } from "../tls/context.ts";
import { HandshakeError } from "../tls/handshake_error.ts";
import type { Socket, SocketHandler } from "./transport/transport.ts";
import { errorMessage } from "../error_message.ts";
import type { WorkSlice } from "../work_slice.ts";

/** Responses are collected for one write up to this many bytes, plus one response. */
const WRITE_BATCH = 256 * 1024;

/**
 * The most requests of one connection that may wait for their responses. Reading pauses at the
 * limit, so that responses don't pile up for a peer that does not read them.
 */
const MAX_IN_FLIGHT = 64;

const NO_MEMORY = "it holds too much memory (maxBufferedBytesPerConnection, " +
  "maxBufferedBytesPerAddress, maxBufferedRequestBytes)";
/** After a larger write, unsent bytes are counted at once; otherwise about once a second. */
const LARGE_WRITE = 64 * 1024;
/** Milliseconds over which the least rate of an unfinished frame is measured. */
const RATE_WINDOW = 5000;

/** Options that a {@link Connection} reads each time it needs them. */
export interface ConnectionOptions {
  maxHeaderBytes: number;
  maxProxyHeaderBytes: number;
  frameTimeoutSeconds: number;
  /** 0 for none. */
  frameMinBytesPerSecond: number;
  proxyHeaderTimeoutSeconds: number;
}

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
  budget: ByteBudget;
  /** The proxies whose PROXY headers are believed. If there are none, all are for display. */
  trustedProxies: Networks;
  options: Readonly<ConnectionOptions>;
  /** Bodies of answered requests are returned to it. Handlers must not keep them. */
  pool: BufferPool;
  counters: RemotingCounters;
  /** Counts what it takes to send large answers: the requests that cause them wait for it. */
  slice: WorkSlice;
  /** Accepts TLS connections. If absent, they are refused. */
  tls?: TlsAcceptor;
  log: Log;
  frameMaxLength: number;
  clock: Pick<Clock, "now" | "monotonic">;
  /** Called when a trusted proxy named the client. Returns why it is refused, if it is. */
  proxied(address: string): string | undefined;
  /** Called when the peer has ended its side: {@link Connection.end} is due. */
  ended(connection: Connection): void;
  /** Called when the connection has released its socket. */
  closed(connection: Connection): void;
}

/** Something that a peer has begun to send. */
interface Unfinished {
  /** The frame's number, or 0 for a PROXY header. */
  readonly what: number;
  /** When it was first seen, on the monotonic clock. */
  since: number;
  /** Since when its rate is measured, and how much the connection had received until then. */
  window: number;
  received: number;
}

/** One connection: cuts the received bytes into requests and sends the responses in batches. */
export class Connection implements SocketHandler, Peer, MemoryHolder {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #decoder: FrameDecoder;
  readonly #account: MemoryAccount;
  readonly #memoShare = new MemoShare();
  /** When the connection was opened, in milliseconds since the epoch. */
  readonly since: number;
  account: string | undefined;
  #preamble: Preamble | undefined;
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
  #failed = false;
  #lastActive: number;
  #unsentSeen = 0;
  /** Bytes received, and bytes sent. */
  #received = 0;
  #sent = 0;
  /** The frame or header that was not complete at the last {@link check}. */
  #unfinished: Unfinished | undefined;

  constructor(socket: Socket, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    const { options, budget, pool } = context;
    const address = ipOf(socket.remoteAddress);
    this.#account = budget.open(address, this);
    this.#decoder = new FrameDecoder(context.frameMaxLength, this.#account, pool, options);
    this.#preamble = new Preamble(options.maxProxyHeaderBytes);
    this.since = context.clock.now();
    this.#lastActive = context.clock.monotonic();
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

  /** Bytes received; for TLS, after decryption. */
  get bytesIn(): number {
    return this.#received;
  }

  /** Bytes sent; for TLS, before encryption. */
  get bytesOut(): number {
    return this.#sent;
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
    this.#account.close();
    this.#socket.destroy();
  }

  evict(reason: string): void {
    this.#fail(new MemoryShortage(`memory is short (${reason})`));
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
    if (this.#unfinished === undefined) return;
    this.#unfinished.since += millis;
    this.#unfinished.window += millis;
  }

  /**
   * Closes the connection if it takes too long to complete what it has begun, and counts what it has
   * not sent yet. Must be called about once a second.
   */
  check(): void {
    if (this.#destroyed) return;
    this.#countUnsent(this.#socket.unsent);
    const what = this.#whatIsUnfinished();
    const now = this.#context.clock.monotonic();
    // While it is stalled, what is missing may be here already, or held back by this server.
    if (what === undefined || this.#stalled || this.#finishing) {
      this.#unfinished = undefined;
    } else if (this.#unfinished?.what !== what) {
      this.#unfinished = { what, since: now, window: now, received: this.#received };
    } else {
      const reason = this.#slowness(this.#unfinished, now);
      if (reason !== undefined) this.#fail(new SlowPeer(reason));
    }
  }

  /** The number of the unfinished frame, or 0 for an unfinished PROXY header. */
  #whatIsUnfinished(): number | undefined {
    if (this.#gone) return undefined;
    if (this.#preamble === undefined) return this.#decoder.unfinished;
    return this.#preamble.kept > 0 ? 0 : undefined;
  }

  /** Returns how the peer is too slow, if it is. */
  #slowness(begun: Unfinished, now: number): string | undefined {
    const { options } = this.#context;
    if (this.#preamble !== undefined) {
      const { proxyHeaderTimeoutSeconds: most } = options;
      return now - begun.since > most * 1000
        ? `a PROXY header is not complete after ${most} s (proxyHeaderTimeoutSeconds)`
        : undefined;
    }
    const { frameTimeoutSeconds: most, frameMinBytesPerSecond: least } = options;
    if (now - begun.since > most * 1000) {
      return `a frame is not complete after ${most} s (frameTimeoutSeconds)`;
    }
    const span = now - begun.window;
    if (span < RATE_WINDOW) return undefined;
    if ((this.#received - begun.received) * 1000 < least * span) {
      return `a frame comes with less than ${least} bytes a second (frameMinBytesPerSecond)`;
    }
    begun.window = now;
    begun.received = this.#received;
    return undefined;
  }

  onData(chunk: Uint8Array): void {
    this.#lastActive = this.#context.clock.monotonic();
    this.#received += chunk.length;
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
    this.#countUnsent(this.#socket.unsent);
    this.#goOn();
  }

  onEnd(): void {
    this.#leave("peer");
    this.#context.ended(this);
  }

  /** Closes once the responses that are due are sent: the peer has ended its side. */
  end(): void {
    this.#endWhenDone();
  }

  onViolation(reason: string): void {
    this.#fail(new FrameError(reason));
  }

  onClose(reason?: string): void {
    this.#destroyed = true;
    this.#leave(this.#reasonOfClose(reason), reason);
    this.#account.close();
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
    const before = preamble.kept;
    const opening = preamble.push(chunk);
    if (opening === undefined) {
      if (!this.#account.take(preamble.kept - before)) throw new MemoryShortage(NO_MEMORY);
      return undefined;
    }
    this.#account.give(before);
    this.#preamble = undefined;
    this.#takeProxied(opening.peer?.address);
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

  /** @param address of the client, as a PROXY header names it */
  #takeProxied(address: string | undefined): void {
    const { trustedProxies, proxied } = this.#context;
    if (address === undefined) return;
    const trusted = trustedProxies.has(ipOf(this.#socket.remoteAddress));
    if (!trusted && !trustedProxies.empty) return;
    this.#proxiedAddress = address;
    if (!trusted) return;
    const refusal = proxied(ipOf(address));
    if (refusal !== undefined) throw new TooManyConnections(refusal);
    this.#account.move(ipOf(address));
  }

  async #secure(tls: TlsAcceptor, received: Uint8Array): Promise<void> {
    this.#securing = true;
    const { address } = this.#account.share;
    this.#tls = await tls.accept(this.#socket, received, address, addressesOf(this));
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
    const request = this.#context.memo.decode(frame, this.#memoShare);
    this.#software ??= { language: request.language, version: request.version };
    // The server sends no requests on these connections, so a response has no addressee.
    if ((request.flag & Flag.RESPONSE) !== 0) return;
    if (frame.end > frame.headerEnd) request.body = frame.owned ? frame.body : frame.body.slice();
    const response = this.#context.handler.handle(request, this);
    if (response instanceof Promise) return this.#answerLater(frame, request, response);
    this.#answer(request, response);
    if (frame.owned) this.#context.pool.give(frame.bytes);
  }

  #answerLater(frame: Frame, request: Command, response: Promise<Reply>): void {
    this.#inFlight++;
    const since = this.#lastActive;
    const size = sizeOf(frame);
    this.#account.begin(size);
    const send = (late: Reply) => {
      this.#inFlight--;
      this.#account.done(size);
      if (frame.owned) this.#context.pool.give(frame.bytes);
      this.#lastActive = this.#context.clock.monotonic();
      this.#answer(request, late);
      this.#send(since);
      this.#stallWhenOverloaded();
      this.#goOn();
    };
    const { slice } = this.#context;
    response.then((late) => {
      // Many that waited are answered together: their large answers share the slice of long work.
      const large = late.body !== undefined && late.body.length > LARGE_WRITE;
      return large && slice.over ? slice.turn().then(() => send(late)) : send(late);
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
    this.#sent += encoder.length;
    const large = encoder.length > LARGE_WRITE;
    if (large) this.#flushInSlice();
    else encoder.flush(this.#socket);
    if (large || this.#socket.full) this.#countUnsent(this.#socket.unsent);
    if (counters.requests.leaving > 0) counters.requests.left(clock.monotonic() - since);
  }

  #flushInSlice(): void {
    const { encoder, slice } = this.#context;
    slice.run(() => encoder.flush(this.#socket));
  }

  #countUnsent(unsent: number): void {
    if (this.#destroyed || this.#account.unsent(unsent)) return;
    this.#fail(new MemoryShortage(`${NO_MEMORY}: it does not read its answers`));
  }

  get #overloaded(): boolean {
    return this.#inFlight >= MAX_IN_FLIGHT || this.#socket.full || this.#account.crowded;
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
    if (log.debugEnabled) log.debug("connection closed", { ...addressesOf(this), reason });
    this.#context.handler.disconnected(this);
  }

  #fail(error: unknown): void {
    // Failures that follow from the first one are not news.
    if (this.#failed) return;
    this.#failed = true;
    const { log } = this.#context;
    const reason = errorMessage(error);
    const why = closeReasonOf(error);
    // A bug in this program. It affects only this peer.
    if (why === "fault") log.error("connection failed", { ...addressesOf(this), error });
    else log.warn("connection refused", { ...addressesOf(this), reason });
    this.close(why);
  }
}

/** A peer takes too long to complete what it has begun. */
class SlowPeer extends Error {
  override name = "SlowPeer";
}

/** The client that a proxy named has too many connections. */
class TooManyConnections extends Error {
  override name = "TooManyConnections";
}

/** Bytes that a request keeps in memory: its header is kept as text, its body as it came. */
function sizeOf({ owned, bytes, headerStart, headerEnd, end }: Frame): number {
  return 2 * (headerEnd - headerStart) + (owned ? bytes.length : end - headerEnd);
}

function closeReasonOf(error: unknown): CloseReason {
  if (error instanceof HandshakeError) return "tls";
  if (error instanceof MemoryShortage) return "memory";
  if (error instanceof SlowPeer) return "slow";
  if (error instanceof TooManyConnections) return "limit";
  return error instanceof FrameError ? "frame" : "fault";
}
