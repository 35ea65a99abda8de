import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { FakeConnection, identity, RouteWorld, version } from "../../support/route_world.ts";

describe("liveness", () => {
  let time: FakeTime;
  let world: RouteWorld;

  beforeEach(() => {
    time = new FakeTime(1_700_000_000_000);
    world = new RouteWorld();
  });
  afterEach(() => {
    world.routes.stop();
    time.restore();
  });

  /** Moves the clock and runs deferred tasks. */
  function pass(ms: number): void {
    time.tick(ms);
    world.settle();
  }

  it("is first looked at after 5 s, whatever the interval, and then at the interval", () => {
    world.options.scanNotActiveBrokerInterval = 2000;
    world.routes.start();
    world.register({ name: "a", timeout: 1 });
    pass(4999);
    assert.notEqual(world.tables.broker("a"), undefined);
    pass(1);
    assert.equal(world.tables.broker("a"), undefined);
    world.register({ name: "b", timeout: 1 });
    pass(1999);
    assert.notEqual(world.tables.broker("b"), undefined);
    pass(1);
    assert.equal(world.tables.broker("b"), undefined);
  });

  it("follows an interval that changes while it runs", () => {
    world.routes.start();
    pass(5000);
    world.register({ name: "a", timeout: 1 });
    world.options.scanNotActiveBrokerInterval = 100;
    world.routes.reschedule();
    pass(99);
    assert.notEqual(world.tables.broker("a"), undefined);
    pass(1);
    assert.equal(world.tables.broker("a"), undefined);
    world.options.scanNotActiveBrokerInterval = 50_000;
    world.routes.reschedule();
    world.register({ name: "b", timeout: 1 });
    pass(49_999);
    assert.notEqual(world.tables.broker("b"), undefined);
    pass(1);
    assert.equal(world.tables.broker("b"), undefined);
  });

  it("is not looked at before the start, nor after the stop", () => {
    world.options.scanNotActiveBrokerInterval = 10;
    world.register({ timeout: 1 });
    world.routes.reschedule();
    pass(60_000);
    world.routes.start();
    world.routes.stop();
    world.routes.reschedule();
    pass(60_000);
    assert.notEqual(world.tables.broker("a"), undefined);
  });

  it("is over when the timeout is, and not before: 120 s unless the broker says another", () => {
    const [mine, usual] = [new FakeConnection(), new FakeConnection()];
    world.register({ name: "a", timeout: 30_000, connection: mine });
    world.register({ name: "b", connection: usual });
    time.tick(30_000);
    world.routes.scan();
    assert.equal(mine.closed, false);
    time.tick(1);
    world.routes.scan();
    world.settle();
    assert.deepEqual([mine.closed, usual.closed], [true, false]);
    assert.deepEqual([...world.tables.brokers()].map((it) => it.brokerName), ["b"]);
    time.tick(89_999);
    world.routes.scan();
    assert.equal(usual.closed, false);
    time.tick(1);
    world.routes.scan();
    assert.equal(usual.closed, true);
    world.settle();
    assert.deepEqual(world.snapshot(), { topics: [], brokers: [], clusters: [], live: [] });
    assert.deepEqual(
      world.log.events.filter((it) => it.level === "WARN").map(({ event, fields }) => [
        event,
        fields.broker,
        fields.reason,
      ]),
      [["broker lost", "a", "heartbeat timeout"], ["broker lost", "b", "heartbeat timeout"]],
    );
  });

  for (
    const [what, refresh] of [
      ["a registration that changes nothing", () => void world.register({ timeout: 1000 })],
      ["a heartbeat", () => world.routes.heartbeat(identity("C", "a", "a:0"))],
    ] as const
  ) {
    it(`is refreshed by ${what}`, () => {
      world.register({ timeout: 1000 });
      for (let i = 0; i < 5; i++) {
        time.tick(1000);
        refresh();
        world.routes.scan();
        world.settle();
      }
      assert.notEqual(world.tables.broker("a"), undefined);
      time.tick(1001);
      world.routes.scan();
      world.settle();
      assert.equal(world.tables.broker("a"), undefined);
    });
  }

  it("is not refreshed by other heartbeats, and an unknown broker's heartbeat creates nothing", () => {
    world.register({ timeout: 1000 });
    const before = world.snapshot();
    time.tick(500);
    world.routes.heartbeat(identity("D", "a", "a:0"));
    world.routes.heartbeat(identity("C", "b", "a:0"));
    world.routes.heartbeat(identity("C", "a", "a:1"));
    assert.deepEqual(world.snapshot(), before);
  });

  it("ends for all brokers of a connection that closes", () => {
    const container = new FakeConnection();
    for (const name of ["a", "b", "c"]) world.register({ name, connection: container });
    world.register({ name: "d" });
    world.routes.disconnected(container);
    assert.equal(world.deferred, 1);
    world.settle();
    assert.deepEqual([...world.tables.brokers()].map((it) => it.brokerName), ["d"]);
    assert.deepEqual(
      world.log.events.filter((it) => it.level === "WARN").map((it) => it.fields.reason),
      ["connection lost", "connection lost", "connection lost"],
    );
    world.routes.disconnected(container);
    assert.equal(world.deferred, 0);
  });

  it("ends for the silent broker alone, and the connection closes when it was the last", () => {
    const container = new FakeConnection();
    container.onClose = () => world.routes.disconnected(container);
    world.register({ name: "a", connection: container, timeout: 1000 });
    world.register({ name: "b", connection: container, timeout: 9000 });
    time.tick(1001);
    world.routes.scan();
    world.settle();
    assert.deepEqual([...world.tables.brokers()].map((it) => it.brokerName), ["b"]);
    assert.equal(container.closed, false);
    time.tick(8000);
    world.routes.scan();
    world.settle();
    assert.deepEqual([...world.tables.brokers()], []);
    assert.equal(container.closed, true);
    assert.equal(world.routes.counters.expired, 2);
  });

  it("goes on for a broker that was renamed: only the old name ends", () => {
    const connection = new FakeConnection();
    connection.onClose = () => world.routes.disconnected(connection);
    world.register({ name: "old", addr: "x", connection, timeout: 1000 });
    world.register({ name: "new", addr: "x", connection, timeout: 1000 });
    time.tick(1000);
    world.routes.heartbeat(identity("C", "new", "x"));
    time.tick(1);
    world.routes.scan();
    world.settle();
    assert.equal(connection.closed, false);
    assert.deepEqual([...world.tables.brokers()].map((it) => it.brokerName), ["new"]);
    assert.deepEqual(world.tables.queueDatas("T1")!.map((it) => it.brokerName), ["new"]);
  });

  it("is the same whoever sets the clock, which is only shown", () => {
    world.register({ timeout: 1000 });
    for (const hours of [24, -48]) {
      world.clock.setForward += hours * 3_600_000;
      time.tick(400);
      world.routes.scan();
      world.settle();
      assert.notEqual(world.tables.broker("a"), undefined);
      world.routes.heartbeat(identity("C", "a", "a:0"));
      const live = world.tables.liveBroker("C", "a", "a:0")!;
      assert.equal(live.lastUpdateTimestamp, Date.now() + world.clock.setForward);
    }
    time.tick(1001);
    world.routes.scan();
    world.settle();
    assert.equal(world.tables.broker("a"), undefined);
  });

  describe("after a pause of the process", () => {
    beforeEach(() => {
      world.options.scanNotActiveBrokerInterval = 1000;
      world.routes.start();
      pass(4500);
      for (const name of ["a", "b"]) world.register({ name, timeout: 3000 });
      // The scan is due in 500 ms.
      world.clock.paused += 600_000;
    });

    it("goes on for brokers whose heartbeats wait to be read", () => {
      pass(500);
      assert.deepEqual(world.log.events.filter((it) => it.level === "WARN"), [
        { level: "WARN", event: "process was paused", fields: { millis: 600_000 } },
      ]);
      world.routes.heartbeat(identity("C", "a", "a:0"));
      pass(2000);
      assert.deepEqual([...world.tables.brokers()].map((it) => it.brokerName), ["a", "b"]);
    });

    it("ends for a broker that stays silent for the rest of its time", () => {
      pass(500);
      for (let i = 0; i < 4; i++) {
        world.routes.heartbeat(identity("C", "a", "a:0"));
        pass(1000);
      }
      assert.deepEqual([...world.tables.brokers()].map((it) => it.brokerName), ["a"]);
    });
  });

  it("goes on for a broker that registered again, when its old connection closes", () => {
    const [old, fresh] = [new FakeConnection(), new FakeConnection()];
    world.register({ connection: old });
    world.register({ connection: fresh });
    world.routes.disconnected(old);
    world.settle();
    assert.deepEqual(world.addrs(), { 0: "a:0" });
    assert.deepEqual(world.log.namesAt("WARN"), []);
    world.routes.disconnected(fresh);
    world.settle();
    assert.deepEqual(world.addrs(), {});
  });

  it("goes on for a broker that is back before it was forgotten", () => {
    const [old, fresh] = [new FakeConnection(), new FakeConnection()];
    world.register({ connection: old });
    world.routes.disconnected(old);
    // The registration first removes it and then creates it anew.
    world.register({ connection: fresh });
    world.settle();
    assert.deepEqual(world.addrs(), { 0: "a:0" });
    assert.equal(world.tables.liveBroker("C", "a", "a:0")!.connection, fresh);
  });

  it("ends at its time for an address that was replaced under its id", () => {
    const old = new FakeConnection();
    world.register({ addr: "x", timeout: 1000, connection: old, filterServers: ["f"] });
    world.register({ addr: "y", version: version(1, 1) });
    const before = world.snapshot();
    time.tick(1001);
    world.routes.scan();
    world.settle();
    assert.equal(old.closed, true);
    assert.equal(world.tables.liveBroker("C", "a", "x"), undefined);
    assert.equal(world.tables.filterServers("a", "x"), undefined);
    assert.deepEqual(world.snapshot(), { ...before, live: [before.live[1]] });
    assert.deepEqual(world.notified, []);
  });

  it("forgets at the stop what waits to be forgotten", () => {
    const connection = new FakeConnection();
    world.register({ name: "a", connection });
    world.register({ name: "b" });
    world.routes.disconnected(connection);
    world.unregister({ name: "b" });
    world.routes.stop();
    assert.deepEqual([...world.tables.brokers()], []);
    world.settle();
    assert.equal(world.log.namesAt("INFO").filter((it) => it === "broker unregistered").length, 2);
  });

  it("tells the group when the master falls silent", () => {
    world.register({ id: 0, acting: true, timeout: 1000 });
    world.register({ id: 1, acting: true });
    time.tick(1001);
    world.routes.scan();
    world.settle();
    assert.deepEqual(world.notified, [{
      brokerName: "a",
      minBrokerId: 1,
      minBrokerAddr: "a:1",
      offlineBrokerAddr: "a:0",
      notify: ["a:1"],
    }]);
  });
});
