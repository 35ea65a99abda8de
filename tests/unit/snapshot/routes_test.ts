import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { SnapshotError } from "../../../src/snapshot/bytes.ts";
import { FORMAT, readSnapshot } from "../../../src/snapshot/format.ts";
import {
  FakeConnection,
  identity,
  mapping,
  RouteWorld,
  topic,
  version,
} from "../../support/route_world.ts";
import { until } from "../../support/wait.ts";
import { restoreInto, snapshotOf } from "../../support/snapshots.ts";

/** Names and numbers of all kinds. */
function richWorld(): RouteWorld {
  const world = new RouteWorld();
  const big = 9_007_199_254_740_993n;
  world.register({
    name: "a",
    topics: ["__proto__", "päivää 一 😀", topic("odd", { perm: -1, topicSysFlag: 3 }), "static"],
    version: version(big, 7, -5),
    filterServers: ["10.0.0.1:1", "10.0.0.1:2"],
    mappings: [mapping("static", "a", big), { ...mapping("static", "b"), scope: null }],
    zone: "east",
  });
  world.register({ name: "a", id: big, ha: "", timeout: Number.MAX_VALUE });
  world.register({ name: "a", id: 1, cluster: "D", timeout: 10 });
  world.register({ name: "b", cluster: "D", acting: true, topics: ["odd", "T1"], timeout: -7 });
  world.register({ name: "c", topics: [] });
  return world;
}

describe("saved routes", () => {
  it("are the same after a restart, but for restored brokers without connections", () => {
    const before = richWorld();
    const after = new RouteWorld();
    const restored = restoreInto(after, snapshotOf(before));
    assert.deepEqual(restored, { brokers: 5, topics: 5, queueDatas: 6, over: undefined });
    const expected = before.snapshot();
    for (const live of expected.live) {
      live.restored = true;
      live.heardAt = 0;
      live.heartbeatTimeoutMillis = Math.max(-1, Math.min(2 ** 50, live.heartbeatTimeoutMillis));
    }
    const actual = after.snapshot();
    for (const live of actual.live) live.heardAt = 0;
    const byAddr = (a: { brokerAddr: string }, b: { brokerAddr: string }) =>
      a.brokerAddr < b.brokerAddr ? -1 : 1;
    expected.live.sort(byAddr);
    actual.live.sort(byAddr);
    assert.deepEqual(actual, expected);
    assert.deepEqual([...after.tables.clustersOf("a")], ["C", "D"]);
    assert.equal(after.tables.topicListBytes, before.tables.topicListBytes);
    assert.equal(after.tables.clusterInfoBytes, before.tables.clusterInfoBytes);
  });

  it("have lists of queue data that repeat only once", () => {
    const world = new RouteWorld();
    const names = Array.from({ length: 1000 }, (_, i) => `T${i}`);
    for (const name of ["a", "b", "c"]) {
      world.register({ name, topics: names.filter((_, i) => name !== "c" || i % 2 === 0) });
    }
    const bytes = snapshotOf(world);
    assert.deepEqual(readSnapshot(bytes).topics.map(({ names }) => names.length), [500, 500]);
    assert.ok(bytes.length < 9000, `${bytes.length}`);
    const after = new RouteWorld();
    assert.equal(restoreInto(after, bytes).queueDatas, 2500);
  });

  it("know an unchanged registration by its fingerprint, and a wiped permission stays wiped", async () => {
    const before = new RouteWorld();
    const said = { ...before.registration(), fingerprint: "f" };
    before.routes.register(said);
    await before.routes.wipeWritePerm("a");
    const after = new RouteWorld();
    restoreInto(after, snapshotOf(before));
    const again = after.routes.registerAgain({ ...said, connection: new FakeConnection() }, "f");
    assert.deepEqual([again?.kind, again?.kind === "accepted" && again.confirmed], [
      "accepted",
      true,
    ]);
    assert.equal(after.perm("T1"), 4);
    assert.equal(after.routes.registerAgain(said, "other"), undefined);
  });

  it("do not know a body whose topics were removed since, so that it brings them back", () => {
    const before = new RouteWorld();
    const said = { ...before.registration(), fingerprint: "f" };
    before.routes.register(said);
    before.routes.deleteTopic("T1");
    const after = new RouteWorld();
    restoreInto(after, snapshotOf(before));
    assert.equal(after.routes.registerAgain(said, "f"), undefined);
    after.routes.register(said);
    assert.deepEqual(after.topics(), ["T1", "T2"]);
  });

  it("let the first registration decide where topics changed while they were saved", () => {
    const before = new RouteWorld();
    const names = Array.from({ length: 9000 }, (_, i) => `T${i}`);
    before.register({ name: "a", topics: names });
    before.register({ name: "b", topics: ["T0", "T1"] });
    let turns = 0;
    const bytes = snapshotOf(before, 1000, () => {
      if (turns++ === 0) before.register({ name: "a", topics: ["T0", "new"], version: 2 });
    });
    const after = new RouteWorld();
    restoreInto(after, bytes);
    assert.deepEqual(after.routes.dataVersion(identity("C", "b", "b:0")), version(1));
    assert.deepEqual(after.routes.dataVersion(identity("C", "a", "a:0")), version(-1, 0, -1));
    after.register({ name: "a", topics: ["T0", "new"], version: 2 });
    assert.ok(after.tables.queueData("new", "a") !== undefined);
  });

  it("say the same of a registration that was applied in part", async () => {
    const before = new RouteWorld();
    const topics = Array.from({ length: 2000 }, (_, i) => `T${i}`);
    before.stepMillis = 2;
    const done = before.routes.registerInSlices(before.registration({ topics }));
    const bytes = snapshotOf(before);
    let ended = false;
    void Promise.resolve(done).then(() => ended = true);
    await until(() => (before.settle(), ended));
    const after = new RouteWorld();
    restoreInto(after, bytes);
    assert.equal(after.routes.dataVersion(identity("C", "a", "a:0"))?.counter, -1);
    assert.equal(readSnapshot(snapshotOf(before)).groups[0]?.settled, true);
  });

  it("have a topic once that is deleted and comes back while they are saved", () => {
    const before = new RouteWorld();
    const topics = Array.from({ length: 9000 }, (_, i) => `T${i}`);
    before.register({ topics });
    let turns = 0;
    const bytes = snapshotOf(before, 1000, () => {
      if (turns++ > 0) return;
      before.routes.deleteTopic("T0");
      before.register({ topics, version: version(1n, 1, 2) });
    });
    assert.ok(turns > 0);
    const after = new RouteWorld();
    assert.equal(restoreInto(after, bytes).topics, 9000);
  });

  it("do not know the state of a broker whose permission is being wiped", async () => {
    const before = new RouteWorld();
    before.register({ topics: Array.from({ length: 2000 }, (_, i) => `T${i}`) });
    before.stepMillis = 2;
    const wiped = before.routes.wipeWritePerm("a");
    assert.deepEqual(readSnapshot(snapshotOf(before)).groups.map(({ settled }) => settled), [
      false,
    ]);
    let count: number | undefined;
    void wiped.then((topics) => count = topics);
    await until(() => {
      before.settle();
      return count === 2000;
    });
    assert.deepEqual(readSnapshot(snapshotOf(before)).groups.map(({ settled }) => settled), [true]);
  });

  it("are restored as far as the limits allow, and brokers then register in full", () => {
    const before = new RouteWorld();
    for (const name of ["a", "b", "c"]) before.register({ name, topics: ["T1", `of ${name}`] });
    const bytes = snapshotOf(before);
    const few = new RouteWorld();
    few.options.maxBrokers = 2;
    const { brokers, topics, over } = restoreInto(few, bytes);
    assert.deepEqual([brokers, topics], [2, 3]);
    assert.match(over!, /too many brokers: 3 needed, 2 allowed \(maxBrokers\)/);
    assert.equal(few.routes.dataVersion(identity("C", "a", "a:0"))?.counter, -1);
    const small = new RouteWorld();
    small.options.maxTopics = 3;
    assert.match(restoreInto(small, bytes).over!, /maxTopics/);
    assert.equal(small.tables.topicCount, 3);
    assert.equal(small.tables.liveBrokerCount, 3);
    const narrow = new RouteWorld();
    narrow.options.maxTableBytes = 1;
    assert.match(restoreInto(narrow, bytes).over!, /maxTableBytes/);
  });

  it("leave out brokers that were not heard for long", () => {
    const before = new RouteWorld();
    before.register();
    const after = new RouteWorld();
    const { brokers, topics } = restoreInto(after, snapshotOf(before), Date.now() + 1000);
    assert.deepEqual([brokers, topics], [0, 0]);
    assert.deepEqual(after.snapshot(), new RouteWorld().snapshot());
  });
});

describe("a snapshot that is damaged", () => {
  const whole = snapshotOf(richWorld());

  it("is refused when it ends too early, at every byte", () => {
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => readSnapshot(whole.subarray(0, length)), SnapshotError, `${length}`);
    }
    assert.throws(() => readSnapshot(whole.subarray(0, -1)), /^SnapshotError: it is cut off: 1 by/);
  });

  it("is refused when any of its bits is flipped", () => {
    const bytes = whole.slice();
    for (let i = 0; i < 8 * bytes.length; i++) {
      bytes[i >> 3]! ^= 1 << (i & 7);
      assert.throws(() => readSnapshot(bytes), SnapshotError, `bit ${i}`);
      bytes[i >> 3]! ^= 1 << (i & 7);
    }
    assert.equal(readSnapshot(bytes).groups.length, 3);
  });

  it("is refused when it is of a newer format, something else, or followed by something", () => {
    const newer = whole.slice();
    new DataView(newer.buffer).setUint32(8, FORMAT + 1);
    const expected = `it has format ${FORMAT + 1}, and this version reads up to ${FORMAT}`;
    assert.throws(() => readSnapshot(newer), { message: expected });
    const text = new TextEncoder().encode('{"configTable":{}}');
    assert.throws(() => readSnapshot(text), { message: "it is not a route snapshot" });
    assert.throws(() => readSnapshot(new Uint8Array()), { message: "it is empty" });
    const longer = new Uint8Array([...whole, 0]);
    assert.throws(() => readSnapshot(longer), { message: "it is damaged: 1 bytes follow its end" });
  });
});
