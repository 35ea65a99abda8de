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
/** Timers are limited to 2^31-1 milliseconds. */
const MAX_SECONDS = 2_147_483;
const MiB = 1_048_576;

type Range = readonly [min: number, max: number];
const ANY: Range = [0, MAX_INT];
const AT_LEAST_ONE: Range = [1, MAX_INT];

function flag(value: boolean, applies: Applies, effect: Effect, doc: string): BooleanOption {
  return { type: "boolean", default: value, applies, effect, doc };
}

function int(
  value: number,
  [min, max]: Range,
  applies: Applies,
  effect: Effect,
  doc: string,
): IntOption {
  return { type: "int", default: value, min, max, applies, effect, doc };
}

function text(value: string, applies: Applies, effect: Effect, doc: string): StringOption {
  return { type: "string", default: value, applies, effect, doc };
}

function choice<const V extends string>(
  values: readonly V[],
  value: NoInfer<V>,
  applies: Applies,
  effect: Effect,
  doc: string,
): EnumOption<V> {
  return { type: "enum", default: value, values, applies, effect, doc };
}

function path(value: string, effect: Effect, doc: string, defaultDoc?: string): PathOption {
  return {
    type: "path",
    default: value,
    applies: "restart",
    effect,
    doc,
    ...(defaultDoc && { defaultDoc }),
  };
}

const NAME_SERVER = {
  rocketmqHome: path(
    "",
    "full",
    "Folder of the RocketMQ installation. Optional here; logs go below it.",
    "environment variable ROCKETMQ_HOME, or unset",
  ),
  kvConfigPath: path(
    "",
    "full",
    "File of the KV table, in the format of the reference.",
    "~/namesrv/kvConfig.json",
  ),
  configStorePath: path(
    "",
    "full",
    "File in which UPDATE_NAMESRV_CONFIG stores changes: the file given with -c, or the default, " +
      "which is then also read at start. Setting it in a file has no effect.",
    "file given with -c, or ~/namesrv/namesrv.properties",
  ),
  productEnvName: text(
    "center",
    "live",
    "full",
    "Name of the environment whose name servers clusterTest asks, as registered in the address service.",
  ),
  clusterTest: flag(
    false,
    "live",
    "full",
    "Route queries for unknown topics are forwarded to the name servers of productEnvName.",
  ),
  orderMessageEnable: flag(
    false,
    "live",
    "full",
    "Routes include orderTopicConf from the KV namespace ORDER_TOPIC_CONFIG.",
  ),
  returnOrderTopicConfigToBroker: flag(
    true,
    "live",
    "full",
    "The response to a registration includes the KV namespace ORDER_TOPIC_CONFIG.",
  ),
  clientRequestThreadPoolNums: int(
    8,
    AT_LEAST_ONE,
    "live",
    "mapped",
    "Number of route queries that may wait for another environment's answer (clusterTest).",
  ),
  defaultThreadPoolNums: int(
    16,
    AT_LEAST_ONE,
    "live",
    "mapped",
    "Number of requests other than route queries that may be in progress (waiting for the disk " +
      "or being decoded).",
  ),
  clientRequestThreadPoolQueueCapacity: int(
    50_000,
    AT_LEAST_ONE,
    "live",
    "mapped",
    "Number of route queries that may wait; further ones are answered with SYSTEM_BUSY.",
  ),
  defaultThreadPoolQueueCapacity: int(
    10_000,
    AT_LEAST_ONE,
    "live",
    "mapped",
    "Number of other requests that may wait; further ones are answered with SYSTEM_BUSY.",
  ),
  scanNotActiveBrokerInterval: int(
    5_000,
    AT_LEAST_ONE,
    "live",
    "full",
    "Milliseconds between two scans for brokers whose heartbeat timed out.",
  ),
  unRegisterBrokerQueueCapacity: int(
    3_000,
    AT_LEAST_ONE,
    "live",
    "full",
    "Number of unregistrations that may wait for their batch; further ones are refused.",
  ),
  supportActingMaster: flag(
    false,
    "live",
    "full",
    "In routes, a group without a master shows its smallest id as the master (5.x brokers with " +
      "enableSlaveActingMaster).",
  ),
  enableAllTopicList: flag(
    true,
    "live",
    "full",
    "GET_ALL_TOPIC_LIST_FROM_NAMESERVER is answered.",
  ),
  enableTopicList: flag(
    true,
    "live",
    "full",
    "The topic lists by cluster and by unit are answered.",
  ),
  notifyMinBrokerIdChanged: flag(
    false,
    "live",
    "full",
    "The brokers of a group are notified when its smallest id changes.",
  ),
  enableControllerInNamesrv: flag(
    false,
    "restart",
    "none",
    "This server has no controller: `true` is refused.",
  ),
  needWaitForService: flag(
    false,
    "live",
    "full",
    "Route queries are refused for the first waitSecondsForService seconds after the start.",
  ),
  waitSecondsForService: int(
    45,
    [0, MAX_SECONDS],
    "live",
    "full",
    "Seconds after the start during which needWaitForService refuses route queries.",
  ),
  deleteTopicWithBrokerRegistration: flag(
    false,
    "live",
    "full",
    "A registration removes topics of the broker that it does not contain.",
  ),
  configBlackList: text(
    "configBlackList;configStorePath;kvConfigPath",
    "restart",
    "full",
    "Further keys that UPDATE_NAMESRV_CONFIG refuses, separated by `;`. Paths and tls.* are " +
      "always refused.",
  ),
  namesrvAddr: text(
    "",
    "live",
    "none",
    "Set by -n, which mqnamesrv's command line accepts; a name server does not use it.",
  ),
} as const satisfies Record<string, Option>;

const NETWORK = {
  bindAddress: text("0.0.0.0", "restart", "full", "Address or host name to listen on."),
  listenPort: int(9876, [0, 65_535], "restart", "full", "TCP port; 0 takes any free one."),
  serverWorkerThreads: int(8, AT_LEAST_ONE, "live", "none", "Threads of Netty's codec group."),
  serverCallbackExecutorThreads: int(0, ANY, "live", "none", "Threads of the callback executor."),
  serverSelectorThreads: int(3, ANY, "live", "none", "Threads of Netty's selector group."),
  serverOnewaySemaphoreValue: int(
    256,
    ANY,
    "live",
    "none",
    "Permits for outgoing oneway calls.",
  ),
  serverAsyncSemaphoreValue: int(64, ANY, "live", "none", "Permits for outgoing async calls."),
  serverChannelMaxIdleTimeSeconds: int(
    120,
    [0, MAX_SECONDS],
    "live",
    "full",
    "Seconds after which an idle connection is closed; 0 for never.",
  ),
  serverSocketSndBufSize: int(0, ANY, "live", "none", "Bytes of a socket's send buffer."),
  serverSocketRcvBufSize: int(0, ANY, "live", "none", "Bytes of a socket's receive buffer."),
  writeBufferHighWaterMark: int(
    0,
    ANY,
    "live",
    "mapped",
    "Bytes of unsent answers at which reading from a connection stops; 0 means 1048576.",
  ),
  writeBufferLowWaterMark: int(
    0,
    ANY,
    "live",
    "mapped",
    "Bytes of unsent answers at which reading resumes; 0 means half of " +
      "writeBufferHighWaterMark.",
  ),
  serverSocketBacklog: int(1024, ANY, "live", "none", "Length of the kernel's accept queue."),
  serverNettyWorkerGroupEnable: flag(true, "live", "none", "Netty's codec group is used."),
  serverPooledByteBufAllocatorEnable: flag(true, "live", "none", "Netty's buffers are pooled."),
  enableShutdownGracefully: flag(
    false,
    "live",
    "full",
    "On a stop, clients that understand GO_AWAY receive it for shutdownWaitTimeSeconds.",
  ),
  shutdownWaitTimeSeconds: int(
    30,
    [0, MAX_SECONDS],
    "live",
    "full",
    "Duration of a graceful stop in seconds (enableShutdownGracefully).",
  ),
  useEpollNativeSelector: flag(false, "live", "none", "Netty's epoll transport is used."),
} as const satisfies Record<string, Option>;

const TLS = {
  "tls.server.mode": choice(
    ["disabled", "permissive", "enforcing"],
    "permissive",
    "restart",
    "full",
    "disabled: connections that start with a TLS handshake are closed. permissive: TLS and plain " +
      "connections are served on the same port. enforcing: plain connections are closed.",
  ),
  "tls.test.mode.enable": flag(
    true,
    "restart",
    "full",
    "A self-signed certificate is generated in memory for the first TLS connection, clients may send any " +
      "certificate, and the options for certificates are ignored. To use your own certificate, " +
      "set it to false.",
  ),
  "tls.server.need.client.auth": choice(
    ["none", "optional", "require"],
    "none",
    "restart",
    "full",
    "Whether clients are asked for a certificate. require: connections without one are closed.",
  ),
  "tls.server.keyPath": path(
    "",
    "full",
    "PEM file of the server's private key: PKCS #8, PKCS #1 or SEC 1, encrypted or not. Reloaded " +
      "when it changes, like the other two files.",
  ),
  "tls.server.keyPassword": {
    ...text("", "restart", "full", "Password of the private key. Never shown."),
    secret: true,
  },
  "tls.server.certPath": path(
    "",
    "full",
    "PEM file of the server's certificate, followed by those of its issuers.",
  ),
  "tls.server.authClient": flag(
    false,
    "restart",
    "full",
    "A client's certificate must be signed by an authority of tls.server.trustCertPath. Without " +
      "it, any certificate is accepted.",
  ),
  "tls.server.trustCertPath": path(
    "",
    "full",
    "PEM file of the authorities for client certificates.",
  ),
  "tls.ciphers": text(
    "",
    "restart",
    "mapped",
    "Cipher suites by their OpenSSL or Java names, separated by `,`; empty: all that the runtime " +
      "supports. The client's preference decides; a connection that ends up with another suite is closed.",
  ),
  "tls.protocols": text(
    "",
    "restart",
    "full",
    "TLSv1.2, TLSv1.3 or both, separated by `,`; empty: both.",
  ),
  "tls.config.file": path(
    "/etc/rocketmq/tls.properties",
    "full",
    "File whose tls.* keys override those of the configuration file. It must exist if it is " +
      "set; the default file may be missing. Empty: no such file.",
  ),
} as const satisfies Record<string, Option>;

const LOG = {
  logDir: path(
    "",
    "full",
    "Folder of the log files.",
    "<rocketmqHome>/logs/rocketmqlogs, or no files without rocketmqHome",
  ),
  logLevel: choice(
    ["DEBUG", "INFO", "WARN", "ERROR"],
    "INFO",
    "live",
    "full",
    "The lowest level that is logged.",
  ),
  logFormat: choice(
    ["text", "json"],
    "text",
    "restart",
    "full",
    "text: `time LEVEL event key=value ...`. json: one object per line, with time, level, event and the " +
      "fields.",
  ),
  logRepeatLimit: int(
    1000,
    ANY,
    "live",
    "full",
    "Number of events of a kind that are logged per minute; a line reports how many were omitted. 0: all.",
  ),
  logConsole: flag(true, "restart", "full", "The log is also written to the console."),
  logFileMaxBytes: int(
    100 * MiB,
    [1024, MAX_INT],
    "restart",
    "full",
    "Size in bytes at which the log file is rotated.",
  ),
  logFileCount: int(10, [1, 1000], "restart", "full", "Number of rotated log files that are kept."),
} as const satisfies Record<string, Option>;

const OWN = {
  httpBindAddress: text(
    "127.0.0.1",
    "restart",
    "full",
    "Address or host name of the HTTP port. Anyone who can connect may read everything except secrets.",
  ),
  httpPort: int(
    9877,
    [0, 65_535],
    "restart",
    "full",
    "TCP port for health checks, metrics and the read-only API; 0 for none. If it can't be opened, " +
      "the server starts without it, unless this option or httpBindAddress is set.",
  ),
  frameMaxLength: {
    ...int(
      16 * MiB,
      [1024, 128 * MiB],
      "restart",
      "full",
      "Largest frame in bytes, without its length field; a connection that sends a larger one is closed. " +
        "Files may also use the name com.rocketmq.remoting.frameMaxLength.",
    ),
    alias: "com.rocketmq.remoting.frameMaxLength",
  },
  maxBufferedRequestBytes: int(
    256 * MiB,
    [1024, MAX_INT],
    "live",
    "full",
    "Memory for unfinished frames and waiting requests of all connections, in bytes.",
  ),
  tlsHandshakeTimeoutMillis: int(
    10_000,
    AT_LEAST_ONE,
    "live",
    "full",
    "Time limit of a TLS handshake in milliseconds.",
  ),
  tlsMaxHandshakes: int(
    1000,
    AT_LEAST_ONE,
    "live",
    "full",
    "Number of concurrent TLS handshakes; further connections that start one are closed.",
  ),
  maxInflatedBodyBytes: int(
    128 * MiB,
    [1024, MAX_INT],
    "live",
    "full",
    "Largest size in bytes of an inflated registration.",
  ),
  detectCompressedRegistration: flag(
    true,
    "live",
    "full",
    "A zlib body under the header compressed=false is recognized: 5.x brokers with " +
      "compressedRegister=true send it, and the reference refuses it.",
  ),
  routeCacheMaxBytes: int(
    64 * MiB,
    ANY,
    "live",
    "full",
    "Memory for cached encoded routes, in bytes.",
  ),
  metricsPerBroker: flag(
    false,
    "live",
    "full",
    "Metrics also show each broker: its last heartbeat, its heartbeat timeout and its topics.",
  ),
  productEnvNamesrvAddr: text(
    "",
    "restart",
    "full",
    "Name servers (`host:port;host:port`) that clusterTest asks instead of those that the address " +
      "service lists.",
  ),
  addressServiceDomain: text(
    "jmenv.tbsite.net",
    "restart",
    "full",
    "Host of the address service that clusterTest asks, with its port unless that is 8080.",
  ),
} as const satisfies Record<string, Option>;

/** Every option by its name. */
export const OPTIONS = { ...NAME_SERVER, ...NETWORK, ...TLS, ...LOG, ...OWN } as const;

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

/** The options by group, in the order of the documentation. */
export const OPTION_GROUPS: readonly { title: string; names: readonly OptionName[] }[] = [
  { title: "Name server", names: Object.keys(NAME_SERVER) as OptionName[] },
  { title: "Network", names: Object.keys(NETWORK) as OptionName[] },
  { title: "TLS", names: Object.keys(TLS) as OptionName[] },
  { title: "Log", names: Object.keys(LOG) as OptionName[] },
  { title: "Specific to this server", names: Object.keys(OWN) as OptionName[] },
];

/** Whether `key`, which may come from the network, names an option. */
export function isOptionName(key: string): key is OptionName {
  return Object.hasOwn(OPTIONS, key);
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
