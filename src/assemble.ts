import type { ControllerAssembly } from "./assemble_controller.ts";
import { AccessControl } from "./access/access_control.ts";
import { AccessCounters } from "./access/counters.ts";
import { AccessInfo } from "./access/access_info.ts";
import { HttpAuthorization } from "./access/http_authorization.ts";
import { LoginLimit } from "./access/login_limit.ts";
import { NO_NAMES } from "./access/certificates.ts";
import { Guard } from "./access/guard.ts";
import type { PolicyFileSystem, PolicyStore } from "./access/policy_store.ts";
import { Refusals } from "./access/refusals.ts";
import { RequestSigner } from "./access/request_signer.ts";
import type { AppendFileSystem } from "./audit/append_file.ts";
import { Administration } from "./administration/administration.ts";
import { AuditLog } from "./audit/audit_log.ts";
import { type Clock, systemClock } from "./clock.ts";
import { LiveConfig } from "./config/live_config.ts";
import type { LoadedConfiguration } from "./config/load.ts";
import type { Options } from "./config/options.ts";
import { isOwnPort } from "./config/own_ports.ts";
import { usesEtcd, waterMarks } from "./config/values.ts";
import { DurableFile, type FileSystem, removeLeftovers } from "./durable_file.ts";
import { Group } from "./group/group.ts";
import { Members } from "./group/members.ts";
import { HttpCounters } from "./http/server/http_counters.ts";
import { httpTlsSettings } from "./http/server/http_tls.ts";
import type { HttpListener } from "./http/server/http_listener.ts";
import type { HttpPort } from "./http/server/http_port.ts";
import { errorMessage } from "./error_message.ts";
import type { EtcdClient } from "./etcd/client.ts";
import { Networks } from "./ip_ranges.ts";
import { openKv } from "./kv/open_kv.ts";
import type { KvStore } from "./kv/kv_store.ts";
import type { Log, LogLevel } from "./log/log.ts";
import type { RepeatLimits } from "./log/repeats.ts";
import { AlertWatch } from "./metrics/alert_watch.ts";
import { History } from "./metrics/history.ts";
import { LoopLag } from "./metrics/loop_lag.ts";
import { Metrics } from "./metrics/metrics.ts";
import { denoRuntime } from "./metrics/runtime.ts";
import type { Sources } from "./metrics/sources.ts";
import { exportMetrics, findTelemetry } from "./metrics/telemetry.ts";
import { getText } from "./outgoing/address_service.ts";
import { BrokerProbe } from "./outgoing/broker_probe.ts";
import { MinBrokerIdNotifier } from "./outgoing/min_broker_id_notifier.ts";
import { ProductEnvironment } from "./outgoing/product_environment.ts";
import { Dispatcher } from "./processor/dispatcher.ts";
import { RegistrationDecoder } from "./processor/registration_decoder.ts";
import { RequestQueue } from "./processor/request_queue.ts";
import { type RequestQueues, requestTable } from "./processor/request_table.ts";
import { ORDER_TOPIC_CONFIG, RequestCode, ResponseCode } from "./protocol/codes.ts";
import { RemotingClient } from "./remoting/client.ts";
import { ByteBudget } from "./remoting/memory_budget.ts";
import { RemotingCounters } from "./remoting/remoting_counters.ts";
import { RemotingServer } from "./remoting/server.ts";
import { TlsAcceptor } from "./remoting/tls/acceptor.ts";
import { remotingTls } from "./remoting/tls/settings.ts";
import { isNetGranted } from "./remoting/transport/net_permission.ts";
import { type TlsFileSystem, TlsStore } from "./tls/store.ts";
import type { Transport } from "./remoting/transport/transport.ts";
import { RouteAnswers } from "./route/route_answers.ts";
import { RouteCache } from "./route/route_cache.ts";
import { RouteInfoManager } from "./route/route_info_manager.ts";
import { RouteTables } from "./route/tables.ts";
import { SharedAnswers } from "./route/shared_answers.ts";
import { TableLimits } from "./route/table_limits.ts";
import { RouteSnapshot } from "./snapshot/route_snapshot.ts";
import { StartupError } from "./startup_error.ts";
import { ChangeFeed } from "./watch/change_feed.ts";
import { WorkSlice } from "./work_slice.ts";

/** Bytes that a connection may hold beside one frame. */
const FRAME_ROOM = 1024 * 1024;

/** Everything a name server needs from outside. */
export interface NamesrvParts {
  configuration: LoadedConfiguration;
  transport: Transport;
  /** Reads certificates. */
  files: TlsFileSystem;
  /** Reads the rules of access control, and writes the audit file; the real ones by default. */
  accessFiles?: PolicyFileSystem & AppendFileSystem;
  /** Holds the KV table and the live configuration; the real one by default. */
  disk?: FileSystem;
  log: Log;
  setLogLevel(level: LogLevel): void;
  setLogLimits(limits: Readonly<Partial<RepeatLimits>>): void;
  /** Opens the HTTP port. If absent, there is none. */
  http?: HttpListener;
  clock?: Clock;
}

/** How far the stop of a server has got. */
export interface Lifecycle {
  /** The stop has begun: the server calls itself not ready. */
  leaving: boolean;
  /** Connections are being closed: their brokers are not unregistered. */
  stopping: boolean;
}

/** The rooms that requests are answered in, without sockets. */
export interface Processing {
  readonly administration: Administration;
  readonly cache: RouteCache;
  readonly routes: RouteInfoManager;
  readonly decoder: RegistrationDecoder;
  readonly queues: RequestQueues;
  readonly dispatcher: Dispatcher;
  readonly tables: RouteTables;
  readonly limits: TableLimits;
  readonly answers: RouteAnswers;
  readonly feed: ChangeFeed;
}

/** The parts of a name server. None of them is started. */
export interface Assembly
  extends Omit<Processing, "administration" | "cache" | "decoder" | "limits"> {
  readonly config: LiveConfig;
  readonly kv: KvStore;
  /** Absent when nothing is kept in etcd. */
  readonly etcd: EtcdClient | undefined;
  readonly slice: WorkSlice;
  readonly tls: TlsStore | undefined;
  /** Absent without httpTlsEnable. */
  readonly httpTls: TlsStore | undefined;
  readonly access: Access;
  readonly server: RemotingServer;
  /** Absent without enableControllerInNamesrv. */
  readonly controller: ControllerAssembly | undefined;
  readonly http: HttpPort | undefined;
  readonly metrics: Metrics;
  readonly loopLag: LoopLag;
  readonly history: History;
  readonly alerts: AlertWatch;
  /** Absent without routeSnapshotPath. */
  readonly snapshot: RouteSnapshot | undefined;
  readonly probe: BrokerProbe;
  readonly lifecycle: Lifecycle;
  readonly log: Log;
}

/**
 * Builds a name server. Reads its files; opens no port and starts no timer.
 *
 * @throws {StartupError} when the KV table can't be loaded, a TLS option can't be satisfied, the
 *   rules of access control have a fault, or the audit file can't be opened
 */
export async function assemble(parts: NamesrvParts): Promise<Assembly> {
  const { configuration, transport, files, disk, log, clock = systemClock } = parts;
  const openFile = async (option: "configStorePath" | "kvConfigPath" | "routeSnapshotPath") => {
    const path = configuration.options[option];
    await removeLeftovers(path, clock.now());
    const file = new DurableFile(path, disk);
    if (await file.isMountPoint()) {
      log.warn("file is a mount point: it is overwritten in place", { file: path, option });
    }
    return file;
  };
  const config = new LiveConfig(configuration, await openFile("configStorePath"));
  const options = config.values;
  const slice = new WorkSlice((task) => {
    const turn = transport.turn?.();
    if (turn === undefined) clock.nextTurn(task);
    else turn.then(task, () => clock.nextTurn(task));
  });
  const etcd = await openEtcd(options, files);
  const kv = await openKv({
    file: await openFile("kvConfigPath"),
    origin: new DurableFile(`${options.kvConfigPath}.etcd`, disk),
    files,
    log,
    limits: options,
    slice,
    options,
    ...(etcd && options.kvStore === "etcd" && { etcd }),
  });
  const tls = options["tls.server.mode"] === "disabled"
    ? undefined
    : await TlsStore.load(remotingTls(options), files, log);
  const httpTls = parts.http !== undefined && options.httpTlsEnable && options.httpPort !== 0
    ? await TlsStore.load(httpTlsSettings(options), files, log)
    : undefined;

  const lifecycle: Lifecycle = { leaving: false, stopping: false };
  const budget = new ByteBudget(() => options.maxBufferedRequestBytes, {
    perAddress: () => options.maxBufferedBytesPerAddress,
    perConnection: () =>
      Math.max(options.maxBufferedBytesPerConnection, options.frameMaxLength + FRAME_ROOM),
  });
  const access = await assembleAccess(options, parts.accessFiles, log, clock);
  const signer = new RequestSigner(() => access.rules?.store.policy.outgoing);
  const client = new RemotingClient(transport, options.frameMaxLength, signer);
  const runtime = denoRuntime();
  const processing = assembleProcessing({
    config,
    kv,
    client,
    budget,
    slice,
    lifecycle,
    access,
    log,
    clock,
    heapLimit: runtime.heapLimit,
    expire: (connection) => server.expire(connection),
  });
  const { cache, routes, tables, limits, answers, feed, decoder, queues, dispatcher } = processing;

  const snapshot = options.routeSnapshotPath === "" ? undefined : new RouteSnapshot({
    file: await openFile("routeSnapshotPath"),
    tables,
    limits,
    isApplying: (brokerName) => routes.isApplying(brokerName),
    options,
    slice,
    log,
    now: clock.now,
    monotonic: clock.monotonic,
  });
  const probe = new BrokerProbe({
    options,
    connect: (...address) => transport.connect(...address),
    isOwnPort: (port) => isOwnPort(port, options),
    isPermitted: isNetGranted,
    isWaiting: (broker) => routes.isUnheard(broker),
    refused: (broker) => routes.refused(broker),
  });
  config.subscribe("routeSnapshotInterval", () => snapshot?.reschedule());
  config.subscribe("logLevel", parts.setLogLevel);
  config.subscribe("logRepeatLimit", (kind) => parts.setLogLimits({ kind }));
  config.subscribe("logPeerLimit", (peers) => parts.setLogLimits({ peers }));

  const acceptor = tls && new TlsAcceptor({
    enforcing: options["tls.server.mode"] === "enforcing",
    context: () => tls.current(),
    options,
    slice,
    log,
  });
  const telemetry = await findTelemetry();
  const counters = new RemotingCounters(Object.values(RequestCode), Object.values(ResponseCode));
  const serverParts = {
    transport,
    options,
    waterMarks: { high: () => waterMarks(options).high, low: () => waterMarks(options).low },
    budget,
    trustedProxies: parseProxies(options.trustedProxies),
    counters,
    slice,
    tls: acceptor,
    log,
    clock,
  };
  const server = new RemotingServer({
    ...serverParts,
    handler: telemetry?.traced(dispatcher) ?? dispatcher,
  });
  // Loaded on demand because most servers host no controller.
  const controller = options.enableControllerInNamesrv
    ? await (await import("./assemble_controller.ts")).assembleController({
      config,
      administration: processing.administration,
      client,
      serverParts,
      guard: access.guard,
      etcd,
      disk,
      traced: (handler) => telemetry?.traced(handler) ?? handler,
    })
    : undefined;

  const members = new Members(options, () => server.port);
  const group = new Group({
    members,
    ask: { client, options, isPermitted: isNetGranted, monotonic: clock.monotonic },
    own: { tables, answers, kv, config, options, slice },
    now: clock.now,
  });
  const loopLag = new LoopLag(() => performance.now());
  const httpCounters = new HttpCounters();
  const sources: Sources = {
    remoting: counters,
    server,
    budget,
    classes: {
      client_request: queues.clientRequest,
      default: queues.default,
      registration: queues.registration,
      disk: queues.disk,
    },
    tables,
    limits,
    routes,
    snapshot,
    decoder,
    cache,
    kv,
    etcd: etcd?.counters,
    tls: tls && acceptor && { acceptor, store: tls },
    controller,
    access,
    http: { counters: httpCounters, tls: httpTls },
    group,
    feed,
    loopLag: loopLag.seconds,
    options,
    runtime,
  };
  const metrics = new Metrics(sources, slice);
  if (telemetry !== undefined) exportMetrics(telemetry.meter, sources);

  const observed = { sources, now: clock.now, monotonic: clock.monotonic };
  const history = new History(observed);
  const alerts = new AlertWatch(observed);
  const http = parts.http && (await import("./http/create_http_port.ts")).createHttpPort({
    listener: parts.http,
    ...(httpTls && { tls: { context: () => httpTls.current(), limits: options, slice } }),
    counters: httpCounters,
    administration: processing.administration,
    tables,
    answers,
    kv,
    config,
    server,
    overview: {
      members,
      history,
      alerts,
      runtime,
      budget,
      limits,
      tables,
      feed,
      server,
      options,
      pid: Deno.pid,
      now: clock.now,
    },
    group,
    controller: controller && { ...controller, store: options.controllerStore },
    options,
    condition: {
      listening: () => server.listening,
      stopping: () => lifecycle.leaving,
      serviceWait: () => answers.serviceWait(),
      auditFailure: () => access.audit.failure,
      checkKvFile: () => kv.checkWritable(),
      etcd: () => kv.etcd,
      controller: () => controller?.controller,
    },
    metrics,
    feed,
    access,
    slice,
    log,
  });
  return {
    config,
    kv,
    etcd,
    slice,
    tls,
    httpTls,
    access,
    lifecycle,
    routes,
    feed,
    queues,
    dispatcher,
    server,
    controller,
    http,
    metrics,
    loopLag,
    history,
    alerts,
    snapshot,
    probe,
    answers,
    tables,
    log,
  };
}

/**
 * Loaded on demand because most servers keep nothing in etcd.
 *
 * @throws {StartupError} when a file of a password, certificate or key can't be used
 */
async function openEtcd(
  options: Readonly<Options>,
  files: TlsFileSystem,
): Promise<EtcdClient | undefined> {
  if (!usesEtcd(options)) return undefined;
  const { EtcdClient } = await import("./etcd/client.ts");
  return await EtcdClient.open({ options, files });
}

/** The parts of access control and of the audit log. */
export interface Access {
  /** Absent without accessFile. */
  readonly rules?: { readonly store: PolicyStore; readonly control: AccessControl };
  readonly refusals: Refusals;
  readonly counters: AccessCounters;
  readonly audit: AuditLog;
  readonly info: AccessInfo;
  /** Absent without accessFile. */
  readonly authorization?: HttpAuthorization;
  /** Absent when there is neither accessFile nor auditFile. */
  readonly guard?: Guard;
}

/** Builds access control and the audit log. */
async function assembleAccess(
  options: Readonly<Options>,
  files: PolicyFileSystem & AppendFileSystem = Deno,
  log: Log,
  { now, nextTurn }: Clock,
): Promise<Access> {
  const { accessFile, auditFile } = options;
  const audit = await AuditLog.open(options, files, log, () => performance.now());
  const refusals = new Refusals(() => options.accessRefusalRows);
  const counters = new AccessCounters();
  const parts = { refusals, counters, audit, log, now };
  if (accessFile === "") {
    const info = new AccessInfo(parts);
    return { ...parts, info, ...(auditFile !== "" && { guard: new Guard(parts) }) };
  }
  // Loaded on demand because most servers have no rules.
  const { PolicyStore } = await import("./access/policy_store.ts");
  const turn = () => new Promise<void>((resolve) => nextTurn(resolve));
  const store = await PolicyStore.load(accessFile, files, log, turn);
  const control = new AccessControl({
    policy: () => store.policy,
    names: (der) => store.names?.(der) ?? NO_NAMES,
    now,
  });
  const rules = { store, control };
  const guard = new Guard({ ...parts, rules });
  return {
    ...parts,
    rules,
    guard,
    info: new AccessInfo({ ...parts, rules }),
    authorization: new HttpAuthorization(
      rules,
      guard,
      new LoginLimit(() => options.httpMaxLoginsPerMinute, () => performance.now()),
      options,
    ),
  };
}

/** @throws {StartupError} when the text has anything but addresses and blocks */
function parseProxies(list: string): Networks {
  try {
    return new Networks(list.split(/[,;\s]+/).filter((text) => text !== ""));
  } catch (error) {
    throw new StartupError(`trustedProxies=${list}: ${errorMessage(error)}`);
  }
}

/** Builds the rooms that requests are answered in. */
export function assembleProcessing(parts: {
  config: LiveConfig;
  kv: KvStore;
  /** Calls other servers. */
  client: Pick<RemotingClient, "invoke" | "invokeOneway">;
  /** Shared by all long work. */
  slice: WorkSlice;
  budget: Pick<ByteBudget, "take" | "give">;
  lifecycle: Readonly<Lifecycle>;
  access: Pick<Access, "guard" | "info">;
  log: Log;
  clock: Clock;
  /** Bytes that the heap may have. */
  heapLimit(): number;
  /** Closes a connection whose broker was silent for too long. */
  expire(connection: object): void;
}): Processing {
  const { config, kv, client, budget, slice, lifecycle, log, clock, expire, heapLimit } = parts;
  const options = config.values;
  const { now, monotonic, soon } = clock;

  const tables = new RouteTables();
  const cache = new RouteCache(tables, () => options.routeCacheMaxBytes);
  tables.subscribe(cache);
  const shared = new SharedAnswers(tables, slice);
  tables.subscribe(shared);
  const answers = new RouteAnswers({ tables, kv, options, monotonic });
  kv.subscribe((namespace, key) => {
    if (namespace === ORDER_TOPIC_CONFIG) cache.topicChanged(key);
  });
  for (const name of ["clusterTest", "orderMessageEnable", "supportActingMaster"] as const) {
    config.subscribe(name, () => cache.clear());
  }

  const notifier = new MinBrokerIdNotifier({
    options,
    client,
    isOwnPort: (port) => isOwnPort(port, options),
    isLive: (brokerName, addr) => tables.isLive(brokerName, addr),
    log,
  });
  const limits = new TableLimits(tables, options, heapLimit);
  const routes = new RouteInfoManager(tables, {
    options,
    limits,
    slice,
    log,
    now,
    monotonic,
    defer: soon,
    notify: (change) => notifier.notify(change),
    expire,
  });
  config.subscribe("scanNotActiveBrokerInterval", () => routes.reschedule());

  const generation = crypto.randomUUID().slice(0, 8);
  const feed = new ChangeFeed({ tables, kv, options, slice, log, generation, now });
  const { changes } = feed;
  tables.subscribe(changes);
  tables.subscribeBrokers(changes);
  routes.subscribe(changes);
  kv.subscribe((namespace, key) => changes.kvChanged(namespace, key));
  config.subscribeToAll((updates) => changes.configChanged(updates));
  config.subscribe("supportActingMaster", () => changes.rolesChanged());

  const others = {
    capacity: () => options.defaultThreadPoolQueueCapacity,
    concurrency: () => options.defaultThreadPoolNums,
    slice,
    budget,
  };
  const queues: RequestQueues = {
    clientRequest: new RequestQueue({
      capacity: () => options.clientRequestThreadPoolQueueCapacity,
      concurrency: () => options.clientRequestThreadPoolNums,
      budget,
    }),
    default: new RequestQueue(others),
    registration: new RequestQueue({ ...others, perPeer: 1 }),
    disk: new RequestQueue(others),
  };
  const decoder = new RegistrationDecoder(options, slice, budget);
  const administration = new Administration({ kv, config, routes, tables, log });
  const table = requestTable({
    administration,
    queues,
    options,
    config,
    tables,
    shared,
    routes,
    cache,
    kv,
    decoder,
    access: parts.access.info,
    slice,
    productEnvironment: new ProductEnvironment({ options, client, get: getText, log, now }),
    answers,
    log,
  });
  const dispatcher = new Dispatcher(table, log, (peer) => {
    if (!lifecycle.stopping) routes.disconnected(peer);
  }, parts.access.guard);
  return {
    administration,
    cache,
    routes,
    decoder,
    queues,
    dispatcher,
    tables,
    limits,
    answers,
    feed,
  };
}
