import assert from "node:assert/strict";
import { beforeEach, describe, it } from "@std/testing/bdd";
import { ChangeCollector } from "../../../src/watch/change_collector.ts";
import type { ChangeEvent } from "../../../src/watch/events.ts";
import {
  type BrokerSays,
  FakeConnection,
  mapping,
  restoreBroker,
  RouteWorld,
  topic,
} from "../../support/route_world.ts";

let world: RouteWorld;
let kv: Map<string, string>;
let collector: ChangeCollector;
let options: { supportActingMaster: boolean; watchNamedTopics: number };
let calls: number;

function setUp(): void {
  world = new RouteWorld();
  kv = new Map();
  options = { supportActingMaster: false, watchNamedTopics: 3 };
  calls = 0;
  collector = new ChangeCollector({
    tables: world.tables,
    kv: { get: (namespace, key) => kv.get(`${namespace}/${key}`) },
    options,
    changed: () => calls++,
  });
  world.tables.subscribe(collector);
  world.tables.subscribeBrokers(collector);
  world.routes.subscribe(collector);
}

/** Each event in words. */
function taken(): string[] {
  return [...collector.take()].map(({ name, subject, fields }: ChangeEvent) =>
    [name, subject.brokerName, subject.topic, ...Object.values(fields)]
      .filter((it) => it !== undefined)
      .map((it) => typeof it === "object" && it !== null ? JSON.stringify(it) : it)
      .join(" ")
  );
}

/** Registers, and forgets the events about it. */
function register(broker: BrokerSays): void {
  world.register(broker);
  taken();
}

describe("ChangeCollector", () => {
  beforeEach(setUp);

  it("tells brokers and topics that came", () => {
    world.register({ topics: ["T1", "T2"] });
    assert.deepEqual(taken(), [
      "brokerUp a a:0 0 master",
      "topicAdded a T1 8 8 6 0",
      "topicAdded a T2 8 8 6 0",
    ]);
    assert.deepEqual(taken(), []);
  });

  it("tells nothing of heartbeats and registrations that change nothing", () => {
    register({ topics: ["T1", "T2"] });
    world.register({ topics: ["T1", "T2"] });
    world.routes.heartbeat({ clusterName: "C", brokerName: "a", brokerAddr: "a:0" });
    assert.equal(collector.waiting, false);
    assert.equal(calls, 1);
  });

  it("tells topics that changed, also by a static mapping, and that went", () => {
    register({ topics: ["T1", "T2"] });
    const narrow = topic("T1", { writeQueueNums: 4 });
    world.register({ topics: [narrow, "T2"], version: 2, mappings: [mapping("T2", "a")] });
    assert.deepEqual(taken(), ["topicChanged a T1 8 4 6 0", "topicChanged a T2 8 8 6 0"]);
    world.routes.deleteTopic("T1");
    assert.deepEqual(taken(), ["topicRemoved a T1"]);
  });

  it("counts the topics of a broker beyond those that it names", () => {
    const topics = Array.from({ length: 1000 }, (_, i) => `T${i}`);
    world.register({ topics });
    world.register({ name: "b", topics: ["T1", "T2"] });
    assert.deepEqual(taken(), [
      "brokerUp a a:0 0 master",
      "topicsChanged a 1000 0 0",
      "brokerUp b b:0 0 master",
      "topicAdded b T1 8 8 6 0",
      "topicAdded b T2 8 8 6 0",
    ]);
    world.unregister();
    world.settle();
    assert.deepEqual(taken(), [
      "brokerDown a a:0 0 master unregistered",
      "topicsChanged a 0 0 1000",
    ]);
  });

  it("joins changes that come together: the first and the last state count", () => {
    register({ topics: ["T1", "T2", "T3"] });
    world.routes.deleteTopic("T1");
    world.register({ topics: ["T1", "T2", "T3", "T4"], version: 2 });
    world.routes.deleteTopic("T2");
    world.routes.deleteTopic("T4");
    assert.deepEqual(taken(), ["topicChanged a T1 8 8 6 0", "topicRemoved a T2"]);
    const connection = new FakeConnection();
    register({ name: "b", connection });
    world.routes.disconnected(connection);
    world.settle();
    world.register({ name: "b" });
    assert.deepEqual(
      taken().filter((it) => it.startsWith("broker")),
      [],
    );
  });

  it("tells why a broker went, and its cluster when it is gone", () => {
    const connection = new FakeConnection();
    register({ connection, topics: ["T1", "T2"] });
    register({ id: 1, timeout: 1000, topics: ["T1", "T2"] });
    world.clock.paused += 5000;
    world.routes.scan();
    world.settle();
    assert.deepEqual(taken(), ["brokerDown a a:1 1 slave heartbeat timeout"]);
    world.routes.disconnected(connection);
    world.settle();
    const events = [...collector.take()];
    assert.deepEqual(events.map(({ name }) => name), [
      "brokerDown",
      "topicRemoved",
      "topicRemoved",
    ]);
    assert.equal(events[0]!.fields.reason, "connection lost");
    assert.deepEqual([...new Set(events.map(({ subject }) => subject.cluster))], ["C"]);
  });

  it("names the cluster of topics that go in turns after their broker", () => {
    const connection = new FakeConnection();
    register({ connection, topics: Array.from({ length: 2000 }, (_, i) => `T${i}`) });
    world.stepMillis = 2;
    world.routes.disconnected(connection);
    const events: ChangeEvent[] = [];
    for (let turns = 0; turns < 1000 && world.turn(); turns++) events.push(...collector.take());
    events.push(...collector.take());
    assert.ok(events.length > 2);
    assert.equal(world.tables.topicCount, 0);
    assert.deepEqual([...new Set(events.map(({ subject }) => subject.cluster))], ["C"]);
  });

  it("tells roles that changed: acting masters, another id, another address", () => {
    options.supportActingMaster = true;
    register({ acting: true });
    register({ id: 1, acting: true });
    world.unregister();
    world.settle();
    const former = '{"brokerId":1,"role":"slave"}';
    assert.deepEqual(taken().filter((it) => !it.startsWith("topic")), [
      "brokerDown a a:0 0 master unregistered",
      `roleChanged a a:1 1 actingMaster ${former}`,
    ]);
    world.register({ id: 0, addr: "a:1", acting: true, version: 2 });
    assert.match(
      taken().join(),
      /roleChanged a a:1 0 master \{"brokerId":1,"role":"actingMaster"\}/,
    );
    world.register({ id: 0, addr: "new:1", acting: true, version: 3 });
    assert.deepEqual(taken().slice(0, 2), [
      "brokerDown a a:1 0 master ",
      "brokerUp a new:1 0 master",
    ]);
    register({ id: 5, addr: "a:5", name: "s", acting: true });
    options.supportActingMaster = false;
    collector.rolesChanged();
    assert.deepEqual(taken(), ['roleChanged s a:5 5 slave {"brokerId":5,"role":"actingMaster"}']);
  });

  it("tells restored brokers from those that came, and when they are heard", () => {
    restoreBroker(world, { topics: ["T1", "T2"] });
    restoreBroker(world, { name: "b", topics: [] });
    assert.deepEqual(taken(), [
      "brokerRestored a a:0 0 master",
      "topicAdded a T1 8 8 6 0",
      "topicAdded a T2 8 8 6 0",
      "brokerRestored b b:0 0 master",
    ]);
    world.register({ topics: ["T1", "T2"] });
    assert.deepEqual(taken(), ["brokerConfirmed a a:0 0 master"]);
    world.routes.refused({ clusterName: "C", brokerName: "b", brokerAddr: "b:0" });
    world.settle();
    assert.deepEqual(taken(), [
      "brokerDown b b:0 0 master restored, but its address refuses connections",
    ]);
  });

  it("tells ids without loss of digits", () => {
    world.register({ id: 2n ** 62n, addr: "x:1", topics: [] });
    assert.deepEqual(taken(), ["brokerUp a x:1 4611686018427387904 slave"]);
  });

  it("tells permissions that were wiped and granted, once for all topics", async () => {
    register({ topics: ["T1", "T2", "T3", "T4"] });
    await world.routes.wipeWritePerm("a");
    assert.deepEqual(taken(), ["permissionWiped a 4", "topicsChanged a 0 4 0"]);
    await world.routes.addWritePerm("a");
    assert.deepEqual(taken(), ["permissionGranted a 4", "topicsChanged a 0 4 0"]);
    await world.routes.wipeWritePerm("nope");
    assert.deepEqual(taken(), []);
  });

  it("tells changes of the KV table, and counts those beyond the ones that it names", () => {
    kv.set("N/k1", "v");
    for (const key of ["k1", "k2", "k1"]) collector.kvChanged("N", key);
    for (let i = 0; i < 10; i++) collector.kvChanged("many", `k${i}`);
    assert.deepEqual(taken(), [
      "kvChanged N k1 false",
      "kvChanged N k2 true",
      "kvNamespaceChanged many 10",
    ]);
    assert.equal(collector.waiting, false);
  });

  it("tells options that have another value", () => {
    collector.configChanged([
      { key: "a", before: "1", after: "2" },
      { key: "same", before: "1", after: "1" },
    ]);
    assert.deepEqual(taken(), ["configChanged a 1 2"]);
    collector.configChanged([{ key: "same", before: "1", after: "1" }]);
    assert.equal(collector.waiting, false);
  });

  it("leaves what comes while it takes for the next time", () => {
    world.register({ topics: ["T1", "T2"] });
    const steps = collector.take();
    assert.equal(steps.next().value?.name, "brokerUp");
    world.register({ topics: ["T1", "T2", "T3"], version: 2 });
    assert.deepEqual([...steps].map(({ subject }) => subject.topic), ["T1", "T2"]);
    assert.equal(collector.waiting, true);
    assert.deepEqual(taken(), ["topicAdded a T3 8 8 6 0"]);
  });

  it("asks for its events once until they are taken", () => {
    world.register({ name: "a" });
    world.register({ name: "b" });
    collector.kvChanged("N", "K");
    assert.equal(calls, 1);
    taken();
    collector.kvChanged("N", "K");
    assert.equal(calls, 2);
  });
});
