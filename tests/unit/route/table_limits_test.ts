import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import type { TableLimit } from "../../../src/route/table_limits.ts";
import {
  type BrokerSays,
  identity,
  mapping,
  RouteWorld,
  version,
} from "../../support/route_world.ts";

const MiB = 1_048_576;

function names(count: number, start = "T"): string[] {
  return Array.from({ length: count }, (_, i) => `${start}${i}`);
}

/** A world with the broker a, its slave, and their topics T0 to T9. */
function known(): RouteWorld {
  const world = new RouteWorld();
  world.register({ name: "a", topics: names(10), timeout: 1000 });
  world.register({ name: "a", id: 1, topics: names(10) });
  return world;
}

function refusedBy(world: RouteWorld, broker: BrokerSays): TableLimit | undefined {
  const result = world.register(broker);
  return result.kind === "over limit" ? result.over.limit : undefined;
}

describe("a registration at a limit of the tables", () => {
  const cases: [TableLimit, number, BrokerSays][] = [
    ["maxBrokers", 2, { name: "b" }],
    ["maxBrokersPerGroup", 2, { name: "a", id: 2 }],
    ["maxTopics", 10, { name: "b", topics: ["T0", "new"] }],
    ["maxTopics", 10, { name: "a", topics: ["T0", "new"], version: 2 }],
    ["maxTopicsPerBroker", 10, { name: "a", topics: ["T0", "new"], version: 2 }],
    ["maxTopicsPerBroker", 10, { name: "b", topics: names(11, "U") }],
  ];
  for (const [limit, most, broker] of cases) {
    it(`is refused by ${limit}, and changes nothing: ${JSON.stringify(broker)}`, () => {
      using _time = new FakeTime();
      const world = known();
      world.options[limit] = most;
      const before = world.snapshot();
      assert.equal(refusedBy(world, broker), limit);
      assert.deepEqual(world.snapshot(), before);
      assert.equal(world.limits.refused[limit], 1);
      assert.ok(world.log.namesAt("WARN").includes("registration refused: over a limit"));
      // Known brokers and topics can still be registered.
      assert.equal(refusedBy(world, { name: "a", topics: names(10), version: 3 }), undefined);
      assert.equal(refusedBy(world, { name: "a", id: 1, version: 3 }), undefined);
    });
  }

  it("names the limit, what is needed and what is allowed", () => {
    const world = known();
    world.options.maxTopics = 10;
    const result = world.register({ name: "b", topics: ["T0", "U0", "U1"] });
    assert.ok(result.kind === "over limit");
    assert.equal(result.over.remark, "too many topics: 12 needed, 10 allowed (maxTopics)");
  });

  it("keeps a known broker alive", () => {
    using time = new FakeTime();
    const world = known();
    world.options.maxTopics = 10;
    for (let i = 0; i < 3; i++) {
      time.tick(900);
      assert.equal(
        refusedBy(world, { name: "a", topics: ["new", "newer"], version: 2 }),
        "maxTopics",
      );
      world.routes.scan();
      world.settle();
    }
    assert.deepEqual(world.routes.dataVersion(identity("C", "a", "a:0")), version(1));
  });

  it("is refused where the tables would have more than maxTableBytes, or half of the heap", () => {
    const world = new RouteWorld();
    let registered = 0;
    world.options.maxTableBytes = 200_000;
    while (
      refusedBy(world, { name: `b${registered}`, topics: names(50, `${registered}-`) }) ===
        undefined
    ) {
      registered++;
    }
    assert.ok(registered > 5 && registered < 20, `${registered}`);
    assert.ok(world.tables.heapBytes <= 200_000);
    assert.ok(world.limits.used().maxTableBytes > 0.8);
    assert.equal(refusedBy(world, { name: "b0", topics: names(50, "0-"), version: 2 }), undefined);
    world.options.maxTableBytes = 0;
    assert.equal(world.limits.maxTableBytes, 500_000_000);
  });
});

describe("an answer", () => {
  /** Adds brokers, or topics, until one is refused. */
  function fill(world: RouteWorld, next: (i: number) => BrokerSays): TableLimit | undefined {
    world.options.maxAnswerBytes = 8 * MiB;
    Object.assign(world.options, { maxBrokers: 1e6, maxTopics: 1e6, maxTopicsPerBroker: 1e6 });
    for (let i = 0; i < 100_000; i++) {
      const limit = refusedBy(world, next(i));
      if (limit !== undefined) return limit;
    }
    return undefined;
  }

  it("about all brokers takes half of maxAnswerBytes, so that a route with all of them has room", () => {
    const world = new RouteWorld();
    const long = (i: number) => `${i}`.padEnd(250, "x");
    const next = (i: number) => ({ name: long(i), cluster: long(i), addr: long(i), topics: [] });
    assert.equal(fill(world, next), "maxAnswerBytes");
    assert.ok(world.tables.clusterInfoBytes > 4 * MiB - 2000);
    assert.ok(world.tables.clusterInfoBytes <= 4 * MiB);
  });

  it("that lists topics has room for all", () => {
    const world = new RouteWorld();
    const topics = (i: number) => names(1000, `${i}`.padEnd(200, "x"));
    assert.equal(fill(world, (i) => ({ topics: topics(i), version: i })), "maxAnswerBytes");
    assert.ok(world.tables.topicListBytes > 7 * MiB && world.tables.topicListBytes < 8 * MiB);
  });

  it("with a route has room for its queue data and mappings", () => {
    const world = new RouteWorld();
    const ids = new Map(names(60_000).map((_, i) => [i, i]));
    const next = (i: number) => ({
      name: `b${i}`,
      topics: ["T", "U"],
      mappings: [{ ...mapping("T", `b${i}`), currIdMap: ids }],
    });
    assert.equal(fill(world, next), "maxAnswerBytes");
    assert.ok(world.tables.routeBytesOf("T") <= 2.5 * MiB);
    assert.ok(world.tables.routeBytesOf("T") > 0);
  });
});

describe("REGISTER_TOPIC_IN_NAMESRV at a limit", () => {
  it("is refused with a new topic, and goes on with a known one", () => {
    const world = known();
    world.options.maxTopics = 10;
    const data = { brokerName: "a", perm: 4, readQueueNums: 1, writeQueueNums: 1, topicSysFlag: 0 };
    assert.equal(world.routes.registerTopic("new", [data])?.limit, "maxTopics");
    assert.equal(world.tables.queueDatas("new"), undefined);
    assert.equal(world.routes.registerTopic("T0", [data]), undefined);
    assert.equal(world.perm("T0"), 4);
  });
});
