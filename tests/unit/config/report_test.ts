import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { defaultOptions, OPTION_NAMES, type OptionName } from "../../../src/config/options.ts";
import { parseProperties } from "../../../src/config/properties.ts";
import {
  describeOptions,
  formatAllOptions,
  formatForRequest,
  viewConfiguration,
} from "../../../src/config/report.ts";

/** The response of the reference 5.5.0 to GET_NAMESRV_CONFIG with defaults, without paths. */
const REFERENCE = `bindAddress=0.0.0.0
clientRequestThreadPoolNums=8
clientRequestThreadPoolQueueCapacity=50000
clusterTest=false
configBlackList=configBlackList;configStorePath;kvConfigPath
defaultThreadPoolNums=16
defaultThreadPoolQueueCapacity=10000
deleteTopicWithBrokerRegistration=false
enableAllTopicList=true
enableControllerInNamesrv=false
enableShutdownGracefully=false
enableTopicList=true
listenPort=9876
needWaitForService=false
notifyMinBrokerIdChanged=false
orderMessageEnable=false
productEnvName=center
returnOrderTopicConfigToBroker=true
scanNotActiveBrokerInterval=5000
serverAsyncSemaphoreValue=64
serverCallbackExecutorThreads=0
serverChannelMaxIdleTimeSeconds=120
serverNettyWorkerGroupEnable=true
serverOnewaySemaphoreValue=256
serverPooledByteBufAllocatorEnable=true
serverSelectorThreads=3
serverSocketBacklog=1024
serverSocketRcvBufSize=0
serverSocketSndBufSize=0
serverWorkerThreads=8
shutdownWaitTimeSeconds=30
supportActingMaster=false
unRegisterBrokerQueueCapacity=3000
useEpollNativeSelector=false
waitSecondsForService=45
writeBufferHighWaterMark=0
writeBufferLowWaterMark=0
`;

const OURS = [
  "accessRefusalRows",
  "addressServiceDomain",
  "auditFileCount",
  "auditFileMaxBytes",
  "auditMaxWaitingBytes",
  "auditRecentMaxBytes",
  "auditRecentRecords",
  "auditRequired",
  "auditSync",
  "compareAnswerTimeoutMillis",
  "compareMaxBytes",
  "compareMaxDifferences",
  "compareTimeoutSeconds",
  "consoleEnable",
  "detectCompressedRegistration",
  "etcdMaxAnswerBytes",
  "etcdPrefix",
  "etcdRequestTimeoutMillis",
  "etcdWatchCheckMillis",
  "frameMaxLength",
  "frameMinBytesPerSecond",
  "frameTimeoutSeconds",
  "headerCacheMaxBytes",
  "httpAnswerTimeoutSeconds",
  "httpBindAddress",
  "httpHealthOpen",
  "httpIdleTimeoutSeconds",
  "httpMaxBodyBytes",
  "httpMaxConnections",
  "httpMaxHeaderBytes",
  "httpMaxLoginsPerMinute",
  "httpMaxOpenRequests",
  "httpMaxSessions",
  "httpMaxUnsentBytes",
  "httpMetricsOpen",
  "httpPort",
  "httpRequestTimeoutSeconds",
  "httpSessionHours",
  "httpTlsEnable",
  "httpTlsHandshakeTimeoutMillis",
  "kvStore",
  "logConsole",
  "logFileCount",
  "logFileMaxBytes",
  "logFormat",
  "logLevel",
  "logPeerLimit",
  "logRepeatLimit",
  "maxAnswerBytes",
  "maxBrokers",
  "maxBrokersPerGroup",
  "maxBufferedBytesPerAddress",
  "maxBufferedBytesPerConnection",
  "maxBufferedRequestBytes",
  "maxConnections",
  "maxConnectionsPerAddress",
  "maxHeaderBytes",
  "maxInflatedBodyBytes",
  "maxKvBytes",
  "maxKvKeys",
  "maxKvNamespaceBytes",
  "maxKvNamespaces",
  "maxKvValueBytes",
  "maxKvWaitingWrites",
  "maxNotifications",
  "maxNotificationsPerSecond",
  "maxOrderTopicConfigBytes",
  "maxProxyHeaderBytes",
  "maxTableBytes",
  "maxTopics",
  "maxTopicsPerBroker",
  "metricsPerAccount",
  "metricsPerBroker",
  "proxyHeaderTimeoutSeconds",
  "routeCacheMaxBytes",
  "routeSnapshotGrace",
  "routeSnapshotInterval",
  "routeSnapshotMaxAge",
  "tlsHandshakeTimeoutMillis",
  "tlsMaxHandshakes",
  "tlsMaxHandshakesPerAddress",
  "transport",
  "watchHistoryBytes",
  "watchKeepAliveSeconds",
  "watchMaxUnreadBytes",
  "watchMaxWatchers",
  "watchNamedTopics",
];

const report = (
  options: Partial<ReturnType<typeof defaultOptions>> = {},
  given: OptionName[] = [],
  extras: Record<string, string> = {},
) =>
  formatForRequest({
    options: { ...defaultOptions(), ...options },
    given: new Set(given),
    extras: new Map(Object.entries(extras)),
  });

describe("formatForRequest", () => {
  it("has the reference's lines, and our options", () => {
    const lines = report().split("\n");
    const reference = lines.filter((line) => !OURS.includes(line.split("=")[0]!));
    // The one default that differs, so that the clients of a cluster may come back all at once.
    assert.equal(
      reference.join("\n"),
      REFERENCE.replace("serverSocketBacklog=1024", "serverSocketBacklog=4096"),
    );
    assert.deepEqual(
      lines.map((line) => line.split("=")[0]).filter((key) => OURS.includes(key!)),
      OURS,
    );
  });

  it("has the paths when they are set, in order", () => {
    const paths = { rocketmqHome: "/r", kvConfigPath: "/k", configStorePath: "/c" };
    const lines = report(paths).trimEnd().split("\n");
    for (const [name, path] of Object.entries(paths)) assert.ok(lines.includes(`${name}=${path}`));
    assert.deepEqual(lines, [...lines].sort());
  });

  it("has tls.* keys only when they were given, and never a secret", () => {
    assert.ok(!report().includes("tls."));
    const text = report({ "tls.server.keyPassword": "hush", "tls.server.keyPath": "/key" }, [
      "tls.server.keyPassword",
      "tls.server.keyPath",
    ], { "tls.client.keyPassword": "hush", "my.secretKey": "hush" });
    assert.ok(!text.includes("hush"));
    assert.match(text, /^my\.secretKey=\*{6}\n/m);
    assert.match(text, /^tls\.server\.keyPath=\/key\n/m);
    assert.match(text, /^tls\.client\.keyPassword=\*{6}\ntls\.server\.keyPassword=\*{6}\n/m);
  });

  it("hides what looks like another component's secret, whatever it is called", () => {
    const secret = [
      "db.pwd",
      "key.passphrase",
      "admin.passwd",
      "acl.accessKey",
      "some-api-key",
      "private_key",
      "auth.token",
      "my.credentials",
    ];
    const plain = ["tls.client.keyPath", "apiKeyHeader", "compass", "keys"];
    const extras = Object.fromEntries([...secret, ...plain].map((key) => [key, "x1y2"]));
    const text = report({}, [], extras);
    for (const key of secret) assert.ok(text.includes(`${key}=******\n`), key);
    for (const key of plain) assert.ok(text.includes(`${key}=x1y2\n`), key);
  });

  it("has the file's unknown keys, so that every reader of properties gets them back", () => {
    const extras = { "a key": "line\nlistenPort=1", __proto__x: "é\\u0041", "": "empty" };
    const read = parseProperties(report({}, [], extras), "report");
    for (const [key, value] of Object.entries(extras)) assert.equal(read.get(key), value);
    assert.equal(read.get("listenPort"), "9876");
  });
});

describe("formatAllOptions", () => {
  it("has every option, sorted, and no secret", () => {
    const options = { ...defaultOptions(), "tls.server.keyPassword": "hush" };
    const text = formatAllOptions(options);
    const keys = text.trimEnd().split("\n").map((line) => line.split("=")[0]);
    assert.deepEqual(keys, [...OPTION_NAMES].sort());
    assert.ok(text.includes("tls.server.keyPassword=******\n"));
    assert.ok(text.includes("tls.server.mode=permissive\n"));
    assert.ok(text.includes("rocketmqHome=\n"));
  });
});

describe("viewConfiguration", () => {
  it("says in words a default that depends on the environment", () => {
    const { options } = viewConfiguration({
      options: defaultOptions(),
      given: new Set(),
      extras: new Map(),
    });
    const defaults = new Map(options.map((option) => [option.name, option.default]));
    assert.equal(defaults.get("kvConfigPath"), "~/namesrv/kvConfig.json");
    for (const name of ["configStorePath", "logDir"] as const) {
      assert.notEqual(defaults.get(name), "");
    }
    assert.equal(defaults.get("tls.server.keyPath"), "");
  });
});

describe("describeOptions", () => {
  const options = { ...defaultOptions(), "tls.server.keyPassword": "hush", frameMaxLength: 2048 };
  const given = new Set<OptionName>(["frameMaxLength"]);
  const views = describeOptions({ options, given, extras: new Map() });
  const of = (name: OptionName) => views.find((view) => view.name === name);

  it("has every option once, with its group and text", () => {
    assert.deepEqual(views.map(({ name }) => name), OPTION_NAMES);
    assert.ok(views.every(({ group, text }) => group !== "" && text !== ""));
  });

  it("has value, default, range and marks", () => {
    const { text: _, ...frame } = of("frameMaxLength")!;
    assert.deepEqual(frame, {
      name: "frameMaxLength",
      type: "int",
      default: 16_777_216,
      value: 2048,
      range: "1024 to 134217728",
      live: false,
      secret: false,
      given: true,
      group: "Limits",
    });
    assert.equal(of("maxConnectionsPerAddress")?.range, "2 to 1000000, or 0");
    assert.equal(of("logLevel")?.range, "DEBUG, INFO, WARN, ERROR");
    assert.equal(of("clusterTest")?.range, null);
    assert.equal(of("clusterTest")?.live, true);
  });

  it("tells no secret", () => {
    const password = of("tls.server.keyPassword");
    assert.deepEqual([password?.secret, password?.value], [true, "******"]);
  });
});
