/**
 * The differential test as data: which frames go to both name servers, in which states.
 *
 * A scenario starts with two fresh servers. Its steps run in order, each on both servers; an answer
 * is compared unless a step says otherwise. Nothing here says what the answer should be: the
 * reference says so.
 */

import {
  bodyCrc32,
  bytesOf,
  compressedBody,
  encodeFrame,
  int32,
  type Mapping,
  oldBody,
  plainBody,
  type Registration,
  type Request,
} from "./frames.ts";

/** One thing that happens on both servers. */
export interface Step {
  name: string;
  /** Which of the scenario's connections; "main" when left out. */
  on?: string;
  /** A request whose answer is compared (for a oneway request: that none comes). */
  send?: Request;
  /** Bytes written as they are; what is compared is whether the server then closes. */
  raw?: Uint8Array;
  /** The client closes the connection. */
  close?: true;
  /** The request is repeated until its answer's code or body fits; then it is compared. */
  eventually?: { code?: number; body?: RegExp; not?: RegExp };
  /** The body's brokerAddr may be any of these: the reference takes whichever hashes first. */
  anyBrokerAddr?: string[];
}

/** Two fresh servers with this configuration, and what happens to them. */
export interface Scenario {
  name: string;
  config?: Record<string, string>;
  steps: Step[];
}

/** A broker as the scenarios register it. */
interface Broker {
  name: string;
  addr: string;
  cluster: string;
  id: string;
  acting?: string;
  zone?: string;
}

const broker = (name: string, port: number, more: Partial<Broker> = {}): Broker => ({
  name,
  addr: `10.0.0.1:${port}`,
  cluster: "DefaultCluster",
  id: "0",
  ...more,
});

const slaveOf = (master: Broker, port: number, more: Partial<Broker> = {}): Broker => ({
  ...master,
  addr: `10.0.0.2:${port}`,
  id: "1",
  ...more,
});

const identity = (it: Broker): Record<string, string> => ({
  brokerName: it.name,
  brokerAddr: it.addr,
  clusterName: it.cluster,
  brokerId: it.id,
});

const fieldsOf = (it: Broker): Record<string, string> => ({
  ...identity(it),
  haServerAddr: `${it.addr}2`,
  heartbeatTimeoutMillis: "120000",
  compressed: "false",
  ...(it.acting === undefined ? {} : { enableActingMaster: it.acting }),
  ...(it.zone === undefined ? {} : { __ZONE_NAME: it.zone }),
});

const T = (...names: string[]) => names.map((name) => ({ name }));
const V = (counter: number, stateVersion = 0) => ({
  counter,
  stateVersion,
  timestamp: 1700000000000 + counter,
});

/** REGISTER_BROKER with a plain body; `fields` and `request` override what the default says. */
function register(
  name: string,
  it: Broker,
  registration: Registration,
  fields: Record<string, string> = {},
  request: Partial<Request> = {},
): Step {
  const body = request.body ?? plainBody(registration);
  const extFields = { ...fieldsOf(it), bodyCrc32: bodyCrc32(body), ...fields };
  return { name, send: { code: 103, extFields, body, ...request } };
}

/** A request without a body. */
const ask = (
  name: string,
  code: number,
  extFields?: Record<string, string>,
  request: Partial<Request> = {},
): Step => ({ name, send: { code, extFields, ...request } });

const route = (topic: string, more: Record<string, string> = {}, request: Partial<Request> = {}) =>
  ask(`route of ${topic.slice(0, 30)}${note(more, request)}`, 105, { topic, ...more }, request);

function note(more: Record<string, string>, request: Partial<Request>): string {
  const words = Object.entries(more).map(([key, value]) => `${key}=${value}`);
  if (request.version !== undefined) words.push(`version ${request.version}`);
  if (request.serialization !== undefined) words.push("binary");
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

const binary: Partial<Request> = { serialization: "ROCKETMQ" };
const on = (connection: string, step: Step): Step => ({ ...step, on: connection });
const named = (name: string, step: Step): Step => ({ ...step, name });

const clusterInfo = (when = "") => ask(`cluster info${when && `, ${when}`}`, 106);
const allTopics = (when = "") => ask(`all topics${when && `, ${when}`}`, 206);
const systemTopics = (when = "") => ask(`system topics${when && `, ${when}`}`, 304);
const config = (name: string, body: string) => ({ ...ask(name, 318), send: { code: 318, body } });
const getConfig = (when: string) => ask(`configuration, ${when}`, 319);
const put = (namespace: string, key: string, value: string) =>
  ask(
    `put ${namespace.slice(0, 20)}/${key.slice(0, 20)}`,
    100,
    { namespace, key, value },
  );
const get = (namespace: string, key: string) =>
  ask(`get ${namespace.slice(0, 20)}/${key.slice(0, 20)}`, 101, { namespace, key });
const list = (namespace: string) => ask(`list ${namespace.slice(0, 20)}`, 219, { namespace });
const unregister = (it: Broker) => ask(`unregister ${it.name} id ${it.id}`, 104, identity(it));
const version = (it: Broker, body?: string): Request => ({
  code: 322,
  extFields: identity(it),
  body,
});

/**
 * Waits until the removal of an address, which is answered before it is done, is visible. The
 * reference answers cluster info without its lock: it also shows groups that are half removed.
 */
const goneFromCluster = (address: string): Step => ({
  name: `cluster info without ${address}`,
  send: { code: 106 },
  eventually: { not: new RegExp(`${address.replaceAll(".", "\\.")}|"brokerAddrs":\\{\\}`) },
});

const a = broker("broker-a", 10911);
const aSlave = slaveOf(a, 10911);
const b = broker("broker-b", 20911);
const two = { version: V(1), topics: T("TopicA", "TopicB") };

/** Every code that reads, with nothing registered. */
const empty: Scenario = {
  name: "nothing registered",
  steps: [
    clusterInfo(),
    allTopics(),
    ask("topics of an unknown cluster", 224, { cluster: "nope" }),
    systemTopics(),
    ask("unit topics", 311),
    ask("unit sub topics", 312),
    ask("unit sub ununit topics", 313),
    route("TopicA"),
    route("TopicA", {}, binary),
    route("TopicA", {}, { version: 0 }),
    route(""),
    ask("member group of nobody", 901, { clusterName: "C", brokerName: "x" }),
    ask("heartbeat of nobody", 904, { clusterName: "C", brokerName: "x", brokerAddr: "h:1" }),
    named("data version of nobody, no body", { name: "", send: version(a) }),
    named("data version of nobody", { name: "", send: version(a, JSON.stringify(V(1))) }),
    ask("wipe write permission of nobody", 205, { brokerName: "x" }),
    ask("add write permission to nobody", 327, { brokerName: "x" }, binary),
    unregister(a),
    ask("delete an unknown topic", 216, { topic: "x" }),
    ask("delete an unknown topic of an unknown cluster", 216, { topic: "x", clusterName: "y" }),
    ask("register a topic without a body", 217, { topic: "x" }),
    ask("unknown code", 999),
    ask("unknown code, binary", 999, undefined, binary),
    ask("negative code", -1),
    ask("code beyond 16 bits", 70000),
    ask("code of a broker", 10, { topic: "x" }),
    ask("notify min broker id change, sent to the server", 905, {}),
    ask("client of another language", 206, undefined, { language: 9 }),
    ask("client of another language, binary", 206, undefined, { language: 12, ...binary }),
    ask("client from the future", 206, undefined, { version: 30000 }),
  ],
};

const long = "k".repeat(30_000);
const kv: Scenario = {
  name: "KV",
  steps: [
    put("ns", "key", "value"),
    get("ns", "key"),
    named("get, binary", ask("", 101, { namespace: "ns", key: "key" }, binary)),
    put("ns", "key", "another"),
    get("ns", "key"),
    put("ns", "empty value", ""),
    get("ns", "empty value"),
    get("ns", "absent"),
    named("get absent, binary", ask("", 101, { namespace: "ns", key: "absent" }, binary)),
    get("absent", "key"),
    list("ns"),
    list("absent"),
    put("", "key", "in the empty namespace"),
    get("", "key"),
    put("ns", "", "under the empty key"),
    get("ns", ""),
    named(
      "put with an empty namespace, binary",
      ask("", 100, { namespace: "", key: "k", value: "v" }, binary),
    ),
    put("__proto__", "constructor", "legal"),
    get("__proto__", "constructor"),
    get("constructor", "name"),
    list("__proto__"),
    put("Überraschung", "鍵", "値 🗝"),
    get("Überraschung", "鍵"),
    list("Überraschung"),
    named(
      "put non-ASCII, binary",
      ask("", 100, { namespace: "Ü", key: "鍵", value: "値 🗝" }, binary),
    ),
    list("Ü"),
    put("quotes", '"\\/\b\f\n\r\t\u0001', '"\\/\b\f\n\r\t\u0001\u007f\u2028'),
    get("quotes", '"\\/\b\f\n\r\t\u0001'),
    list("quotes"),
    put("long", long, long),
    get("long", long),
    ask("delete", 102, { namespace: "ns", key: "key" }),
    get("ns", "key"),
    ask("delete again", 102, { namespace: "ns", key: "key" }),
    ask("delete in an absent namespace", 102, { namespace: "absent", key: "key" }),
    list("absent"),
    ask("delete the last of a namespace", 102, { namespace: "__proto__", key: "constructor" }),
    list("__proto__"),
    ask("put oneway", 100, { namespace: "oneway", key: "k", value: "v" }, { flag: 2 }),
    { ...get("oneway", "k"), eventually: { code: 0 } },
    ask("unknown code, oneway", 999, undefined, { flag: 2 }),
  ],
};

const dialects: Scenario = {
  name: "dialects",
  steps: [
    register("register a master", a, {
      version: V(1),
      topics: T("TopicA", "Thema-Ü-題-🗝", "__proto__"),
    }),
    register("register its slave", aSlave, { version: V(1), topics: T("TopicA", "Other") }),
    ...[0, 36, 37, 255, 400, 401, 413, 475, 513, 612, 32767].map((number) =>
      route("TopicA", {}, { version: number })
    ),
    route("TopicA", { acceptStandardJsonOnly: "true" }, { version: 400 }),
    route("TopicA", { acceptStandardJsonOnly: "TRUE" }, { version: 400 }),
    route("TopicA", { acceptStandardJsonOnly: "false" }, { version: 400 }),
    route("TopicA", { acceptStandardJsonOnly: "1" }, { version: 400 }),
    route("TopicA", { acceptStandardJsonOnly: "" }, { version: 400 }),
    route("TopicA", { acceptStandardJsonOnly: "false" }),
    route("TopicA", { acceptStandardJsonOnly: "true" }, { version: 400, ...binary }),
    route("TopicA", {}, { version: 400, ...binary }),
    route("Thema-Ü-題-🗝"),
    route("Thema-Ü-題-🗝", {}, { version: 400 }),
    route("Thema-Ü-題-🗝", {}, binary),
    route("Unbekannt-Ü-題"),
    route("__proto__"),
    route("constructor"),
    route("x".repeat(60_000)),
    ...[0, 400, 513].flatMap((number) => [
      ask(`cluster info (version ${number})`, 106, undefined, { version: number }),
      ask(`member group (version ${number})`, 901, {
        clusterName: a.cluster,
        brokerName: a.name,
      }, { version: number }),
      ask(`all topics (version ${number})`, 206, undefined, { version: number }),
    ]),
    ask("cluster info, binary", 106, undefined, binary),
    ask("all topics, binary", 206, undefined, binary),
    ask("cluster info that asks for standard JSON", 106, { acceptStandardJsonOnly: "true" }),
  ],
};

const names: Scenario = {
  name: "unusual names of brokers, clusters and topics",
  steps: [
    register(
      "register __proto__",
      broker("__proto__", 1, { cluster: "constructor" }),
      { version: V(1), topics: T("__proto__", "toString") },
    ),
    clusterInfo(),
    route("toString"),
    ask("topics of cluster constructor", 224, { cluster: "constructor" }),
    ask("topics of cluster __proto__", 224, { cluster: "__proto__" }),
    register(
      "register non-ASCII names",
      broker("Makler-ü-經紀", 2, { cluster: "Cluster-ß" }),
      { version: V(1), topics: T("題", "🗝"), filterServers: ["flüter:1"] },
    ),
    clusterInfo("non-ASCII"),
    route("題"),
    route("題", {}, { version: 400 }),
    ask("member group, non-ASCII", 901, { clusterName: "Cluster-ß", brokerName: "Makler-ü-經紀" }),
    systemTopics(),
    allTopics(),
    register(
      "register a topic named with quotes and control characters",
      broker("broker-q", 3),
      { version: V(1), topics: T('a"b\\c\n\u0001\u007f', "plain") },
    ),
    route('a"b\\c\n\u0001\u007f'),
    allTopics("with quotes"),
    register(
      "register topics with empty names",
      broker("broker-e", 4),
      { version: V(1), topics: T("", "NotEmpty") },
    ),
    route(""),
    route("NotEmpty"),
    register(
      "register 60 000 characters of a name",
      broker("n".repeat(60_000), 5, { cluster: "Long" }),
      { version: V(1), topics: T("Long1", "Long2") },
    ),
    route("Long1"),
  ].map((step) =>
    step.name === "system topics" ? { ...step, anyBrokerAddr: ["10.0.0.1:1", "10.0.0.1:2"] } : step
  ),
};

const master: Scenario = {
  name: "the life of one master",
  steps: [
    register("first registration", a, {
      version: V(1),
      topics: [
        { name: "TopicA", read: 8, write: 8 },
        { name: "TopicB", read: 4, write: 2, perm: 4 },
        { name: "TopicC", read: 1, write: 1, perm: 2, sysFlag: 3 },
      ],
    }),
    clusterInfo(),
    allTopics(),
    systemTopics(),
    ask("topics of its cluster", 224, { cluster: a.cluster }),
    route("TopicA"),
    route("TopicB"),
    route("TopicC"),
    named("data version, equal", { name: "", send: version(a, JSON.stringify(V(1))) }),
    named("data version, equal, binary", {
      name: "",
      send: { ...version(a, JSON.stringify(V(1))), ...binary },
    }),
    named("data version, another counter", { name: "", send: version(a, JSON.stringify(V(2))) }),
    named("data version, another state version", {
      name: "",
      send: version(a, JSON.stringify(V(1, 1))),
    }),
    named("data version without stateVersion", {
      name: "",
      send: version(a, '{"counter":1,"timestamp":1700000000001}'),
    }),
    named("data version with unknown fields, any order", {
      name: "",
      send: version(a, '{"timestamp":1700000000001,"x":[1,{"y":null}],"counter":1}'),
    }),
    named("data version without a body", { name: "", send: version(a) }),
    named("data version asked by another cluster", {
      name: "",
      send: version({ ...a, cluster: "Other" }, JSON.stringify(V(1))),
    }),
    register("the same again", a, {
      version: V(1),
      topics: [{ name: "TopicA" }, { name: "TopicB", read: 4, write: 2, perm: 4 }],
    }),
    route("TopicC"),
    register("same version, other numbers, one more topic", a, {
      version: V(1),
      topics: [{ name: "TopicA", read: 99, write: 99 }, { name: "TopicD", read: 3 }],
    }),
    route("TopicA"),
    route("TopicD"),
    register("new version, other numbers", a, {
      version: V(2),
      topics: [{ name: "TopicA", read: 16, write: 12 }, { name: "TopicD", read: 5 }],
    }),
    route("TopicA"),
    route("TopicB"),
    route("TopicD"),
    register("one topic alone, after the first registration", a, {
      version: V(3),
      topics: [{ name: "Single", read: 2, write: 2 }],
    }),
    route("Single"),
    route("TopicA"),
    ask("wipe write permission", 205, { brokerName: a.name }),
    route("TopicA"),
    route("TopicB"),
    register("unchanged after the wipe", a, { version: V(3), topics: T("TopicA", "TopicB") }),
    route("TopicA"),
    ask("wipe again, binary", 205, { brokerName: a.name }, binary),
    ask("add write permission", 327, { brokerName: a.name }),
    route("TopicA"),
    route("TopicB"),
    route("TopicC"),
    ask("wipe once more", 205, { brokerName: a.name }),
    register("changed after the wipe", a, { version: V(4), topics: T("TopicA", "TopicB") }),
    route("TopicA"),
    route("Single"),
    register("an empty table", a, { version: V(5), topics: [] }),
    route("TopicA"),
    register("lower data version, it differs all the same", a, {
      version: V(1),
      topics: [{ name: "TopicA", read: 7 }, { name: "TopicB" }],
    }),
    route("TopicA"),
    ask("heartbeat", 904, identity(a)),
    ask("heartbeat, oneway", 904, identity(a), { flag: 2 }),
    ask("member group", 901, { clusterName: a.cluster, brokerName: a.name }),
    ask("member group, another cluster", 901, { clusterName: "Other", brokerName: a.name }),
    register("register oneway", broker("broker-ow", 7), two, {}, { flag: 2 }),
    { ...clusterInfo("after the oneway registration"), eventually: { body: /broker-ow/ } },
    unregister(a),
    goneFromCluster(a.addr),
    route("TopicA"),
    allTopics("after unregistering"),
    systemTopics("after unregistering"),
    ask("data version after unregistering", 322, identity(a)),
    register("register anew, one topic alone", a, { version: V(9), topics: T("Single") }),
  ],
};

const groups: Scenario = {
  name: "masters, slaves and clusters",
  steps: [
    register("slave before its master", aSlave, two),
    clusterInfo("slave alone"),
    route("TopicA"),
    register("master", a, two),
    route("TopicA"),
    register("slave learns its master", aSlave, two),
    named(
      "slave learns its master, binary",
      register("", aSlave, two, {}, binary),
    ),
    register("slave's other topics are not taken", aSlave, {
      version: V(7),
      topics: T("OnlyOnSlave", "TopicA"),
    }),
    route("OnlyOnSlave"),
    register("second master", b, { version: V(1), topics: T("TopicB", "TopicC") }),
    route("TopicB"),
    route("TopicB", {}, { version: 400 }),
    register(
      "broker in another cluster",
      broker("broker-c", 30911, { cluster: "Other" }),
      { version: V(1), topics: T("TopicC", "TopicD") },
    ),
    clusterInfo(),
    ask("topics of the first cluster", 224, { cluster: a.cluster }),
    ask("topics of the other cluster", 224, { cluster: "Other" }),
    allTopics(),
    { ...systemTopics(), anyBrokerAddr: [a.addr, aSlave.addr, b.addr, "10.0.0.1:30911"] },
    register("filter servers of the master", a, { ...two, filterServers: ["f1:1", "f2:2"] }),
    route("TopicA"),
    route("TopicB"),
    register("filter servers of the slave", aSlave, { ...two, filterServers: ["f3:3"] }),
    route("TopicA"),
    route("TopicA", {}, { version: 400 }),
    register("master's filter servers replaced", a, { ...two, filterServers: ["f2:2", "f1:1"] }),
    route("TopicA"),
    register("master's filter servers gone", a, two),
    route("TopicA"),
    register("a third id", slaveOf(a, 11911, { id: "2" }), two),
    register("ids need not be small", slaveOf(a, 12911, { id: "9007199254740993" }), two),
    ask("member group of four", 901, { clusterName: a.cluster, brokerName: a.name }),
    clusterInfo("big id"),
    route("TopicA"),
    unregister(slaveOf(a, 12911, { id: "9007199254740993" })),
    goneFromCluster(":12911"),
    unregister({ ...aSlave, addr: "10.9.9.9:1" }),
    clusterInfo("after unregistering an address of nobody"),
    unregister({ ...aSlave, name: "nobody" }),
    clusterInfo("after unregistering a name of nobody"),
    unregister(aSlave),
    goneFromCluster(aSlave.addr),
    route("TopicA"),
    unregister(a),
    goneFromCluster(a.addr),
    route("TopicA"),
    unregister(slaveOf(a, 11911, { id: "2" })),
    goneFromCluster(":11911"),
    route("TopicA"),
    route("TopicB"),
    register("broker-a moves to another cluster", { ...a, cluster: "Moved" }, two),
    clusterInfo("moved"),
    register("and its slave still says the old one", aSlave, two),
    clusterInfo("two clusters claim one name"),
    route("TopicA"),
  ],
};

const dialectBodies: Scenario = {
  name: "registrations of old, middle and new brokers",
  steps: [
    register("3.0.10 without a body", broker("old-0", 1), two, {}, { version: 36, body: "" }),
    register("3.0.10", broker("old-1", 2), two, {}, {
      version: 36,
      body: oldBody({ version: { counter: 1, timestamp: 5 }, topics: T("Old1", "Old2") }),
    }),
    route("Old1"),
    named("data version of 3.0.10", { name: "", send: version(broker("old-1", 2)) }),
    named("data version of 3.0.10 without a body", { name: "", send: version(broker("old-0", 1)) }),
    register(
      "4.9 without stateVersion",
      broker("mid", 3),
      {
        version: { counter: 4, timestamp: 1700000000000 },
        topics: T("Mid1", "Mid2"),
      },
      {},
      { version: 400 },
    ),
    named("data version of 4.9", {
      name: "",
      send: version(broker("mid", 3), '{"counter":4,"timestamp":1700000000000}'),
    }),
    register("4.9, compressed", broker("mid-z", 4), two, { compressed: "true" }, {
      version: 400,
      body: compressedBody({ ...two, filterServers: ["f:1"] }, false),
    }),
    route("TopicA"),
    register("5.5, compressed", broker("new-z", 5), two, { compressed: "true" }, {
      body: compressedBody({
        version: V(3),
        topics: [
          { name: "Z1", read: 3, write: 5, perm: 4, sysFlag: 1 },
          { name: "Z2" },
          { name: "thème" },
        ],
        mappings: [mapping("Z1", "new-z", "5")],
      }),
    }),
    route("Z1"),
    route("Z2"),
    route("thème"),
    named("data version of the compressed one", { name: "", send: version(broker("new-z", 5)) }),
    register("5.5, compressed, binary header", broker("new-zb", 6), two, { compressed: "true" }, {
      body: compressedBody(two),
      ...binary,
    }),
    register("5.0.0, compressed", broker("new-z0", 7), two, { compressed: "true" }, {
      version: 413,
      body: compressedBody({ ...two, mappings: [mapping("TopicA", "new-z0", "1")] }),
    }),
    register("4.9.8, compressed with mappings it may not have", broker("mid-m", 8), two, {
      compressed: "true",
    }, {
      version: 412,
      body: compressedBody({ ...two, mappings: [mapping("TopicB", "mid-m", "1")] }),
    }),
    route("TopicB"),
    register("5.5 without a body", broker("none", 9), two, {}, { body: "" }),
    named("data version of no body", { name: "", send: version(broker("none", 9)) }),
    register("compressed=TRUE", broker("upper", 10), two, { compressed: "TRUE" }, {
      body: compressedBody(two),
    }),
    register("compressed=1 is not true", broker("one", 11), two, { compressed: "1" }),
    register("no compressed, no heartbeat timeout, no crc", broker("few", 12), two, {
      bodyCrc32: "0",
    }),
    {
      ...register("a zlib body under compressed=false", broker("lie", 13), two, {}, {
        body: compressedBody({ version: V(1), topics: T("Lie1", "Lie2") }),
      }),
    },
    route("Lie1"),
    register("unknown fields", broker("loose", 14), two, {}, {
      body: '{"filterServerList":["f:1"],"unknown":{"a":[1,2]},"topicConfigSerializeWrapper":{' +
        '"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1700000000001,"extra":null},' +
        '"topicConfigTable":{' +
        '"L1":{"topicName":"L1","readQueueNums":3,"writeQueueNums":3,"perm":6,"x":{}},' +
        '"L2":{"topicName":"L2"}}}}',
    }),
    register("unquoted names", broker("unquoted", 18), two, {}, {
      body: "{topicConfigSerializeWrapper:{dataVersion:{counter:1,timestamp:1}}}",
    }),
    route("L1"),
    named("the defaults of a topic config", route("L2")),
    named("data version of the loose one", { name: "", send: version(broker("loose", 14)) }),
    register("topic names that differ from their keys", broker("keys", 15), two, {}, {
      body: '{"filterServerList":[],"topicConfigSerializeWrapper":{' +
        '"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1},"topicConfigTable":{' +
        '"Key1":{"topicName":"Name1","readQueueNums":1,"writeQueueNums":1,"perm":6},' +
        '"Key2":{"topicName":"Name2","readQueueNums":2,"writeQueueNums":2,"perm":6}}}}',
    }),
    route("Key1"),
    route("Name1"),
    register("null lists", broker("nulls", 16), two, {}, {
      body: '{"filterServerList":null,"topicConfigSerializeWrapper":{' +
        '"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1},"topicConfigTable":{}}}',
    }),
    clusterInfo(),
    allTopics(),
  ],
};

function mapping(topic: string, bname: string, epoch: string): Mapping {
  return { topic, bname, epoch, totalQueues: 8, currIdMap: { "0": 0, "2": 1, "5": 2 } };
}

const statics: Scenario = {
  name: "static topics",
  steps: [
    register("a master with mappings", a, {
      version: V(1),
      topics: T("Static", "Plain"),
      mappings: [mapping("Static", a.name, "1700000000123")],
    }),
    route("Static"),
    route("Static", {}, { version: 400 }),
    route("Static", {}, binary),
    route("Plain"),
    register("a second broker of the same static topic", b, {
      version: V(1),
      topics: T("Static", "Plain"),
      mappings: [{ ...mapping("Static", b.name, "1700000000124"), dirty: true, scope: "s" }],
    }),
    route("Static"),
    route("Static", {}, { version: 400 }),
    register("the same version stores no mapping", a, {
      version: V(1),
      topics: T("Static", "Plain"),
      mappings: [mapping("Static", a.name, "7")],
    }),
    route("Static"),
    ...[
      "9007199254740991",
      "9007199254740992",
      "9007199254740993",
      "9223372036854775807",
      "-1",
      "-9007199254740993",
      "-9223372036854775808",
    ].flatMap((epoch, at) => [
      register(`epoch ${epoch}`, a, {
        version: V(2 + at),
        topics: T("Static", "Plain"),
        mappings: [mapping("Static", a.name, epoch)],
      }),
      named(`route, epoch ${epoch}`, route("Static")),
      named(`route, epoch ${epoch}, old dialect`, route("Static", {}, { version: 400 })),
    ]),
    register("a mapping under another broker's name", a, {
      version: V(20),
      topics: T("Static", "Plain"),
      mappings: [mapping("Static", "broker-x", "3")],
    }),
    route("Static"),
    register("a mapping without ids", a, {
      version: V(21),
      topics: T("Static", "Plain"),
      mappings: [{ ...mapping("Static", a.name, "3"), currIdMap: {} }],
    }),
    route("Static"),
    route("Static", {}, { version: 400 }),
    register(
      "a mapping as a 5.x broker's standard JSON",
      a,
      {
        version: V(22),
        topics: [],
      },
      {},
      {
        body: plainBody({
          version: V(22),
          topics: T("Static", "Plain"),
          mappings: [mapping("Static", a.name, "4")],
        }).replace("{0:0,2:1,5:2}", '{"0":0,"2":1,"5":2}'),
      },
    ),
    route("Static"),
    register(
      "a version's long beyond 2^53",
      a,
      {
        version: V(0),
        topics: [],
      },
      {},
      {
        body: plainBody({ version: V(23), topics: T("Static", "Plain") })
          .replace('"counter":23', '"counter":9007199254740993'),
      },
    ),
    named("data version beyond 2^53", { name: "", send: version(a) }),
    named("data version beyond 2^53, equal", {
      name: "",
      send: version(a, '{"counter":9007199254740993,"stateVersion":0,"timestamp":1700000000023}'),
    }),
    named("data version beyond 2^53, its neighbour", {
      name: "",
      send: version(a, '{"counter":9007199254740992,"stateVersion":0,"timestamp":1700000000023}'),
    }),
    unregister(b),
    goneFromCluster(b.addr),
    named("route after the second broker left", route("Static")),
    unregister(a),
    goneFromCluster(a.addr),
    route("Static"),
    register("it comes back without mappings", a, two),
    register("and with the topic", a, { version: V(30), topics: T("Static", "Plain") }),
    named("route, mappings outlive the broker", route("Static")),
  ],
};

const rivalAddress = "10.7.7.7:10911";
const rival = { ...a, addr: rivalAddress };
const rivals: Scenario = {
  name: "rivals and switched ids",
  steps: [
    register("master of state version 5", a, { version: V(1, 5), topics: T("TopicA", "TopicB") }),
    register("stale rival", rival, { version: V(9, 4), topics: T("TopicC", "TopicD") }),
    clusterInfo("after the stale rival"),
    route("TopicC"),
    named("data version of the stale rival", { name: "", send: version(rival) }),
    register("rival of the same state version", rival, {
      version: V(9, 5),
      topics: T("TopicC", "TopicD"),
    }),
    clusterInfo("after the equal rival"),
    route("TopicC"),
    named("data version of the one it replaced", { name: "", send: version(a) }),
    register("a newer state version takes over", a, {
      version: V(2, 6),
      topics: T("TopicA", "TopicB"),
    }),
    clusterInfo("taken over"),
    register("the slave, a stale one", aSlave, { version: V(1, 3), topics: T("TopicA", "X") }),
    register("the slave becomes master with a higher state version", { ...aSlave, id: "0" }, {
      version: V(3, 7),
      topics: T("TopicA", "TopicB"),
    }),
    clusterInfo("switched"),
    route("TopicA"),
    register("the old master comes back as slave", { ...a, id: "1" }, {
      version: V(2, 6),
      topics: T("TopicA", "TopicB"),
    }),
    clusterInfo("back as slave"),
    ask("member group", 901, { clusterName: a.cluster, brokerName: a.name }),
    register("an address changes its id only", { ...a, id: "5" }, {
      version: V(2, 6),
      topics: T("TopicA", "TopicB"),
    }),
    clusterInfo("id 1 became 5"),
    register("one topic alone under a new id", { ...a, id: "6" }, {
      version: V(3, 6),
      topics: T("TopicA"),
    }),
    clusterInfo("after a refused new id"),
    register("the same address under a second name", { ...a, name: "broker-z", id: "0" }, {
      version: V(1),
      topics: T("TopicZ", "TopicA"),
    }),
    clusterInfo("one address, two names"),
    route("TopicA"),
  ],
};

const acting = { ...a, acting: "true" };
const actingSlave = { ...aSlave, acting: "true" };
const actingSlave2 = slaveOf(acting, 12911, { id: "2" });
const sync = "rmq_sys_SYNC_BROKER_MEMBER_broker-a";
const threeTopics = { version: V(1), topics: T("TopicA", "TopicB", sync) };

const actingMaster = (enabled: "true" | "false"): Scenario => ({
  name: `acting master, supportActingMaster=${enabled}`,
  config: { supportActingMaster: enabled },
  steps: [
    register("master", acting, threeTopics),
    register("slave 1", actingSlave, threeTopics),
    register("slave 2", actingSlave2, threeTopics),
    register("another master, no acting", b, two),
    clusterInfo(),
    route("TopicA"),
    unregister(acting),
    goneFromCluster(acting.addr),
    route("TopicA"),
    route("TopicA", {}, { version: 400 }),
    route(sync),
    clusterInfo("without its master"),
    ask("member group without its master", 901, { clusterName: a.cluster, brokerName: a.name }),
    register("slave 1 unchanged", actingSlave, threeTopics),
    register("slave 1 is the prime slave and has new topics", actingSlave, {
      version: V(2),
      topics: T("TopicA", "TopicN"),
    }),
    route("TopicN"),
    register("slave 2 is not the prime slave", actingSlave2, {
      version: V(2),
      topics: T("TopicA", "TopicM"),
    }),
    route("TopicM"),
    ask("add write permission without a master", 327, { brokerName: a.name }),
    route("TopicA"),
    ask("wipe it again", 205, { brokerName: a.name }),
    route("TopicA"),
    register("slave 1 says no to acting", { ...actingSlave, acting: "false" }, {
      version: V(3),
      topics: T("TopicA", "TopicB"),
    }),
    route("TopicA"),
    register("slave 1 is an old broker", { ...aSlave }, {
      version: V(4),
      topics: T("TopicA", "TopicOldSlave"),
    }),
    route("TopicA"),
    route("TopicOldSlave"),
    register("slave 1 acts again", actingSlave, { version: V(5), topics: T("TopicA", "TopicB") }),
    route("TopicA"),
    unregister(actingSlave),
    goneFromCluster(actingSlave.addr),
    route("TopicA"),
    register("the master is back", acting, { ...threeTopics, version: V(6) }),
    route("TopicA"),
    route("TopicN"),
    unregister(b),
    goneFromCluster(b.addr),
    register("a lone prime slave", slaveOf(b, 21911, { acting: "true", id: "3" }), {
      version: V(1),
      topics: [{ name: "Lone", perm: 6 }, { name: "Lone2", perm: 7 }],
    }),
    route("Lone"),
    route("Lone2"),
    register(
      "a smaller id joins",
      slaveOf(b, 22911, { acting: "true", id: "2" }),
      { version: V(1), topics: T("Lone", "Lone3") },
    ),
    route("Lone"),
    route("Lone3"),
    clusterInfo("at the end"),
  ],
});

const zoned = (name: string, port: number, zone?: string) => broker(name, port, { zone });
const zoneOf = (name: string, mode = "true") => ({ __ZONE_MODE: mode, __ZONE_NAME: name });
const zones: Scenario = {
  name: "zones",
  steps: [
    register("zone 1", zoned("z1", 1, "Zone1"), {
      version: V(1),
      topics: T("TopicA", "One"),
      filterServers: ["f1:1"],
      mappings: [mapping("TopicA", "z1", "9007199254740993")],
    }),
    register("zone 2", zoned("z2", 2, "zone2"), {
      version: V(1),
      topics: T("TopicA", "Two"),
      filterServers: ["f2:2"],
      mappings: [mapping("TopicA", "z2", "2")],
    }),
    register("no zone", zoned("z0", 3), two),
    register("a slave of zone 2 without its master", slaveOf(zoned("z3", 4, "zone2"), 4), two),
    register("topics for the lone slave", slaveOf(zoned("z3", 4, "zone2"), 4, { acting: "true" }), {
      version: V(2),
      topics: T("TopicA", "TopicS"),
    }),
    clusterInfo(),
    route("TopicA"),
    route("TopicA", zoneOf("Zone1")),
    route("TopicA", zoneOf("ZONE2")),
    route("TopicA", zoneOf("elsewhere")),
    route("One", zoneOf("elsewhere")),
    route("One", zoneOf("zone1"), { version: 400 }),
    route("TopicS", zoneOf("elsewhere")),
    route("TopicA", zoneOf("zone1", "TRUE")),
    route("TopicA", zoneOf("zone1", "false")),
    route("TopicA", zoneOf("zone1", "yes")),
    route("TopicA", zoneOf("  ")),
    route("TopicA", zoneOf("")),
    route("TopicA", zoneOf(" zone1")),
    route("TopicA", { __ZONE_MODE: "true" }),
    route("TopicA", { __ZONE_NAME: "zone1" }),
    route("Unknown", zoneOf("zone1")),
    route("TopicA", zoneOf("zone1"), binary),
    route("TopicA", { ...zoneOf("zone1"), acceptStandardJsonOnly: "true" }, { version: 400 }),
    register("zone 1 moves", zoned("z1", 1, "zone9"), two),
    clusterInfo("moved"),
    register("zone 1 drops its zone", zoned("z1", 1), two),
    clusterInfo("dropped"),
    register("an empty zone name", zoned("z1", 1, ""), two),
    clusterInfo("empty"),
  ],
};

const order: Scenario = {
  name: "order configuration",
  config: { orderMessageEnable: "true" },
  steps: [
    register("no order configuration yet", a, two),
    route("TopicA"),
    put("ORDER_TOPIC_CONFIG", "TopicA", "broker-a:8;broker-b:4"),
    register("master gets the table", a, two),
    register("slave gets the table", aSlave, two),
    named("slave gets the table, binary", register("", aSlave, two, {}, binary)),
    route("TopicA"),
    route("TopicA", {}, { version: 400 }),
    route("TopicB"),
    list("ORDER_TOPIC_CONFIG"),
    put("ORDER_TOPIC_CONFIG", "Thema-Ü", "broker-ü:1"),
    register("the table with non-ASCII", a, two),
    put("ORDER_TOPIC_CONFIG", "TopicB", ""),
    route("TopicB"),
    config("switch order messages off", "orderMessageEnable=false\n"),
    route("TopicA"),
    config("and on", "orderMessageEnable=true\n"),
    route("TopicA"),
    config("keep the table from brokers", "returnOrderTopicConfigToBroker=false\n"),
    register("no table", a, two),
    config("give it again", "returnOrderTopicConfigToBroker=true\n"),
    ...["TopicA", "Thema-Ü", "TopicB"].map((key) =>
      ask(`delete ${key}`, 102, { namespace: "ORDER_TOPIC_CONFIG", key })
    ),
    register("an empty table", a, two),
    route("TopicA"),
  ],
};

const configuration: Scenario = {
  name: "live configuration",
  config: { configBlackList: "configBlackList;configStorePath;kvConfigPath;productEnvName" },
  steps: [
    getConfig("at the start"),
    named("configuration, binary", ask("", 319, undefined, binary)),
    ask("update without a body", 318),
    config("one key", "waitSecondsForService=44\n"),
    getConfig("one key changed"),
    config("no line end", "waitSecondsForService=43"),
    getConfig("no line end"),
    config(
      "properties syntax",
      "# a comment\n! another\n\nproductEnv\\\n  Nam=x\nwaitSecondsForService : 42\n" +
        "clientRequestThreadPoolNums 9\ndefaultThreadPoolNums\\u003d17\n\tserverWorkerThreads = 11\r\n",
    ),
    getConfig("after properties syntax"),
    config("an unknown key", "noSuchOption=1\n"),
    getConfig("after an unknown key"),
    config("kvConfigPath", "kvConfigPath=/x\n"),
    config("configStorePath", "configStorePath=/x\n"),
    config("rocketmqHome", "rocketmqHome=/x\n"),
    config("configBlackList", "configBlackList=x\n"),
    config("a key that the option added", "productEnvName=x\n"),
    config("allowed and refused together", "waitSecondsForService=1\nkvConfigPath=/x\n"),
    config("a refused key with blanks", "  kvConfigPath   =   /x\n"),
    config("a refused key, escaped", "kv\\u0043onfigPath=/x\n"),
    config("a refused key in capitals is unknown", "KVCONFIGPATH=/x\n"),
    getConfig("after refusals"),
    config("an unreadable escape", "a=\\uZZZZ\n"),
    config("only comments", "# nothing\n"),
    config("an empty value", "serverSocketBacklog=\n"),
    config("a number that is not one", "serverSocketBacklog=abc\n"),
    config("a number out of range", "serverSocketBacklog=99999999999\n"),
    config("a boolean in capitals", "enableTopicList=FALSE\n"),
    ask("topic list disabled in capitals", 224, { cluster: "x" }),
    config("a boolean that is not one", "enableTopicList=maybe\n"),
    ask("topic list after maybe", 224, { cluster: "x" }),
    config("disable lists", "enableTopicList=false\nenableAllTopicList=false\n"),
    allTopics("disabled"),
    ask("topics by cluster, disabled", 224, { cluster: "x" }),
    ask("unit topics, disabled", 311),
    ask("unit sub topics, disabled", 312),
    ask("unit sub ununit topics, disabled", 313),
    systemTopics("not disabled"),
    config("enable lists", "enableTopicList=true\nenableAllTopicList=true\n"),
    allTopics("enabled"),
    ask("unit topics, enabled", 311),
    config("wait for service", "needWaitForService=true\nwaitSecondsForService=600\n"),
    route("TopicA"),
    route("TopicA", {}, binary),
    allTopics("while not ready"),
    config("ready at once", "waitSecondsForService=0\n"),
    route("TopicA"),
    getConfig("at the end"),
  ],
};

const units: Scenario = {
  name: "unit topics",
  steps: [
    register("topics of all flags", a, {
      version: V(1),
      topics: [0, 1, 2, 3, 4, 5, 6, 7, 15].map((sysFlag) => ({ name: `Flag${sysFlag}`, sysFlag })),
    }),
    ask("unit topics", 311),
    ask("unit sub topics", 312),
    ask("unit sub ununit topics", 313),
    ask("unit topics, binary", 311, undefined, binary),
    route("Flag7"),
    register("the flags are gone", a, {
      version: V(2),
      topics: [0, 1, 2, 3].map((flag) => ({ name: `Flag${flag}`, sysFlag: 0 })),
    }),
    ask("unit topics, fewer", 311),
    ask("unit sub topics, fewer", 312),
    ask("unit sub ununit topics, fewer", 313),
    register("compressed registrations have no flags", a, two, { compressed: "true" }, {
      body: compressedBody({
        version: V(3),
        topics: [{ name: "Flag5", sysFlag: 5 }, { name: "Y" }],
      }),
    }),
    ask("unit topics, compressed", 311),
  ],
};

const queueDatas = (...items: unknown[]) => JSON.stringify({ queueDatas: items });
const queueData = (brokerName: string, read: number) => ({
  brokerName,
  perm: 6,
  readQueueNums: read,
  writeQueueNums: read,
  topicSysFlag: 0,
});
const registerTopic = (name: string, topic: string, body: string): Step => ({
  name,
  send: { code: 217, extFields: { topic }, body },
});
const topics: Scenario = {
  name: "register and delete topics",
  steps: [
    register("master a", a, two),
    register("master b", b, two),
    register("master c in another cluster", broker("broker-c", 3, { cluster: "Other" }), two),
    registerTopic("a new topic", "New", queueDatas(queueData("broker-a", 3))),
    route("New"),
    registerTopic("more brokers for it", "New", queueDatas(queueData("broker-b", 2))),
    route("New"),
    registerTopic("other numbers", "New", queueDatas(queueData("broker-a", 9))),
    route("New"),
    registerTopic("a broker that is not there", "New2", queueDatas(queueData("nobody", 9))),
    route("New2"),
    registerTopic(
      "a broker that is, then one that is not, for a known topic",
      "New",
      queueDatas(queueData("broker-a", 1), queueData("nobody", 9)),
    ),
    route("New"),
    registerTopic("no queue data", "New3", queueDatas()),
    route("New3"),
    registerTopic(
      "unknown fields",
      "New4",
      `{"x":1,"queueDatas":[${JSON.stringify(queueData("broker-a", 1))}]}`,
    ),
    route("New4"),
    allTopics(),
    ask("delete in one cluster", 216, { topic: "TopicA", clusterName: a.cluster }),
    route("TopicA"),
    ask("delete in an unknown cluster", 216, { topic: "TopicA", clusterName: "nope" }),
    route("TopicA"),
    ask("delete in the other cluster", 216, { topic: "TopicA", clusterName: "Other" }),
    route("TopicA"),
    ask("delete everywhere", 216, { topic: "TopicB" }),
    route("TopicB"),
    ask("delete with an empty cluster name", 216, { topic: "New", clusterName: "" }),
    route("New"),
    allTopics("after deleting"),
    register("an unchanged registration brings them back", a, two),
    route("TopicA"),
    route("New"),
  ],
};

const pruning: Scenario = {
  name: "deleteTopicWithBrokerRegistration",
  config: { deleteTopicWithBrokerRegistration: "true" },
  steps: [
    register("three topics", a, { version: V(1), topics: T("TopicA", "TopicB", "TopicC") }),
    register("another broker", b, { version: V(1), topics: T("TopicA", "TopicB", "TopicC") }),
    register("two topics, same version", a, { version: V(1), topics: T("TopicA", "TopicB") }),
    route("TopicC"),
    register("one topic prunes too", a, { version: V(2), topics: T("TopicA") }),
    route("TopicA"),
    route("TopicB"),
    allTopics(),
    register("static mappings prune nothing", a, {
      version: V(3),
      topics: T("TopicS", "TopicT"),
      mappings: [mapping("TopicS", a.name, "1")],
    }),
    route("TopicA"),
    register("the other keeps none", b, { version: V(2), topics: [] }),
    allTopics("at the end"),
  ],
};

const connections: Scenario = {
  name: "connections and time",
  config: { scanNotActiveBrokerInterval: "500" },
  steps: [
    on("broker-a", register("a registers", a, two)),
    on("broker-b", register("b registers", b, { version: V(1), topics: T("TopicB", "TopicC") })),
    route("TopicB"),
    { name: "a's connection closes", on: "broker-a", close: true },
    goneFromCluster(a.addr),
    route("TopicA"),
    route("TopicB"),
    on("slow", register("a timeout of 1.5 s", aSlave, two, { heartbeatTimeoutMillis: "1500" })),
    goneFromCluster(aSlave.addr),
    named("its connection was closed", on("slow", ask("", 206))),
    on("first", register("registered on one connection", a, two)),
    on("second", register("registered again on another", a, two)),
    { name: "the first connection closes", on: "first", close: true },
    clusterInfo("the second connection stands for it"),
    { name: "the second connection closes", on: "second", close: true },
    goneFromCluster(a.addr),
    on("again", register("registered anew", a, two)),
    on("again", unregister(a)),
    goneFromCluster(a.addr),
    { name: "the unregistered one closes", on: "again", close: true },
    clusterInfo("at the end"),
  ],
};

const container: Scenario = {
  name: "several brokers over one connection",
  steps: [
    on("container", register("a of the container", a, two)),
    on("container", register("b of the container", b, two)),
    clusterInfo(),
    { name: "the container's connection closes", on: "container", close: true },
    // The reference forgets one of the two, whichever its table yields first.
    {
      name: "cluster info without either of them",
      send: { code: 106 },
      eventually: { not: /broker-a.*broker-b|broker-b.*broker-a/ },
    },
  ],
};

const marked = (mark: number, header: string, body = "") => {
  const bytes = bytesOf(header);
  const content = bytesOf(body);
  const frame = new Uint8Array(8 + bytes.length + content.length);
  frame.set(int32(4 + bytes.length + content.length), 0);
  frame.set(int32((mark << 24) | bytes.length), 4);
  frame.set(bytes, 8);
  frame.set(content, 8 + bytes.length);
  return frame;
};
const joined = (...parts: Uint8Array[]) => {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};
const bad = (name: string, raw: Uint8Array): Step[] => [
  { name, on: name, raw },
  named(`${name}: the others go on`, allTopics()),
];
const frames: Scenario = {
  name: "frames that are none",
  steps: [
    ...bad("a header that is not JSON", marked(0, "nonsense")),
    ...bad("a header of half a JSON", marked(0, '{"code":106,')),
    ...bad("an unknown serialization", marked(2, '{"code":106}')),
    ...bad("a header longer than its frame", joined(int32(8), int32(100), int32(0))),
    ...bad("a binary header that is too short", marked(1, "abc")),
    ...bad("a negative length", joined(int32(-1), int32(0), int32(0))),
    ...bad("a length beyond the limit", joined(int32(16777217), int32(0))),
    ...bad("a length of zero", joined(int32(0), int32(0), int32(0))),
    ...bad(
      "a binary header whose extFields run over",
      encodeFrame({ code: 206, extFields: { a: "b" }, ...binary }, 1).map((byte, at) =>
        at === 28 ? 99 : byte
      ),
    ),
    {
      name: "a response nobody asked for",
      on: "odd",
      raw: marked(0, '{"code":0,"flag":1,"opaque":9}'),
    },
    named("after it, the connection goes on", on("odd", allTopics())),
    {
      name: "a header with extras",
      on: "odd",
      raw: marked(0, '{"x":{"y":[1]},"flag":2,"code":206}'),
    },
    named("after the extras, the connection goes on", on("odd", allTopics())),
    {
      name: "PROXY protocol, version 1",
      on: "proxy1",
      raw: bytesOf("PROXY TCP4 10.1.1.1 10.2.2.2 1111 9876\r\n"),
    },
    named("a request after it", on("proxy1", allTopics())),
    {
      name: "PROXY protocol, version 2",
      on: "proxy2",
      raw: joined(
        Uint8Array.from([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0, 12]),
        Uint8Array.from([10, 1, 1, 1, 10, 2, 2, 2, 4, 87, 38, 148]),
      ),
    },
    named("a request after version 2", on("proxy2", allTopics())),
  ],
};

const badFields: Scenario = {
  name: "bad fields and bodies",
  steps: [
    register("a crc that differs", a, two, { bodyCrc32: "12345" }),
    named("a crc that differs, binary", register("", a, two, { bodyCrc32: "1" }, binary)),
    register("a crc without a body", a, two, { bodyCrc32: "12345" }, { body: "" }),
    register("a brokerId that is no number", a, two, { brokerId: "abc" }),
    register("an empty brokerId", a, two, { brokerId: "" }),
    register("a body that is no JSON", a, two, {}, { body: "{nonsense" }),
    register("a body that is a list", a, two, {}, { body: "[]" }),
    register("a body that is null", a, two, {}, { body: "null" }),
    register("a body whose table is a number", a, two, {}, {
      body: '{"topicConfigSerializeWrapper":{"topicConfigTable":5}}',
    }),
    register("a body whose queue number is a word", a, two, {}, {
      body: plainBody(two).replace('"perm":6', '"perm":"six"'),
    }),
    register("a compressed body that is not", a, two, { compressed: "true" }),
    register("a compressed body, cut", a, two, { compressed: "true" }, {
      body: compressedBody(two).subarray(0, 40),
    }),
    register("register, no brokerId", a, two, {}, {
      extFields: { brokerName: "x", brokerAddr: "y:1", clusterName: "z", haServerAddr: "h:1" },
    }),
    ask("register, no extFields", 103, undefined, { body: plainBody(two) }),
    clusterInfo("nothing came in"),
    ask("put, no extFields", 100),
    ask("put, no namespace", 100, { key: "k", value: "v" }),
    ask("put, no key", 100, { namespace: "n", value: "v" }),
    list("n"),
    { name: "data version, bad JSON", send: version(a, "nonsense") },
    registerTopic("register topic, bad JSON", "x", "["),
    named("all topics at the end", allTopics()),
  ],
};

const without = (fields: Record<string, string>, name: string) =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name));

/** What the reference takes for null; some of it breaks its tables, so this has its own servers. */
const missing: Scenario = {
  name: "fields that the reference does without",
  steps: [
    ask("route, no topic", 105, {}),
    ask("route, no extFields", 105),
    ask("topics of no cluster", 224),
    ask("put, no value", 100, { namespace: "n", key: "k" }),
    ask("get, no key", 101, { namespace: "n" }),
    ask("get, no extFields", 101),
    ask("delete, no key", 102, { namespace: "n" }),
    ask("list, no namespace", 219, {}),
    ask("wipe, no broker", 205, {}),
    ask("add, no broker", 327),
    ask("delete topic, no topic", 216, {}),
    ask("register topic, no topic", 217, {}, { body: queueDatas(queueData("b", 1)) }),
    ask("unregister, no extFields", 104),
    ask("unregister, brokerId abc", 104, { ...identity(a), brokerId: "abc" }),
    ask("unregister, no brokerId", 104, without(identity(a), "brokerId")),
    ask("member group, no broker", 901, { clusterName: "C" }),
    ask("member group, no extFields", 901),
    ask("heartbeat, no cluster", 904, without(identity(a), "clusterName")),
    ask("heartbeat, no address", 904, without(identity(a), "brokerAddr")),
    ask("data version, no cluster", 322, without(identity(a), "clusterName")),
    ask("data version, brokerId abc", 322, { ...identity(a), brokerId: "abc" }),
    register("heartbeatTimeoutMillis x", a, two, { heartbeatTimeoutMillis: "x" }),
    register("bodyCrc32 x", b, two, { bodyCrc32: "x" }),
    clusterInfo("wrong numbers"),
    ask("register, no haServerAddr", 103, without(fieldsOf(aSlave), "haServerAddr"), {
      body: plainBody(two),
    }),
    ...["clusterName", "brokerName", "brokerAddr"].map((field) =>
      ask(
        `register, no ${field}`,
        103,
        without(fieldsOf(broker(`no ${field}`, 77, { cluster: `no ${field}` })), field),
        { body: plainBody(two) },
      )
    ),
    clusterInfo("after registrations without a name"),
  ],
};

const refused: Scenario = {
  name: "a refused first registration",
  steps: [
    register("one topic alone", a, { version: V(1), topics: T("Single") }),
    named(
      "one topic alone, binary",
      register("", a, { version: V(1), topics: T("Single") }, {}, binary),
    ),
    clusterInfo(),
    systemTopics(),
    route("Single"),
    register("all topics", a, two),
    clusterInfo("registered"),
    register("one topic alone is welcome now", a, { version: V(2), topics: T("Single") }),
    route("Single"),
  ],
};

/** Every state the two servers are compared in. */
export const SCENARIOS: Scenario[] = [
  empty,
  kv,
  dialects,
  names,
  master,
  groups,
  dialectBodies,
  statics,
  rivals,
  actingMaster("true"),
  actingMaster("false"),
  zones,
  order,
  configuration,
  units,
  topics,
  pruning,
  connections,
  container,
  frames,
  badFields,
  missing,
  refused,
];
