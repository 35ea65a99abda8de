/** Contents of routes: static topics, acting masters, zones, order, units, registered topics. */

import { compressedBody, plainBody } from "../../support/bodies.ts";
import {
  a,
  allTopics,
  ask,
  aSlave,
  b,
  binary,
  broker,
  clusterInfo,
  config,
  goneFromCluster,
  list,
  mapping,
  named,
  put,
  queueData,
  queueDatas,
  register,
  registerTopic,
  route,
  type Scenario,
  slaveOf,
  T,
  two,
  unregister,
  V,
  version,
} from "./steps.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

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

const staticDeleted: Scenario = {
  name: "a static topic that was deleted",
  steps: [
    register("a master with a mapping", a, {
      version: V(1),
      topics: T("Static", "Plain"),
      mappings: [mapping("Static", a.name, "1")],
    }),
    ask("delete the topic", RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: "Static" }),
    register("the same version with another mapping", a, {
      version: V(1),
      topics: T("Static", "Plain"),
      mappings: [mapping("Static", a.name, "2")],
    }),
    named("route, it is back", route("Static")),
    register("a new version", a, {
      version: V(2),
      topics: T("Static", "Plain"),
      mappings: [mapping("Static", a.name, "3")],
    }),
    named("route, new version", route("Static")),
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
    ask("member group without its master", RequestCode.GET_BROKER_MEMBER_GROUP, {
      clusterName: a.cluster,
      brokerName: a.name,
    }),
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
    ask("add write permission without a master", RequestCode.ADD_WRITE_PERM_OF_BROKER, {
      brokerName: a.name,
    }),
    route("TopicA"),
    ask("wipe it again", RequestCode.WIPE_WRITE_PERM_OF_BROKER, { brokerName: a.name }),
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
      ask(`delete ${key}`, RequestCode.DELETE_KV_CONFIG, { namespace: "ORDER_TOPIC_CONFIG", key })
    ),
    register("an empty table", a, two),
    route("TopicA"),
  ],
};

const units: Scenario = {
  name: "unit topics",
  steps: [
    register("topics of all flags", a, {
      version: V(1),
      topics: [0, 1, 2, 3, 4, 5, 6, 7, 15].map((sysFlag) => ({ name: `Flag${sysFlag}`, sysFlag })),
    }),
    ask("unit topics", RequestCode.GET_UNIT_TOPIC_LIST),
    ask("unit sub topics", RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST),
    ask("unit sub ununit topics", RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST),
    ask("unit topics, binary", RequestCode.GET_UNIT_TOPIC_LIST, undefined, binary),
    route("Flag7"),
    register("the flags are gone", a, {
      version: V(2),
      topics: [0, 1, 2, 3].map((flag) => ({ name: `Flag${flag}`, sysFlag: 0 })),
    }),
    ask("unit topics, fewer", RequestCode.GET_UNIT_TOPIC_LIST),
    ask("unit sub topics, fewer", RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST),
    ask("unit sub ununit topics, fewer", RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST),
    register("compressed registrations have no flags", a, two, { compressed: "true" }, {
      body: compressedBody({
        version: V(3),
        topics: [{ name: "Flag5", sysFlag: 5 }, { name: "Y" }],
      }),
    }),
    ask("unit topics, compressed", RequestCode.GET_UNIT_TOPIC_LIST),
  ],
};

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
    ask("delete in one cluster", RequestCode.DELETE_TOPIC_IN_NAMESRV, {
      topic: "TopicA",
      clusterName: a.cluster,
    }),
    route("TopicA"),
    ask("delete in an unknown cluster", RequestCode.DELETE_TOPIC_IN_NAMESRV, {
      topic: "TopicA",
      clusterName: "nope",
    }),
    route("TopicA"),
    ask("delete in the other cluster", RequestCode.DELETE_TOPIC_IN_NAMESRV, {
      topic: "TopicA",
      clusterName: "Other",
    }),
    route("TopicA"),
    ask("delete everywhere", RequestCode.DELETE_TOPIC_IN_NAMESRV, { topic: "TopicB" }),
    route("TopicB"),
    ask("delete with an empty cluster name", RequestCode.DELETE_TOPIC_IN_NAMESRV, {
      topic: "New",
      clusterName: "",
    }),
    route("New"),
    allTopics("after deleting"),
    register("an unchanged registration brings them back", a, two),
    route("TopicA"),
    route("New"),
  ],
};

/** The scenarios of this file. */
export const ROUTES: Scenario[] = [
  statics,
  staticDeleted,
  actingMaster("true"),
  actingMaster("false"),
  zones,
  order,
  units,
  topics,
];
