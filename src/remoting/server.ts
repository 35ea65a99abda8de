import type { Clock } from "../clock.ts";
import { listenEverywhere } from "../listen_everywhere.ts";
import type { Log } from "../log/log.ts";
import { BufferPool } from "./buffer_pool.ts";
import {
  Connection,
  type ConnectionContext,
  type ConnectionOptions,
  type RequestHandler,
} from "./connection.ts";
import { ipOf, type Networks } from "../ip_ranges.ts";
import type { ByteBudget } from "./memory_budget.ts";
import { addressesOf, type PeerSoftware } from "./peer.ts";
import { ScanTimer } from "../scan_timer.ts";
import { FrameEncoder } from "./wire/frame_encoder.ts";
import { HeaderMemo } from "./wire/header_memo.ts";
import type { RemotingCounters } from "./remoting_counters.ts";
import type { TlsAcceptor } from "./tls/acceptor.ts";
import type { TlsPeer } from "../tls/context.ts";
import type { Listener, Socket, Transport, WaterMarks } from "./transport/transport.ts";
import { errorMessage } from "../error_message.ts";
import type { WorkSlice } from "../work_slice.ts";

/** Milliseconds between two checks of all connections. */
const CHECK_INTERVAL = 1000;

/** Bytes of a frame before those that its length counts. */
const LENGTH_FIELD = 4;

/** Options that a {@link RemotingServer} reads each time it needs them. */
export interface RemotingOptions extends ConnectionOptions {
  frameMaxLength: number;
  /** 0 means that idle connections are never closed. */
  serverChannelMaxIdleTimeSeconds: number;
  serverSocketBacklog: number;
  maxConnections: number;
  /** 0 for no limit. */
  maxConnectionsPerAddress: number;
  headerCacheMaxBytes: number;
}

/** Read-only view of an open connection. */
export interface ConnectionView {
  /** Sequence number of the connection, from 1. */
  readonly id: number;
  /** "address:port" of the socket's other end. */
  readonly peer: string;
  /** "address:port" that a PROXY protocol header named. */
  readonly proxied?: string;
  /** When the connection was opened, in milliseconds since the epoch. */
  readonly since: number;
  /** Absent until the first request. */
  readonly software?: PeerSoftware;
  /** Absent on a plain connection. */
  readonly tls?: TlsPeer;
  /** The account of its last request that access control allowed to one. */
  readonly account?: string;
  /** Bytes received; for TLS, after decryption. */
  readonly bytesIn: number;
  /** Bytes sent; for TLS, before encryption. */
  readonly bytesOut: number;
}

/** Listens on a port and owns its connections. */
export class RemotingServer {
  readonly #transport: Transport;
  readonly #options: Readonly<RemotingOptions>;
  readonly #waterMarks: WaterMarks;
  readonly #budget: ByteBudget;
  readonly #trustedProxies: Networks;
  readonly #log: Log;
  /** The open connections and their numbers. */
  readonly #connections = new Map<Connection, number>();
  #lastId = 0;
  /** Those whose peers have ended their side, until they are closed here. */
  readonly #ending = new Set<Connection>();
  readonly #context: ConnectionContext;
  #listeners: readonly Listener[] = [];
  #port = 0;
  readonly #checks: ScanTimer;
  #finished: (() => void) | undefined;

  constructor(parts: {
    transport: Transport;
    handler: RequestHandler;
    options: Readonly<RemotingOptions>;
    waterMarks: WaterMarks;
    budget: ByteBudget;
    /** The proxies whose PROXY headers are believed. If there are none, all are for display. */
    trustedProxies: Networks;
    counters: RemotingCounters;
    slice: WorkSlice;
    /** Accepts TLS connections. If absent, they are refused. */
    tls?: TlsAcceptor;
    log: Log;
    clock: Pick<Clock, "now" | "monotonic">;
  }) {
    const { transport, handler, options, waterMarks, budget, counters, tls, log, clock } = parts;
    const { trustedProxies, slice } = parts;
    this.#transport = transport;
    this.#options = options;
    this.#waterMarks = waterMarks;
    this.#budget = budget;
    this.#trustedProxies = trustedProxies;
    this.#log = log;
    this.#context = {
      handler,
      budget,
      trustedProxies,
      options,
      counters,
      slice,
      tls,
      log,
      encoder: new FrameEncoder(),
      memo: new HeaderMemo(() => options.headerCacheMaxBytes),
      pool: new BufferPool(budget, options.frameMaxLength + LENGTH_FIELD),
      frameMaxLength: options.frameMaxLength,
      clock,
      proxied: (address) => this.#refusalOf(address),
      ended: (connection) => this.#ended(connection, slice),
      closed: (connection) => this.#closed(connection),
    };
    this.#checks = new ScanTimer({
      interval: () => CHECK_INTERVAL,
      monotonic: clock.monotonic,
      scan: () => {
        for (const connection of this.#connections.keys()) connection.check();
        this.#closeIdle();
      },
      paused: (millis) => {
        for (const connection of this.#connections.keys()) connection.excuse(millis);
      },
    });
  }

  /**
   * Starts to listen and to handle requests.
   *
   * @param hostname without brackets; the wildcard of either family opens both
   * @returns the port; chosen by the system if 0 was given
   * @throws the runtime's error when it can't listen on the address
   */
  async listen(hostname: string, port: number): Promise<number> {
    const listeners = await listenEverywhere(
      hostname,
      port,
      (hostname, port) => this.#open(hostname, port),
      (address, error) => this.#log.info("address skipped", { address, port, error }),
    );
    this.#listeners = listeners;
    this.#port = listeners[0].port;
    this.#checks.start();
    return this.#port;
  }

  #open(hostname: string, port: number): Promise<Listener> {
    return this.#transport.listen(
      {
        hostname,
        port,
        backlog: this.#options.serverSocketBacklog,
        waterMarks: this.#waterMarks,
        acceptFailed: (error) => this.#acceptFailed(hostname, error),
      },
      (socket) => this.#accept(socket),
    );
  }

  /** The port that was opened last; 0 before. */
  get port(): number {
    return this.#port;
  }

  /** Whether connections are accepted. */
  get listening(): boolean {
    return this.#listeners.length > 0;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** The open connections, the oldest first. */
  *views(): Generator<ConnectionView> {
    for (const [connection, id] of this.#connections) yield viewOf(connection, id);
  }

  /** Returns the view of the open connection that the handle belongs to, if any. */
  view(handle: object): ConnectionView | undefined {
    const connection = this.#find(handle);
    const id = connection && this.#connections.get(connection);
    return connection && id !== undefined ? viewOf(connection, id) : undefined;
  }

  /** Closes the connection that the handle belongs to, if it is open: its broker fell silent. */
  expire(handle: object): void {
    this.#find(handle)?.close("expired");
  }

  #find(handle: object): Connection | undefined {
    // The cast is safe: the handle is only looked up.
    return this.#connections.has(handle as Connection) ? handle as Connection : undefined;
  }

  /**
   * Stops accepting, answers the requests already read, and closes.
   *
   * @param limit milliseconds after which the remaining connections are closed unanswered
   */
  async stop(limit: number): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    this.#checks.stop();
    const connections = [...this.#connections.keys()];
    for (const connection of connections) connection.finish();
    if (this.#connections.size > 0) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#finished = resolve;
        timer = setTimeout(resolve, limit);
      });
      clearTimeout(timer);
    }
    for (const connection of [...this.#connections.keys()]) connection.close("stop");
  }

  #accept(socket: Socket): void {
    const { counters } = this.#context;
    const log = this.#log;
    counters.accepted++;
    const address = ipOf(socket.remoteAddress);
    // Clients of a trusted proxy are counted after it has named them.
    const { maxConnections } = this.#options;
    const reason = this.#connections.size >= maxConnections
      ? `${maxConnections} connections are open (maxConnections)`
      : this.#trustedProxies.has(address)
      ? undefined
      : this.#refusalOf(address);
    if (reason !== undefined) {
      counters.closed.limit++;
      log.warn("connection refused", { peer: socket.remoteAddress, reason });
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, this.#context);
    this.#connections.set(connection, ++this.#lastId);
    if (log.debugEnabled) log.debug("connection opened", addressesOf(connection));
    connection.start();
  }

  /** Returns why a further connection from an address is refused, if it is. */
  #refusalOf(address: string): string | undefined {
    const { maxConnectionsPerAddress: most } = this.#options;
    return most > 0 && this.#budget.accountsOf(address) >= most
      ? `${most} connections from its address are open (maxConnectionsPerAddress)`
      : undefined;
  }

  #acceptFailed(address: string, error: unknown): void {
    this.#context.counters.acceptFailures++;
    const reason = errorMessage(error);
    this.#log.error("connection not accepted", { address, reason });
  }

  #ended(connection: Connection, slice: WorkSlice): void {
    this.#ending.add(connection);
    if (this.#ending.size === 1) void slice.drive(this.#endAll());
  }

  /** One at each step: when thousands close at once, others have their turns in between. */
  *#endAll(): Generator<void> {
    for (const connection of this.#ending) {
      connection.end();
      yield;
      this.#ending.delete(connection);
    }
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#finished?.();
  }

  #closeIdle(): void {
    const seconds = this.#options.serverChannelMaxIdleTimeSeconds;
    if (seconds === 0) return;
    const since = this.#context.clock.monotonic() - seconds * 1000;
    for (const connection of this.#connections.keys()) {
      if (!connection.idleSince(since)) continue;
      this.#log.info("connection idle", { ...addressesOf(connection), seconds });
      connection.close("idle");
    }
  }
}

function viewOf(connection: Connection, id: number): ConnectionView {
  const { since, software, tls, account, bytesIn, bytesOut } = connection;
  const view = { id, ...addressesOf(connection), since, software, tls };
  return { ...view, account, bytesIn, bytesOut };
}
