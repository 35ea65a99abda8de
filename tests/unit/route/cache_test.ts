import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { RouteCache } from "../../../src/route/route_cache.ts";
import { RouteTables } from "../../../src/route/tables.ts";
import { identity, mapping, RouteWorld, topic, version } from "../../support/route_world.ts";

const bytes = (length = 10) => new Uint8Array(length);

/** Caches a route of each of the topics. */
function fill(world: RouteWorld): void {
  for (const name of world.tables.topics()) world.cache.set(name, "standard", bytes());
}

/** Returns the topics that the cache lost since it was filled, and fills it again. */
function lost(world: RouteWorld): string[] {
  const names = world.topics().filter((name) => world.cache.get(name, "standard") === undefined);
  fill(world);
  return names;
}

describe("RouteCache, what invalidates a route", () => {
  let world: RouteWorld;

  beforeEach(() => {
    world = new RouteWorld();
    world.register({ name: "a", topics: ["T1", "T2"], acting: true, zone: "z" });
    world.register({ name: "b", topics: ["T2", "T3"], filterServers: ["f"] });
    fill(world);
    assert.deepEqual(lost(world), []);
  });

  it("is no registration that changes nothing, under the same data version or a new one", () => {
    world.register({ name: "b", topics: ["T2", "T3"], filterServers: ["f"] });
    world.register({ name: "b", topics: ["T2", "T3"], filterServers: ["f"], version: 2 });
    world.register({ name: "b", topics: ["T2", "T3"], ha: "other", timeout: 5, version: 3 });
    world.register({ name: "b", topics: [], version: 4 });
    assert.deepEqual(lost(world), []);
  });

  it("is a topic that changed, alone among 10 000", () => {
    const many = Array.from({ length: 10_000 }, (_, i) => topic(`M${i}`));
    world.register({ name: "c", topics: many });
    // The fixture's cache holds only some of them, so this listener hears from the tables directly.
    const heard: string[] = [];
    const tables = new RouteTables();
    tables.subscribe({
      topicChanged: (name) => heard.push(name),
      brokerChanged: (name) => heard.push(`broker ${name}`),
    });
    for (const { topicName, ...data } of many) {
      const { readQueueNums, writeQueueNums, perm, topicSysFlag } = data;
      const queueData = { brokerName: "c", readQueueNums, writeQueueNums, perm, topicSysFlag };
      tables.putQueueData(topicName, queueData);
    }
    heard.length = 0;
    for (const { topicName } of many) {
      const readQueueNums = topicName === "M5000" ? 9 : 8;
      tables.putQueueData(topicName, { ...tables.queueData("M0", "c")!, readQueueNums });
    }
    assert.deepEqual(heard, ["M5000"]);
  });

  it("is each field of a topic", () => {
    const changes = [
      { readQueueNums: 1 },
      { writeQueueNums: 1 },
      { perm: 4 },
      { topicSysFlag: 1 },
    ];
    for (const [i, change] of changes.entries()) {
      world.register({
        name: "a",
        topics: [topic("T1", change), "T2"],
        version: 2 * i + 2,
        acting: true,
        zone: "z",
      });
      assert.deepEqual(lost(world), ["T1"], JSON.stringify(change));
      world.register({ name: "a", version: 2 * i + 3, acting: true, zone: "z" });
      assert.deepEqual(lost(world), ["T1"], JSON.stringify(change));
    }
  });

  for (
    const [what, change] of [
      ["an address", { addr: "other" }],
      ["another id", { id: 1 }],
      ["an id that is switched", { id: 3, addr: "a:0" }],
      ["enableActingMaster", { acting: false }],
      ["a zone", { zone: "other" }],
      ["no zone", { zone: undefined }],
      ["filter servers", { filterServers: ["g"] }],
    ] as const
  ) {
    it(`is ${what}, for the topics of that broker`, () => {
      const filterServers = "filterServers" in change ? [...change.filterServers] : undefined;
      world.register({ name: "a", acting: true, zone: "z", ...change, filterServers });
      assert.deepEqual(lost(world), ["T1", "T2"]);
    });
  }

  it("is the order and the end of filter servers", () => {
    world.register({ name: "b", topics: ["T2", "T3"], filterServers: ["f", "g"] });
    assert.deepEqual(lost(world), ["T2", "T3"]);
    world.register({ name: "b", topics: ["T2", "T3"], filterServers: ["g", "f"] });
    assert.deepEqual(lost(world), ["T2", "T3"]);
    world.register({ name: "b", topics: ["T2", "T3"], filterServers: [] });
    assert.deepEqual(lost(world), ["T2", "T3"]);
    world.register({ name: "b", topics: ["T2", "T3"], filterServers: [] });
    assert.deepEqual(lost(world), []);
  });

  it("is a static mapping", () => {
    const flags = { acting: true, zone: "z" };
    world.register({ name: "a", version: 2, mappings: [mapping("T1", "a")], ...flags });
    assert.deepEqual(lost(world), ["T1"]);
    world.register({ name: "a", version: 2, mappings: [mapping("T1", "a", 2)], ...flags });
    assert.deepEqual(lost(world), []);
  });

  it("is a new broker, for the topics that it brings", () => {
    world.register({ name: "c", topics: ["T3", "T4"] });
    assert.deepEqual(lost(world), ["T3", "T4"]);
  });

  it("is a broker that left, for the topics that it had", () => {
    world.unregister({ name: "b" });
    world.settle();
    assert.equal(world.cache.get("T3", "standard"), undefined);
    assert.deepEqual(lost(world), ["T2"]);
  });

  it("is a slave that left", () => {
    world.register({ name: "a", id: 1, acting: true, zone: "z" });
    lost(world);
    world.unregister({ name: "a", id: 1 });
    world.settle();
    assert.deepEqual(lost(world), ["T1", "T2"]);
  });

  it("is a permission that was wiped or added, where that changes it", () => {
    world.routes.wipeWritePerm("b");
    assert.deepEqual(lost(world), ["T2", "T3"]);
    world.routes.wipeWritePerm("b");
    assert.deepEqual(lost(world), []);
    world.routes.addWritePerm("b");
    assert.deepEqual(lost(world), ["T2", "T3"]);
  });

  it("is a topic that was deleted, on some brokers or all", () => {
    world.routes.registerTopic("T1", [{ ...world.tables.queueData("T2", "b")! }]);
    assert.deepEqual(lost(world), ["T1"]);
    world.routes.deleteTopic("T2");
    assert.equal(world.cache.get("T2", "standard"), undefined);
    assert.deepEqual(lost(world), []);
  });

  it("is no refused or stale registration", () => {
    world.register({ name: "a", id: 1, topics: ["T1"] });
    world.register({ name: "a", version: version(2, 7), acting: true, zone: "z" });
    assert.deepEqual(lost(world), []);
    world.register({ name: "a", addr: "stale", acting: false });
    assert.deepEqual(lost(world), []);
  });

  it("is no heartbeat, scan or unregistration of an unknown broker", () => {
    world.routes.heartbeat(identity("C", "a", "a:0"));
    world.routes.scan();
    world.unregister({ name: "nobody" });
    world.unregister({ name: "a", addr: "nowhere" });
    world.settle();
    assert.deepEqual(lost(world), []);
  });
});

describe("RouteCache, its budget", () => {
  /** The size of an entry of a topic with a one-letter name and this many bytes. */
  function sizeOf(length: number): number {
    const cache = new RouteCache(new RouteTables(), () => Infinity);
    cache.set("x", "standard", bytes(length));
    return cache.size;
  }

  const kept = (cache: RouteCache, names: string) =>
    [...names].filter((name) => cache.get(name, "standard") !== undefined).join("");

  it("keeps each dialect of a topic, and drops them together", () => {
    const cache = new RouteCache(new RouteTables(), () => 10_000);
    const [first, second] = [bytes(1), bytes(2)];
    cache.set("T", "standard", first);
    assert.equal(cache.get("T", "fastjson"), undefined);
    cache.set("T", "fastjson", second);
    assert.equal(cache.get("T", "standard"), first);
    assert.equal(cache.get("T", "fastjson"), second);
    cache.topicChanged("T");
    assert.equal(cache.get("T", "standard"), undefined);
    assert.equal(cache.get("T", "fastjson"), undefined);
    assert.equal(cache.size, 0);
  });

  it("counts what it holds, at more than its bytes, and counts a replaced route once", () => {
    const cache = new RouteCache(new RouteTables(), () => 10_000);
    cache.set("x", "standard", bytes(100));
    assert.equal(cache.size, sizeOf(100));
    assert.ok(cache.size > 100);
    cache.set("x", "standard", bytes(300));
    assert.equal(cache.size, sizeOf(300));
    cache.set("x", "fastjson", bytes(50));
    assert.equal(cache.size, sizeOf(300) + 50);
    cache.set("y", "standard", bytes(300));
    assert.equal(cache.size, 2 * sizeOf(300) + 50);
    cache.topicChanged("x");
    assert.equal(cache.size, sizeOf(300));
    cache.clear();
    assert.equal(cache.size, 0);
    assert.equal(kept(cache, "xy"), "");
  });

  it("counts long names", () => {
    const cache = new RouteCache(new RouteTables(), () => 100_000);
    cache.set("x".repeat(65_536), "standard", bytes(1));
    assert.equal(cache.size, 0);
  });

  it("evicts what was stored longest ago and not asked for since", () => {
    const cache = new RouteCache(new RouteTables(), () => 3 * sizeOf(10));
    for (const name of "abc") cache.set(name, "standard", bytes());
    cache.get("a", "standard");
    cache.set("d", "standard", bytes());
    assert.equal(cache.size, 3 * sizeOf(10));
    // "a" was spared once, and this read spares it again.
    assert.equal(kept(cache, "abcd"), "acd");
  });

  it("spares an entry once for having been asked for", () => {
    const cache = new RouteCache(new RouteTables(), () => 2 * sizeOf(10));
    cache.set("a", "standard", bytes());
    cache.set("b", "standard", bytes());
    cache.get("a", "standard");
    cache.set("c", "standard", bytes());
    cache.set("d", "standard", bytes());
    assert.equal(kept(cache, "abcd"), "cd");
  });

  it("evicts even if all were asked for, and as many as it takes", () => {
    const cache = new RouteCache(new RouteTables(), () => 4 * sizeOf(10));
    for (const name of "abcd") {
      cache.set(name, "standard", bytes());
      cache.get(name, "standard");
    }
    cache.set("e", "standard", bytes(10 + sizeOf(10)));
    assert.equal(cache.size, 4 * sizeOf(10));
    assert.equal(kept(cache, "abcde"), "cde");
  });

  it("does not store what is larger than all of it, and loses nothing for it", () => {
    const cache = new RouteCache(new RouteTables(), () => 2 * sizeOf(10));
    cache.set("a", "standard", bytes());
    cache.set("b", "standard", bytes(1000));
    assert.equal(kept(cache, "ab"), "a");
  });

  it("follows a limit that changes", () => {
    let limit = 4 * sizeOf(10);
    const cache = new RouteCache(new RouteTables(), () => limit);
    for (const name of "abcd") cache.set(name, "standard", bytes());
    limit = 2 * sizeOf(10);
    cache.set("e", "standard", bytes());
    assert.equal(kept(cache, "abcde"), "de");
    limit = 0;
    cache.set("f", "standard", bytes());
    assert.equal(kept(cache, "abcdef"), "");
    assert.equal(cache.size, 0);
  });
});

describe("RouteTables, shared queue data", () => {
  const data = (brokerName: string, perm = 6) => ({
    brokerName,
    perm,
    readQueueNums: 8,
    writeQueueNums: 8,
    topicSysFlag: 0,
  });

  it("is one object where it is equal", () => {
    const tables = new RouteTables();
    tables.putQueueData("T1", data("a"));
    tables.putQueueData("T2", data("a"));
    tables.putQueueData("T3", data("a", 4));
    tables.putQueueData("T4", data("b"));
    const of = (topic: string, name = "a") => tables.queueData(topic, name);
    assert.equal(of("T1"), of("T2"));
    assert.notEqual(of("T1"), of("T3"));
    assert.notEqual(of("T1"), of("T4", "b"));
    tables.putQueueData("T3", data("a"));
    assert.equal(of("T1"), of("T3"));
  });

  it("changes for one topic without changing for another", () => {
    const tables = new RouteTables();
    tables.putQueueData("T1", data("a"));
    tables.putQueueData("T2", data("a"));
    tables.putQueueData("T1", data("a", 4));
    assert.equal(tables.queueData("T1", "a")!.perm, 4);
    assert.equal(tables.queueData("T2", "a")!.perm, 6);
  });

  it("stays right for a broker of more kinds than are remembered", () => {
    const tables = new RouteTables();
    for (let perm = 0; perm < 10_000; perm++) tables.putQueueData(`T${perm}`, data("a", perm));
    for (const perm of [0, 4095, 4096, 9999]) {
      assert.equal(tables.queueData(`T${perm}`, "a")!.perm, perm);
    }
    assert.equal(tables.topicCount, 10_000);
  });
});
