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
    "File into which UPDATE_NAMESRV_CONFIG stores what it changes: the file of -c, or the default, " +
      "which is then also read at start. Setting it in a file has no effect.",
    "file of -c, or ~/namesrv/namesrv.properties",
  ),
  productEnvName: text(
    "center",
    "live",
    "full",
    "The environment whose name servers clusterTest asks, as the address service knows it.",
  ),
  clusterTest: flag(
    false,
    "live",
    "full",
    "Route queries for topics that are unknown here go on to the name servers of productEnvName.",
  ),
  orderMessageEnable: flag(
    false,
    "live",
    "full",
    "Routes carry orderTopicConf, taken from KV namespace ORDER_TOPIC_CONFIG.",
  ),
  returnOrderTopicConfigToBroker: flag(
    true,
    "live",
    "full",
    "A registration is answered with KV namespace ORDER_TOPIC_CONFIG.",
  ),
  clientRequestThreadPoolNums: int(
    8,
    AT_LEAST_ONE,
    "live",
    "mapped",
    "How many route queries may wait at once for another environment's answer (clusterTest).",
  ),
  defaultThreadPoolNums: int(
    16,
    AT_LEAST_ONE,
    "live",
    "mapped",
    "How many requests other than route queries may be in progress at once (waiting for the disk " +
      "or being decoded).",
  ),
  clientRequestThreadPoolQueueCapacity: int(
    50_000,
    AT_LEAST_ONE,
    "live",
    "mapped",
    "How many route queries may wait; those beyond are answered SYSTEM_BUSY.",
  ),
  defaultThreadPoolQueueCapacity: int(
    10_000,
    AT_LEAST_ONE,
    "live",
    "mapped",
    "How many other requests may wait; those beyond are answered SYSTEM_BUSY.",
  ),
  scanNotActiveBrokerInterval: int(
    5_000,
    AT_LEAST_ONE,
    "live",
    "full",
    "Milliseconds between two searches for brokers whose heartbeat timed out.",
  ),
  unRegisterBrokerQueueCapacity: int(
    3_000,
    AT_LEAST_ONE,
    "live",
    "full",
    "How many unregistrations may wait for their batch; those beyond are refused.",
  ),
  supportActingMaster: flag(
    false,
    "live",
    "full",
    "A group without master shows its smallest id as master in routes (5.x brokers with " +
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
    "The brokers of a group are told when its smallest id changes.",
  ),
  enableControllerInNamesrv: flag(
    false,
    "restart",
    "none",
    "The controller is not part of this server: `true` is refused.",
  ),
  needWaitForService: flag(
    false,
    "live",
    "full",
    "Route queries are refused for waitSecondsForService after the start.",
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
    "A registration removes the broker's topics that it does not name.",
  ),
  configBlackList: text(
    "configBlackList;configStorePath;kvConfigPath",
    "restart",
    "full",
    "Further keys, with `;` between, that UPDATE_NAMESRV_CONFIG refuses. Paths and tls.* are " +
      "always refused.",
  ),
  namesrvAddr: text(
    "",
    "live",
    "none",
    "Taken from -n, because mqnamesrv's command line has it; a name server has no use for it.",
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
    "Seconds without a byte in or out after which a connection is closed; 0 never closes one.",
  ),
  serverSocketSndBufSize: int(0, ANY, "live", "none", "Bytes of a socket's send buffer."),
  serverSocketRcvBufSize: int(0, ANY, "live", "none", "Bytes of a socket's receive buffer."),
  writeBufferHighWaterMark: int(
    0,
    ANY,
    "live",
    "mapped",
    "Bytes of unsent answers at which a connection is no longer read; 0 stands for 1048576.",
  ),
  writeBufferLowWaterMark: int(
    0,
    ANY,
    "live",
    "mapped",
    "Bytes of unsent answers at which such a connection is read again; 0 stands for half of " +
      "writeBufferHighWaterMark.",
  ),
  serverSocketBacklog: int(1024, ANY, "live", "none", "Length of the kernel's accept queue."),
  serverNettyWorkerGroupEnable: flag(true, "live", "none", "Netty's codec group is used."),
  serverPooledByteBufAllocatorEnable: flag(true, "live", "none", "Netty's buffers are pooled."),
  enableShutdownGracefully: flag(
    false,
    "live",
    "full",
    "While stopping, clients that understand GO_AWAY are sent it for shutdownWaitTimeSeconds.",
  ),
  shutdownWaitTimeSeconds: int(
    30,
    [0, MAX_SECONDS],
    "live",
    "full",
    "Seconds that a graceful stop lasts (enableShutdownGracefully).",
  ),
  useEpollNativeSelector: flag(false, "live", "none", "Netty's epoll transport is used."),
} as const satisfies Record<string, Option>;

const TLS = {
  "tls.server.mode": choice(
    ["disabled", "permissive", "enforcing"],
    "permissive",
    "restart",
    "full",
    "disabled: connections that begin with a TLS handshake are closed. permissive: TLS and plain " +
      "connections are served on the one port. enforcing: plain connections are closed.",
  ),
  "tls.test.mode.enable": flag(
    true,
    "restart",
    "full",
    "A self-signed certificate is made in memory for the first TLS connection, clients may show any " +
      "certificate, and the options for certificates are not used. A certificate of one's own " +
      "needs false.",
  ),
  "tls.server.need.client.auth": choice(
    ["none", "optional", "require"],
    "none",
    "restart",
    "full",
    "Whether clients are asked for a certificate. require: who shows none is closed.",
  ),
  "tls.server.keyPath": path(
    "",
    "full",
    "PEM file of the server's private key: PKCS #8, PKCS #1 or SEC 1, encrypted or not. Read again " +
      "when it changes, as the other two files.",
  ),
  "tls.server.keyPassword": {
    ...text("", "restart", "full", "Password of the private key. Shown nowhere."),
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
      "it, any certificate will do.",
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
    "Cipher suites by their names in OpenSSL or Java, with `,` between; empty: all that the runtime " +
      "has. The client's preference chooses; a connection that comes to another suite is closed.",
  ),
  "tls.protocols": text(
    "",
    "restart",
    "full",
    "TLSv1.2, TLSv1.3 or both, with `,` between; empty: both.",
  ),
  "tls.config.file": path(
    "/etc/rocketmq/tls.properties",
    "full",
    "File whose tls.* keys win over those of the configuration file. It must exist when it is " +
      "given; the default file may be missing. Empty: no such file.",
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
    "The least level that is logged.",
  ),
  logFormat: choice(
    ["text", "json"],
    "text",
    "restart",
    "full",
    "text: `time LEVEL event key=value ...`. json: an object on a line, with time, level, event and the " +
      "fields.",
  ),
  logRepeatLimit: int(
    1000,
    ANY,
    "live",
    "full",
    "How many events of a kind are logged in a minute; a line says how many more there were. 0: all.",
  ),
  logConsole: flag(true, "restart", "full", "The log is also written to the console."),
  logFileMaxBytes: int(
    100 * MiB,
    [1024, MAX_INT],
    "restart",
    "full",
    "Bytes at which a log file is put aside and a new one begun.",
  ),
  logFileCount: int(10, [1, 1000], "restart", "full", "How many log files put aside are kept."),
} as const satisfies Record<string, Option>;

const OWN = {
  httpBindAddress: text(
    "127.0.0.1",
    "restart",
    "full",
    "Address or host name of the HTTP port. Whoever reaches it may read all but secrets.",
  ),
  httpPort: int(
    9877,
    [0, 65_535],
    "restart",
    "full",
    "TCP port for health checks, metrics and the read-only API; 0 opens none. When it can't be had, " +
      "the server goes on without it, unless this option or httpBindAddress is given.",
  ),
  frameMaxLength: {
    ...int(
      16 * MiB,
      [1024, 128 * MiB],
      "restart",
      "full",
      "Bytes after its length field that a frame may have; a connection that sends more is closed. " +
        "Files may also name it com.rocketmq.remoting.frameMaxLength.",
    ),
    alias: "com.rocketmq.remoting.frameMaxLength",
  },
  maxBufferedRequestBytes: int(
    256 * MiB,
    [1024, MAX_INT],
    "live",
    "full",
    "Bytes that unfinished frames and waiting requests of all connections may take.",
  ),
  tlsHandshakeTimeoutMillis: int(
    10_000,
    AT_LEAST_ONE,
    "live",
    "full",
    "Milliseconds that a TLS handshake may take.",
  ),
  tlsMaxHandshakes: int(
    1000,
    AT_LEAST_ONE,
    "live",
    "full",
    "How many TLS handshakes may be under way; further connections that begin one are closed.",
  ),
  maxInflatedBodyBytes: int(
    128 * MiB,
    [1024, MAX_INT],
    "live",
    "full",
    "Bytes to which a compressed registration may inflate.",
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
    "Bytes of encoded routes that are kept for the next query.",
  ),
  metricsPerBroker: flag(
    false,
    "live",
    "full",
    "Metrics also tell each broker: its last heartbeat, its heartbeat timeout and its topics.",
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
    "Host, and port where it is not 8080, of the address service that clusterTest asks.",
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
  { title: "Only here", names: Object.keys(OWN) as OptionName[] },
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
