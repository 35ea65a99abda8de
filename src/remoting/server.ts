import type { Log } from "../log.ts";
import { BufferPool } from "./buffer_pool.ts";
import { Connection, type ConnectionContext, type RequestHandler } from "./connection.ts";
import type { MemoryBudget } from "./frame_decoder.ts";
import { FrameEncoder } from "./frame_encoder.ts";
import { HeaderMemo } from "./header_memo.ts";
import type { RemotingCounters } from "./remoting_counters.ts";
import type { TlsAcceptor } from "./tls_acceptor.ts";
import type { Listener, Transport, WaterMarks } from "./transport.ts";

const IDLE_SCAN_INTERVAL = 1000;

/** The values that a {@link RemotingServer} reads, each time it needs them. */
export interface RemotingOptions {
  frameMaxLength: number;
  /** 0 closes no connection. */
  serverChannelMaxIdleTimeSeconds: number;
  serverSocketBacklog: number;
}

/** Listens on a port and owns its connections. */
export class RemotingServer {
  readonly #transport: Transport;
  readonly #options: Readonly<RemotingOptions>;
  readonly #waterMarks: WaterMarks;
  readonly #log: Log;
  readonly #connections = new Set<Connection>();
  readonly #context: ConnectionContext;
  #listener: Listener | undefined;
  #idleScan: ReturnType<typeof setInterval> | undefined;
  #finished: (() => void) | undefined;

  constructor(parts: {
    transport: Transport;
    handler: RequestHandler;
    options: Readonly<RemotingOptions>;
    waterMarks: WaterMarks;
    budget: MemoryBudget;
    counters: RemotingCounters;
    /** Takes TLS connections; without it, they are refused. */
    tls?: TlsAcceptor;
    log: Log;
  }) {
    const { transport, handler, options, waterMarks, budget, counters, tls, log } = parts;
    this.#transport = transport;
    this.#options = options;
    this.#waterMarks = waterMarks;
    this.#log = log;
    this.#context = {
      handler,
      budget,
      counters,
      tls,
      log,
      encoder: new FrameEncoder(),
      memo: new HeaderMemo(),
      pool: new BufferPool(),
      frameMaxLength: options.frameMaxLength,
      now: () => Date.now(),
      closed: (connection) => this.#closed(connection),
    };
  }

  /**
   * Starts to listen and to answer.
   *
   * @returns the port, chosen by the system where 0 was given
   * @throws what the runtime throws when the address can't be listened on
   */
  async listen(hostname: string, port: number): Promise<number> {
    this.#listener = await this.#transport.listen(
      {
        hostname,
        port,
        backlog: this.#options.serverSocketBacklog,
        waterMarks: this.#waterMarks,
      },
      (socket) => {
        const connection = new Connection(socket, this.#context);
        this.#connections.add(connection);
        this.#context.counters.accepted++;
        if (this.#log.debugEnabled) this.#log.debug("connection opened", { peer: connection.peer });
        connection.start();
      },
    );
    this.#idleScan = setInterval(() => this.#closeIdle(), IDLE_SCAN_INTERVAL);
    return this.#listener.port;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /**
   * Accepts no more connections, answers what was read, and closes.
   *
   * @param limit milliseconds after which connections that still wait are closed as they are
   */
  async stop(limit: number): Promise<void> {
    this.#listener?.close();
    this.#listener = undefined;
    clearInterval(this.#idleScan);
    const connections = [...this.#connections];
    for (const connection of connections) connection.finish();
    if (this.#connections.size > 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#finished = resolve;
        timer = setTimeout(resolve, limit);
      });
      clearTimeout(timer);
    }
    for (const connection of [...this.#connections]) connection.close("stop");
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#finished?.();
  }

  #closeIdle(): void {
    const seconds = this.#options.serverChannelMaxIdleTimeSeconds;
    if (seconds === 0) return;
    const since = Date.now() - seconds * 1000;
    for (const connection of this.#connections) {
      if (!connection.idleSince(since)) continue;
      this.#log.info("connection idle", { peer: connection.peer, seconds });
      connection.close("idle");
    }
  }
}
