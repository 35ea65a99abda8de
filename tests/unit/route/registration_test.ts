import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { MinBrokerIdChange } from "../../../src/route/min_broker_id.ts";
import {
  FakeConnection,
  identity,
  mapping,
  RouteWorld,
  topic,
  version,
} from "../../support/route_world.ts";

describe("registerBroker, the group", () => {
  it("makes the broker name and its cluster", () => {
    const world = new RouteWorld();
    world.register({ name: "a", cluster: "C", addr: "10.0.0.1:1", acting: true, zone: "z" });
    world.register({ name: "b", cluster: "C" });
    world.register({ name: "c", cluster: "D" });
    assert.deepEqual([...world.tables.clusters()], [
      ["C", new Set(["a", "b"])],
      ["D", new Set(["c"])],
    ]);
    assert.deepEqual(world.tables.broker("a"), {
      brokerName: "a",
      cluster: "C",
      brokerAddrs: new Map([[0, "10.0.0.1:1"]]),
      enableActingMaster: true,
      zoneName: "z",
    });
  });

  it("takes enableActingMaster and the zone from the registration that came last", () => {
    const world = new RouteWorld();
    const flags = () => {
      const { enableActingMaster, zoneName } = world.tables.broker("a")!;
      return [enableActingMaster, zoneName];
    };
    world.register({ id: 0, acting: true, zone: "z1" });
    assert.deepEqual(flags(), [true, "z1"]);
    world.register({ id: 1, acting: false, zone: "z2" });
    assert.deepEqual(flags(), [false, "z2"]);
    world.register({ id: 1, acting: true, zone: "" });
    assert.deepEqual(flags(), [true, ""]);
    world.register({ id: 0 });
    assert.deepEqual(flags(), [false, undefined]);
  });

  it("keeps the group's first cluster, and lists the name in each that is claimed", () => {
    const world = new RouteWorld();
    world.register({ id: 0, cluster: "C" });
    world.register({ id: 1, cluster: "D" });
    assert.equal(world.tables.broker("a")!.cluster, "C");
    assert.deepEqual(world.tables.cluster("D"), new Set(["a"]));
    world.unregister({ id: 0, cluster: "C" });
    world.unregister({ id: 1, cluster: "D" });
    world.settle();
    assert.deepEqual([...world.tables.clusters()], []);
  });

  it("moves an address that comes under another id", () => {
    const world = new RouteWorld();
    world.register({ id: 0, addr: "x" });
    world.register({ id: 1, addr: "y" });
    world.register({ id: 2, addr: "y" });
    assert.deepEqual(world.addrs(), { 0: "x", 2: "y" });
    world.register({ id: 0, addr: "y" });
    assert.deepEqual(world.addrs(), { 0: "y" });
  });

  it("keeps ids beyond 2^53 apart", () => {
    const world = new RouteWorld();
    world.register({ id: 0 });
    world.register({ id: 9007199254740993n, addr: "y" });
    world.register({ id: 9007199254740994n, addr: "z" });
    assert.deepEqual(world.addrs(), {
      0: "a:0",
      "9007199254740993": "y",
      "9007199254740994": "z",
    });
  });

  it("writes the live entry", () => {
    const world = new RouteWorld();
    const connection = new FakeConnection();
    const before = Date.now();
    world.register({ addr: "x", ha: "x/ha", version: version(3, 4, 5), connection });
    const live = world.tables.liveBroker("C", "a", "x")!;
    assert.ok(live.lastUpdateTimestamp >= before && live.lastUpdateTimestamp <= Date.now());
    assert.deepEqual({ ...live, lastUpdateTimestamp: 0, heardAt: 0 }, {
      clusterName: "C",
      brokerName: "a",
      brokerAddr: "x",
      haServerAddr: "x/ha",
      dataVersion: version(3, 4, 5),
      heartbeatTimeoutMillis: 120_000,
      connection,
      restored: false,
      lastUpdateTimestamp: 0,
      heardAt: 0,
    });
    world.register({ addr: "x", timeout: 7 });
    assert.equal(world.tables.liveBroker("C", "a", "x")!.heartbeatTimeoutMillis, 7);
  });

  it("lets two names claim one address, each with a live entry of its own", () => {
    const world = new RouteWorld();
    const [first, second] = [new FakeConnection(), new FakeConnection()];
    world.register({ name: "a", addr: "x", version: 1, connection: first });
    world.register({ name: "b", addr: "x", version: 2, connection: second });
    assert.deepEqual(world.routes.dataVersion(identity("C", "a", "x")), version(1));
    assert.deepEqual(world.routes.dataVersion(identity("C", "b", "x")), version(2));
    world.routes.disconnected(first);
    world.settle();
    assert.equal(world.tables.broker("a"), undefined);
    assert.deepEqual(world.addrs("b"), { 0: "x" });
  });

  it("keeps names and addresses apart that read the same one after the other", () => {
    const world = new RouteWorld();
    world.register({ name: "a", addr: "bc", version: 1 });
    world.register({ name: "ab", addr: "c", version: 2 });
    assert.deepEqual(world.routes.dataVersion(identity("C", "a", "bc")), version(1));
    assert.deepEqual(world.routes.dataVersion(identity("C", "ab", "c")), version(2));
  });
});

describe("registerBroker, stale rivals", () => {
  it("changes nothing when the id's holder has a larger stateVersion", () => {
    const world = new RouteWorld();
    world.register({ addr: "x", version: version(1, 5), acting: true });
    const before = world.snapshot();
    const result = world.register({
      addr: "y",
      version: version(9, 4),
      topics: ["T3", "T4"],
      acting: false,
      zone: "z",
      filterServers: ["f"],
    });
    assert.deepEqual(result, { kind: "stale", holder: "x" });
    assert.deepEqual(world.snapshot(), before);
    assert.deepEqual(world.notified, []);
    assert.deepEqual(world.log.namesAt("WARN"), [
      "registration ignored: another broker holds the id with a newer state",
    ]);
  });

  it("removes the stale broker's entries, which would otherwise stay", () => {
    const world = new RouteWorld();
    world.register({ id: 0, addr: "x", version: version(1, 5) });
    world.register({ id: 1, addr: "y", version: version(1, 3), filterServers: ["f"] });
    const result = world.register({ id: 0, addr: "y", version: version(2, 3) });
    assert.equal(result.kind, "stale");
    assert.equal(world.tables.liveBroker("C", "a", "y"), undefined);
    assert.equal(world.tables.filterServers("a", "y"), undefined);
    assert.deepEqual(world.addrs(), { 0: "x" });
  });

  it("is for the broker name's own holder only", () => {
    const world = new RouteWorld();
    world.register({ name: "a", addr: "x", version: version(1, 5) });
    assert.equal(world.register({ name: "b", addr: "y", version: version(1, 1) }).kind, "accepted");
    assert.equal(
      world.register({ name: "a", id: 1, addr: "z", version: version(1, 1) }).kind,
      "accepted",
    );
  });

  for (const stateVersion of [5, 6, 9007199254740993n]) {
    it(`replaces the holder with the stateVersion ${stateVersion} over 5`, () => {
      const world = new RouteWorld();
      world.register({ addr: "x", version: version(1, 5) });
      assert.equal(
        world.register({ addr: "y", version: version(1, stateVersion) }).kind,
        "accepted",
      );
      assert.deepEqual(world.addrs(), { 0: "y" });
    });
  }

  it("compares state versions beyond 2^53 exactly", () => {
    const world = new RouteWorld();
    world.register({ addr: "x", version: version(1, 9007199254740993n) });
    const result = world.register({ addr: "y", version: version(1, 9007199254740992n) });
    assert.equal(result.kind, "stale");
  });

  it("replaces a holder without a live entry in the same cluster", () => {
    const world = new RouteWorld();
    world.register({ cluster: "C", addr: "x", version: version(1, 5) });
    world.register({ cluster: "D", addr: "y", version: version(1, 1) });
    assert.deepEqual(world.addrs(), { 0: "y" });
  });

  it("is no rival of itself: an address may go back in its state version", () => {
    const world = new RouteWorld();
    world.register({ addr: "x", version: version(1, 5) });
    assert.equal(world.register({ addr: "x", version: version(1, 2) }).kind, "accepted");
    assert.deepEqual(world.routes.dataVersion(identity("C", "a", "x")), version(1, 2));
  });
});

describe("registerBroker, a single topic", () => {
  it("is refused before the first full registration, and leaves nothing behind", () => {
    const world = new RouteWorld();
    const before = world.snapshot();
    assert.deepEqual(world.register({ topics: ["T1"] }), { kind: "refused" });
    assert.deepEqual(world.snapshot(), before);
    assert.deepEqual(world.log.namesAt("WARN"), [
      "registration refused: single topic before the first full registration",
    ]);
  });

  it("is refused under a new id of a known name, and leaves nothing behind", () => {
    const world = new RouteWorld();
    world.register({ id: 0, addr: "x" });
    world.register({ id: 1, addr: "y" });
    const before = world.snapshot();
    const flags = { acting: true, zone: "z", filterServers: ["f"] };
    assert.equal(
      world.register({ id: 2, addr: "y", topics: ["T1"], ...flags }).kind,
      "refused",
    );
    assert.deepEqual(world.snapshot(), before);
  });

  it("is taken when the id is registered, also by another address", () => {
    const world = new RouteWorld();
    world.register({ topics: ["T1", "T2"], version: 1 });
    assert.equal(world.register({ topics: ["T3"], version: 2 }).kind, "accepted");
    assert.deepEqual(world.topics(), ["T1", "T2", "T3"]);
    assert.equal(world.register({ addr: "y", topics: ["T4"], version: 1 }).kind, "accepted");
    assert.deepEqual(world.topics(), ["T1", "T2", "T3", "T4"]);
  });

  it("is one topic: none at all is a full registration", () => {
    const world = new RouteWorld();
    assert.equal(world.register({ topics: [] }).kind, "accepted");
    assert.deepEqual(world.addrs(), { 0: "a:0" });
    assert.deepEqual(world.topics(), []);
  });
});

describe("registerBroker, topics", () => {
  it("takes those of a master", () => {
    const world = new RouteWorld();
    const result = world.register({
      topics: [
        topic("T1", { readQueueNums: 3, writeQueueNums: 5, perm: 4, topicSysFlag: 2 }),
        topic("T2"),
      ],
    });
    assert.equal(result.kind === "accepted" && result.changedTopics, 2);
    assert.deepEqual(world.tables.queueDatas("T1"), [
      { brokerName: "a", readQueueNums: 3, writeQueueNums: 5, perm: 4, topicSysFlag: 2 },
    ]);
  });

  it("does not take those of a slave beside its master", () => {
    const world = new RouteWorld();
    world.register({ id: 0, topics: ["T1", "T2"] });
    world.register({ id: 1, topics: ["T2", "T3"], acting: true });
    assert.deepEqual(world.topics(), ["T1", "T2"]);
  });

  it("takes those of the prime slave, the smallest id of a group without a master", () => {
    const world = new RouteWorld();
    world.register({ id: 2, topics: ["T1", "T2"], acting: false });
    assert.deepEqual(world.topics(), ["T1", "T2"]);
    world.register({ id: 3, topics: ["T3", "T4"], acting: false });
    assert.deepEqual(world.topics(), ["T1", "T2"]);
    world.register({ id: 1, topics: ["T5", "T6"], acting: false });
    assert.deepEqual(world.topics(), ["T1", "T2", "T5", "T6"]);
  });

  it("does not take those of a slave older than 5.0", () => {
    const world = new RouteWorld();
    world.register({ id: 1, topics: ["T1", "T2"] });
    assert.deepEqual(world.topics(), []);
    assert.deepEqual(world.addrs(), { 1: "a:1" });
  });

  it("takes the write bit from a prime slave's topics where enableActingMaster is on", () => {
    const world = new RouteWorld();
    world.register({ name: "a", id: 1, topics: [topic("T1", { perm: 7 }), "T2"], acting: true });
    assert.equal(world.perm("T1", "a"), 5);
    assert.equal(world.perm("T2", "a"), 4);
    world.register({ name: "b", id: 1, topics: ["T1", "T2"], acting: false });
    assert.equal(world.perm("T1", "b"), 6);
    world.register({ name: "c", id: 0, topics: ["T1", "T2"], acting: true });
    assert.equal(world.perm("T1", "c"), 6);
  });

  it("gives the write bit back when a master comes", () => {
    const world = new RouteWorld();
    world.register({ id: 1, addr: "x", acting: true });
    assert.equal(world.perm("T1"), 4);
    world.register({ id: 0, addr: "x", acting: true });
    assert.equal(world.perm("T1"), 6);
    assert.deepEqual(world.addrs(), { 0: "x" });
  });

  it("ignores changes under the data version that it has", () => {
    const world = new RouteWorld();
    world.register({ topics: ["T1", "T2"], version: 1 });
    const result = world.register({
      topics: [topic("T1", { readQueueNums: 1 }), "T2"],
      version: 1,
    });
    assert.equal(result.kind === "accepted" && result.changedTopics, 0);
    assert.equal(world.tables.queueData("T1", "a")!.readQueueNums, 8);
  });

  for (
    const [what, changed] of [
      ["counter", version(2)],
      ["stateVersion", version(1, 2)],
      ["timestamp", version(1, 0, 2)],
      ["lower counter", version(0)],
    ] as const
  ) {
    it(`takes changes when the data version differs in its ${what}`, () => {
      const world = new RouteWorld();
      world.register({ version: version(1, 0, 1) });
      const result = world.register({
        topics: [topic("T1", { readQueueNums: 1 }), "T2"],
        version: changed,
      });
      assert.equal(result.kind === "accepted" && result.changedTopics, 1);
      assert.equal(world.tables.queueData("T1", "a")!.readQueueNums, 1);
      assert.deepEqual(world.routes.dataVersion(identity("C", "a", "a:0")), changed);
    });
  }

  it("takes changes by an address that had no live entry", () => {
    const world = new RouteWorld();
    world.register({ addr: "x", version: 1 });
    world.register({ addr: "y", topics: [topic("T1", { perm: 4 }), "T2"], version: 1 });
    assert.equal(world.perm("T1"), 4);
  });

  it("takes changes of an id that was free, whatever the data version", () => {
    const world = new RouteWorld();
    world.register({ id: 1, addr: "x", acting: false });
    world.register({ id: 0, addr: "x", topics: [topic("T1", { perm: 4 }), "T2"], acting: false });
    assert.equal(world.perm("T1"), 4);
  });

  it("brings back a topic that was deleted here, with the mapping that went with it", () => {
    const world = new RouteWorld();
    const mappings = [mapping("T1", "a", 7)];
    world.register({ topics: ["T1", "T2"], mappings });
    world.routes.deleteTopic("T1");
    assert.equal(world.tables.mappings("T1"), undefined);
    const result = world.register({ topics: [topic("T1", { perm: 4 }), "T2"], mappings });
    assert.equal(result.kind === "accepted" && result.changedTopics, 1);
    assert.equal(world.perm("T1"), 4);
    assert.deepEqual(world.tables.mappings("T1"), new Map([["a", mapping("T1", "a", 7)]]));
  });

  it("keeps topics that a registration does not name", () => {
    const world = new RouteWorld();
    world.register({ topics: ["T1", "T2"], version: 1 });
    world.register({ topics: [], version: 2 });
    assert.deepEqual(world.topics(), ["T1", "T2"]);
  });

  it("does not restore wiped permissions while nothing changes, and does when it does", async () => {
    const world = new RouteWorld();
    world.register({ version: 1 });
    assert.equal(await world.routes.wipeWritePerm("a"), 2);
    world.register({ version: 1 });
    assert.equal(world.perm("T1"), 4);
    world.register({ version: 2 });
    assert.equal(world.perm("T1"), 6);
  });
});

describe("registerBroker, deleteTopicWithBrokerRegistration", () => {
  function pruning(): RouteWorld {
    const world = new RouteWorld();
    world.options.deleteTopicWithBrokerRegistration = true;
    world.register({ name: "a", topics: ["T1", "T2", "T3"] });
    world.register({ name: "b", topics: ["T2", "T3"] });
    return world;
  }

  it("drops the broker's topics that are not named, and no other broker's", () => {
    const world = pruning();
    const result = world.register({ name: "a", topics: ["T3", "T4"], version: 1 });
    assert.equal(result.kind === "accepted" && result.changedTopics, 3);
    assert.deepEqual(world.topics(), ["T2", "T3", "T4"]);
    assert.equal(world.tables.queueData("T2", "a"), undefined);
    assert.notEqual(world.tables.queueData("T2", "b"), undefined);
    assert.notEqual(world.tables.queueData("T3", "a"), undefined);
  });

  it("drops all but one for a single topic", () => {
    const world = pruning();
    world.register({ name: "a", topics: ["T2"], version: 2 });
    assert.equal(world.tables.queueData("T3", "a"), undefined);
    assert.notEqual(world.tables.queueData("T2", "a"), undefined);
  });

  it("drops none when static mappings come along", () => {
    const world = pruning();
    world.register({ name: "a", topics: ["T4", "T5"], mappings: [mapping("T4", "a")] });
    assert.deepEqual(world.topics(), ["T1", "T2", "T3", "T4", "T5"]);
  });

  it("drops none for a slave that is not the prime one", () => {
    const world = pruning();
    world.register({ name: "a", id: 1, topics: [], acting: true });
    assert.deepEqual(world.topics(), ["T1", "T2", "T3"]);
  });
});

describe("registerBroker, static mappings", () => {
  it("stores them by topic and by their own bname", () => {
    const world = new RouteWorld();
    world.register({ name: "a", mappings: [mapping("T1", "a"), mapping("T2", "other")] });
    world.register({ name: "b", mappings: [mapping("T1", "b")] });
    assert.deepEqual(
      world.tables.mappings("T1"),
      new Map([["a", mapping("T1", "a")], ["b", mapping("T1", "b")]]),
    );
    assert.deepEqual(world.tables.mappings("T2"), new Map([["other", mapping("T2", "other")]]));
  });

  it("replaces them under a new data version only", () => {
    const world = new RouteWorld();
    const epoch = () => world.tables.mappings("T1")!.get("a")!.epoch;
    world.register({ version: 1, mappings: [mapping("T1", "a", 1)] });
    world.register({ version: 1, mappings: [mapping("T1", "a", 2)] });
    assert.equal(epoch(), 1);
    world.register({ version: 2, mappings: [mapping("T1", "a", 9007199254740993n)] });
    assert.equal(epoch(), 9007199254740993n);
  });

  it("takes those of topics that came with an earlier registration", () => {
    const world = new RouteWorld();
    world.register({ version: 1, topics: ["T1", "T2"] });
    world.register({ version: 2, topics: [], mappings: [mapping("T1", "a")] });
    assert.notEqual(world.tables.mappings("T1"), undefined);
  });

  it("does not keep those of topics without brokers, nor those without bname", () => {
    const world = new RouteWorld();
    world.register({ mappings: [mapping("T9", "a"), mapping("T1", null)] });
    assert.equal(world.tables.mappings("T9"), undefined);
    assert.equal(world.tables.mappings("T1"), undefined);
    world.register({ name: "b", topics: ["T9", "T1"] });
    assert.equal(world.tables.mappings("T9"), undefined);
  });

  it("takes that of a topic that comes back, under the same data version", () => {
    const world = new RouteWorld();
    world.register({ mappings: [mapping("T1", "a", 1)] });
    world.routes.deleteTopic("T1");
    world.register({ mappings: [mapping("T1", "a", 2)] });
    assert.deepEqual(world.tables.mappings("T1"), new Map([["a", mapping("T1", "a", 2)]]));
  });

  it("forgets them with the topic", () => {
    const world = new RouteWorld();
    world.register({ mappings: [mapping("T1", "a")] });
    world.unregister();
    world.settle();
    assert.equal(world.tables.mappings("T1"), undefined);
  });

  it("does not take those of a slave beside its master", () => {
    const world = new RouteWorld();
    world.register({ id: 0 });
    world.register({ id: 1, mappings: [mapping("T1", "a")], acting: true });
    assert.equal(world.tables.mappings("T1"), undefined);
  });
});

describe("registerBroker, filter servers", () => {
  it("replaces them, keeps them when nothing is said, and removes them by an empty list", () => {
    const world = new RouteWorld();
    const filters = () => world.tables.filterServers("a", "a:0");
    world.register({ filterServers: ["f1", "f2"] });
    assert.deepEqual(filters(), ["f1", "f2"]);
    world.register({ filterServers: ["f2"] });
    assert.deepEqual(filters(), ["f2"]);
    world.register({ filterServers: undefined });
    assert.deepEqual(filters(), ["f2"]);
    world.register({ filterServers: [] });
    assert.equal(filters(), undefined);
  });
});

describe("registerBroker, what a slave learns", () => {
  const learned = (world: RouteWorld, id: number, cluster = "C") => {
    const result = world.register({ id, cluster });
    assert.equal(result.kind, "accepted");
    return result.kind === "accepted" ? [result.masterAddr, result.haServerAddr] : [];
  };

  it("is its master's address and its master's haServerAddr", () => {
    const world = new RouteWorld();
    assert.deepEqual(learned(world, 1), [undefined, undefined]);
    world.register({ id: 0, addr: "m", ha: "m/ha" });
    assert.deepEqual(learned(world, 1), ["m", "m/ha"]);
  });

  it("is nothing for the master itself, and nothing of another group", () => {
    const world = new RouteWorld();
    assert.deepEqual(learned(world, 0), [undefined, undefined]);
    assert.deepEqual(learned(world, 0), [undefined, undefined]);
    const result = world.register({ name: "b", id: 1 });
    assert.equal(result.kind === "accepted" && result.masterAddr, undefined);
  });

  it("is nothing of a master that lives in another cluster", () => {
    const world = new RouteWorld();
    world.register({ id: 0, cluster: "C" });
    assert.deepEqual(learned(world, 1, "D"), [undefined, undefined]);
  });
});

describe("registerBroker, a smaller id", () => {
  const told = (world: RouteWorld): MinBrokerIdChange[] => world.notified.splice(0);

  it("tells the group's others", () => {
    const world = new RouteWorld();
    world.register({ id: 3, addr: "x" });
    world.register({ id: 2, addr: "y", ha: "y/ha" });
    assert.deepEqual(told(world), [{
      brokerName: "a",
      minBrokerId: 2,
      minBrokerAddr: "y",
      haBrokerAddr: "y/ha",
      notify: ["x"],
    }]);
    world.register({ id: 0, addr: "z", ha: "z/ha" });
    assert.deepEqual(told(world), [{
      brokerName: "a",
      minBrokerId: 0,
      minBrokerAddr: "z",
      haBrokerAddr: "z/ha",
      notify: ["x", "y"],
    }]);
  });

  it("sends no notification for a first id, a larger one, or the same", () => {
    const world = new RouteWorld();
    world.register({ id: 1 });
    world.register({ id: 2 });
    world.register({ id: 1 });
    world.register({ name: "b", id: 0 });
    world.register({ name: "b", id: 0, addr: "other", version: version(1, 1) });
    assert.deepEqual(told(world), []);
  });

  it("counts an id below 0 as smaller than that of a group that is new", () => {
    const world = new RouteWorld();
    world.register({ id: -1, addr: "x", ha: "h" });
    assert.deepEqual(told(world), [
      { brokerName: "a", minBrokerId: -1, minBrokerAddr: "x", haBrokerAddr: "h", notify: ["x"] },
    ]);
  });

  it("tells the only one that is left of itself when it switched its id", () => {
    const world = new RouteWorld();
    world.register({ id: 1, addr: "x" });
    world.register({ id: 0, addr: "x", ha: "h" });
    assert.deepEqual(told(world), [
      { brokerName: "a", minBrokerId: 0, minBrokerAddr: "x", haBrokerAddr: "h", notify: ["x"] },
    ]);
  });

  it("is not sent while notifyMinBrokerIdChanged is off", () => {
    const world = new RouteWorld();
    world.options.notifyMinBrokerIdChanged = false;
    world.register({ id: 1 });
    world.register({ id: 0 });
    assert.deepEqual(told(world), []);
  });
});

describe("registerBroker, the log", () => {
  it("tells of new brokers and changed topics, and of nothing else unless it is to debug", () => {
    const world = new RouteWorld();
    world.register({ version: 1 });
    world.register({ version: 1 });
    world.register({ version: 2, topics: ["T1", topic("T2", { perm: 4 })] });
    assert.deepEqual(world.log.events, [
      {
        level: "INFO",
        event: "broker registered",
        fields: { cluster: "C", broker: "a", id: 0, addr: "a:0", topics: 2, changed: 2 },
      },
      {
        level: "INFO",
        event: "broker changed topics",
        fields: { cluster: "C", broker: "a", id: 0, addr: "a:0", topics: 2, changed: 1 },
      },
    ]);
    world.log.debugEnabled = true;
    world.register({ version: 2, topics: ["T1", topic("T2", { perm: 4 })] });
    assert.deepEqual(world.log.namesAt("DEBUG"), ["broker registered again"]);
  });

  describe("of a brokerId that changes hands", () => {
    const changes = (world: RouteWorld) =>
      world.log.events.filter((it) => it.event.startsWith("broker id")).map(
        ({ level, event, fields }) => ({ level, event, ...fields }),
      );
    const broker = { cluster: "C", broker: "a" };

    it("is a warning when the holder is alive: two brokers with one name and id", () => {
      const world = new RouteWorld();
      for (const addr of ["x", "y", "x"]) world.register({ addr });
      const event = "broker id taken from a live broker";
      assert.deepEqual(changes(world), [
        { level: "WARN", event, ...broker, id: 0, addr: "y", holder: "x" },
        { level: "WARN", event, ...broker, id: 0, addr: "x", holder: "y" },
      ]);
    });

    it("tells of a switch of the master by a controller", () => {
      const world = new RouteWorld();
      world.register({ id: 0, addr: "x" });
      world.register({ id: 2, addr: "y" });
      world.register({ id: 0, addr: "y" });
      world.register({ id: 2, addr: "x" });
      const event = "broker id changed hands";
      assert.deepEqual(changes(world), [
        { level: "INFO", event, ...broker, id: 0, addr: "y", formerId: 2, holder: "x" },
      ]);
    });

    it("tells of a new id after the master is gone", () => {
      const world = new RouteWorld();
      world.register({ id: 0, addr: "x" });
      world.register({ id: 2, addr: "y" });
      world.unregister({ addr: "x" });
      world.register({ id: 0, addr: "y" });
      const event = "broker id changed hands";
      assert.deepEqual(changes(world), [
        { level: "INFO", event, ...broker, id: 0, addr: "y", formerId: 2, holder: undefined },
      ]);
    });

    it("is silent where nothing changes hands", () => {
      const world = new RouteWorld();
      world.register({ id: 0, addr: "x" });
      world.register({ id: 0, addr: "x", version: 2 });
      world.unregister({ addr: "x" });
      world.register({ id: 0, addr: "y" });
      assert.deepEqual(changes(world), []);
    });
  });
});
