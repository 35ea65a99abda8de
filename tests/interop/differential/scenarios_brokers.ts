/** Brokers that register, change, compete and leave. */

import { compressedBody, oldBody } from "../../support/bodies.ts";
import {
  a,
  allTopics,
  ask,
  aSlave,
  b,
  binary,
  broker,
  clusterInfo,
  goneFromCluster,
  identity,
  mapping,
  named,
  on,
  register,
  route,
  type Scenario,
  slaveOf,
  systemTopics,
  T,
  two,
  unregister,
  V,
  version,
} from "./steps.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

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
    ask("topics of its cluster", RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: a.cluster }),
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
    ask("wipe write permission", RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: a.name }),
    route("TopicA"),
    route("TopicB"),
    register("unchanged after the wipe", a, { version: V(3), topics: T("TopicA", "TopicB") }),
    route("TopicA"),
    ask(
      "wipe again, binary",
      RequestCode.WIPE_WRITE_PERM_OF_BROKER,
      { brokerName: a.name },
      binary,
    ),
    ask("add write permission", RequestCode.ADD_WRITE_PERM_OF_BROKER, { brokerName: a.name }),
    route("TopicA"),
    route("TopicB"),
    route("TopicC"),
    ask("wipe once more", RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: a.name }),
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
    ask("heartbeat", RequestCode.BROKER_HEARTBEAT, identity(a)),
    ask("heartbeat, oneway", RequestCode.BROKER_HEARTBEAT, identity(a), { flag: 2 }),
    ask("member group", RequestCode.GET_BROKER_MEMBER_GROUP, {
      clusterName: a.cluster,
      brokerName: a.name,
    }),
    ask("member group, another cluster", RequestCode.GET_BROKER_MEMBER_GROUP, {
      clusterName: "Other",
      brokerName: a.name,
    }),
    register("register oneway", broker("broker-ow", 7), two, {}, { flag: 2 }),
    { ...clusterInfo("after the oneway registration"), eventually: { body: /broker-ow/ } },
    unregister(a),
    goneFromCluster(a.addr),
    route("TopicA"),
    allTopics("after unregistering"),
    systemTopics("after unregistering"),
    ask("data version after unregistering", RequestCode.QUERY_DATA_VERSION, identity(a)),
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
    ask("topics of the first cluster", RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: a.cluster }),
    ask("topics of the other cluster", RequestCode.GET_TOPICS_BY_CLUSTER, { cluster: "Other" }),
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
    ask("member group of four", RequestCode.GET_BROKER_MEMBER_GROUP, {
      clusterName: a.cluster,
      brokerName: a.name,
    }),
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
    ask("member group", RequestCode.GET_BROKER_MEMBER_GROUP, {
      clusterName: a.cluster,
      brokerName: a.name,
    }),
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
    named(
      "its connection was closed",
      on("slow", ask("", RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER)),
    ),
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
    // The reference removes one of the two, whichever comes first in its table.
    {
      name: "cluster info without either of them",
      send: { code: RequestCode.GET_BROKER_CLUSTER_INFO },
      eventually: { not: /broker-a.*broker-b|broker-b.*broker-a/ },
    },
  ],
};

/** The scenarios of this file. */
export const BROKERS: Scenario[] = [
  master,
  groups,
  dialectBodies,
  rivals,
  pruning,
  refused,
  connections,
  container,
];
