/**
 * The one table of options, from which the readers, live updates, `-p`, GET_NAMESRV_CONFIG, the
 * files in `conf` and the documentation are derived. Names and defaults of the first three groups
 * are those of Apache RocketMQ 5.5.0's NamesrvConfig, NettyServerConfig and TlsSystemConfig.
 * @module
 */

/** When a changed value takes effect: at once, or at the next start. */
export type Applies = "live" | "restart";

/**
 * The effect of an option. `full`: as in the reference. `mapped`: controls the counterpart of a JVM
 * thread pool or a Netty buffer. `none`: accepted and reported only.
 */
export type Effect = "full" | "mapped" | "none";

interface About {
  readonly applies: Applies;
  readonly effect: Effect;
  /** Sentences for the documentation: the effect, with the unit. */
  readonly doc: string;
}
interface BooleanOption extends About {
  readonly type: "boolean";
  readonly default: boolean;
}
interface IntOption extends About {
  readonly type: "int";
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** Whether 0 is allowed beside the range. */
  readonly orZero?: boolean;
  /** An alternative key for files. */
  readonly alias?: string;
}
interface StringOption extends About {
  readonly type: "string";
  readonly default: string;
  /** Never shown in any output. */
  readonly secret?: boolean;
}
interface EnumOption<V extends string = string> extends About {
  readonly type: "enum";
  readonly default: V;
  readonly values: readonly V[];
}
/** A file or folder. No request may set one (CVE-2023-37582). */
interface PathOption extends About {
  readonly type: "path";
  readonly default: string;
  /** Describes the default where it depends on the environment and `default` is empty. */
  readonly defaultDoc?: string;
}

/** A row of the table. */
export type Option = BooleanOption | IntOption | StringOption | EnumOption | PathOption;

const MAX_INT = 2_147_483_647;
const KiB = 1024;
const MiB = 1024 * KiB;

type Range = readonly [min: number, max: number];
const ANY: Range = [0, MAX_INT];

/** Fields of a definition that all types have. An option has its full effect unless it says so. */
interface Common {
  applies: Applies;
  effect?: Effect;
  doc: string;
}

function flag(fields: Common & { default: boolean }): BooleanOption {
  return { type: "boolean", effect: "full", ...fields };
}

function int(
  { range: [min, max], ...fields }: Common & Pick<IntOption, "default" | "alias" | "orZero"> & {
    range: Range;
  },
): IntOption {
  return { type: "int", effect: "full", min, max, ...fields };
}

function text(fields: Common & Pick<StringOption, "default" | "secret">): StringOption {
  return { type: "string", effect: "full", ...fields };
}

function choice<const V extends string>(
  fields: Common & { values: readonly V[]; default: NoInfer<V> },
): EnumOption<V> {
  return { type: "enum", effect: "full", ...fields };
}

function path(fields: Pick<PathOption, "default" | "doc" | "defaultDoc">): PathOption {
  return { type: "path", applies: "restart", effect: "full", ...fields };
}

const IGNORED = { applies: "live", effect: "none" } as const;

function ignoredInt(value: number, doc: string): IntOption {
  return int({ ...IGNORED, default: value, range: ANY, doc });
}

function ignoredText(value: string, doc: string): StringOption {
  return text({ ...IGNORED, default: value, doc });
}

function ignoredFlag(value: boolean, doc: string): BooleanOption {
  return flag({ ...IGNORED, default: value, doc });
}

const NAME_SERVER = {
  rocketmqHome: path({
    default: "",
    doc: "Folder of the RocketMQ installation. Optional here; logs go below it.",
    defaultDoc: "environment variable ROCKETMQ_HOME, or unset",
  }),
  kvConfigPath: path({
    default: "",
    doc: "File of the KV table, in the format of the reference.",
    defaultDoc: "~/namesrv/kvConfig.json",
  }),
  configStorePath: path({
    default: "",
    doc:
      "File in which UPDATE_NAMESRV_CONFIG stores changes: the file given with -c, or the default, " +
      "which is then also read at start. Setting it in a file has no effect.",
    defaultDoc: "file given with -c, or ~/namesrv/namesrv.properties",
  }),
  productEnvName: text({
    default: "center",
    applies: "live",
    doc:
      "Name of the environment whose name servers clusterTest asks, as registered in the address service.",
  }),
  clusterTest: flag({
    default: false,
    applies: "live",
    doc: "Route queries for unknown topics are forwarded to the name servers of productEnvName.",
  }),
  orderMessageEnable: flag({
    default: false,
    applies: "live",
    doc: "Routes include orderTopicConf from the KV namespace ORDER_TOPIC_CONFIG.",
  }),
  returnOrderTopicConfigToBroker: flag({
    default: true,
    applies: "live",
    doc: "The response to a registration includes the KV namespace ORDER_TOPIC_CONFIG.",
  }),
  clientRequestThreadPoolNums: int({
    default: 8,
    range: [1, 1000],
    applies: "live",
    effect: "mapped",
    doc: "Number of route queries that may wait for another environment's answer (clusterTest).",
  }),
  defaultThreadPoolNums: int({
    default: 16,
    range: [1, 1000],
    applies: "live",
    effect: "mapped",
    doc:
      "Number of requests other than route queries that may be in progress, e.g. being decoded. " +
      "Changes of the KV table and of the configuration, which wait for the disk, have as many " +
      "of their own.",
  }),
  clientRequestThreadPoolQueueCapacity: int({
    default: 50_000,
    range: [100, 1_000_000],
    applies: "live",
    effect: "mapped",
    doc: "Number of route queries that may wait; further ones are answered with SYSTEM_BUSY.",
  }),
  defaultThreadPoolQueueCapacity: int({
    default: 10_000,
    range: [100, 1_000_000],
    applies: "live",
    effect: "mapped",
    doc:
      "Number of other requests that may wait; further ones are answered with SYSTEM_BUSY. Changes " +
      "of the KV table and of the configuration have as many places of their own.",
  }),
  scanNotActiveBrokerInterval: int({
    default: 5_000,
    range: [100, 60_000],
    applies: "live",
    doc: "Milliseconds between two scans for brokers whose heartbeat timed out.",
  }),
  unRegisterBrokerQueueCapacity: int({
    default: 3_000,
    range: [100, 1_000_000],
    applies: "live",
    doc: "Number of unregistrations that may wait for their batch; further ones are refused.",
  }),
  supportActingMaster: flag({
    default: false,
    applies: "live",
    doc:
      "In routes, a group without a master shows its smallest id as the master (5.x brokers with " +
      "enableSlaveActingMaster).",
  }),
  enableAllTopicList: flag({
    default: true,
    applies: "live",
    doc: "GET_ALL_TOPIC_LIST_FROM_NAMESERVER is answered.",
  }),
  enableTopicList: flag({
    default: true,
    applies: "live",
    doc: "The topic lists by cluster and by unit are answered.",
  }),
  notifyMinBrokerIdChanged: flag({
    default: false,
    applies: "live",
    doc: "The brokers of a group are notified when its smallest id changes.",
  }),
  needWaitForService: flag({
    default: false,
    applies: "live",
    doc: "Route queries are refused for the first waitSecondsForService seconds after the start, " +
      "unless routes were restored from routeSnapshotPath.",
  }),
  waitSecondsForService: int({
    default: 45,
    range: [0, 3600],
    applies: "live",
    doc: "Seconds after the start during which needWaitForService refuses route queries.",
  }),
  deleteTopicWithBrokerRegistration: flag({
    default: false,
    applies: "live",
    doc: "A registration removes topics of the broker that it does not contain.",
  }),
  configBlackList: text({
    default: "configBlackList;configStorePath;kvConfigPath",
    applies: "restart",
    doc: "Further keys that UPDATE_NAMESRV_CONFIG refuses, separated by `;`. Paths and tls.* are " +
      "always refused.",
  }),
} as const satisfies Record<string, Option>;

const CONTROLLER = {
  enableControllerInNamesrv: flag({
    default: false,
    applies: "restart",
    doc: "This server also hosts a controller, which elects the masters of brokers with " +
      "enableControllerMode=true. It has a port of its own.",
  }),
  controllerType: choice({
    default: "DLedger",
    values: ["DLedger", "jRaft"],
    applies: "restart",
    effect: "mapped",
    doc:
      "Which options name the controllers and their ports: controllerDLeger* or jRaft*. Everything " +
      "else is the same here.",
  }),
  controllerDLegerGroup: text({
    default: "",
    applies: "restart",
    doc: "Name of the group of controllers, as CONTROLLER_GET_METADATA_INFO tells it.",
  }),
  controllerDLegerPeers: text({
    default: "",
    applies: "restart",
    doc:
      "The controllers, `id-host:port;id-host:port`. This one listens on the port of its own entry, " +
      "at bindAddress. With controllerStore=etcd the other entries are only shown.",
  }),
  controllerDLegerSelfId: text({
    default: "",
    applies: "restart",
    doc: "The id of this controller in controllerDLegerPeers; each controller has its own.",
  }),
  jRaftGroupId: text({
    default: "jRaft-Controller",
    applies: "restart",
    doc: "Like controllerDLegerGroup, for controllerType=jRaft.",
  }),
  jRaftServerId: text({
    default: "localhost:9880",
    applies: "restart",
    effect: "mapped",
    doc: "The entry of this controller in jRaftInitConf. There is no listener on this address.",
  }),
  jRaftInitConf: text({
    default: "localhost:9880,localhost:9881,localhost:9882",
    applies: "restart",
    effect: "mapped",
    doc: "The controllers of controllerType=jRaft, separated by `,`.",
  }),
  jRaftControllerRPCAddr: text({
    default: "localhost:9770,localhost:9771,localhost:9772",
    applies: "restart",
    doc:
      "The addresses of the controllers' ports, in the order of jRaftInitConf. This one listens on " +
      "the port of its own entry, at bindAddress.",
  }),
  controllerStore: choice({
    default: "file",
    values: ["file", "etcd"],
    applies: "restart",
    doc:
      "Where the broker sets are kept. file: in controllerStorePath, for a controller that is alone. " +
      "etcd: in etcd, for several controllers, of which one leads.",
  }),
  controllerStorePath: path({
    default: "",
    doc:
      "Folder of the controller's file, controller-sets.json (controllerStore=file). Files of the Java " +
      "controller in it are left alone.",
    defaultDoc: "~/DLedgerController or ~/jRaftController",
  }),
  enableElectUncleanMaster: flag({
    default: false,
    applies: "live",
    doc:
      "If no replica of the sync state set is alive, another becomes master, and messages that it " +
      "does not have are lost.",
  }),
  notifyBrokerRoleChanged: flag({
    default: true,
    applies: "live",
    doc:
      "The living replicas of a set are notified of an election. Otherwise they notice it within 5 s.",
  }),
  scanInactiveMasterInterval: int({
    default: 5_000,
    range: [100, 60_000],
    applies: "live",
    doc: "Milliseconds between two scans for broker sets whose master is not alive.",
  }),
  electMasterMaxRetryCount: int({
    default: 3,
    range: [1, 100],
    applies: "live",
    effect: "mapped",
    doc: "How often an election by the controller is tried when it can't be stored.",
  }),
  controllerThreadPoolNums: int({
    default: 16,
    range: [1, 1000],
    applies: "live",
    effect: "mapped",
    doc:
      "Number of changes that may wait for the controller's store at once; heartbeats and reads do not " +
      "wait for them.",
  }),
  controllerRequestThreadPoolQueueCapacity: int({
    default: 50_000,
    range: [100, 1_000_000],
    applies: "live",
    effect: "mapped",
    doc: "Number of further requests to the controller that may wait; more are answered with " +
      "SYSTEM_BUSY.",
  }),
  controllerMinInSyncReplicas: int({
    default: 1,
    range: [1, 1000],
    applies: "live",
    doc:
      "Broker sets with fewer replicas in sync are counted, for an alert. Give it the value of the " +
      "brokers' minInSyncReplicas.",
  }),
} as const satisfies Record<string, Option>;

const NETWORK = {
  bindAddress: text({
    default: "0.0.0.0",
    applies: "restart",
    doc:
      "Address or host name to listen on. `0.0.0.0` and `::` are all addresses of the machine, " +
      "IPv4 and IPv6.",
  }),
  listenPort: int({
    default: 9876,
    range: [0, 65_535],
    applies: "restart",
    doc: "TCP port; 0 takes any free one.",
  }),
  serverChannelMaxIdleTimeSeconds: int({
    default: 120,
    range: [60, 86_400],
    orZero: true,
    applies: "live",
    doc: "Seconds after which an idle connection is closed; 0 for never.",
  }),
  serverSocketBacklog: int({
    default: 4096,
    range: [1, 65_535],
    applies: "restart",
    doc:
      "Connections that the system may queue until they are accepted, as when all clients come back at once; " +
      "one that finds no place tries again after a second, then after two. The system may allow fewer " +
      "(Linux: net.core.somaxconn).",
  }),
  writeBufferHighWaterMark: int({
    default: 0,
    range: [64 * KiB, 64 * MiB],
    orZero: true,
    applies: "live",
    effect: "mapped",
    doc: "Bytes of unsent answers at which reading from a connection stops; 0 means 1048576.",
  }),
  writeBufferLowWaterMark: int({
    default: 0,
    range: [1024, 64 * MiB],
    orZero: true,
    applies: "live",
    effect: "mapped",
    doc: "Bytes of unsent answers at which reading resumes; 0 means half of " +
      "writeBufferHighWaterMark.",
  }),
  enableShutdownGracefully: flag({
    default: false,
    applies: "live",
    doc: "On a stop, clients that understand GO_AWAY receive it for shutdownWaitTimeSeconds.",
  }),
  shutdownWaitTimeSeconds: int({
    default: 30,
    range: [0, 600],
    applies: "live",
    doc: "Duration of a graceful stop in seconds (enableShutdownGracefully).",
  }),
} as const satisfies Record<string, Option>;

const TLS = {
  "tls.server.mode": choice({
    default: "permissive",
    values: ["disabled", "permissive", "enforcing"],
    applies: "restart",
    doc:
      "disabled: connections that start with a TLS handshake are closed. permissive: TLS and plain " +
      "connections are served on the same port. enforcing: plain connections are closed.",
  }),
  "tls.test.mode.enable": flag({
    default: true,
    applies: "restart",
    doc:
      "A self-signed certificate is generated in memory for the first TLS connection, clients may send any " +
      "certificate, and the options for certificates are ignored. To use your own certificate, " +
      "set it to false.",
  }),
  "tls.server.need.client.auth": choice({
    default: "none",
    values: ["none", "optional", "require"],
    applies: "restart",
    doc:
      "Whether clients are asked for a certificate. require: connections without one are closed.",
  }),
  "tls.server.keyPath": path({
    default: "",
    doc:
      "PEM file of the server's private key: PKCS #8, PKCS #1 or SEC 1, encrypted or not. Reloaded " +
      "when it changes, like the other two files.",
  }),
  "tls.server.keyPassword": text({
    secret: true,
    default: "",
    applies: "restart",
    doc: "Password of the private key. Never shown.",
  }),
  "tls.server.certPath": path({
    default: "",
    doc: "PEM file of the server's certificate, followed by those of its issuers.",
  }),
  "tls.server.authClient": flag({
    default: false,
    applies: "restart",
    doc:
      "A client's certificate must be signed by an authority of tls.server.trustCertPath. Without " +
      "it, any certificate is accepted.",
  }),
  "tls.server.trustCertPath": path({
    default: "",
    doc: "PEM file of the authorities for client certificates.",
  }),
  "tls.ciphers": text({
    default: "",
    applies: "restart",
    effect: "mapped",
    doc:
      "Cipher suites by their OpenSSL or Java names, separated by `,`; empty: all that the runtime " +
      "supports. The client's preference decides; a connection that ends up with another suite is closed.",
  }),
  "tls.protocols": text({
    default: "",
    applies: "restart",
    doc: "TLSv1.2, TLSv1.3 or both, separated by `,`; empty: both.",
  }),
  "tls.config.file": path({
    default: "/etc/rocketmq/tls.properties",
    doc: "File whose tls.* keys override those of the configuration file. It must exist if it is " +
      "set; the default file may be missing. Empty: no such file.",
  }),
} as const satisfies Record<string, Option>;

const LOG = {
  logDir: path({
    default: "",
    doc: "Folder of the log files.",
    defaultDoc: "<rocketmqHome>/logs/rocketmqlogs, or no files without rocketmqHome",
  }),
  logLevel: choice({
    default: "INFO",
    values: ["DEBUG", "INFO", "WARN", "ERROR"],
    applies: "live",
    doc: "The lowest level that is logged.",
  }),
  logFormat: choice({
    default: "text",
    values: ["text", "json"],
    applies: "restart",
    doc:
      "text: `time LEVEL event key=value ...`. json: one object per line, with time, level, event and the " +
      "fields.",
  }),
  logRepeatLimit: int({
    default: 1000,
    range: ANY,
    applies: "live",
    doc:
      "Number of events of a kind that are logged per minute; a line reports how many were omitted. 0: all.",
  }),
  logPeerLimit: int({
    default: 10_000,
    range: ANY,
    applies: "live",
    doc:
      "Number of events of all kinds together that are logged per minute and level, of those that " +
      "peers can cause; a line reports how many were omitted. 0: all.",
  }),
  logConsole: flag({
    default: true,
    applies: "restart",
    doc: "The log is also written to the console.",
  }),
  logFileMaxBytes: int({
    default: 100 * MiB,
    range: [1024, MAX_INT],
    applies: "restart",
    doc: "Size in bytes at which the log file is rotated.",
  }),
  logFileCount: int({
    default: 10,
    range: [1, 1000],
    applies: "restart",
    doc: "Number of rotated log files that are kept.",
  }),
} as const satisfies Record<string, Option>;

const ACCESS = {
  httpHealthOpen: flag({
    default: true,
    applies: "live",
    doc:
      "With accessFile: /livez, /readyz and /version are open to everyone. Otherwise they need " +
      "cluster:read.",
  }),
  httpMetricsOpen: flag({
    default: true,
    applies: "live",
    doc: "With accessFile: /metrics is open to everyone. Otherwise it needs cluster:read.",
  }),
  accessFile: path({
    default: "",
    doc: "File of the rules of access control: YAML, or JSON. It is read again when it changes. " +
      "Empty: everyone may do everything.",
  }),
  accessRefusalRows: int({
    default: 1000,
    range: [10, 100_000],
    applies: "live",
    doc: "Number of different refusals that the report keeps. New ones replace the oldest.",
  }),
  metricsPerAccount: flag({
    default: true,
    applies: "live",
    doc:
      "Metrics include the requests of each account of accessFile, and the time of its last one.",
  }),
  auditFile: path({
    default: "",
    doc: "File to which every change is written, as a line of JSON. Empty: none, nor of refusals.",
  }),
  auditRefusalsFile: path({
    default: "",
    defaultDoc: "auditFile with .refused at its end",
    doc: "File of the requests that were refused, likewise. It is rotated by itself, so that " +
      "strangers can't push out the records of changes.",
  }),
  auditFileMaxBytes: int({
    default: 100 * MiB,
    range: [1024, MAX_INT],
    applies: "restart",
    doc: "Size in bytes at which either audit file is rotated.",
  }),
  auditFileCount: int({
    default: 10,
    range: [1, 1000],
    applies: "restart",
    doc: "Number of rotated audit files that are kept, of changes and of refusals each.",
  }),
  auditSync: flag({
    default: false,
    applies: "live",
    doc: "A change is answered only after its audit record would survive a power failure.",
  }),
  auditRequired: flag({
    default: false,
    applies: "live",
    doc:
      "While the audit file can't be written, requests that change something are refused. Brokers " +
      "can still register.",
  }),
  auditMaxWaitingBytes: int({
    default: 16 * MiB,
    range: [1024, MAX_INT],
    applies: "live",
    doc: "Bytes of audit records kept in memory while their file can't be written. Further " +
      "records are lost, and counted.",
  }),
  auditRecentRecords: int({
    default: 1000,
    range: [1, 100_000],
    applies: "live",
    doc: "Number of recent changes, and of recent refusals, that the HTTP port can show.",
  }),
  auditRecentMaxBytes: int({
    default: 4 * MiB,
    range: [1024, 1024 * MiB],
    applies: "live",
    doc: "Characters of each of the two as JSON. Over it, the oldest are forgotten.",
  }),
} as const satisfies Record<string, Option>;

const OWN = {
  httpBindAddress: text({
    default: "127.0.0.1",
    applies: "restart",
    doc:
      "Address or host name of the HTTP port, like bindAddress. Anyone who can connect may read " +
      "everything except secrets.",
  }),
  httpPort: int({
    default: 9890,
    range: [0, 65_535],
    applies: "restart",
    doc:
      "TCP port for health checks, metrics, the API and the console; 0 for none. If it can't be opened, " +
      "the server starts without it, unless this option or httpBindAddress is set.",
  }),
  consoleEnable: flag({
    default: true,
    applies: "restart",
    doc: "The HTTP port has the console, logins, and requests that change something.",
  }),
  httpSessionHours: int({
    default: 8,
    range: [1, 720],
    applies: "live",
    doc: "Hours from a login to the console until its session ends.",
  }),
  httpTlsEnable: flag({
    default: false,
    applies: "restart",
    doc:
      "The HTTP port serves HTTPS and nothing else. Java clients ask the address service by plain HTTP only, " +
      "so they can't find name servers there.",
  }),
  httpTlsKeyPath: path({
    default: "",
    doc:
      "PEM file of the HTTP port's private key: PKCS #8, PKCS #1 or SEC 1, encrypted or not. Reloaded " +
      "when it changes, like the next two files.",
  }),
  httpTlsKeyPassword: text({
    secret: true,
    default: "",
    applies: "restart",
    doc: "Password of that private key. Never shown.",
  }),
  httpTlsCertPath: path({
    default: "",
    doc: "PEM file of the HTTP port's certificate, followed by those of its issuers.",
  }),
  httpTlsTrustCertPath: path({
    default: "",
    doc:
      "PEM file of authorities. If set, every client of the HTTP port must send a certificate that one of " +
      "them signed; probes of Kubernetes send none.",
  }),
  httpAllowedHosts: text({
    default: "",
    applies: "live",
    doc: "Host names under which the HTTP port may be asked, beside addresses, localhost and " +
      "httpBindAddress: `name,name`; `*.example.com` for all names below one, `*` for all. A request " +
      "with another Host header is answered with 421: a web page could have sent it.",
  }),
  namesrvAddrs: text({
    default: "",
    applies: "live",
    doc:
      "Name servers (`host:port;host:port`) that the address service lists: /rocketmq/nsaddr on the " +
      "HTTP port. Empty: this server alone.",
  }),
  namesrvAddrsForBrokers: text({
    default: "",
    applies: "live",
    doc:
      "Name servers that the address service lists for brokers: /rocketmq/nsaddr/brokers on the HTTP " +
      "port. Empty: those of namesrvAddrs. A new name server belongs here first, so that it knows the " +
      "brokers when clients ask it.",
  }),
  namesrvAddrsByUnit: text({
    default: "",
    applies: "live",
    doc: "Name servers that the address service lists for a unit or an environment, " +
      "`unit=host:port;host:port,unit=...`: /rocketmq/nsaddr-UNIT on the HTTP port.",
  }),
  advertisedAddress: text({
    default: "",
    applies: "live",
    doc:
      "Address (`host:port`) by which clients reach this server, for the address service. Empty: " +
      "bindAddress, or where that is all addresses, the one at which the service is asked.",
  }),
  transport: choice({
    values: ["deno", "node"],
    default: "deno",
    applies: "restart",
    doc:
      "Runtime interface that carries the connections: Deno.listen, or node:net. docs/transport.md says " +
      "when to choose which.",
  }),
  trustedProxies: text({
    default: "",
    applies: "restart",
    doc:
      "Addresses and blocks (`10.1.0.0/16`), separated by `,` or `;`, of the proxies whose PROXY protocol " +
      "headers are believed: limits per address then apply to the clients that they name. The " +
      "headers of others are ignored. Empty: every header is read, and its address " +
      "is shown beside the socket's; it has no other effect.",
  }),
  detectCompressedRegistration: flag({
    default: true,
    applies: "live",
    doc: "A zlib body under the header compressed=false is recognised: 5.x brokers with " +
      "compressedRegister=true send it, and the reference refuses it.",
  }),
  routeCacheMaxBytes: int({
    default: 64 * MiB,
    range: [0, 1024 * MiB],
    applies: "live",
    doc: "Memory for cached encoded routes, in bytes.",
  }),
  routeSnapshotPath: path({
    default: "",
    doc:
      "File that keeps the routes for the next start, so that they are served at once. Each name " +
      "server needs its own. Empty: none; every start begins without routes.",
    defaultDoc:
      "routes-<listenPort>.snapshot in the folder of kvConfigPath; none with listenPort=0",
  }),
  routeSnapshotInterval: int({
    default: 5_000,
    range: [100, 3_600_000],
    applies: "live",
    doc: "Milliseconds after which changed routes are written to routeSnapshotPath.",
  }),
  routeSnapshotMaxAge: int({
    default: 600_000,
    range: [1000, 86_400_000],
    applies: "live",
    doc: "Milliseconds for which a snapshot is good: an older one is ignored at the start. It is " +
      "written anew after a quarter of this time even if nothing changes.",
  }),
  routeSnapshotGrace: int({
    default: 60_000,
    range: [1000, 3_600_000],
    applies: "live",
    doc:
      "Milliseconds after the start for which brokers that were restored from the snapshot are " +
      "kept without a word from them. Brokers register every 30 seconds.",
  }),
  metricsPerBroker: flag({
    default: false,
    applies: "live",
    doc: "Metrics also show each broker: its last heartbeat, its heartbeat timeout and its topics.",
  }),
  productEnvNamesrvAddr: text({
    default: "",
    applies: "restart",
    doc:
      "Name servers (`host:port;host:port`) that clusterTest asks instead of those that the address " +
      "service lists.",
  }),
  addressServiceDomain: text({
    default: "jmenv.tbsite.net",
    applies: "restart",
    doc: "Host of the address service that clusterTest asks, with its port unless that is 8080.",
  }),
} as const satisfies Record<string, Option>;

/** Limits on what peers can make this server keep or wait for. The doc says what happens over it. */
const ETCD = {
  kvStore: choice({
    values: ["file", "etcd"],
    default: "file",
    applies: "restart",
    doc:
      "Where the KV table is kept. file: in kvConfigPath, by each name server alone. etcd: in etcd, " +
      "the same one for all name servers, with a copy in kvConfigPath.",
  }),
  etcdEndpoints: text({
    default: "",
    applies: "restart",
    doc: "Client URLs of the members of one etcd cluster (3.4 or newer), as " +
      "http(s)://host:port, separated by `;` or `,`. One that does not answer is followed by the next.",
  }),
  etcdPrefix: text({
    default: "/rocketmq-namesrv",
    applies: "restart",
    doc:
      "Beginning of all keys in etcd. Name servers with the same one share what they keep there.",
  }),
  etcdUser: text({
    default: "",
    applies: "restart",
    doc: "User of etcd's authentication. Empty: none.",
  }),
  etcdPasswordFile: path({
    default: "",
    doc: "File with the password of etcdUser. A newline at its end does not count.",
  }),
  etcdCaFile: path({
    default: "",
    doc:
      "PEM file with the authorities that sign etcd's certificates. Empty: those that Deno trusts.",
  }),
  etcdCertFile: path({
    default: "",
    doc:
      "PEM file with the client certificate for etcd. While etcd's authentication is on, it must " +
      "have no CommonName.",
  }),
  etcdKeyFile: path({
    default: "",
    doc: "PEM file with the key of etcdCertFile, not encrypted.",
  }),
  etcdRequestTimeoutMillis: int({
    default: 3000,
    range: [100, 60_000],
    applies: "live",
    doc: "Milliseconds that an endpoint of etcd has to answer a request.",
  }),
  etcdMaxAnswerBytes: int({
    default: 8 * MiB,
    range: [4 * MiB, 256 * MiB],
    applies: "live",
    doc:
      "Largest answer of etcd in bytes, base64 included; a larger one is not read to its end. Keys " +
      "are read in pages, so only a single value can be too large.",
  }),
  etcdWatchCheckMillis: int({
    default: 5000,
    range: [100, 600_000],
    applies: "live",
    doc:
      "Milliseconds without news from etcd's watch after which its endpoint must show that it still " +
      "answers, or another one is asked.",
  }),
} as const satisfies Record<string, Option>;

const LIMITS = {
  controllerMaxSets: int({
    default: 1000,
    range: [1, 100_000],
    applies: "live",
    doc: "Broker sets that the controller keeps; the first broker of a further one is refused.",
  }),
  controllerMaxReplicas: int({
    default: 32,
    range: [1, 1000],
    applies: "live",
    doc:
      "Replicas in a broker set of the controller; a further one is refused. Replicas of all sets " +
      "whose heartbeats are followed: as many times controllerMaxSets.",
  }),
  controllerMaxStateBytes: int({
    default: 16 * MiB,
    range: [64 * KiB, 256 * MiB],
    applies: "live",
    doc:
      "Bytes of all broker sets of the controller, as they are stored; a further broker is refused.",
  }),
  controllerMinHeartbeatTimeoutMillis: int({
    default: 1000,
    range: [100, 10_000],
    applies: "live",
    doc:
      "Least milliseconds of silence after which a broker counts as dead for the controller. One that asks " +
      "for less (controllerHeartBeatTimeoutMills) gets these.",
  }),
  controllerMaxHeartbeatTimeoutMillis: int({
    default: 300_000,
    range: [10_000, 86_400_000],
    applies: "live",
    doc:
      "Most milliseconds of silence after which a broker counts as dead for the controller. One that asks " +
      "for more gets these.",
  }),
  maxConnections: int({
    default: 100_000,
    range: [20, 1_000_000],
    applies: "live",
    doc: "Open connections; a further one is closed at once. The system's limit of open files is " +
      "often lower.",
  }),
  maxConnectionsPerAddress: int({
    default: 0,
    range: [2, 1_000_000],
    orZero: true,
    applies: "live",
    doc:
      "Open connections from one address, 0 for no limit; a further one is closed at once. All clients " +
      "behind one NAT share an address. Those behind a proxy of trustedProxies have their own.",
  }),
  frameMaxLength: int({
    alias: "com.rocketmq.remoting.frameMaxLength",
    default: 16 * MiB,
    range: [1024, 128 * MiB],
    applies: "restart",
    doc:
      "Largest frame in bytes, without its length field; a connection that sends a larger one is closed. " +
      "Files may also use the name com.rocketmq.remoting.frameMaxLength.",
  }),
  maxHeaderBytes: int({
    default: 64 * KiB,
    range: [1024, 16 * MiB],
    applies: "live",
    doc: "Largest header of a request in bytes; a connection that sends a larger one is closed.",
  }),
  maxProxyHeaderBytes: int({
    default: 4 * KiB,
    range: [536, 65_551],
    applies: "live",
    doc:
      "Largest PROXY protocol header (version 2) in bytes; a connection that sends a larger one is closed.",
  }),
  maxBufferedRequestBytes: int({
    default: 256 * MiB,
    range: [1024, MAX_INT],
    applies: "live",
    doc:
      "Memory for unfinished frames and PROXY headers, requests in progress, unsent answers and " +
      "spare buffers of all connections, in bytes. When it is short, the connections that hold " +
      "most of it for longest are closed, and requests that would have to wait are answered with " +
      "SYSTEM_BUSY.",
  }),
  maxBufferedBytesPerAddress: int({
    default: 128 * MiB,
    range: [1024, MAX_INT],
    applies: "live",
    doc:
      "The part of maxBufferedRequestBytes that the connections of one address may hold. When it is " +
      "short, those of them that hold most of it for longest are closed.",
  }),
  maxBufferedBytesPerConnection: int({
    default: 32 * MiB,
    range: [1024, MAX_INT],
    applies: "live",
    doc:
      "The part of maxBufferedRequestBytes that one connection may hold, at least frameMaxLength and " +
      "1 MiB. When its requests in progress take half of it, reading pauses; a connection that " +
      "goes over it is closed.",
  }),
  frameTimeoutSeconds: int({
    default: 30,
    range: [1, 3600],
    applies: "live",
    doc:
      "Seconds within which a frame that has begun must be complete, or the connection is closed.",
  }),
  frameMinBytesPerSecond: int({
    default: 1024,
    range: [0, MiB],
    applies: "live",
    doc:
      "The least rate at which a frame that has begun must come, measured over five seconds, or " +
      "the connection is closed. 0: none.",
  }),
  proxyHeaderTimeoutSeconds: int({
    default: 5,
    range: [1, 3600],
    applies: "live",
    doc:
      "Seconds within which a PROXY header that has begun must be complete, or the connection is closed.",
  }),
  tlsHandshakeTimeoutMillis: int({
    default: 5_000,
    range: [500, 60_000],
    applies: "live",
    doc: "Time limit of a TLS handshake in milliseconds, or the connection is closed.",
  }),
  tlsMaxHandshakes: int({
    default: 1000,
    range: [10, 100_000],
    applies: "live",
    doc:
      "Concurrent TLS handshakes. A further one takes the place of the oldest of the address that " +
      "has most, whose connection is closed.",
  }),
  tlsMaxHandshakesPerAddress: int({
    default: 500,
    range: [10, 100_000],
    applies: "live",
    doc:
      "Concurrent TLS handshakes from one address. A further one takes the place of the oldest, " +
      "whose connection is closed.",
  }),
  headerCacheMaxBytes: int({
    default: 8 * MiB,
    range: ANY,
    applies: "live",
    doc:
      "Memory for decoded headers that clients repeat, in bytes, estimated. Over it, old ones are " +
      "forgotten and decoded anew. A connection whose headers never repeat adds at most 64.",
  }),
  maxKvBytes: int({
    default: 16 * MiB,
    range: [MiB, 256 * MiB],
    applies: "live",
    doc: "Bytes of the KV table as JSON in UTF-8; a change that makes it larger is refused.",
  }),
  maxKvNamespaceBytes: int({
    default: 15 * MiB,
    range: [1024, 15 * MiB],
    applies: "live",
    doc:
      "Bytes of the keys and values of a KV namespace as JSON in UTF-8, which one answer lists; a " +
      "change that makes it larger is refused.",
  }),
  maxOrderTopicConfigBytes: int({
    default: MiB,
    range: [1024, 8 * MiB],
    applies: "live",
    doc:
      "Like maxKvNamespaceBytes, for the namespace ORDER_TOPIC_CONFIG, which is in the answer to each " +
      "registration.",
  }),
  maxKvValueBytes: int({
    default: 48 * KiB,
    range: [1024, MiB],
    applies: "live",
    doc:
      "Bytes of a KV value in UTF-8; a larger one is refused. A request must also fit maxHeaderBytes.",
  }),
  maxKvKeys: int({
    default: 200_000,
    range: [100, 2_000_000],
    applies: "live",
    doc: "Keys of all KV namespaces; a further one is refused.",
  }),
  maxKvNamespaces: int({
    default: 1000,
    range: [1, 100_000],
    applies: "live",
    doc: "KV namespaces; a further one is refused.",
  }),
  maxKvWaitingWrites: int({
    default: 1000,
    range: [1, 100_000],
    applies: "live",
    doc: "Changes of the KV table that wait for etcd (kvStore=etcd); a further one is refused.",
  }),
  maxInflatedBodyBytes: int({
    default: 32 * MiB,
    range: [MiB, 128 * MiB],
    applies: "live",
    doc: "Bytes to which a compressed registration may inflate; a larger one is refused.",
  }),
  maxTopicsPerBroker: int({
    default: 200_000,
    range: [1000, 1_000_000],
    applies: "live",
    doc: "Topics of the brokers with one name; a registration that brings more is refused.",
  }),
  maxBrokers: int({
    default: 50_000,
    range: [100, 1_000_000],
    applies: "live",
    doc: "Brokers in all, slaves included; a further one is refused.",
  }),
  maxBrokersPerGroup: int({
    default: 1000,
    range: [10, 10_000],
    applies: "live",
    doc: "Brokers with one name: a master and its slaves; a further one is refused.",
  }),
  maxTopics: int({
    default: 500_000,
    range: [1000, 10_000_000],
    applies: "live",
    doc:
      "Topics in all; a change that adds one is refused. Registrations without a new topic are served.",
  }),
  maxTableBytes: int({
    default: 0,
    range: ANY,
    applies: "live",
    doc:
      "Memory of the route tables in bytes, estimated; 0 is half of the heap that the process may have. " +
      "A change that makes them larger is refused. Registrations that bring nothing new are served.",
  }),
  maxAnswerBytes: int({
    default: 16 * MiB,
    range: [8 * MiB, 16 * MiB],
    applies: "live",
    doc:
      "Largest answer in bytes: clients refuse more than 16 MiB. A change is refused if it would make " +
      "cluster info larger than half of it, the topic list larger than all of it, or the queue data " +
      "and mappings in a topic's route larger than 5/16 of it.",
  }),
  maxNotifications: int({
    default: 32,
    range: [1, 1000],
    applies: "live",
    doc:
      "Notifications of brokers (notifyMinBrokerIdChanged) that may be in progress at once, and " +
      "as many connections to restored brokers, which show after a start whether they still listen.",
  }),
  maxNotificationsPerSecond: int({
    default: 200,
    range: [1, 100_000],
    applies: "live",
    doc:
      "Notifications of brokers that start in a second, and as many connections to restored brokers; " +
      "the others wait.",
  }),
  httpMaxConnections: int({
    default: 500,
    range: [10, 100_000],
    applies: "live",
    doc:
      "Open connections to the HTTP port. A further one takes the place of the oldest idle one of " +
      "the address that has most, which is closed. If none is idle, the further one is closed.",
  }),
  httpTlsHandshakeTimeoutMillis: int({
    default: 5000,
    range: [100, 60_000],
    applies: "live",
    doc:
      "Milliseconds from a connection to the HTTP port until its TLS handshake must be complete, or it is " +
      "closed (httpTlsEnable). Until then it counts as an idle connection.",
  }),
  httpMaxOpenRequests: int({
    default: 256,
    range: [1, 100_000],
    applies: "live",
    doc:
      "Requests to the HTTP port that wait, are in progress or not yet fully answered. Further ones " +
      "get a 503, except probes; a connection that sends them in one go is closed. At most an eighth of them " +
      "(at least one) may wait for the verification of a token; a further token that is not known yet gets a 503.",
  }),
  httpMaxUnsentBytes: int({
    default: 64 * MiB,
    range: [MiB, MAX_INT],
    applies: "live",
    doc:
      "Bytes of answers of the HTTP port that wait for their clients. Over it, further requests get " +
      "a 503, except probes.",
  }),
  httpMaxHeaderBytes: int({
    default: 64 * KiB,
    range: [4 * KiB, MiB],
    applies: "restart",
    doc:
      "Bytes of the line and headers of a request to the HTTP port; one with more gets a 431, and " +
      "its connection is closed.",
  }),
  httpRequestTimeoutSeconds: int({
    default: 30,
    range: [1, 3600],
    applies: "restart",
    doc: "Seconds within which a request to the HTTP port must be complete, or the connection is " +
      "closed. A connection that sends nothing counts as one.",
  }),
  httpIdleTimeoutSeconds: int({
    default: 120,
    range: [1, 86_400],
    applies: "restart",
    doc:
      "Seconds after an answer of the HTTP port until the connection is closed, unless the next " +
      "request comes.",
  }),
  httpAnswerTimeoutSeconds: int({
    default: 60,
    range: [1, 3600],
    applies: "live",
    doc:
      "Seconds that a client has to read an answer of the HTTP port, or the connection is closed.",
  }),
  httpMaxBodyBytes: int({
    default: 128 * KiB,
    range: [KiB, 8 * MiB],
    applies: "live",
    doc:
      "Bytes of the body of a request to the HTTP port that changes something; one with more gets a 413. Only " +
      "the bodies of logins and of accounts that may change something are read.",
  }),
  httpMaxSessions: int({
    default: 1000,
    range: [1, 100_000],
    applies: "live",
    doc:
      "Sessions of the console that may be open. A further one ends the oldest one of the account that " +
      "has most.",
  }),
  httpMaxLoginsPerMinute: int({
    default: 20,
    range: [1, 10_000],
    applies: "live",
    doc:
      "Attempts to log in, right or wrong, that an address (an IPv6 /64) has in a minute; further ones get a 429. " +
      "Wrong tokens in the Authorization header count as well. Over the limit, a request with a token gets a 429 " +
      "unless this token is known to be right or wrong.",
  }),
  watchMaxWatchers: int({
    default: 64,
    range: [0, 10_000],
    applies: "live",
    doc:
      "Streams of /api/v1/watch that may be open; a further one gets a 503. Their connections do " +
      "not count towards httpMaxConnections. 0: nobody may watch.",
  }),
  watchMaxUnreadBytes: int({
    default: MiB,
    range: [64 * KiB, 256 * MiB],
    applies: "live",
    doc:
      "Bytes of events that a watcher may be behind. One that is further behind loses its connection, " +
      "and can resume. So does one that takes nothing for httpAnswerTimeoutSeconds.",
  }),
  watchHistoryBytes: int({
    default: 4 * MiB,
    range: [256 * KiB, 1024 * MiB],
    applies: "live",
    doc:
      "Memory for events that watchers may still resume from, in bytes, estimated. Over it, the oldest " +
      "are forgotten.",
  }),
  watchNamedTopics: int({
    default: 50,
    range: [1, 1000],
    applies: "live",
    doc:
      "Topics of a broker, or keys of a KV namespace, that have events of their own when they change " +
      "together. Of more, one event tells the numbers.",
  }),
  compareAnswerTimeoutMillis: int({
    default: 3000,
    range: [100, 60_000],
    applies: "live",
    doc:
      "Milliseconds that another name server of namesrvAddrs has for an answer, connecting included, when " +
      "the HTTP port is asked to compare with it, or whether it is there. Over it, the answer says so.",
  }),
  compareTimeoutSeconds: int({
    default: 30,
    range: [1, 600],
    applies: "live",
    doc:
      "Seconds that a comparison with another name server may take. Over it, the answer has what was " +
      "found until then, and says so.",
  }),
  compareMaxBytes: int({
    default: 512 * MiB,
    range: [MiB, MAX_INT],
    applies: "live",
    doc:
      "Bytes that a comparison may read from another name server; they are not kept. Over it, the answer has " +
      "what was found until then, and says so.",
  }),
  compareMaxDifferences: int({
    default: 1000,
    range: [1, 10_000],
    applies: "live",
    doc: "Differences that the answer to a comparison shows; further ones are counted only.",
  }),
  watchKeepAliveSeconds: int({
    default: 15,
    range: [1, 60],
    applies: "live",
    doc: "Seconds after which a watcher gets a sign of life when nothing changes.",
  }),
} as const satisfies Record<string, Option>;

/** Like {@link WITHOUT_EFFECT}, of the reference's controller. */
const CONTROLLER_WITHOUT_EFFECT = {
  mappedFileSize: ignoredInt(1024 * MiB, "Bytes of a file of the Java controller's log (DLedger)."),
  isProcessReadEvent: ignoredFlag(false, "Reads of the Java controller go through its log."),
  jRaftElectionTimeoutMs: ignoredInt(1000, "Milliseconds until JRaft elects another leader."),
  jRaftSnapshotIntervalSecs: ignoredInt(3600, "Seconds between two snapshots of JRaft."),
  jRaftScanWaitTimeoutMs: ignoredInt(1000, "Milliseconds that JRaft waits before its first scan."),
  metricsExporterType: ignoredText("DISABLE", "Exporter of the Java controller's metrics."),
  metricsGrpcExporterTarget: ignoredText("", "Target of its OTLP exporter."),
  metricsGrpcExporterHeader: ignoredText("", "Headers of its OTLP exporter."),
  metricGrpcExporterTimeOutInMills: ignoredInt(3000, "Milliseconds for an OTLP export."),
  metricGrpcExporterIntervalInMills: ignoredInt(60_000, "Milliseconds between two OTLP exports."),
  metricLoggingExporterIntervalInMills: ignoredInt(
    10_000,
    "Milliseconds between two logged exports.",
  ),
  metricsPromExporterPort: ignoredInt(
    5557,
    "Port of its Prometheus exporter; see httpPort instead.",
  ),
  metricsPromExporterHost: ignoredText("", "Address of its Prometheus exporter."),
  metricsLabel: ignoredText("", "Labels of its metrics."),
  metricsInDelta: ignoredFlag(false, "Its metrics are exported as differences."),
} as const satisfies Record<string, Option>;

/** Options of the reference without a counterpart here: accepted, reported, and without effect. */
const WITHOUT_EFFECT = {
  namesrvAddr: text({ ...IGNORED, default: "", doc: "Name servers, taken from -n." }),
  serverWorkerThreads: ignoredInt(8, "Threads of Netty's codec group."),
  serverCallbackExecutorThreads: ignoredInt(0, "Threads of the callback executor."),
  serverSelectorThreads: ignoredInt(3, "Threads of Netty's selector group."),
  serverOnewaySemaphoreValue: ignoredInt(256, "Permits for outgoing oneway calls."),
  serverAsyncSemaphoreValue: ignoredInt(64, "Permits for outgoing async calls."),
  serverSocketSndBufSize: ignoredInt(0, "Bytes of a socket's send buffer."),
  serverSocketRcvBufSize: ignoredInt(0, "Bytes of a socket's receive buffer."),
  serverNettyWorkerGroupEnable: ignoredFlag(true, "Netty's codec group is used."),
  serverPooledByteBufAllocatorEnable: ignoredFlag(true, "Netty's buffers are pooled."),
  useEpollNativeSelector: ignoredFlag(false, "Netty's epoll transport is used."),
  ...CONTROLLER_WITHOUT_EFFECT,
} as const satisfies Record<string, Option>;

/** Every option by its name. */
export const OPTIONS = {
  ...NAME_SERVER,
  ...CONTROLLER,
  ...NETWORK,
  ...TLS,
  ...LOG,
  ...ACCESS,
  ...OWN,
  ...ETCD,
  ...LIMITS,
  ...WITHOUT_EFFECT,
} as const;

/** The name of an option. */
export type OptionName = keyof typeof OPTIONS;

type ValueOf<O> = O extends { type: "boolean" } ? boolean
  : O extends { type: "int" } ? number
  : O extends { type: "enum"; values: readonly (infer V)[] } ? V
  : string;

/** A value for every option. */
export type Options = { -readonly [N in OptionName]: ValueOf<typeof OPTIONS[N]> };

/** The names of all options, in the order of the table. */
export const OPTION_NAMES: readonly OptionName[] = Object.keys(OPTIONS) as OptionName[];

/** The group that docs/limits.md shows. */
export const LIMITS_TITLE = "Limits";

/** The options by group, in the order of the documentation. */
export const OPTION_GROUPS: readonly { title: string; names: readonly OptionName[] }[] = [
  { title: "Name server", names: Object.keys(NAME_SERVER) as OptionName[] },
  { title: "Controller", names: Object.keys(CONTROLLER) as OptionName[] },
  { title: "Network", names: Object.keys(NETWORK) as OptionName[] },
  { title: "TLS", names: Object.keys(TLS) as OptionName[] },
  { title: "Log", names: Object.keys(LOG) as OptionName[] },
  { title: "Access control and audit", names: Object.keys(ACCESS) as OptionName[] },
  { title: "Specific to this server", names: Object.keys(OWN) as OptionName[] },
  { title: "etcd", names: Object.keys(ETCD) as OptionName[] },
  { title: LIMITS_TITLE, names: Object.keys(LIMITS) as OptionName[] },
  { title: "Accepted without effect", names: Object.keys(WITHOUT_EFFECT) as OptionName[] },
];

/** Options of the name server that count for its controller as well. */
const SHARED_WITH_CONTROLLER: readonly string[] = [
  "rocketmqHome",
  "configStorePath",
  "configBlackList",
  "scanNotActiveBrokerInterval",
];

/** Whether an option is shown and changed by requests to the controller. */
export function isControllerOption(name: OptionName): boolean {
  return [CONTROLLER, NETWORK, WITHOUT_EFFECT].some((group) => Object.hasOwn(group, name)) ||
    name.startsWith("controller") || SHARED_WITH_CONTROLLER.includes(name);
}

/** Whether an option means nothing to a name server without a controller. */
export function isOnlyOfController(name: OptionName): boolean {
  return name !== "enableControllerInNamesrv" &&
    (Object.hasOwn(CONTROLLER, name) || Object.hasOwn(CONTROLLER_WITHOUT_EFFECT, name) ||
      name.startsWith("controller"));
}

/** Whether `key`, which may come from the network, names an option. */
export function isOptionName(key: string): key is OptionName {
  return Object.hasOwn(OPTIONS, key);
}

/** Whether `key` names an option that Apache RocketMQ's name server does not have. */
export function isOwnOption(key: string): boolean {
  const shared = [NAME_SERVER, NETWORK, TLS, WITHOUT_EFFECT];
  return isOptionName(key) && !shared.some((group) => Object.hasOwn(group, key));
}

/** The row of an option. */
export function optionOf(name: OptionName): Option {
  return OPTIONS[name];
}

/** Returns the option whose name or alias is `key`. */
export function resolveOptionName(key: string): OptionName | undefined {
  if (isOptionName(key)) return key;
  return OPTION_NAMES.find((name) => {
    const option = optionOf(name);
    return option.type === "int" && option.alias === key;
  });
}

/** Returns a new set of options with all defaults. */
export function defaultOptions(): Options {
  return Object.fromEntries(
    OPTION_NAMES.map((name) => [name, optionOf(name).default]),
  ) as Options;
}
