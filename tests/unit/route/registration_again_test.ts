import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import type { Registration, RegistrationResult } from "../../../src/route/registration.ts";
import { FakeConnection, mapping, RouteWorld, topic, version } from "../../support/route_world.ts";

/** A registration of broker a; the fingerprint represents the whole body. */
function registration(more: Partial<Registration> = {}, topics = ["T1", "T2"]): Registration {
  const body: Registration["body"] = more.body ??
    { dataVersion: version(1), topics: topics.map((it) => topic(it)), mappings: new Map() };
  const shown = [body.dataVersion, body.topics, body.filterServers, [...body.mappings.keys()]];
  return {
    clusterName: "C",
    brokerName: "a",
    brokerAddr: "a:0",
    brokerId: 0,
    haServerAddr: "ha",
    connection: new FakeConnection(),
    fingerprint: JSON.stringify(shown),
    ...more,
    body,
  };
}

/** Like the handler: parses the body only when necessary. */
function register(world: RouteWorld, said: Registration): RegistrationResult {
  return world.routes.registerAgain(said, said.fingerprint!) ?? world.routes.register(said);
}

function sorted(result: RegistrationResult): unknown[] {
  return Object.entries(result).filter(([, value]) => value !== undefined).sort();
}

describe("a registration that comes again", () => {
  it("is applied without its body, and shows in the live table", () => {
    using time = new FakeTime(1000);
    const world = new RouteWorld();
    world.routes.register(registration());
    time.tick(30_000);
    const connection = new FakeConnection();
    const again = registration({ connection, haServerAddr: "other", heartbeatTimeoutMillis: 77 });
    assert.deepEqual(world.routes.registerAgain(again, again.fingerprint!), {
      kind: "accepted",
      newBroker: false,
      confirmed: false,
      changedTopics: 0,
    });
    const live = world.tables.liveBroker("C", "a", "a:0")!;
    assert.equal(live.lastUpdateTimestamp, 31_000);
    assert.equal(live.haServerAddr, "other");
    assert.equal(live.heartbeatTimeoutMillis, 77);
    assert.equal(live.connection, connection);
  });

  it("tells a slave of its master", () => {
    const world = new RouteWorld();
    world.routes.register(registration());
    const slave = registration({ brokerId: 1, brokerAddr: "a:1" });
    world.routes.register(slave);
    const again = world.routes.registerAgain(slave, slave.fingerprint!);
    assert.ok(again?.kind === "accepted");
    assert.deepEqual([again.masterAddr, again.haServerAddr], ["a:0", "ha"]);
  });

  const reasons: Record<string, (world: RouteWorld) => Registration> = {
    "is the first": () => registration({ brokerName: "b", brokerAddr: "b:0" }),
    "has another body": () => registration({}, ["T1", "T3"]),
    "comes from another address": () => registration({ brokerAddr: "a:9" }),
    "comes for another id": () => registration({ brokerId: 1 }),
    "switches to another id": (world) => {
      const slave = registration({ brokerId: 1, brokerAddr: "a:1" });
      world.routes.register(slave);
      return { ...slave, brokerId: 2 };
    },
    "comes for another cluster": () => registration({ clusterName: "D" }),
    "follows a body of another version": (world) => {
      const body = { dataVersion: version(2), topics: [topic("T1"), topic("T2")] };
      world.routes.register(registration({ body: { ...body, mappings: new Map() } }));
      return registration();
    },
    "follows the deletion of a topic that was changed meanwhile": (world) => {
      world.routes.registerTopic("T2", [{ ...topic("T2"), brokerName: "a", perm: 4 }]);
      world.routes.deleteTopic("T2");
      return registration();
    },
    "follows the deletion of a topic, which came back without it": (world) => {
      world.routes.deleteTopic("T2");
      world.routes.registerTopic("T2", [{ ...topic("T2"), brokerName: "a" }]);
      return registration();
    },
    "follows the deletion of a static topic": (world) => {
      const mappings = new Map([["T2", mapping("T2", "a")]]);
      const topics = [topic("T1"), topic("T2")];
      const said = registration({ body: { dataVersion: version(1), topics, mappings } });
      world.routes.register(said);
      world.routes.deleteTopic("T2");
      return said;
    },
    "does not name all topics of the broker, and one is deleted": (world) => {
      world.routes.register(registration({}, ["T1", "T3"]));
      world.routes.deleteTopic("T3");
      return registration({}, ["T1", "T3"]);
    },
    "follows its unregistration": (world) => {
      world.unregister();
      return registration();
    },
    "is of a slave that has become prime": (world) => {
      const slave = registration({ brokerId: 1, brokerAddr: "a:1", enableActingMaster: true });
      world.routes.register(slave);
      world.unregister();
      return slave;
    },
    "may have to delete topics": (world) => {
      world.options.deleteTopicWithBrokerRegistration = true;
      world.routes.register(registration({}, ["T1", "T2", "T3"]));
      world.routes.registerTopic("T4", [{ ...topic("T4"), brokerName: "a" }]);
      return registration({}, ["T1", "T2", "T3"]);
    },
  };
  for (const [reason, happen] of Object.entries(reasons)) {
    it(`has to be read when it ${reason}`, () => {
      const world = new RouteWorld();
      world.routes.register(registration());
      const said = happen(world);
      assert.equal(world.routes.registerAgain(said, said.fingerprint!), undefined);
    });
  }

  for (const cluster of [undefined, "C"]) {
    it(`brings back topics that were deleted ${cluster ? "in its cluster" : ""}`, () => {
      const world = new RouteWorld();
      const said = registration();
      const slave = registration({ brokerId: 1, brokerAddr: "a:1" });
      for (const it of [said, slave]) world.routes.register(it);
      const before = world.snapshot().topics;
      world.register({ name: "b" });
      world.routes.deleteTopic("T2", cluster);
      assert.ok(world.routes.registerAgain(slave, slave.fingerprint!));
      assert.equal(world.perm("T2"), undefined);
      const again = world.routes.registerAgain(said, said.fingerprint!);
      assert.ok(again?.kind === "accepted" && again.changedTopics === 1);
      world.unregister({ name: "b" });
      world.settle();
      assert.deepEqual(world.snapshot().topics, before);
      const once = world.routes.registerAgain(said, said.fingerprint!);
      assert.ok(once?.kind === "accepted" && once.changedTopics === 0);
    });
  }

  it("invalidates no encoded route", () => {
    const world = new RouteWorld();
    const mappings = new Map([["T1", mapping("T1", "a")]]);
    const topics = [topic("T1"), topic("T2")];
    const said = registration({ body: { dataVersion: version(1), topics, mappings } });
    world.routes.register(said);
    for (const name of ["T1", "T2"]) world.cache.set(name, "standard", new Uint8Array(1));
    assert.ok(world.routes.registerAgain(said, said.fingerprint!));
    for (const name of ["T1", "T2"]) assert.ok(world.cache.get(name, "standard"));
    // Another version with the same topics does not change the routes either.
    const next = registration({
      body: { dataVersion: version(2), topics, mappings: new Map([["T1", mapping("T1", "a")]]) },
    });
    world.routes.register(next);
    for (const name of ["T1", "T2"]) assert.ok(world.cache.get(name, "standard"));
  });

  it("does what reading it would do, whatever happened before", () => {
    using time = new FakeTime(1000);
    let seed = 4711;
    const pick = (count: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % count;
    };
    let spared = 0;
    for (let round = 0; round < 100; round++) {
      const worlds = [new RouteWorld(), new RouteWorld()];
      const [reading, sparing] = worlds;
      for (let step = 0; step < 60; step++) {
        time.tick(10);
        const action = pick(13);
        const name = ["a", "b"][pick(2)];
        const topicName = `T${pick(4)}`;
        if (action < 8) {
          const id = pick(2);
          const topics = [topicName, "T8", "T9"].map((it) => topic(it, { perm: 6 }));
          const said = registration({
            brokerName: name,
            brokerId: id,
            brokerAddr: `${name}:${pick(8) === 0 ? 7 : id}`,
            enableActingMaster: [undefined, false, true][pick(3)],
            body: {
              dataVersion: version(pick(2)),
              topics,
              filterServers: [[], ["f"]][pick(2)],
              mappings: new Map(pick(8) === 0 ? [["T8", mapping("T8", name!)]] : []),
            },
          });
          const expected = reading!.routes.register({ ...said, fingerprint: undefined });
          const again = sparing!.routes.registerAgain(said, said.fingerprint!);
          if (again !== undefined) spared++;
          const actual = again ?? sparing!.routes.register(said);
          // A field that is undefined counts as absent.
          assert.equal(JSON.stringify(sorted(actual)), JSON.stringify(sorted(expected)));
        } else {
          for (const world of worlds) {
            if (action === 8) world.routes.deleteTopic(topicName);
            else if (action === 9) world.routes.wipeWritePerm(name!);
            else if (action === 10) world.unregister({ name, id: 0 });
            else if (action === 11) world.routes.deleteTopic(topicName, "C");
            else world.options.deleteTopicWithBrokerRegistration = topicName === "T0";
            world.settle();
          }
        }
        assert.deepEqual(sparing!.snapshot(), reading!.snapshot());
      }
    }
    assert.ok(spared > 50, `${spared} bodies were spared`);
  });

  it("brings back the filter servers that it names", () => {
    const world = new RouteWorld();
    const body = {
      dataVersion: version(1),
      topics: [topic("T1"), topic("T2")],
      mappings: new Map(),
    };
    const said = [["f"], [], ["f"], undefined, ["g"]].map((filterServers) =>
      registration({ body: { ...body, filterServers } })
    );
    for (const filterServers of [["f"], undefined, ["f"], ["f"], ["g"]]) {
      register(world, said.shift()!);
      assert.deepEqual(world.tables.filterServers("a", "a:0"), filterServers);
    }
  });

  it("deletes topics once that is switched on", () => {
    const world = new RouteWorld();
    register(world, registration());
    world.routes.registerTopic("T9", [{ ...topic("T9"), brokerName: "a" }]);
    register(world, registration());
    assert.deepEqual(world.topics(), ["T1", "T2", "T9"]);
    world.options.deleteTopicWithBrokerRegistration = true;
    register(world, registration());
    assert.deepEqual(world.topics(), ["T1", "T2"]);
  });

  it("is tried again and again with the same result", () => {
    const world = new RouteWorld();
    for (let i = 0; i < 3; i++) assert.equal(register(world, registration()).kind, "accepted");
    assert.deepEqual(world.topics(), ["T1", "T2"]);
  });
});
