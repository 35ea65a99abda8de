/** Nothing registered, the KV table, both dialects of the bodies, and unusual names. */

import {
  a,
  allTopics,
  ask,
  aSlave,
  binary,
  broker,
  clusterInfo,
  get,
  list,
  named,
  put,
  register,
  route,
  type Scenario,
  systemTopics,
  T,
  unregister,
  V,
  version,
} from "./steps.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

/** Every read request, with nothing registered. */
const empty: Scenario = {
  name: "nothing registered",
  steps: [
    clusterInfo(),
    allTopics(),
    ask("topics of an unknown cluster", RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "nope" }),
    systemTopics(),
    ask("unit topics", RequestCode.GET_UNIT_TOPIC_LIST),
    ask("unit sub topics", RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST),
    ask("unit sub ununit topics", RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST),
    route("TopicA"),
    route("TopicA", {}, binary),
    route("TopicA", {}, { version: 0 }),
    route(""),
    ask("member group of nobody", RequestCode.GET_BROKER_MEMBER_GROUP, {
      clusterName: "C",
      brokerName: "x",
    }),
    ask("heartbeat of nobody", RequestCode.BROKER_HEARTBEAT, {
      clusterName: "C",
      brokerName: "x",
      brokerAddr: "h:1",
    }),
    named("data version of nobody, no body", { name: "", send: version(a) }),
    named("data version of nobody", { name: "", send: version(a, JSON.stringify(V(1))) }),
    ask("wipe write permission of nobody", RequestCode.WIPE_WRITE_PERM_OF_BROKER, {
      brokerName: "x",
    }),
    ask(
      "add write permission to nobody",
      RequestCode.ADD_WRITE_PERM_OF_BROKER,
      { brokerName: "x" },
      binary,
    ),
    unregister(a),
    ask("delete an unknown topic", RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: "x" }),
    ask("delete an unknown topic of an unknown cluster", RequestCode.DELETE_TOPIC_IN_NAMESRV, {
      topic: "x",
      clusterName: "y",
    }),
    ask("register a topic without a body", RequestCode.REGISTER_TOPIC_IN_NAMESRV, { topic: "x" }),
    ask("unknown code", 999),
    ask("unknown code, binary", 999, undefined, binary),
    ask("negative code", -1),
    ask("code beyond 16 bits", 70000),
    ask("code of a broker", 10, { topic: "x" }),
    ask(
      "notify min broker id change, sent to the server",
      RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE,
      {},
    ),
    ask("client of another language", RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, undefined, {
      language: 9,
    }),
    ask(
      "client of another language, binary",
      RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
      undefined,
      { language: 12, ...binary },
    ),
    ask("client from the future", RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, undefined, {
      version: 30000,
    }),
  ],
};

/** As long as ours takes. */
const longName = "k".repeat(255);
const longValue = "v".repeat(30_000);

const kv: Scenario = {
  name: "KV",
  steps: [
    put("ns", "key", "value"),
    get("ns", "key"),
    named(
      "get, binary",
      ask("", RequestCode.GET_KV_CONFIG, { namespace: "ns", key: "key" }, binary),
    ),
    put("ns", "key", "another"),
    get("ns", "key"),
    put("ns", "empty value", ""),
    get("ns", "empty value"),
    get("ns", "absent"),
    named(
      "get absent, binary",
      ask("", RequestCode.GET_KV_CONFIG, { namespace: "ns", key: "absent" }, binary),
    ),
    get("absent", "key"),
    list("ns"),
    list("absent"),
    put("", "key", "in the empty namespace"),
    get("", "key"),
    put("ns", "", "under the empty key"),
    get("ns", ""),
    named(
      "put with an empty namespace, binary",
      ask("", RequestCode.PUT_KV_CONFIG, { namespace: "", key: "k", value: "v" }, binary),
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
      ask("", RequestCode.PUT_KV_CONFIG, { namespace: "Ü", key: "鍵", value: "値 🗝" }, binary),
    ),
    list("Ü"),
    put("quotes", '"\\/', '"\\/\b\f\n\r\t\u0001\u007f\u2028'),
    get("quotes", '"\\/'),
    list("quotes"),
    put("long", longName, longValue),
    get("long", longName),
    ask("delete", RequestCode.DELETE_KV_CONFIG, { namespace: "ns", key: "key" }),
    get("ns", "key"),
    ask("delete again", RequestCode.DELETE_KV_CONFIG, { namespace: "ns", key: "key" }),
    ask("delete in an absent namespace", RequestCode.DELETE_KV_CONFIG, {
      namespace: "absent",
      key: "key",
    }),
    list("absent"),
    ask("delete the last of a namespace", RequestCode.DELETE_KV_CONFIG, {
      namespace: "__proto__",
      key: "constructor",
    }),
    list("__proto__"),
    ask("put oneway", RequestCode.PUT_KV_CONFIG, { namespace: "oneway", key: "k", value: "v" }, {
      flag: 2,
    }),
    { ...get("oneway", "k"), eventually: { code: 0 } },
    ask("unknown code, oneway", 999, undefined, { flag: 2 }),
    put("refused", "control\u0001", "v"),
    put("refused", `${longName}k`, "v"),
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
      ask(`cluster info (version ${number})`, RequestCode.GET_BROKER_CLUSTER_INFO, undefined, {
        version: number,
      }),
      ask(`member group (version ${number})`, RequestCode.GET_BROKER_MEMBER_GROUP, {
        clusterName: a.cluster,
        brokerName: a.name,
      }, { version: number }),
      ask(
        `all topics (version ${number})`,
        RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
        undefined,
        { version: number },
      ),
    ]),
    ask("cluster info, binary", RequestCode.GET_BROKER_CLUSTER_INFO, undefined, binary),
    ask("all topics, binary", RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, undefined, binary),
    ask("cluster info that asks for standard JSON", RequestCode.GET_BROKER_CLUSTER_INFO, {
      acceptStandardJsonOnly: "true",
    }),
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
    ask("topics of cluster constructor", RequestCode.GET_TOPICS_BY_CLUSTER, {
      cluster: "constructor",
    }),
    ask("topics of cluster __proto__", RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "__proto__" }),
    register(
      "register non-ASCII names",
      broker("Makler-ü-經紀", 2, { cluster: "Cluster-ß" }),
      { version: V(1), topics: T("題", "🗝"), filterServers: ["flüter:1"] },
    ),
    clusterInfo("non-ASCII"),
    route("題"),
    route("題", {}, { version: 400 }),
    ask("member group, non-ASCII", RequestCode.GET_BROKER_MEMBER_GROUP, {
      clusterName: "Cluster-ß",
      brokerName: "Makler-ü-經紀",
    }),
    systemTopics(),
    allTopics(),
    register(
      "register a topic named with quotes",
      broker("broker-q", 3),
      { version: V(1), topics: T('a"b\\c', "plain") },
    ),
    route('a"b\\c'),
    allTopics("with quotes"),
    register(
      "register topics with empty names",
      broker("broker-e", 4),
      { version: V(1), topics: T("", "NotEmpty") },
    ),
    route(""),
    route("NotEmpty"),
    register(
      "register the longest name that ours takes",
      broker("n".repeat(255), 5, { cluster: "Long" }),
      { version: V(1), topics: T("Long1", "Long2") },
    ),
    route("Long1"),
    register(
      "register refused: a control character",
      broker("broker-c", 6),
      { version: V(1), topics: T("a\u0001", "plain2") },
    ),
    register(
      "register refused: a name of 256 bytes",
      broker("n".repeat(256), 7, { cluster: "Long" }),
      { version: V(1), topics: T("Long3", "Long4") },
    ),
  ].map((step) =>
    step.name === "system topics" ? { ...step, anyBrokerAddr: ["10.0.0.1:1", "10.0.0.1:2"] } : step
  ),
};

/** The scenarios of this file. */
export const BASIC: Scenario[] = [
  empty,
  kv,
  dialects,
  names,
];
