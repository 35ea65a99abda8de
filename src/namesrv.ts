import { formatAddress, parseHost } from "./address.ts";
import { type Access, assemble, type Assembly, type NamesrvParts } from "./assemble.ts";
import type { Facts } from "./cli/banner.ts";
import { addressesOption } from "./config/controller_group.ts";
import type { KvStore } from "./kv/kv_store.ts";
import type { Log } from "./log/log.ts";
import { SAMPLE_INTERVAL } from "./metrics/counter_window.ts";
import type { MetricsSource } from "./metrics/metrics_source.ts";
import { osReason } from "./os_error.ts";
import { StartupError } from "./startup_error.ts";

const PRINT_KV_DELAY = 60_000;
const PRINT_KV_INTERVAL = 600_000;
const WATER_MARK_INTERVAL = 1000;
/** Milliseconds that connections get to send their last responses. */
const STOP_LIMIT = 2000;
/** Milliseconds that the disk gets to take the last changes of each file. */
const DISK_LIMIT = 2000;

/** The server can't listen. The message is one line that says why. */
export class ListenError extends StartupError {
  override name = "ListenError";
}

/** A name server: starts and stops its parts in the order of the reference's controller. */
export class Namesrv {
  readonly #parts: Assembly;
  #timers: ReturnType<typeof setInterval>[] = [];
  #port = 0;
  #httpAddress: string | undefined;

  /**
   * Starts a server.
   *
   * @returns the server, listening
   * @throws {StartupError} when it can't listen on an address that was configured, the KV table
   *   can't be loaded, or a TLS option can't be satisfied
   */
  static async start(parts: NamesrvParts): Promise<Namesrv> {
    const namesrv = new Namesrv(await assemble(parts));
    await namesrv.#start();
    return namesrv;
  }

  private constructor(parts: Assembly) {
    this.#parts = parts;
  }

  /** The port that the server listens on. */
  get port(): number {
    return this.#port;
  }

  /** The address that the server listens on, as the boot line shows it. */
  get address(): string {
    return formatAddress(hostOf(this.#parts.config.values.bindAddress), this.#port);
  }

  /** Metrics of this server. */
  get metrics(): MetricsSource {
    return this.#parts.metrics;
  }

  /** Facts about this server for the log and the terminal. */
  get facts(): Facts {
    const { config, tls, httpTls, kv } = this.#parts;
    const http = this.#httpAddress;
    const certificate = tls && `, ${tls.description}`;
    return {
      address: this.address,
      http: http === undefined ? "off" : httpTls ? `${http}, TLS, ${httpTls.description}` : http,
      tls: `${config.values["tls.server.mode"]}${certificate ?? ""}`,
      kvConfigPath: config.values.kvConfigPath,
      kvEntries: kv.valueCount,
    };
  }

  /** Reloads the certificates, for new connections, and the rules of access control. */
  async reload(): Promise<void> {
    const { tls, httpTls, access, etcd, log } = this.#parts;
    await Promise.all([
      tls?.reload(),
      httpTls?.reload(),
      access.rules?.store.reload(),
      access.audit.reopen(),
      etcd?.reload().catch((error) => log.error("etcd files refused", { error })),
    ]);
  }

  /**
   * Stops accepting, answers the requests already read, and flushes everything that belongs on
   * disk, but waits for a disk that hangs only two seconds. With enableShutdownGracefully, clients are
   * first sent to another server for shutdownWaitTimeSeconds.
   */
  async stop(): Promise<void> {
    const { config, lifecycle, dispatcher, server, kv, snapshot, access, http, log } = this.#parts;
    const { enableShutdownGracefully, shutdownWaitTimeSeconds: seconds } = config.values;
    lifecycle.leaving = true;
    log.info("stopping", { connections: server.connections });
    if (enableShutdownGracefully) {
      dispatcher.goAway();
      log.info("sending clients to other name servers", { seconds });
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    }
    lifecycle.stopping = true;
    // First, so that brokers look for another controller at once.
    await this.#stopController();
    await server.stop(STOP_LIMIT);
    log.info("connections closed");
    this.#stopSchedules();
    if (!await endsWithin(DISK_LIMIT, kv.flush())) {
      log.error("KV changes are not written: the disk does not answer", {
        file: config.values.kvConfigPath,
        seconds: DISK_LIMIT / 1000,
      });
    }
    if (snapshot !== undefined && !await endsWithin(DISK_LIMIT, snapshot.stop())) {
      log.error("routes are not saved: the disk does not answer", {
        file: config.values.routeSnapshotPath,
        seconds: DISK_LIMIT / 1000,
      });
    }
    if (!await endsWithin(DISK_LIMIT, access.audit.close())) {
      log.error("audit records are not written: the disk does not answer", {
        file: config.values.auditFile,
        seconds: DISK_LIMIT / 1000,
      });
    }
    // Last, so that health checks see the server stopping until then.
    await http?.stop(STOP_LIMIT);
    log.info("stopped");
  }

  async #stopController(): Promise<void> {
    const { controller, config, log } = this.#parts;
    if (controller === undefined) return;
    controller.controller.endElections();
    controller.notifier.stop();
    await controller.server.stop(STOP_LIMIT);
    if (!await endsWithin(DISK_LIMIT, controller.controller.stop())) {
      log.error("changes of the controller are not written: the disk does not answer", {
        file: config.values.controllerStorePath,
        seconds: DISK_LIMIT / 1000,
      });
    }
  }

  async #start(): Promise<void> {
    const { routes, feed, loopLag, config, snapshot, log } = this.#parts;
    log.info("request processors registered");
    await this.#restoreRoutes();
    routes.start();
    feed.start();
    loopLag.start();
    this.#timers = startSchedules(this.#parts);
    log.info("schedules started", { scanInterval: config.values.scanNotActiveBrokerInterval });
    try {
      await this.#listen();
      await this.#startController();
      await this.#openHttp();
    } catch (error) {
      await snapshot?.stop();
      throw error;
    }
    snapshot?.start();
  }

  async #restoreRoutes(): Promise<void> {
    const { snapshot, tables, answers, probe } = this.#parts;
    const restored = await snapshot?.restore();
    if (restored === undefined || restored.brokers === 0) return;
    answers.endServiceWait();
    void probe.run(tables.liveBrokers());
  }

  async #listen(): Promise<void> {
    const { config, server, kv, etcd, tls, access, log } = this.#parts;
    const { bindAddress, listenPort } = config.values;
    const host = hostOf(bindAddress);
    try {
      this.#port = await server.listen(host, listenPort);
    } catch (error) {
      this.#stopSchedules();
      const address = formatAddress(host, listenPort);
      const reason = osReason(error, `--allow-net=${address}`);
      throw new ListenError(`cannot listen on ${address} (bindAddress, listenPort): ${reason}`);
    }
    log.info("listening", { address: bindAddress, port: this.#port });
    kv.watch();
    etcd?.watchFiles((error) => {
      if (error === undefined) log.info("etcd files taken");
      else log.error("etcd files refused", { error });
    });
    tls?.watch();
    access.rules?.store.watch();
  }

  /** The controller reads its sets before its port opens: it must not answer without them. */
  async #startController(): Promise<void> {
    const { config, controller, server, log } = this.#parts;
    if (controller === undefined) return;
    const host = hostOf(config.values.bindAddress);
    const { port } = controller;
    try {
      await controller.controller.start();
      await controller.server.listen(host, port);
    } catch (error) {
      await controller.controller.stop();
      await server.stop(0);
      this.#stopSchedules();
      if (error instanceof StartupError) throw error;
      const address = formatAddress(host, port);
      const reason = osReason(error, `--allow-net=${address}`);
      const option = addressesOption(config.values);
      throw new ListenError(`cannot listen on ${address} (bindAddress, ${option}): ${reason}`);
    }
    log.info("controller port open", { address: config.values.bindAddress, port });
  }

  /** A port that can't be opened stops the start only if it was configured explicitly. */
  async #openHttp(): Promise<void> {
    const { config, http, httpTls, server, access, metrics, history, alerts, log } = this.#parts;
    const { httpBindAddress, httpPort: port } = config.values;
    if (http === undefined || port === 0) return;
    const host = hostOf(httpBindAddress);
    const address = formatAddress(host, port);
    try {
      await http.listen(host, port);
    } catch (error) {
      const reason = `cannot listen on ${address} (httpBindAddress, httpPort): ` +
        osReason(error, `--allow-net=${address}`);
      if (config.given("httpPort") || config.given("httpBindAddress")) {
        await this.#stopController();
        await server.stop(0);
        this.#stopSchedules();
        throw new ListenError(reason);
      }
      log.warn("no HTTP port", { reason });
      config.settle("httpPort", 0);
      return;
    }
    if (access.rules === undefined && !isLoopback(host)) {
      log.warn("the HTTP port is open to everyone", {
        address: httpBindAddress,
        reason:
          "without accessFile, everyone who reaches it can read brokers, topics, addresses of " +
          "clients, the KV table and the configuration",
      });
    } else if (httpTls === undefined && !isLoopback(host) && hasTokens(access)) {
      log.warn("tokens cross the network in clear", {
        address: httpBindAddress,
        reason:
          "accounts of accessFile have tokens, and the HTTP port has no TLS (httpTlsEnable): " +
          "everyone on the way can read and use them",
      });
    }
    httpTls?.watch();
    const sample = () => {
      history.sample();
      alerts.sample();
    };
    sample();
    this.#timers.push(setInterval(sample, SAMPLE_INTERVAL * 1000));
    this.#httpAddress = address;
    log.info("HTTP port open", { address: httpBindAddress, port });
    // Rendering is slow the first time because the library initialises: better now than under load.
    metrics.render().catch((error) => log.error("metrics can't be rendered", { error }));
  }

  #stopSchedules(): void {
    const { kv, etcd, tls, httpTls, access, loopLag, routes, feed, probe } = this.#parts;
    probe.stop();
    for (const timer of this.#timers) clearInterval(timer);
    kv.close();
    etcd?.close();
    tls?.close();
    httpTls?.close();
    access.rules?.store.close();
    loopLag.stop();
    routes.stop();
    feed.stop();
  }
}

/** Whether a promise settles within a number of milliseconds. */
async function endsWithin(limit: number, promise: Promise<void>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), limit);
  try {
    return await Promise.race([promise.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The host of an option that findContradictions has accepted. */
function hostOf(option: string): string {
  return parseHost(option) ?? option;
}

function* printKvTable(kv: KvStore, log: Log): Generator<void, void> {
  log.info("configTable", { size: kv.valueCount });
  for (const [namespace, key, value] of kv.entries()) {
    log.info("configTable entry", { namespace, key, value });
    yield;
  }
}

function startSchedules({ kv, slice, queues, log }: Assembly) {
  const printKv = () => void slice.drive(printKvTable(kv, log));
  const printWaterMarks = () => {
    if (!log.debugEnabled) return;
    log.debug("water mark", {
      clientRequests: queues.clientRequest.waiting,
      otherRequests: queues.default.waiting,
      diskRequests: queues.disk.waiting,
    });
  };
  return [
    setTimeout(printKv, PRINT_KV_DELAY),
    setInterval(printKv, PRINT_KV_INTERVAL),
    setInterval(printWaterMarks, WATER_MARK_INTERVAL),
  ];
}

/** Whether the rules let anybody use a bearer token. */
function hasTokens({ rules }: Access): boolean {
  const accounts = rules?.store.policy.accounts.values() ?? [];
  return accounts.some(({ tokens }) => tokens.length > 0);
}

function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address.startsWith("127.");
}
