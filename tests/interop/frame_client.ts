/** A connection that sends frames to a name server and matches the responses. */

import {
  type Command,
  decodeFrame,
  encodeFrame,
  framesOf,
  type Request,
} from "../support/frames.ts";

/** A call without a response. */
export class NoAnswerError extends Error {
  constructor(readonly reason: "closed" | "timeout") {
    super(reason === "closed" ? "the server closed the connection" : "no answer in time");
  }
}

/** A connection to a name server that matches responses to calls by opaque. */
export class FrameClient {
  #connection: Deno.TcpConn;
  #waiting = new Map<number, PromiseWithResolvers<Command>>();
  #opaque = 1;
  #open = true;
  #sending: Promise<void> = Promise.resolve();
  /** Resolves when either side has closed the connection. */
  readonly closed: Promise<void>;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.closed = this.#read().finally(() => {
      this.#open = false;
      for (const call of this.#waiting.values()) call.reject(new NoAnswerError("closed"));
      this.#waiting.clear();
    });
  }

  /** Connects to `host:port`. */
  static async connect(address: string): Promise<FrameClient> {
    const { hostname, port } = new URL(`tcp://${address}`);
    return new FrameClient(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Sends a request and waits for its response; throws {@linkcode NoAnswerError}. */
  async call(request: Request, timeoutMs = 10_000): Promise<Command> {
    const opaque = this.#opaque++;
    const call = Promise.withResolvers<Command>();
    call.promise.catch(() => {}); // the connection may close before anything awaits this
    if (!this.#open) throw new NoAnswerError("closed");
    this.#waiting.set(opaque, call);
    await this.sendRaw(encodeFrame(request, opaque));
    const timer = setTimeout(() => call.reject(new NoAnswerError("timeout")), timeoutMs);
    try {
      return await call.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(opaque);
    }
  }

  /** Writes raw bytes, after those before; a connection closed by the server is not an error here. */
  sendRaw(bytes: Uint8Array): Promise<void> {
    return this.#sending = this.#sending.then(() => this.#write(bytes));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await this.#connection.write(bytes.subarray(sent));
      }
    } catch {
      this.close();
    }
  }

  /** Closes the connection; closing twice is fine. */
  close(): void {
    try {
      this.#connection.close();
    } catch {
      // the server closed it first
    }
  }

  async #read(): Promise<void> {
    try {
      for await (const frame of framesOf(this.#connection.readable)) {
        const response = decodeFrame(frame);
        this.#waiting.get(response.opaque)?.resolve(response);
      }
    } catch {
      // reset by the server or closed by us: `closed` resolves
    }
  }
}
