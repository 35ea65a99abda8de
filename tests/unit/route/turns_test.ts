import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { FakeConnection, identity, RouteWorld } from "../../support/route_world.ts";

const MANY = 3000;

function topics(count = MANY): string[] {
  return Array.from({ length: count }, (_, i) => `T${i}`);
}

/** A world whose long work lets others have a turn after each step or two. */
function world(): RouteWorld {
  const made = new RouteWorld();
  Object.assign(made.options, { maxBrokers: 10_000, maxBrokersPerGroup: 5000 });
  made.stepMillis = 3;
  return made;
}

/** Runs turns until nothing is left. Returns their number. */
function turns(of: RouteWorld): number {
  let count = 0;
  while (of.turn()) count++;
  return count;
}

describe("long work on the tables", () => {
  it("takes turns when the connection of many brokers closes", () => {
    const of = world();
    const connection = new FakeConnection();
    for (let i = 0; i < MANY; i++) {
      of.register({ name: `b${i}`, cluster: `C${i}`, topics: [], connection });
    }
    of.routes.disconnected(connection);
    assert.ok(of.turn());
    assert.ok([...of.tables.brokers()].length > MANY / 2);
    assert.ok(turns(of) > MANY / 64);
    assert.deepEqual(of.snapshot(), { topics: [], brokers: [], clusters: [], live: [] });
    assert.equal(of.routes.counters.disconnected, MANY);
  });

  it("takes turns when many brokers are silent", () => {
    using time = new FakeTime();
    const of = world();
    for (let i = 0; i < MANY; i++) of.register({ name: `b${i}`, topics: [], timeout: 1 });
    time.tick(10);
    of.routes.scan();
    assert.ok(turns(of) > MANY / 64);
    assert.equal(of.routes.counters.expired, MANY);
    assert.equal(of.tables.groupCount, 0);
  });

  it("takes turns when a broker with many topics is removed, and its routes end at once", () => {
    const of = world();
    of.register({ name: "a", topics: topics() });
    of.register({ name: "b", topics: ["T0", "T1"] });
    of.unregister({ name: "a" });
    assert.ok(turns(of) > MANY / 1024);
    assert.deepEqual(of.topics(), ["T0", "T1"]);
  });

  it("is not undone by what was queued or begun before a registration", () => {
    const of = world();
    const connection = new FakeConnection();
    for (let i = 0; i < MANY; i++) of.register({ name: `b${i}`, topics: [], connection });
    of.register({ name: "a", topics: topics(), connection });
    of.routes.disconnected(connection);
    // Not reached yet, in progress, and done.
    assert.ok(of.turn());
    for (const name of [`b${MANY - 1}`, "b100", "b0", "a"]) {
      of.register({ name, topics: ["X", "Y"] });
    }
    turns(of);
    assert.deepEqual(
      Array.from(of.tables.brokers(), (it) => it.brokerName).sort(),
      ["a", "b0", "b100", `b${MANY - 1}`],
    );
    assert.deepEqual(of.topics(), ["X", "Y"]);
  });

  it("applies a registration in turns, in the order of arrival, and whole", async () => {
    const of = world();
    const first = of.routes.registerInSlices(of.registration({ topics: topics() }));
    assert.ok(first instanceof Promise);
    assert.ok(of.tables.topicCount < MANY);
    // The second finishes the first before it begins.
    of.register({ topics: ["T0", "T1"], version: 2 });
    assert.equal(of.tables.topicCount, MANY);
    while (of.turn()) await Promise.resolve();
    const result = await first;
    assert.ok(result.kind === "accepted" && result.changedTopics === MANY);
    assert.equal(of.routes.dataVersion(identity("C", "a", "a:0"))?.counter, 2);
  });

  for (const begun of [0, 8]) {
    it(`leaves nothing of a registration whose connection closes meanwhile (${begun})`, async () => {
      const of = world();
      const connection = new FakeConnection();
      const first = of.routes.registerInSlices(of.registration({ topics: topics(), connection }));
      for (let i = 0; i < begun; i++) {
        of.turn();
        await Promise.resolve();
        await Promise.resolve();
      }
      assert.equal(of.tables.topicCount > 0, begun > 0);
      of.routes.disconnected(connection);
      for (let i = 0; i < 10_000 && of.turn(); i++) await Promise.resolve();
      await first;
      of.settle();
      assert.deepEqual([of.tables.topicCount, of.tables.groupCount], [0, 0]);
    });
  }

  it("takes turns when the permissions of many topics change", async () => {
    const of = world();
    of.register({ name: "a", topics: topics() });
    const wiped = of.routes.wipeWritePerm("a");
    let count = 0;
    while (of.turn()) {
      count++;
      await Promise.resolve();
      await Promise.resolve();
    }
    assert.ok(count > 1, `${count}`);
    assert.equal(await wiped, MANY);
    assert.equal(of.perm(`T${MANY - 1}`), 4);
  });
});
