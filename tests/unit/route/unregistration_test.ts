import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Perm } from "../../../src/protocol/codes.ts";
import { FakeConnection, RouteWorld, topic, version } from "../../support/route_world.ts";

describe("unregisterBroker", () => {
  it("happens in a batch, later", () => {
    const world = new RouteWorld();
    world.register({ name: "a" });
    world.register({ name: "b" });
    const before = world.snapshot();
    world.unregister({ name: "a" });
    world.unregister({ name: "b" });
    assert.deepEqual(world.snapshot(), before);
    assert.equal(world.deferred, 1);
    world.settle();
    assert.deepEqual(world.snapshot(), { topics: [], brokers: [], clusters: [], live: [] });
  });

  it("happens before the next registration: what comes back stays", () => {
    const world = new RouteWorld();
    world.register();
    world.unregister();
    world.register();
    world.settle();
    assert.deepEqual(world.addrs(), { 0: "a:0" });
    assert.notEqual(world.tables.liveBroker("C", "a", "a:0"), undefined);
  });

  it("takes a name that is left without addresses out of every table", () => {
    const world = new RouteWorld();
    world.register({ name: "a", topics: ["T1", "T2"], filterServers: ["f"] });
    world.register({ name: "b", topics: ["T2", "T3"] });
    world.unregister({ name: "a" });
    world.settle();
    assert.equal(world.tables.broker("a"), undefined);
    assert.equal(world.tables.liveBroker("C", "a", "a:0"), undefined);
    assert.equal(world.tables.filterServers("a", "a:0"), undefined);
    assert.deepEqual([...world.tables.clusters()], [["C", new Set(["b"])]]);
    assert.deepEqual(world.topics(), ["T2", "T3"]);
    assert.deepEqual(world.tables.queueDatas("T2")!.map((it) => it.brokerName), ["b"]);
  });

  it("leaves the others of a group where they are", () => {
    const world = new RouteWorld();
    world.register({ id: 0, filterServers: ["f0"] });
    world.register({ id: 1, filterServers: ["f1"] });
    world.unregister({ id: 0 });
    world.settle();
    assert.deepEqual(world.addrs(), { 1: "a:1" });
    assert.deepEqual(world.topics(), ["T1", "T2"]);
    assert.equal(world.tables.filterServers("a", "a:0"), undefined);
    assert.deepEqual(world.tables.filterServers("a", "a:1"), ["f1"]);
  });

  it("forgets a whole group in one batch", () => {
    const world = new RouteWorld();
    for (const id of [0, 1, 2]) world.register({ id, acting: true });
    for (const id of [1, 0, 2]) world.unregister({ id });
    world.settle();
    assert.deepEqual(world.snapshot(), { topics: [], brokers: [], clusters: [], live: [] });
    assert.deepEqual(world.notified, []);
  });

  it("changes nothing for a name, or an address, that is not there", () => {
    const world = new RouteWorld();
    world.register({ id: 0, acting: true });
    world.register({ id: 1, acting: true });
    const before = world.snapshot();
    world.unregister({ name: "nobody", addr: "a:0" });
    world.unregister({ name: "a", id: 0, addr: "elsewhere" });
    world.settle();
    assert.deepEqual(world.snapshot(), before);
    assert.deepEqual(world.notified, []);
  });

  it("forgets an address whatever cluster is named", () => {
    const world = new RouteWorld();
    world.register();
    world.unregister({ cluster: "wrong" });
    world.settle();
    assert.deepEqual(world.snapshot(), { topics: [], brokers: [], clusters: [], live: [] });
  });

  it("forgets the live entry of an address that was replaced under its id", () => {
    const world = new RouteWorld();
    world.register({ addr: "x", acting: true });
    world.register({ addr: "y", acting: true, topics: ["T1", "T2"] });
    world.unregister({ addr: "x" });
    world.settle();
    assert.equal(world.tables.liveBroker("C", "a", "x"), undefined);
    assert.deepEqual(world.addrs(), { 0: "y" });
    assert.equal(world.perm("T1"), 6);
  });

  it("refuses what its queue has no room for", () => {
    const world = new RouteWorld();
    world.options.unRegisterBrokerQueueCapacity = 2;
    for (const id of [0, 1, 2]) world.register({ id });
    assert.equal(world.unregister({ id: 0 }), true);
    assert.equal(world.unregister({ id: 1 }), true);
    assert.equal(world.unregister({ id: 2 }), false);
    world.settle();
    assert.deepEqual(world.addrs(), { 2: "a:2" });
    assert.equal(world.unregister({ id: 2 }), true);
    world.options.unRegisterBrokerQueueCapacity = 1;
    assert.equal(world.unregister({ id: 2 }), false);
    world.settle();
    assert.deepEqual(world.addrs(), {});
  });

  it("has room for lost connections, however many were asked for", () => {
    const world = new RouteWorld();
    world.options.unRegisterBrokerQueueCapacity = 1;
    const connection = new FakeConnection();
    world.register({ name: "a" });
    for (const name of ["b", "c", "d"]) world.register({ name, connection });
    world.unregister({ name: "a" });
    world.routes.disconnected(connection);
    world.settle();
    assert.deepEqual([...world.tables.brokers()], []);
  });
});

describe("unregisterBroker, a group without its master", () => {
  it("loses the write bit where enableActingMaster is on", () => {
    const world = new RouteWorld();
    const topics = [topic("T1", { perm: Perm.READ | Perm.WRITE | Perm.INHERIT }), "T2"];
    world.register({ id: 0, topics, acting: true });
    world.register({ id: 1, topics, acting: true });
    world.register({ name: "b", topics });
    world.unregister({ id: 0 });
    world.settle();
    assert.equal(world.perm("T1"), 5);
    assert.equal(world.perm("T2"), 4);
    assert.equal(world.perm("T1", "b"), 7);
  });

  it("keeps it where enableActingMaster is off, and where a slave left", () => {
    const world = new RouteWorld();
    world.register({ name: "a", id: 0, acting: false });
    world.register({ name: "a", id: 1, acting: false });
    world.register({ name: "b", id: 0, acting: true });
    world.register({ name: "b", id: 1, acting: true });
    world.unregister({ name: "a", id: 0 });
    world.unregister({ name: "b", id: 1 });
    world.settle();
    assert.equal(world.perm("T1", "a"), 6);
    assert.equal(world.perm("T1", "b"), 6);
  });
});

describe("unregisterBroker, notifications", () => {
  function group(acting: boolean): RouteWorld {
    const world = new RouteWorld();
    for (const id of [0, 1, 2]) world.register({ id, acting });
    return world;
  }

  it("is all that is left of a group whose smallest id left", () => {
    const world = group(true);
    world.unregister({ id: 0 });
    world.settle();
    assert.deepEqual(world.notified, [{
      brokerName: "a",
      minBrokerId: 1,
      minBrokerAddr: "a:1",
      offlineBrokerAddr: "a:0",
      notify: ["a:1", "a:2"],
    }]);
  });

  it("hears once of a batch, of the last one that was the smallest", () => {
    const world = group(true);
    world.unregister({ id: 0 });
    world.unregister({ id: 1 });
    world.settle();
    assert.deepEqual(world.notified, [{
      brokerName: "a",
      minBrokerId: 2,
      minBrokerAddr: "a:2",
      offlineBrokerAddr: "a:1",
      notify: ["a:2"],
    }]);
  });

  it("are none when a larger id left, or the whole group", () => {
    const world = group(true);
    world.unregister({ id: 2 });
    world.settle();
    world.unregister({ id: 0 });
    world.unregister({ id: 1 });
    world.settle();
    assert.deepEqual(world.notified, []);
  });

  it("are none without enableActingMaster", () => {
    const world = group(false);
    world.unregister({ id: 0 });
    world.settle();
    assert.deepEqual(world.notified, []);
  });

  it("are none while notifyMinBrokerIdChanged is off", () => {
    const world = group(true);
    world.options.notifyMinBrokerIdChanged = false;
    world.unregister({ id: 0 });
    world.settle();
    assert.deepEqual(world.notified, []);
  });

  it("are none when the address of the smallest id was replaced before", () => {
    const world = group(true);
    world.register({ id: 0, addr: "new", acting: true, version: version(1, 1) });
    world.unregister({ id: 0, addr: "a:0" });
    world.settle();
    assert.deepEqual(world.notified, []);
    assert.deepEqual(world.addrs(), { 0: "new", 1: "a:1", 2: "a:2" });
  });
});
