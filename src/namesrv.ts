import { setImmediate } from "node:timers";
import type { Facts } from "./cli/banner.ts";
import { LiveConfig } from "./config/live_config.ts";
import type { LoadedConfiguration } from "./config/load.ts";
import { waterMarks } from "./config/values.ts";
import { DurableFile, removeLeftovers } from "./durable_file.ts";
import type { HttpListener } from "./http/server/http_listener.ts";
import type { HttpPort } from "./http/server/http_port.ts";
import { createHttpPort } from "./http/create_http_port.ts";
import { KvConfig } from "./kv/kv_config.ts";
import type { Log, LogLevel } from "./log/log.ts";
import { LoopLag } from "./metrics/loop_lag.ts";
import { Metrics } from "./metrics/metrics.ts";
import type { MetricsSource } from "./metrics/metrics_source.ts";
import { denoRuntime } from "./metrics/runtime.ts";
import type { Sources } from "./metrics/sources.ts";
import { exportMetrics, findTelemetry, type Telemetry } from "./metrics/telemetry.ts";
import { osReason } from "./os_error.ts";
import { brokerHandlers } from "./processor/broker_handlers.ts";
import { configHandlers } from "./processor/config_handlers.ts";
import { Dispatcher } from "./processor/dispatcher.ts";
import { kvHandlers } from "./processor/kv_handlers.ts";
import { ProductEnvironment } from "./outgoing/product_environment.ts";
import { RegistrationDecoder } from "./processor/registration_decoder.ts";
import { RequestQueue } from "./processor/request_queue.ts";
import { routeQueryHandlers, serviceWait } from "./processor/route_query.ts";
import { topicHandlers } from "./processor/topic_handlers.ts";
import { ORDER_TOPIC_CONFIG, RequestCode, ResponseCode } from "./protocol/codes.ts";
import { RemotingClient } from "./remoting/client.ts";
import { ByteBudget } from "./remoting/memory_budget.ts";
import { RemotingCounters } from "./remoting/remoting_counters.ts";
import { RemotingServer } from "./remoting/server.ts";
import { TlsAcceptor } from "./remoting/tls/acceptor.ts";
import { type TlsFileSystem, TlsStore } from "./remoting/tls/store.ts";
import type { Transport } from "./remoting/transport/transport.ts";
import type { MinBrokerIdChange } from "./route/min_broker_id.ts";
import { RouteCache } from "./route/route_cache.ts";
import { RouteInfoManager } from "./route/route_info_manager.ts";
import { RouteTables } from "./route/tables.ts";
import { StartupError } from "./startup_error.ts";

const NOTIFY_TIMEOUT = 300;
const ADDRESS_SERVICE_TIMEOUT = 3000;
const PRINT_KV_DELAY = 60_000;
const PRINT_KV_INTERVAL = 600_000;
const WATER_MARK_INTERVAL = 1000;
/** Milliseconds that connections get to send their last responses. */
const STOP_LIMIT = 700;
/**
 * Milliseconds of work on brokers, topics, KV and configuration before route queries get a turn.
 */
const DEFAULT_CLASS_SLICE = 5;

/** The server can't be started. The message is one line that says why. */
export class ListenError extends StartupError {
  override name = "ListenError";
}

/** Dependencies of a {@link Namesrv}. */
export interface NamesrvParts {
  configuration: LoadedConfiguration;
  transport: Transport;
  /** Reads certificates. */
  files: TlsFileSystem;
  log: Log;
  setLogLevel(level: LogLevel): void;
  /** Opens the HTTP port. If absent, there is none. */
  http?: HttpListener;
  setLogRepeatLimit(limit: number): void;
}

/** A name server: starts and stops its parts in the order of the reference's controller. */
export class Namesrv {
  readonly #log: Log;
  readonly #config: LiveConfig;
  readonly #kv: KvConfig;
  readonly #routes: RouteInfoManager;
  readonly #dispatcher: Dispatcher;
  readonly #server: RemotingServer;
  readonly #http: HttpPort | undefined;
  readonly #tls: TlsStore | undefined;
  readonly #loopLag = new LoopLag(() => performance.now());
  readonly #metrics: Metrics;
  readonly #timers: ReturnType<typeof setInterval>[];
  #port = 0;
  #httpAddress: string | undefined;
  /** Set when the stop begins, after which no broker registers any more. */
  #leaving = false;
  #stopping = false;

  /**
   * Starts a server.
   *
   * @returns the server, listening
   * @throws {ListenError} when it can't listen on an address that was configured
   * @throws {KvConfigError} when the KV table can't be loaded
   * @throws {TlsConfigError} when a TLS option can't be satisfied
   */
  static async start(parts: NamesrvParts): Promise<Namesrv> {
    const { configuration, files, log } = parts;
    const { options } = configuration;
    const config = new LiveConfig(configuration, new DurableFile(options.configStorePath));
    for (const path of [options.configStorePath, options.kvConfigPath]) {
      await removeLeftovers(path, Date.now());
    }
    const kv = await KvConfig.load(new DurableFile(options.kvConfigPath), log);
    const tls = options["tls.server.mode"] === "disabled"
      ? undefined
      : await TlsStore.load(options, files, log);
    const namesrv = new Namesrv(parts, config, kv, tls, await findTelemetry());
    await namesrv.#listen();
    await namesrv.#openHttp();
    return namesrv;
  }

  private constructor(
    parts: NamesrvParts,
    config: LiveConfig,
    kv: KvConfig,
    tls: TlsStore | undefined,
    telemetry: Telemetry | undefined,
  ) {
    const { transport, log, setLogLevel, setLogRepeatLimit, http } = parts;
    const options = config.values;
    this.#log = log;
    this.#config = config;
    this.#kv = kv;
    this.#tls = tls;

    const client = new RemotingClient(transport, options.frameMaxLength);
    const budget = new ByteBudget(() => options.maxBufferedRequestBytes);
    const cache = new RouteCache(() => options.routeCacheMaxBytes);
    const tables = new RouteTables(cache);
    cache.attach(tables);
    this.#routes = new RouteInfoManager(tables, {
      options,
      log,
      now: Date.now,
      defer: nextTurn,
      notify: (change) => notifyMinBrokerIdChange(client, change, log),
    });

    const clientRequests = new RequestQueue({
      capacity: () => options.clientRequestThreadPoolQueueCapacity,
      concurrency: () => options.clientRequestThreadPoolNums,
      slice: Infinity,
      budget,
      nextTurn,
    });
    const otherRequests = new RequestQueue({
      capacity: () => options.defaultThreadPoolQueueCapacity,
      concurrency: () => options.defaultThreadPoolNums,
      slice: DEFAULT_CLASS_SLICE,
      budget,
      nextTurn,
    });
    const productEnvironment = new ProductEnvironment({
      options,
      client,
      get: getText,
      log,
      now: Date.now,
    });
    const startTime = Date.now();
    const decoder = new RegistrationDecoder(() => options.maxInflatedBodyBytes, nextTurn);
    this.#dispatcher = new Dispatcher(
      [
        {
          queue: clientRequests,
          handlers: routeQueryHandlers({
            tables,
            cache,
            kv,
            productEnvironment,
            options,
            startTime,
            now: Date.now,
          }),
        },
        {
          queue: otherRequests,
          handlers: [
            ...brokerHandlers({ routes: this.#routes, kv, decoder, options, log }),
            ...topicHandlers(this.#routes, options),
            ...kvHandlers(kv),
            ...configHandlers(config, log),
          ],
        },
      ],
      log,
      (connection) => {
        if (!this.#stopping) this.#routes.disconnected(connection);
      },
    );
    log.info("request processors registered");

    kv.onChange((namespace, key) => {
      if (namespace === ORDER_TOPIC_CONFIG) cache.topicChanged(key);
    });
    for (const name of ["clusterTest", "orderMessageEnable", "supportActingMaster"] as const) {
      config.onChange(name, () => cache.clear());
    }
    config.onChange("scanNotActiveBrokerInterval", () => this.#routes.reschedule());
    config.onChange("logLevel", setLogLevel);
    config.onChange("logRepeatLimit", setLogRepeatLimit);

    this.#routes.start();
    this.#timers = this.#startSchedules(clientRequests, otherRequests);
    log.info("schedules started", { scanInterval: options.scanNotActiveBrokerInterval });

    const acceptor = tls && new TlsAcceptor({
      enforcing: options["tls.server.mode"] === "enforcing",
      context: () => tls.current(),
      options,
      log,
    });
    const remoting = new RemotingCounters(
      Object.values(RequestCode),
      Object.values(ResponseCode),
    );
    this.#server = new RemotingServer({
      transport,
      handler: telemetry?.traced(this.#dispatcher) ?? this.#dispatcher,
      options,
      waterMarks: { high: () => waterMarks(options).high, low: () => waterMarks(options).low },
      budget,
      counters: remoting,
      tls: acceptor,
      log,
    });

    const sources: Sources = {
      remoting,
      server: this.#server,
      budget,
      classes: { client_request: clientRequests, default: otherRequests },
      routes: this.#routes,
      decoder,
      cache,
      kv,
      tls: tls && acceptor && { acceptor, store: tls },
      loopLag: this.#loopLag.seconds,
      options,
      runtime: denoRuntime(),
    };
    this.#metrics = new Metrics(sources);
    this.#loopLag.start();
    if (telemetry !== undefined) exportMetrics(telemetry.meter, sources);

    this.#http = http && createHttpPort({
      listener: http,
      tables,
      kv,
      config,
      server: this.#server,
      options,
      condition: {
        listening: () => this.#server.listening,
        stopping: () => this.#leaving,
        serviceWait: () => serviceWait(options, Date.now() - startTime),
        checkKvFile: () => kv.checkWritable(),
      },
      metrics: this.#metrics,
      log,
    });
  }

  /** The port that the server listens on. */
  get port(): number {
    return this.#port;
  }

  /** The address that the server listens on, as the boot line shows it. */
  get address(): string {
    return `${this.#config.values.bindAddress}:${this.#port}`;
  }

  /** Metrics of this server. */
  get metrics(): MetricsSource {
    return this.#metrics;
  }

  /** Facts about this server for the log and the terminal. */
  get facts(): Facts {
    const { values } = this.#config;
    const certificate = this.#tls && `, ${this.#tls.description}`;
    return {
      address: this.address,
      http: this.#httpAddress ?? "off",
      tls: `${values["tls.server.mode"]}${certificate ?? ""}`,
      kvConfigPath: values.kvConfigPath,
      kvEntries: this.#kv.valueCount,
    };
  }

  /** Reloads the certificates, for new connections. */
  async reload(): Promise<void> {
    await this.#tls?.reload();
  }

  /**
   * Stops accepting, answers the requests already read, and flushes everything that belongs on
   * disk. With enableShutdownGracefully, clients are first sent to another server for
   * shutdownWaitTimeSeconds.
   */
  async stop(): Promise<void> {
    const { enableShutdownGracefully, shutdownWaitTimeSeconds: seconds } = this.#config.values;
    this.#leaving = true;
    this.#log.info("stopping", { connections: this.#server.connections });
    if (enableShutdownGracefully) {
      this.#dispatcher.goAway();
      this.#log.info("sending clients to other name servers", { seconds });
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
    this.#stopping = true;
    await this.#server.stop(STOP_LIMIT);
    this.#log.info("connections closed");
    this.#stopSchedules();
    await this.#kv.flush();
    // Last, so that health checks see the server stopping until then.
    await this.#http?.stop(STOP_LIMIT);
    this.#log.info("stopped");
  }

  async #listen(): Promise<void> {
    const { bindAddress, listenPort } = this.#config.values;
    try {
      this.#port = await this.#server.listen(bindAddress, listenPort);
    } catch (error) {
      this.#stopSchedules();
      const reason = osReason(error, `--allow-net=${bindAddress}:${listenPort}`);
      throw new ListenError(
        `cannot listen on ${bindAddress}:${listenPort} (bindAddress, listenPort): ${reason}`,
      );
    }
    this.#log.info("listening", { address: bindAddress, port: this.#port });
    this.#tls?.watch();
  }

  /** A port that can't be opened stops the start only if it was configured explicitly. */
  async #openHttp(): Promise<void> {
    const { httpBindAddress: address, httpPort: port } = this.#config.values;
    if (this.#http === undefined || port === 0) return;
    try {
      this.#http.listen(address, port);
    } catch (error) {
      const reason = `cannot listen on ${address}:${port} (httpBindAddress, httpPort): ` +
        osReason(error, `--allow-net=${address}:${port}`);
      if (this.#config.given("httpPort") || this.#config.given("httpBindAddress")) {
        await this.#server.stop(0);
        this.#stopSchedules();
        throw new ListenError(reason);
      }
      this.#log.warn("no HTTP port", { reason });
      return;
    }
    this.#httpAddress = `${address}:${port}`;
    this.#log.info("HTTP port open", { address, port });
    // Rendering is slow the first time because the library initialises: better now than under load.
    this.#metrics.render().catch((error) =>
      this.#log.error("metrics can't be rendered", { error })
    );
  }

  #startSchedules(clientRequests: RequestQueue, otherRequests: RequestQueue) {
    const printKv = () => printKvTable(this.#kv, this.#log);
    const waterMark = () => {
      if (!this.#log.debugEnabled) return;
      this.#log.debug("water mark", {
        clientRequests: clientRequests.waiting,
        otherRequests: otherRequests.waiting,
      });
    };
    return [
      setTimeout(printKv, PRINT_KV_DELAY),
      setInterval(printKv, PRINT_KV_INTERVAL),
      setInterval(waterMark, WATER_MARK_INTERVAL),
    ];
  }

  #stopSchedules(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#tls?.close();
    this.#loopLag.stop();
    this.#routes.stop();
  }
}

function nextTurn(task: () => void): void {
  setImmediate(task);
}

function printKvTable(kv: KvConfig, log: Log): void {
  const entries = [...kv.entries()];
  log.info("configTable", { size: entries.length });
  for (const [namespace, key, value] of entries) {
    log.info("configTable entry", { namespace, key, value });
  }
}

function notifyMinBrokerIdChange(
  client: RemotingClient,
  change: MinBrokerIdChange,
  log: Log,
): void {
  const { brokerName, minBrokerId, minBrokerAddr, offlineBrokerAddr, haBrokerAddr } = change;
  log.info("min broker id changed", { broker: brokerName, minBrokerId, minBrokerAddr });
  const extFields: [string, string][] = [
    ["minBrokerId", `${minBrokerId}`],
    ["minBrokerAddr", minBrokerAddr],
  ];
  if (offlineBrokerAddr !== undefined) extFields.push(["offlineBrokerAddr", offlineBrokerAddr]);
  if (haBrokerAddr !== undefined) extFields.push(["haBrokerAddr", haBrokerAddr]);
  const request = { code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE, extFields };
  for (const addr of change.notify) {
    client.invokeOneway(addr, request, NOTIFY_TIMEOUT).catch((error) => {
      log.warn("broker not notified", { broker: brokerName, addr, error });
    });
  }
}

async function getText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(ADDRESS_SERVICE_TIMEOUT) });
  const text = await response.text();
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  return text;
}
