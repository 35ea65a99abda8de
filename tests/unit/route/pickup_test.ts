import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { SYNC_BROKER_MEMBER_PREFIX } from "../../../src/protocol/codes.ts";
import type { TopicRouteData } from "../../../src/protocol/route_data.ts";
import {
  systemTopics,
  topicsOfCluster,
  unitSubTopics,
  unitSubUnunitTopics,
  unitTopics,
} from "../../../src/route/topic_lists.ts";
import { filterByZone, pickupTopicRoute } from "../../../src/route/topic_route.ts";
import { mapping, RouteWorld, topic } from "../../support/route_world.ts";

const PLAIN = { supportActingMaster: false };
const ACTING = { supportActingMaster: true };

function pickup(world: RouteWorld, name: string, options = PLAIN): TopicRouteData {
  return pickupTopicRoute(world.tables, name, options) ?? assert.fail(`no route of ${name}`);
}

/** Broker name -> brokerId -> address, as objects. */
function groups(route: TopicRouteData) {
  return Object.fromEntries(
    route.brokerDatas.map((it) => [it.brokerName, Object.fromEntries(it.brokerAddrs)]),
  );
}

describe("pickupTopicRouteData", () => {
  it("finds the queue data of a topic and the groups that have it", () => {
    const world = new RouteWorld();
    world.register({ name: "a", topics: ["T1", "T2"], zone: "z", acting: true });
    world.register({ name: "a", id: 1 });
    world.register({ name: "b", cluster: "D", topics: ["T2", topic("T3", { perm: 4 })] });
    const route = pickup(world, "T2");
    assert.deepEqual(groups(route), { a: { 0: "a:0", 1: "a:1" }, b: { 0: "b:0" } });
    assert.deepEqual(route.queueDatas.map((it) => it.brokerName), ["a", "b"]);
    assert.deepEqual(groups(pickup(world, "T3")), { b: { 0: "b:0" } });
    assert.deepEqual(pickup(world, "T3").queueDatas, [
      { brokerName: "b", perm: 4, readQueueNums: 8, writeQueueNums: 8, topicSysFlag: 0 },
    ]);
    assert.equal(pickupTopicRoute(world.tables, "T4", PLAIN), undefined);
  });

  it("is in the order of the broker names, whichever registered first", () => {
    const names = ["b", "a10", "Z", "a2", "c"];
    const sorted = ["Z", "a10", "a2", "b", "c"];
    for (const order of [names, names.toReversed()]) {
      const world = new RouteWorld();
      for (const name of order) world.register({ name, zone: "z" });
      for (const route of [pickup(world, "T1"), filterByZone(pickup(world, "T1"), "z")]) {
        assert.deepEqual(route.queueDatas.map((it) => it.brokerName), sorted);
        assert.deepEqual(route.brokerDatas.map((it) => it.brokerName), sorted);
      }
    }
  });

  it("shows the filter servers of the groups it names, by address", () => {
    const world = new RouteWorld();
    world.register({ name: "a", topics: ["T1", "T2"], filterServers: ["f1", "f2"] });
    world.register({ name: "a", id: 1, filterServers: ["f3"] });
    world.register({ name: "b", topics: ["T2", "T3"] });
    world.register({ name: "c", topics: ["T3", "T4"], filterServers: ["f4"] });
    assert.deepEqual(
      pickup(world, "T2").filterServerTable,
      new Map([["a:0", ["f1", "f2"]], ["a:1", ["f3"]]]),
    );
    assert.deepEqual(pickup(world, "T3").filterServerTable, new Map([["c:0", ["f4"]]]));
  });

  it("shows static mappings where the topic has some", () => {
    const world = new RouteWorld();
    world.register({ mappings: [mapping("T1", "a")] });
    assert.deepEqual(
      pickup(world, "T1").topicQueueMappingByBroker,
      new Map([["a", mapping("T1", "a")]]),
    );
    assert.equal(pickup(world, "T2").topicQueueMappingByBroker, undefined);
  });

  it("finds names of every kind", async () => {
    const names = ["__proto__", "constructor", "toString", "", "題-ü-🗝", "x".repeat(65_536)];
    for (const name of names) {
      const world = new RouteWorld();
      const addr = `${name}:1`;
      const result = world.register({
        name,
        cluster: name,
        addr,
        topics: [name, `${name}2`],
        zone: name,
        filterServers: [name],
        mappings: [mapping(name, name)],
      });
      assert.equal(result.kind, "accepted");
      const route = pickup(world, name);
      assert.deepEqual(route.brokerDatas[0], {
        brokerName: name,
        cluster: name,
        brokerAddrs: new Map([[0, addr]]),
        enableActingMaster: false,
        zoneName: name,
      });
      assert.equal(route.queueDatas[0]!.brokerName, name);
      assert.deepEqual(route.filterServerTable, new Map([[addr, [name]]]));
      assert.deepEqual([...route.topicQueueMappingByBroker!.keys()], [name]);
      assert.deepEqual([...topicsOfCluster(world.tables, name)], [name, `${name}2`]);
      assert.deepEqual(systemTopics(world.tables), { topics: new Set([name]), brokerAddr: addr });
      assert.equal(await world.routes.wipeWritePerm(name), 2);
      world.routes.deleteTopic(`${name}2`, name);
      world.unregister({ name, cluster: name, addr });
      world.settle();
      assert.deepEqual(world.snapshot(), { topics: [], brokers: [], clusters: [], live: [] });
    }
  });

  it("finds nothing under names that objects have of themselves", async () => {
    const world = new RouteWorld();
    world.register();
    for (const name of ["__proto__", "constructor", "toString"]) {
      assert.equal(pickupTopicRoute(world.tables, name, PLAIN), undefined);
      assert.deepEqual([...topicsOfCluster(world.tables, name)], []);
      assert.equal(await world.routes.wipeWritePerm(name), 0);
    }
  });

  it("finds an empty address, which does not count as one that was there before", () => {
    const world = new RouteWorld();
    world.register({ addr: "", version: 1 });
    assert.deepEqual(groups(pickup(world, "T1")), { a: { 0: "" } });
    world.register({ name: "b", addr: "y", version: 1 });
    world.register({ addr: "y", topics: [topic("T1", { perm: 4 }), "T2"], version: 1 });
    assert.equal(world.perm("T1"), 4);
  });
});

describe("pickupTopicRouteData, the acting master", () => {
  function masterless(acting: boolean): RouteWorld {
    const world = new RouteWorld();
    const topics = ["T1", "T2", `${SYNC_BROKER_MEMBER_PREFIX}a`];
    for (const id of [0, 2, 3]) world.register({ id, topics, acting });
    world.register({ name: "b", topics, acting });
    world.unregister({ id: 0 });
    world.settle();
    return world;
  }

  it("is the smallest id of a group without master, shown as id 0", () => {
    const world = masterless(true);
    assert.deepEqual(groups(pickup(world, "T1", ACTING)), {
      a: { 0: "a:2", 3: "a:3" },
      b: { 0: "b:0" },
    });
    assert.deepEqual(world.addrs(), { 2: "a:2", 3: "a:3" });
  });

  it("is not shown while supportActingMaster is off", () => {
    assert.deepEqual(groups(pickup(masterless(true), "T1", PLAIN)).a, { 2: "a:2", 3: "a:3" });
  });

  it("is not shown for groups without enableActingMaster, even if the topic is not writable", () => {
    const world = masterless(false);
    world.routes.wipeWritePerm("a");
    assert.deepEqual(groups(pickup(world, "T1", ACTING)).a, { 2: "a:2", 3: "a:3" });
  });

  it("is not shown for a topic that may be written, and is for another of the group", () => {
    const world = masterless(true);
    world.routes.registerTopic("T1", [
      { brokerName: "a", perm: 6, readQueueNums: 1, writeQueueNums: 1, topicSysFlag: 0 },
    ]);
    assert.deepEqual(groups(pickup(world, "T1", ACTING)).a, { 2: "a:2", 3: "a:3" });
    assert.deepEqual(groups(pickup(world, "T2", ACTING)).a, { 0: "a:2", 3: "a:3" });
  });

  it("is not shown for the topic by which brokers learn of their group", () => {
    const name = `${SYNC_BROKER_MEMBER_PREFIX}a`;
    assert.deepEqual(groups(pickup(masterless(true), name, ACTING)).a, { 2: "a:2", 3: "a:3" });
  });
});

describe("filterByZone", () => {
  function zones(): RouteWorld {
    const world = new RouteWorld();
    world.register({ name: "mine", zone: "Zone1", filterServers: ["f1"] });
    world.register({ name: "other", zone: "zone2", filterServers: ["f2"] });
    world.register({ name: "none", filterServers: ["f3"], mappings: [mapping("T1", "none")] });
    world.register({ name: "masterless", id: 1, zone: "zone2", acting: true });
    return world;
  }

  it("keeps the zone's own groups, without regard to case, and those without a master", () => {
    const route = filterByZone(pickup(zones(), "T1"), "zONE1");
    assert.deepEqual(Object.keys(groups(route)), ["masterless", "mine"]);
    assert.deepEqual(route.queueDatas.map((it) => it.brokerName), ["masterless", "mine"]);
    assert.deepEqual(route.filterServerTable, new Map([["mine:0", ["f1"]]]));
    assert.deepEqual([...route.topicQueueMappingByBroker!.keys()], ["none"]);
  });

  it("drops a group whose acting master stands as its master", () => {
    const route = filterByZone(pickup(zones(), "T1", ACTING), "zone1");
    assert.deepEqual(Object.keys(groups(route)), ["mine"]);
  });

  it("may leave nothing", () => {
    const world = new RouteWorld();
    world.register({ zone: "zone2", filterServers: ["f"] });
    const route = filterByZone(pickup(world, "T1"), "zone1");
    assert.deepEqual([route.brokerDatas, route.queueDatas, [...route.filterServerTable]], [
      [],
      [],
      [],
    ]);
  });

  it("leaves the route as it is, and the tables", () => {
    const world = zones();
    const before = world.snapshot();
    const route = pickup(world, "T1");
    filterByZone(route, "zone1");
    assert.equal(route.brokerDatas.length, 4);
    assert.deepEqual(world.snapshot(), before);
  });
});

describe("permissions of a broker", () => {
  it("are wiped and added on all topics of the name, and counted", async () => {
    const world = new RouteWorld();
    world.register({
      name: "a",
      topics: ["T1", topic("T2", { perm: 7 }), topic("T3", { perm: 2 })],
    });
    world.register({ name: "b" });
    assert.equal(await world.routes.wipeWritePerm("a"), 3);
    assert.deepEqual(["T1", "T2", "T3"].map((it) => world.perm(it)), [4, 5, 0]);
    assert.equal(await world.routes.wipeWritePerm("a"), 3);
    assert.equal(await world.routes.addWritePerm("a"), 3);
    assert.deepEqual(["T1", "T2", "T3"].map((it) => world.perm(it)), [6, 6, 6]);
    assert.equal(world.perm("T1", "b"), 6);
    assert.equal(await world.routes.wipeWritePerm("nobody"), 0);
    assert.equal(await world.routes.addWritePerm("nobody"), 0);
  });

  it("reach every topic, wherever the broker stands among those that have it", async () => {
    const world = new RouteWorld();
    const many = Array.from({ length: 20 }, (_, i) => `T${i}`);
    world.register({ name: "a", topics: many.filter((_, i) => i % 2 === 0) });
    world.register({ name: "b", topics: many.filter((_, i) => i % 3 === 0) });
    world.register({ name: "c", topics: many });
    world.register({ name: "d", topics: many });
    world.unregister({ name: "b" });
    world.settle();
    assert.equal(await world.routes.wipeWritePerm("d"), 20);
    assert.equal(await world.routes.wipeWritePerm("a"), 10);
    assert.deepEqual(many.map((it) => world.perm(it, "d")), many.map(() => 4));
    assert.deepEqual(many.map((it) => world.perm(it, "c")), many.map(() => 6));
    world.unregister({ name: "c" });
    world.settle();
    assert.deepEqual(
      many.map((it) => world.tables.queueDatas(it)!.map((data) => data.brokerName).sort()),
      many.map((_, i) => i % 2 === 0 ? ["a", "d"] : ["d"]),
    );
  });
});

describe("registerTopic and deleteTopic", () => {
  const data = (brokerName: string, perm = 6) => ({
    brokerName,
    perm,
    readQueueNums: 1,
    writeQueueNums: 1,
    topicSysFlag: 0,
  });

  it("adds and replaces queue data of brokers that are known", () => {
    const world = new RouteWorld();
    world.register({ name: "a" });
    world.register({ name: "b" });
    world.routes.registerTopic("New", [data("a"), data("b")]);
    world.routes.registerTopic("New", [data("b", 4)]);
    assert.deepEqual(world.tables.queueDatas("New"), [data("a"), data("b", 4)]);
  });

  it("changes nothing when one broker is unknown, or no queue data is given", () => {
    const world = new RouteWorld();
    world.register();
    const before = world.snapshot();
    world.routes.registerTopic("New", [data("a"), data("nobody")]);
    world.routes.registerTopic("T1", [data("a", 4), data("nobody")]);
    world.routes.registerTopic("New", []);
    assert.deepEqual(world.snapshot(), before);
    assert.deepEqual(world.log.namesAt("WARN"), [
      "topic not registered: unknown broker",
      "topic not registered: unknown broker",
    ]);
  });

  it("deletes a topic everywhere, or on one cluster's brokers", () => {
    const world = new RouteWorld();
    world.register({ name: "a", cluster: "C" });
    world.register({ name: "b", cluster: "D" });
    world.routes.deleteTopic("T1", "C");
    assert.deepEqual(world.tables.queueDatas("T1")!.map((it) => it.brokerName), ["b"]);
    world.routes.deleteTopic("T1", "nowhere");
    assert.deepEqual(world.topics(), ["T1", "T2"]);
    world.routes.deleteTopic("T1", "D");
    assert.deepEqual(world.topics(), ["T2"]);
    world.routes.deleteTopic("T2");
    world.routes.deleteTopic("T2");
    world.routes.deleteTopic("T3", "C");
    assert.deepEqual(world.topics(), []);
    assert.equal(world.log.namesAt("INFO").filter((it) => it === "topic deleted").length, 3);
  });
});

describe("topic lists", () => {
  it("of a cluster names each topic once", () => {
    const world = new RouteWorld();
    world.register({ name: "a", cluster: "C", topics: ["T1", "T2"] });
    world.register({ name: "b", cluster: "C", topics: ["T2", "T3"] });
    world.register({ name: "c", cluster: "D", topics: ["T3", "T4"] });
    assert.deepEqual([...topicsOfCluster(world.tables, "C")], ["T1", "T2", "T3"]);
    assert.deepEqual([...topicsOfCluster(world.tables, "D")], ["T3", "T4"]);
    assert.deepEqual([...topicsOfCluster(world.tables, "E")], []);
  });

  it("of units go by the flags of the first queue data", () => {
    const world = new RouteWorld();
    const flagged = [0, 1, 2, 3, 4, 7].map((flag) => topic(`F${flag}`, { topicSysFlag: flag }));
    world.register({ name: "a", topics: flagged });
    world.register({ name: "b", topics: flagged.map((it) => ({ ...it, topicSysFlag: 3 })) });
    assert.deepEqual([...unitTopics(world.tables)], ["F1", "F3", "F7"]);
    assert.deepEqual([...unitSubTopics(world.tables)], ["F2", "F3", "F7"]);
    assert.deepEqual([...unitSubUnunitTopics(world.tables)], ["F2"]);
  });

  it("of the system are the names of clusters and brokers, each once, and an address", () => {
    const world = new RouteWorld();
    assert.deepEqual(systemTopics(world.tables), { topics: new Set() });
    world.register({ name: "a", cluster: "C" });
    world.register({ name: "C", cluster: "C" });
    world.register({ name: "b", cluster: "D" });
    assert.deepEqual(systemTopics(world.tables), {
      topics: new Set(["C", "a", "D", "b"]),
      brokerAddr: "a:0",
    });
  });
});
