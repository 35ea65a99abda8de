/** A client with full control of its bytes. */

import { Buffer } from "node:buffer";
import { type Command, decodeFrame, encodeFrame, framesOf, type Request } from "./frames.ts";
import { WAIT_LIMIT_MS } from "./wait.ts";

/** A connection to a server on 127.0.0.1 that matches responses to requests by opaque. */
export class Peer implements AsyncDisposable {
  /** "address:port" of this side, as in the server's log. */
  readonly address: string;
  /** Opaques of unexpected responses. */
  readonly unexpected: number[] = [];
  /** Resolves when the connection is closed or broken. */
  readonly closed: Promise<void>;
  readonly #conn: Deno.TcpConn;
  readonly #waiting = new Map<number, PromiseWithResolvers<Command>>();
  readonly #closed = Promise.withResolvers<void>();
  #opaque = 0;
  #sending: Promise<void> = Promise.resolve();

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.address = `127.0.0.1:${conn.localAddr.port}`;
    this.closed = this.#closed.promise;
  }

  /** Connects. */
  static async connect(port: number): Promise<Peer> {
    const peer = await Peer.connectSilently(port);
    peer.read();
    return peer;
  }

  /** Connects, and leaves received data to the operating system until {@linkcode Peer.read}. */
  static async connectSilently(port: number): Promise<Peer> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    // Data after a one-way request must not wait for its acknowledgement.
    conn.setNoDelay();
    return new Peer(conn);
  }

  /** Starts reading. */
  read(): void {
    void this.#readAll();
  }

  /** Sends raw bytes, after those queued earlier. */
  send(bytes: Uint8Array): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
    });
    // If the server closes before reading everything, `closed` reports it.
    this.#sending = this.#sending.catch(() => {});
    return this.#sending;
  }

  /** Sends a request and resolves with its response. Rejects when the connection ends first. */
  call(request: Request): Promise<Command> {
    const [answer] = this.callAll([request]);
    return answer;
  }

  /** Sends requests in one write. */
  callAll<R extends readonly Request[]>(
    requests: readonly [...R],
  ): { [I in keyof R]: Promise<Command> } {
    const opaques = requests.map(() => this.#opaque++);
    const answers = opaques.map((opaque) => this.answer(opaque));
    void this.send(Buffer.concat(requests.map((it, i) => encodeFrame(it, opaques[i]!))));
    return answers as { [I in keyof R]: Promise<Command> };
  }

  /** Resolves with the response with this opaque. */
  answer(opaque: number): Promise<Command> {
    const waiting = Promise.withResolvers<Command>();
    this.#waiting.set(opaque, waiting);
    const timer = setTimeout(
      () => waiting.reject(new Error(`no answer to opaque ${opaque} in ${WAIT_LIMIT_MS} ms`)),
      WAIT_LIMIT_MS,
    );
    const answer = waiting.promise.finally(() => clearTimeout(timer));
    // It may be rejected before it is awaited.
    answer.catch(() => {});
    return answer;
  }

  /** Ends this side; resolves when the server has closed, too. */
  async end(): Promise<void> {
    await this.#conn.closeWrite().catch(() => {});
    await this.closed;
  }

  /** Drops the connection. */
  close(): void {
    try {
      this.#conn.close();
    } catch {
      // The server closed it first.
    }
  }

  /** Drops the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#sending;
  }

  async #readAll(): Promise<void> {
    try {
      for await (const frame of framesOf(this.#conn.readable)) {
        const answer = decodeFrame(frame);
        const waiting = this.#waiting.get(answer.opaque);
        this.#waiting.delete(answer.opaque);
        if (waiting === undefined) this.unexpected.push(answer.opaque);
        else waiting.resolve(answer);
      }
    } catch {
      // Reset, or closed by this side.
    }
    this.close();
    for (const { reject } of this.#waiting.values()) reject(new Error("the connection was closed"));
    this.#waiting.clear();
    this.#closed.resolve();
  }
}
