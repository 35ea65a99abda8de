import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  encodeClusterInfo,
  encodeTopicList,
  encodeTopicRoute,
} from "../../../src/protocol/route_data.ts";
import { pickupTopicRoute } from "../../../src/route/topic_route.ts";
import { chance } from "../../support/chance.ts";
import { FakeConnection, mapping, RouteWorld, version } from "../../support/route_world.ts";

const NAMES = ["a", "b", "__proto__"];
const CLUSTERS = ["C", "D"];
const ADDRS = ["w", "x", "y", "z"];
const TOPICS = ["T1", "T2", "T3", "T4", "constructor"];

/** One action of a broker, an operator or the network. */
function step(world: RouteWorld, connections: FakeConnection[], below: (n: number) => number) {
  const one = <T>(of: readonly T[]): T => of[below(of.length)]!;
  const some = () => TOPICS.filter(() => below(2) === 0);
  const broker = { name: one(NAMES), cluster: one(CLUSTERS), id: below(3), addr: one(ADDRS) };
  switch (below(10)) {
    case 0:
      return world.unregister(broker);
    case 1:
      return world.settle();
    case 2:
      return world.routes.disconnected(one(connections));
    case 3:
      return below(2) === 0
        ? world.routes.deleteTopic(one(TOPICS), below(2) === 0 ? one(CLUSTERS) : undefined)
        : world.routes.registerTopic(one(TOPICS), [{
          brokerName: one(NAMES),
          perm: 6,
          readQueueNums: below(3),
          writeQueueNums: 1,
          topicSysFlag: 0,
        }]);
    case 4:
      return below(2) === 0
        ? world.routes.wipeWritePerm(broker.name)
        : world.routes.addWritePerm(broker.name);
    case 5:
      world.options.deleteTopicWithBrokerRegistration = below(2) === 0;
      return world.routes.heartbeat({
        clusterName: broker.cluster,
        brokerName: broker.name,
        brokerAddr: broker.addr,
      });
    default:
      return world.register({
        ...broker,
        topics: some(),
        version: version(below(2), below(2)),
        acting: one([undefined, false, true]),
        zone: one([undefined, "z"]),
        filterServers: one([undefined, [], ["f"], ["f", "g"]]),
        mappings: below(3) === 0 ? [mapping(one(TOPICS), one(NAMES), below(3))] : undefined,
        connection: one(connections),
      });
  }
}

/**
 * Checks the invariants of semantics.md, and that no entry is left that nothing would ever remove.
 */
function check(world: RouteWorld): void {
  const { tables } = world;
  const names = new Set<string>();
  for (const { brokerName, brokerAddrs, cluster } of tables.brokers()) {
    names.add(brokerName);
    assert.ok(brokerAddrs.size > 0, "a broker name without addresses");
    const addrs = [...brokerAddrs.values()];
    assert.equal(new Set(addrs).size, addrs.length, "an address under two ids");
    assert.ok(tables.cluster(cluster)?.has(brokerName), "a broker name without its cluster");
    for (const addr of addrs) {
      const live = CLUSTERS.map((it) => tables.liveBroker(it, brokerName, addr));
      assert.ok(live.some((it) => it !== undefined), "an address without a live entry");
    }
  }
  for (const [, members] of tables.clusters()) {
    assert.ok(members.size > 0, "a cluster without names");
    for (const name of members) {
      assert.ok(names.has(name), "a cluster's broker name without brokers");
    }
  }
  const topicCounts = new Map<string, number>();
  for (const topic of tables.topics()) {
    const queueDatas = tables.queueDatas(topic)!;
    assert.ok(queueDatas.length > 0, "a topic without queue data");
    const of = queueDatas.map((it) => it.brokerName);
    assert.equal(new Set(of).size, of.length, "a broker twice in a topic");
    for (const name of of) {
      assert.ok(names.has(name), "queue data of an unknown broker");
      topicCounts.set(name, (topicCounts.get(name) ?? 0) + 1);
    }
  }
  for (const name of NAMES) {
    assert.equal(tables.topicCountOf(name), topicCounts.get(name) ?? 0, "miscounted topics");
  }
  const queueDatas = topicCounts.values().reduce((sum, count) => sum + count, 0);
  assert.equal(tables.queueDataCount, queueDatas, "miscounted queue data");
  for (const topic of TOPICS) {
    if (tables.queueDatas(topic) === undefined) {
      assert.equal(tables.mappings(topic), undefined, "a mapping of a topic without brokers");
    }
  }
  for (const name of NAMES) {
    for (const addr of ADDRS) {
      if (tables.filterServers(name, addr) === undefined) continue;
      const live = CLUSTERS.map((it) => tables.liveBroker(it, name, addr));
      assert.ok(live.some((it) => it !== undefined), "filter servers of an unknown broker");
    }
  }
  checkAnswers(world);
  for (const live of tables.liveBrokers()) {
    assert.ok([...tables.liveBrokersOf(live.connection!)].includes(live), "a connection's broker");
  }
}

/** Checks that what is counted is as large as the answers, and not much larger. */
function checkAnswers({ tables }: RouteWorld): void {
  const near = (counted: number, { length }: Uint8Array, room: number, what: string) => {
    assert.ok(counted + 60 >= length && counted <= length + room, `${what}: ${counted}, ${length}`);
  };
  const brokers = [...tables.brokers()];
  const addrs = brokers.reduce((sum, { brokerAddrs }) => sum + brokerAddrs.size, 0);
  const info = encodeClusterInfo(brokers, tables.clusters());
  near(tables.clusterInfoBytes, info, 40 * (addrs + brokers.length), "cluster info");
  near(tables.topicListBytes, encodeTopicList(tables.topics()), 0, "topic list");
  for (const topic of TOPICS) {
    const route = pickupTopicRoute(tables, topic, { supportActingMaster: true });
    if (route === undefined) continue;
    const own = { ...route, brokerDatas: [], filterServerTable: new Map() };
    const room = 80 * (route.queueDatas.length + (route.topicQueueMappingByBroker?.size ?? 0));
    near(tables.routeBytesOf(topic), encodeTopicRoute(own, "standard"), room, "route");
  }
}

const text = new TextDecoder();

/** Checks that every cached route equals a newly encoded one. */
function checkCache(world: RouteWorld): void {
  for (const topic of TOPICS) {
    const route = pickupTopicRoute(world.tables, topic, { supportActingMaster: true });
    const fresh = route === undefined ? undefined : encodeTopicRoute(route, "standard");
    const cached = world.cache.get(topic, "standard");
    if (cached !== undefined) {
      assert.equal(text.decode(cached), text.decode(fresh), `the cached route of ${topic}`);
    } else if (fresh !== undefined) world.cache.set(topic, "standard", fresh);
  }
}

describe("RouteTables, after whatever happens", () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`keep their invariants and a true cache (seed ${seed})`, () => {
      const below = chance(seed);
      const world = new RouteWorld();
      const connections = [new FakeConnection(), new FakeConnection(), new FakeConnection()];
      for (let i = 0; i < 1500; i++) {
        step(world, connections, below);
        check(world);
        checkCache(world);
      }
      for (const connection of connections) world.routes.disconnected(connection);
      world.settle();
      assert.deepEqual(world.snapshot(), { topics: [], brokers: [], clusters: [], live: [] });
      const { clusterInfoBytes, filterServerBytes, topicListBytes, heapBytes } = world.tables;
      assert.deepEqual([clusterInfoBytes, filterServerBytes, topicListBytes], [0, 0, 0]);
      assert.equal(heapBytes, new RouteWorld().tables.heapBytes);
    });
  }
});
