import { setImmediate } from "node:timers";
import { parseAddress } from "../address.ts";
import { NoAnswerError, StrangeAnswerError } from "../remoting/client_connection.ts";
import { FrameError, type OutgoingRequest } from "../remoting/wire/command.ts";
import { FrameDecoder } from "../remoting/wire/frame_decoder.ts";
import { encodeRequest } from "../remoting/wire/frame_encoder.ts";
import { decodeHeader } from "../remoting/wire/header_codec.ts";
import type { Socket } from "../remoting/transport/transport.ts";
import { type Access, FRAME_MAX_LENGTH } from "./name_server.ts";
import { UNBOUNDED } from "../remoting/memory_budget.ts";

/** Settings of a {@link LoadConnection}. */
export interface LoadPlan {
  readonly request: OutgoingRequest;
  /** Number of requests in flight. */
  readonly inFlight: number;
  /** Milliseconds after which a missing response ends the load. */
  readonly timeout: number;
  /** Called for each response. */
  answered(code: number, millis: number): void;
}

const CHECKS = 4;

/**
 * A connection that sends the next request as soon as a response arrives. It makes no promises and
 * encodes nothing while it runs, so that the server is measured and not this client.
 */
export class LoadConnection {
  readonly #address: string;
  readonly #socket: Socket;
  readonly #plan: LoadPlan;
  readonly #decoder = new FrameDecoder(FRAME_MAX_LENGTH, UNBOUNDED);
  /** The encoded requests by opaque, and the time at which each was sent. */
  readonly #frames: readonly Uint8Array[];
  readonly #sent: Float64Array;
  readonly #ended = Promise.withResolvers<void>();
  #waiting = 0;
  #stopping = false;
  #lastAnswer = 0;
  #start = new Uint8Array(0);

  private constructor(address: string, socket: Socket, plan: LoadPlan) {
    this.#address = address;
    this.#socket = socket;
    this.#plan = plan;
    this.#frames = Array.from(
      { length: plan.inFlight },
      (_, opaque) => encodeRequest(plan.request, opaque, 0),
    );
    this.#sent = new Float64Array(plan.inFlight);
  }

  /**
   * Connects.
   *
   * @param address "host:port"
   * @throws the transport's error when the server can't be reached in time
   */
  static async open(address: string, access: Access, plan: LoadPlan): Promise<LoadConnection> {
    const { hostname, port } = parseAddress(address);
    const { transport, timeout, tls, signer } = access;
    const socket = await transport.connect(hostname, port, timeout, tls);
    const request = signer.sign(plan.request);
    return new LoadConnection(address, socket, { ...plan, request });
  }

  /**
   * Sends requests until {@link stop}.
   *
   * @throws {NoAnswerError} when a response is missing
   * @throws {StrangeAnswerError} when the server sends anything else
   */
  async run(): Promise<void> {
    const { timeout } = this.#plan;
    const closed = () =>
      this.#fail(new NoAnswerError("closed", `${this.#address} closed the connection`));
    this.#socket.start({
      onData: (chunk) => this.#read(chunk),
      onDrain: () => {},
      onEnd: closed,
      onClose: closed,
    });
    this.#lastAnswer = performance.now();
    const check = setInterval(() => {
      if (performance.now() - this.#lastAnswer < timeout) return;
      this.#fail(new NoAnswerError("silent", `no answer from ${this.#address} in time`));
    }, timeout / CHECKS);
    this.#ask(this.#frames.map((_, opaque) => opaque));
    try {
      await this.#ended.promise;
    } finally {
      clearInterval(check);
      this.#socket.destroy();
    }
  }

  /** Sends no more requests; {@link run} resolves after the responses in flight. */
  stop(): void {
    this.#stopping = true;
    if (this.#waiting === 0) this.#ended.resolve();
  }

  #ask(opaques: readonly number[]): void {
    const now = performance.now();
    const frames = opaques.flatMap((opaque) => this.#frames[opaque] ?? []);
    const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
    let at = 0;
    for (const frame of frames) {
      bytes.set(frame, at);
      at += frame.length;
    }
    for (const opaque of opaques) this.#sent[opaque] = now;
    this.#waiting += opaques.length;
    this.#socket.write(bytes);
  }

  #read(chunk: Uint8Array): void {
    if (this.#start.length === 0) this.#start = chunk.slice(0, 16);
    const now = this.#lastAnswer = performance.now();
    const free: number[] = [];
    try {
      this.#decoder.push(chunk);
      for (let frame = this.#decoder.next(); frame; frame = this.#decoder.next()) {
        const { code, opaque } = decodeHeader(frame.header, frame.serializeType);
        const sent = this.#sent[opaque];
        if (sent === undefined || sent === 0) throw new FrameError("a response without a request");
        this.#sent[opaque] = 0;
        this.#plan.answered(code, now - sent);
        free.push(opaque);
      }
      this.#decoder.keep();
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      return this.#fail(new StrangeAnswerError(error.message, this.#start));
    }
    this.#waiting -= free.length;
    // Other connections get a turn first: the system would otherwise stay with this one.
    if (free.length > 0) setImmediate(() => this.#goOn(free));
  }

  #goOn(free: readonly number[]): void {
    if (!this.#stopping) this.#ask(free);
    else if (this.#waiting === 0) this.#ended.resolve();
  }

  #fail(error: Error): void {
    this.#ended.reject(error);
    this.#socket.destroy();
  }
}
