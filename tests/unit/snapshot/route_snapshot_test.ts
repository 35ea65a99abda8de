import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { DurableFile } from "../../../src/durable_file.ts";
import { RouteSnapshot } from "../../../src/snapshot/route_snapshot.ts";
import { WorkSlice } from "../../../src/work_slice.ts";
import { systemClock } from "../../../src/clock.ts";
import { MemoryDisk } from "../../support/memory_disk.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { RouteWorld } from "../../support/route_world.ts";
import { pause, until } from "../../support/wait.ts";

const PATH = "/data/routes.snapshot";

describe("a route snapshot", () => {
  let disk: MemoryDisk;
  let log: RecordedLog;
  let millis: number;
  const options = { routeSnapshotInterval: 1, routeSnapshotMaxAge: 600_000 };
  const running: RouteSnapshot[] = [];

  beforeEach(() => {
    disk = new MemoryDisk();
    log = new RecordedLog();
    millis = Date.now();
    Object.assign(options, { routeSnapshotInterval: 1, routeSnapshotMaxAge: 600_000 });
  });
  afterEach(async () => {
    for (const snapshot of running.splice(0)) await snapshot.stop();
  });

  function snapshotFor(world: RouteWorld): RouteSnapshot {
    const { tables, limits } = world;
    const snapshot = new RouteSnapshot({
      file: new DurableFile(PATH, disk),
      tables,
      limits,
      isApplying: (name) => world.routes.isApplying(name),
      options,
      slice: new WorkSlice(systemClock.soon),
      log,
      now: () => millis,
      monotonic: () => millis,
    });
    running.push(snapshot);
    return snapshot;
  }

  /** A world with one broker whose routes are saved. */
  async function saved(): Promise<{ world: RouteWorld; snapshot: RouteSnapshot }> {
    const world = new RouteWorld();
    const snapshot = snapshotFor(world);
    world.register();
    snapshot.start();
    await until(() => snapshot.counters.written === 1);
    return { world, snapshot };
  }

  /** Leaves the server without any last write. */
  const kill = () => disk = disk.afterKill();

  it("is written after a change, for its owner only, and not again without one", async () => {
    const { world, snapshot } = await saved();
    assert.deepEqual(disk.names(), [PATH, `${PATH}.lock`]);
    assert.equal(disk.status(PATH).mode, 0o600);
    world.routes.heartbeat({ clusterName: "C", brokerName: "a", brokerAddr: "a:0" });
    await pause(20);
    assert.equal(snapshot.counters.written, 1);
    world.routes.deleteTopic("T1");
    await until(() => snapshot.counters.written === 2);
    assert.deepEqual(disk.names(), [PATH, `${PATH}.lock`]);
    assert.equal(disk.text(PATH, "power, names lost"), disk.text(PATH));
  });

  it("restores the routes after a kill", async () => {
    await saved();
    kill();
    millis += 5000;
    const after = new RouteWorld();
    assert.equal((await snapshotFor(after).restore())?.brokers, 1);
    assert.deepEqual(after.topics(), ["T1", "T2"]);
    const { event, fields } = log.at("INFO").at(-1)!;
    assert.equal(event, "routes restored");
    assert.deepEqual({ ...fields, millis: 0 }, {
      file: PATH,
      brokers: 1,
      topics: 2,
      queueDatas: 2,
      age: "5 s",
      millis: 0,
    });
  });

  it("has the last changes of a server that stops", async () => {
    options.routeSnapshotInterval = 1_000_000;
    const world = new RouteWorld();
    const snapshot = snapshotFor(world);
    snapshot.start();
    world.register();
    await snapshot.stop();
    const after = new RouteWorld();
    assert.equal((await snapshotFor(after).restore())?.topics, 2);
  });

  it("is not made for tables that never held anything", async () => {
    const snapshot = snapshotFor(new RouteWorld());
    assert.equal(await snapshot.restore(), undefined);
    snapshot.start();
    await pause(10);
    await snapshot.stop();
    assert.deepEqual(disk.names(), []);
    assert.deepEqual(log.events, []);
  });

  it("is written anew before it gets too old", async () => {
    const { snapshot } = await saved();
    millis += 150_000;
    await pause(20);
    assert.equal(snapshot.counters.written, 1);
    millis += 1;
    await until(() => snapshot.counters.written === 2);
  });

  for (
    const [what, passed, reason] of [
      ["older than routeSnapshotMaxAge", 600_001, /it is 600 s old, more than 600 s \(routeSnap/],
      ["from the future", -60_001, /it is from the future, by 60 s/],
    ] as const
  ) {
    it(`is ignored when it is ${what}, with a line`, async () => {
      await saved();
      kill();
      millis += passed;
      const after = new RouteWorld();
      assert.equal(await snapshotFor(after).restore(), undefined);
      assert.deepEqual(after.topics(), []);
      assert.equal(log.namesAt("WARN").join(), "route snapshot ignored");
      assert.match(String(log.at("WARN")[0]?.fields.reason), reason);
    });
  }

  for (
    const [what, content, reason] of [
      ["something else", "hello", /it is not a route snapshot/],
      ["empty", "", /it is empty/],
    ] as const
  ) {
    it(`is ignored when it is ${what}, and then written again`, async () => {
      disk.put(PATH, content);
      const world = new RouteWorld();
      const snapshot = snapshotFor(world);
      assert.equal(await snapshot.restore(), undefined);
      assert.match(String(log.at("WARN")[0]?.fields.reason), reason);
      world.register();
      snapshot.start();
      await until(() => snapshot.counters.written === 1);
      assert.equal(log.at("WARN").length, 1);
    });
  }

  it("is ignored when it can't be read, or is larger than the tables may be", async () => {
    await saved();
    kill();
    disk.before = (call) => {
      if (call === `readFile ${PATH}`) throw new Error("Input/output error");
    };
    assert.equal(await snapshotFor(new RouteWorld()).restore(), undefined);
    disk.before = () => {};
    const small = new RouteWorld();
    small.options.maxTableBytes = 10;
    assert.equal(await snapshotFor(small).restore(), undefined);
    assert.deepEqual(log.at("WARN").map(({ fields }) => String(fields.reason).split(": ").at(-1)), [
      "Input/output error",
      `it has ${disk.status(PATH).size} bytes, more than 10`,
    ]);
  });

  for (const call of ["open", "write", "sync", "rename", "mkdir"]) {
    it(`leaves the old one when ${call} fails; one line says so, and one that it works again`, async () => {
      const { world, snapshot } = await saved();
      const before = disk.text(PATH);
      disk.before = (it) => {
        if (it.startsWith(`${call} `)) throw new Error("No space left on device");
      };
      world.routes.deleteTopic("T1");
      await until(() => snapshot.counters.failed >= 3);
      assert.equal(disk.text(PATH), before);
      assert.deepEqual(log.namesAt("WARN"), ["route snapshot not written"]);
      assert.match(String(log.at("WARN")[0]?.fields.reason), /No space left on device/);
      disk.before = () => {};
      await until(() => snapshot.counters.written >= 2);
      assert.deepEqual(log.namesAt("INFO"), ["route snapshot written again"]);
    });
  }

  it("belongs to one server: another one neither reads nor writes it while that runs", async () => {
    const { snapshot } = await saved();
    const other = new RouteWorld();
    const second = snapshotFor(other);
    assert.equal(await second.restore(), undefined);
    other.register({ name: "b" });
    second.start();
    await until(() => second.counters.failed >= 2);
    assert.deepEqual(log.namesAt("WARN"), ["route snapshot ignored", "route snapshot not written"]);
    assert.equal(log.at("WARN")[1]?.fields.reason, "another name server uses it");
    await snapshot.stop();
    await until(() => second.counters.written >= 1);
  });

  it("is written without a lock where there can be none, and one line says so", async () => {
    disk.before = (call) => {
      if (call.startsWith("tryLock")) throw new Error("Function not implemented");
    };
    const { world, snapshot } = await saved();
    world.routes.deleteTopic("T1");
    await until(() => snapshot.counters.written === 2);
    assert.deepEqual(log.namesAt("WARN"), [
      "route snapshot can't be locked: no other process may write it",
    ]);
  });
});
