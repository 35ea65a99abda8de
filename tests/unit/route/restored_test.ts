import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import type { LiveBroker } from "../../../src/route/tables.ts";
import {
  FakeConnection,
  identity,
  restoreBroker,
  RouteWorld,
  version,
} from "../../support/route_world.ts";

describe("a restored broker", () => {
  const broker = identity("C", "a", "a:0");
  let time: FakeTime;
  let world: RouteWorld;
  let events: string[];

  beforeEach(() => {
    time = new FakeTime(1000);
    world = new RouteWorld();
    events = [];
    const record = (what: string) => ({ brokerName, restored, connection }: LiveBroker) =>
      void events.push(`${what} ${brokerName} ${restored} ${connection !== undefined}`);
    world.tables.subscribeBrokers({
      brokerRestored: record("restored"),
      brokerConfirmed: record("confirmed"),
    });
    restoreBroker(world, { timeout: 10_000 });
  });
  afterEach(() => time.restore());

  const live = () => world.tables.liveBroker("C", "a", "a:0");
  const scan = () => {
    world.routes.scan();
    world.settle();
  };
  const lastWarning = () =>
    world.log.events.findLast(({ level }) => level === "WARN")?.fields.reason;

  it("is served, counted and announced", () => {
    assert.deepEqual(world.topics(), ["T1", "T2"]);
    assert.equal(world.tables.restoredBrokerCount, 1);
    assert.deepEqual(events, ["restored a true false"]);
  });

  it("is confirmed by its registration, and then goes with its connection", () => {
    const connection = new FakeConnection();
    world.register({ connection });
    assert.equal(world.tables.restoredBrokerCount, 0);
    assert.deepEqual(events, ["restored a true false", "confirmed a false true"]);
    assert.equal(world.log.events.at(-1)?.event, "broker confirmed");
    world.register({ connection });
    assert.equal(world.routes.counters.confirmed, 1);
    world.routes.disconnected(connection);
    world.settle();
    assert.equal(live(), undefined);
  });

  it("takes the topics of a registration with another data version", () => {
    world.register({ version: 2, topics: ["T2", "T3"] });
    assert.deepEqual(world.topics(), ["T1", "T2", "T3"]);
    assert.equal(world.log.events.at(-1)?.fields.changed, 1);
    assert.deepEqual(live()?.dataVersion, version(2));
  });

  it("is removed when nothing is heard of it, by the grace and not its heartbeat timeout", () => {
    time.tick(60_000);
    scan();
    assert.notEqual(live(), undefined);
    time.tick(1);
    scan();
    assert.deepEqual(world.topics(), []);
    assert.equal(lastWarning(), "not heard since the restart");
    assert.equal(world.routes.counters.unconfirmed, 1);
    assert.equal(world.tables.restoredBrokerCount, 0);
  });

  it("is not removed for time in which the process did not run", () => {
    world.routes.start();
    world.clock.paused = 100_000;
    time.tick(5000);
    world.settle();
    assert.equal(world.log.events.at(-1)?.event, "process was paused");
    assert.notEqual(live(), undefined);
    world.routes.stop();
    assert.notEqual(live(), undefined);
  });

  it("gets the connection of a heartbeat, and the usual rules with it", () => {
    const connection = new FakeConnection();
    world.routes.heartbeat(broker, connection);
    world.routes.heartbeat(broker, new FakeConnection());
    assert.equal(live()?.connection, connection);
    assert.equal(live()?.restored, true);
    time.tick(10_000);
    scan();
    assert.notEqual(live(), undefined);
    time.tick(1);
    scan();
    assert.equal(live(), undefined);
    assert.equal(connection.closed, true);
  });

  it("is confirmed by the question for its data version if that is the same", () => {
    const connection = new FakeConnection();
    world.routes.confirm(broker, connection);
    assert.deepEqual(events.at(-1), "confirmed a false true");
    assert.equal(live()?.connection, connection);
    world.routes.disconnected(connection);
    world.settle();
    assert.equal(live(), undefined);
  });

  it("keeps no connection of a closed peer", () => {
    world.routes.confirm(broker, undefined);
    assert.equal(live()?.restored, true);
  });

  it("leaves when it unregisters", () => {
    world.unregister();
    world.settle();
    assert.deepEqual(world.topics(), []);
    assert.equal(world.tables.restoredBrokerCount, 0);
  });

  it("is removed if its address refuses connections, unless it was heard meanwhile", () => {
    restoreBroker(world, { name: "b" });
    world.routes.heartbeat(broker, new FakeConnection());
    for (const it of [broker, identity("C", "b", "b:0"), identity("C", "none", "x")]) {
      world.routes.refused(it);
    }
    world.settle();
    assert.notEqual(live(), undefined);
    assert.equal(world.tables.broker("b"), undefined);
    assert.equal(lastWarning(), "restored, but its address refuses connections");
  });

  it("stays when it registers while it is being given up", async () => {
    const topics = Array.from({ length: 3000 }, (_, i) => `T${i}`);
    world.stepMillis = 2;
    const registration = world.registration({ topics, connection: new FakeConnection() });
    let kind: string | undefined;
    void Promise.resolve(world.routes.registerInSlices(registration)).then((it) => kind = it.kind);
    assert.equal(world.tables.restoredBrokerCount, 1);
    world.routes.refused(broker);
    for (let i = 0; i < 100 && kind === undefined; i++) {
      world.settle();
      await time.tickAsync(0);
    }
    world.settle();
    assert.equal(kind, "accepted");
    assert.equal(world.tables.topicCountOf("a"), 3000);
  });

  it("keeps the memory of the tables counted", () => {
    world.unregister();
    world.settle();
    const before = world.tables.heapBytes;
    restoreBroker(world);
    world.routes.heartbeat(broker, new FakeConnection());
    world.register();
    world.unregister();
    world.settle();
    assert.equal(world.tables.heapBytes, before);
  });
});
