import type { Listener, Socket, SocketHandler, Transport, WaterMarks } from "./transport.ts";

/** What a connection holds for reading while nothing comes. */
const IDLE_BUFFER = 1024;
/** What a connection reads into after a read that filled its buffer, until a short one. */
const BUSY_BUFFER = 64 * 1024;
/** Chunks up to this size are joined, so that small answers leave in one write. */
const WRITE_BATCH = 256 * 1024;

/** Connections over `Deno.listen`. */
export class DenoTransport implements Transport {
  listen(
    options: { hostname: string; port: number; backlog: number; waterMarks: WaterMarks },
    accept: (socket: Socket) => void,
  ): Listener {
    const { hostname, port, backlog, waterMarks } = options;
    const listener = Deno.listen({ hostname, port, tcpBacklog: backlog });
    void acceptAll(listener, (conn) => accept(new DenoSocket(conn, waterMarks)));
    return { port: listener.addr.port, close: () => listener.close() };
  }

  async connect(hostname: string, port: number, timeout: number): Promise<Socket> {
    // Not AbortSignal.timeout: that one would also close the connection later on.
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error("connect timed out")), timeout);
    try {
      const conn = await Deno.connect({ hostname, port, signal: controller.signal });
      return new DenoSocket(conn, UNBOUNDED);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The few requests that this program sends itself are never held back. */
const UNBOUNDED: WaterMarks = { high: () => Infinity, low: () => Infinity };

async function acceptAll(
  listener: Deno.TcpListener,
  accept: (conn: Deno.TcpConn) => void,
): Promise<void> {
  for (;;) {
    let conn: Deno.TcpConn;
    try {
      conn = await listener.accept();
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
        return;
      }
      // Out of descriptors, or the peer was gone before it was accepted: others may come.
      await new Promise((resolve) => setTimeout(resolve, 10));
      continue;
    }
    accept(conn);
  }
}

class DenoSocket implements Socket {
  readonly remoteAddress: string;
  readonly #conn: Deno.TcpConn;
  readonly #waterMarks: WaterMarks;
  #handler: SocketHandler | undefined;
  #queue: Uint8Array[] = [];
  #unsent = 0;
  #aboveHigh = false;
  #writing = false;
  #ending = false;
  #closed = false;
  #ended = false;
  #paused = false;
  #wake: (() => void) | undefined;

  constructor(conn: Deno.TcpConn, waterMarks: WaterMarks) {
    this.#conn = conn;
    this.#waterMarks = waterMarks;
    const { hostname, port } = conn.remoteAddr;
    this.remoteAddress = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  }

  get unsent(): number {
    return this.#unsent;
  }

  start(handler: SocketHandler): void {
    this.#handler = handler;
    try {
      this.#conn.setNoDelay(true);
    } catch {
      // The peer may be gone already; the first read will say so.
    }
    void this.#readAll(handler);
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#unsent += bytes.length;
    if (this.#unsent > this.#waterMarks.high()) this.#aboveHigh = true;
    if (!this.#writing) void this.#writeAll();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }

  end(): void {
    this.#ending = true;
    if (!this.#writing) this.destroy();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#unsent = 0;
    this.#wake?.();
    try {
      this.#conn.close();
    } catch {
      // Closed by the runtime already.
    }
  }

  async #readAll(handler: SocketHandler): Promise<void> {
    // While a connection idles, its pending read holds this buffer: it has to be small.
    const idle = new Uint8Array(IDLE_BUFFER);
    let buffer = idle;
    let reason: string | undefined;
    try {
      for (;;) {
        if (this.#paused && !this.#closed) await this.#resumed();
        if (this.#closed) break;
        const count = await this.#conn.read(buffer);
        if (count === null) break;
        handler.onData(buffer.subarray(0, count));
        // A full buffer says that more is there: the next read is worth a large one.
        if (count === buffer.length && buffer === idle) buffer = new Uint8Array(BUSY_BUFFER);
        else if (count < IDLE_BUFFER) buffer = idle;
      }
    } catch (error) {
      if (!this.#closed) reason = message(error);
    }
    this.#finish(reason);
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#queue.length > 0) {
        const chunk = this.#nextChunk();
        let at = 0;
        while (at < chunk.length) {
          const written = await this.#conn.write(at === 0 ? chunk : chunk.subarray(at));
          at += written;
          this.#unsent -= written;
          if (this.#closed) return;
        }
        if (this.#aboveHigh && this.#unsent <= this.#waterMarks.low()) {
          this.#aboveHigh = false;
          this.#handler?.onDrain();
        }
      }
    } catch (error) {
      const closed = this.#closed;
      this.destroy();
      this.#finish(closed ? undefined : message(error));
    } finally {
      this.#writing = false;
    }
    if (this.#ending) this.destroy();
  }

  /** The first chunk, joined with those that fit into one write beside it. */
  #nextChunk(): Uint8Array {
    const queue = this.#queue;
    let count = 1;
    let size = queue[0].length;
    while (count < queue.length && size + queue[count].length <= WRITE_BATCH) {
      size += queue[count++].length;
    }
    if (count === 1) return queue.shift()!;
    const joined = new Uint8Array(size);
    let at = 0;
    for (const chunk of queue.splice(0, count)) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    return joined;
  }

  #resumed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }

  #finish(reason: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#handler?.onEnd(reason);
  }
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
