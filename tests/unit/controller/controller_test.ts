import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { defaultOptions } from "../../../src/config/options.ts";
import type { BrokerSet } from "../../../src/controller/broker_set.ts";
import { Controller, ControllerLimitError } from "../../../src/controller/controller.ts";
import {
  type ControllerStore,
  type LeadershipEvents,
  NotLeaderError,
  StoreError,
} from "../../../src/controller/store.ts";
import { ResponseCode } from "../../../src/protocol/codes.ts";
import { brokerSet } from "../../support/broker_sets.ts";
import { addressOf } from "../../support/controller_peer.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { TestClock } from "../../support/test_clock.ts";

/** A store whose commits wait until the test lets them through. */
class HeldStore implements ControllerStore {
  /** Without an event, as after a pause of the process. */
  leads = true;
  readonly problem = undefined;
  readonly leader = { id: "n0", address: "127.0.0.1:9878" };
  readonly commits: { brokerName: string; set: BrokerSet | undefined }[] = [];
  events: LeadershipEvents | undefined;
  /** Whether the next commits fail. */
  failing = false;
  /** When set, commits wait for it. */
  held: PromiseWithResolvers<void> | undefined;

  constructor(readonly stored: ReadonlyMap<string, BrokerSet>) {}

  start(events: LeadershipEvents): Promise<void> {
    this.events = events;
    events.leading(new Map(this.stored));
    return Promise.resolve();
  }

  async commit(brokerName: string, set: BrokerSet | undefined): Promise<void> {
    if (this.failing) throw new StoreError("the disk is full");
    this.commits.push({ brokerName, set });
    await this.held?.promise;
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

describe("Controller", () => {
  let time: FakeTime;
  let clock: TestClock;
  let store: HeldStore;
  let controller: Controller;
  let options: ReturnType<typeof defaultOptions>;
  let log: RecordedLog;
  let told: string[];
  let expired: object[];
  const connections = new Map([1, 2, 3].map((id) => [id, { id }]));

  beforeEach(() => {
    time = new FakeTime();
    clock = new TestClock();
    options = defaultOptions();
    log = new RecordedLog();
    told = [];
    expired = [];
  });
  afterEach(async () => {
    await controller.stop();
    time.restore();
  });

  async function start(...sets: BrokerSet[]): Promise<void> {
    store = new HeldStore(new Map(sets.map((set) => [set.brokerName, set])));
    controller = new Controller({
      store,
      options,
      notify: (set, addresses) =>
        void told.push(...addresses.map((it) => `${it} ${set.masterBrokerId} ${set.masterEpoch}`)),
      expire: (connection) => void expired.push(connection),
      log,
      monotonic: clock.monotonic,
    });
    await controller.start();
  }

  function beat(brokerId: number, { brokerName = "s", maxOffset = 0, timeout = 10_000 } = {}) {
    controller.heartbeat({
      clusterName: "C",
      brokerName,
      brokerId,
      timeout,
      epoch: 1,
      maxOffset,
      electionPriority: 0,
    }, connections.get(brokerId) ?? assert.fail());
  }

  function close(brokerId: number): void {
    controller.disconnected(connections.get(brokerId) ?? {});
  }

  /** Lets seconds pass in which some brokers send heartbeats. */
  async function live(seconds: number, ...beats: (() => void)[]): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      for (const each of beats) each();
      await pass(1000);
    }
  }

  /** Lets time pass, and what begins then come to its end. */
  async function pass(millis: number): Promise<void> {
    await time.tickAsync(millis);
    await time.runMicrotasks();
  }

  const master = () => {
    const { masterBrokerId, masterEpoch } = controller.find("s") ?? {};
    return [masterBrokerId, masterEpoch];
  };

  it("elects at once when the master's connection closes, and tells those that are alive", async () => {
    await start(brokerSet());
    for (const id of [1, 2, 3]) beat(id, { maxOffset: id });
    close(1);
    await time.runMicrotasks();
    assert.deepEqual(master(), [3, 2]);
    assert.deepEqual(told, [`${addressOf(2)} 3 2`, `${addressOf(3)} 3 2`]);
    close(2);
    await time.runMicrotasks();
    assert.deepEqual(master(), [3, 2]);
    assert.equal(controller.counters.elections.elected, 1);
  });

  it("elects after a silence, and closes the silent connection", async () => {
    await start(brokerSet());
    beat(1, { timeout: 3000 });
    beat(2, { timeout: 60_000 });
    await pass(5000);
    assert.deepEqual(master(), [2, 2]);
    assert.deepEqual(expired, [connections.get(1)]);
  });

  it("tells nobody when that is switched off", async () => {
    options.notifyBrokerRoleChanged = false;
    await start(brokerSet());
    for (const id of [1, 2]) beat(id);
    close(1);
    await time.runMicrotasks();
    assert.deepEqual([master(), told], [[2, 2], []]);
  });

  it("raises the epoch once when the last member in sync is gone", async () => {
    await start(brokerSet({ syncStateSet: [1] }));
    for (const id of [1, 2]) beat(id, { timeout: 600_000 });
    close(1);
    await pass(60_000);
    assert.deepEqual(master(), [undefined, 2]);
    assert.equal(store.commits.length, 1);
    assert.deepEqual(log.namesAt("ERROR"), ["broker set has no master"]);
    // A member in sync returns: it need not ask.
    beat(1, { timeout: 600_000 });
    await pass(5000);
    assert.deepEqual(master(), [1, 3]);
  });

  it("replaces no master in the first ten seconds after a start, even if a broker asks for an election", async () => {
    await start(brokerSet());
    beat(2);
    await pass(9000);
    for (const asking of [2, undefined]) {
      const { refused } = await controller.electMaster("s", asking, false);
      assert.equal(refused?.code, ResponseCode.CONTROLLER_MASTER_STILL_EXIST);
    }
    assert.deepEqual(master(), [1, 1]);
    beat(1, { timeout: 60_000 });
    await pass(10_000);
    assert.deepEqual(master(), [1, 1]);
    assert.equal(store.commits.length, 0);
  });

  it("waits for no master that is seen to close, that another is designated for, or that never was", async () => {
    const fresh = { masterBrokerId: undefined, masterEpoch: 0, syncStateSet: [] };
    await start(
      brokerSet(),
      brokerSet({ brokerName: "t" }),
      brokerSet({ brokerName: "u", ...fresh }),
    );
    beat(2);
    beat(1);
    close(1);
    await time.runMicrotasks();
    assert.deepEqual(master(), [2, 2]);
    beat(3, { brokerName: "t" });
    await controller.electMaster("t", 3, true);
    assert.equal(controller.find("t")?.masterBrokerId, 3);
    await controller.electMaster("u", 2, false);
    assert.equal(controller.find("u")?.masterBrokerId, 2);
  });

  it("waits as long for an unheard master as the others of its set want to be waited for", async () => {
    await start(brokerSet());
    beat(2, { timeout: 30_000 });
    await pass(29_000);
    assert.deepEqual(master(), [1, 1]);
    await pass(5000);
    assert.deepEqual(master(), [2, 2]);
  });

  it("waits for the master after taking over, unless it has seen its connection close", async () => {
    await start();
    store.events?.following("another leads");
    const slaves = ["s", "t"].map((brokerName) => () => beat(2, { brokerName }));
    beat(1);
    close(1);
    await live(20, ...slaves);
    store.events?.leading(
      new Map(["s", "t"].map((name) => [name, brokerSet({ brokerName: name })])),
    );
    await time.runMicrotasks();
    assert.deepEqual([master(), controller.find("t")?.masterBrokerId], [[2, 2], 1]);
    await live(15, ...slaves);
    assert.equal(controller.find("t")?.masterBrokerId, 2);
  });

  it("elects nobody out of sync while those in sync may not have been heard of", async () => {
    options.enableElectUncleanMaster = true;
    await start(brokerSet({ masterBrokerId: undefined, syncStateSet: [1] }));
    beat(2, { timeout: 60_000 });
    await pass(9000);
    assert.deepEqual(master(), [undefined, 1]);
    await pass(5000);
    assert.deepEqual(master(), [2, 2]);
  });

  it("forgets no broker that may not have been heard of since the start", async () => {
    await start(brokerSet());
    const clean = async (brokerName: string, id: number) => {
      const change = { brokerName, brokerIds: [id], evenWithMaster: false };
      return (await controller.cleanBrokerData(change)).refused?.remark;
    };
    await pass(4000);
    assert.match(await clean("s", 3) ?? "", /Try again in 6 s/);
    // Those of a new set have been heard of if they are alive.
    await controller.applyBrokerId({
      clusterName: "C",
      brokerName: "new",
      brokerId: 1,
      checkCode: "a;1",
    });
    assert.equal(await clean("new", 1), undefined);
    beat(2, { timeout: 600_000 });
    await pass(6000);
    assert.match(await clean("s", 2) ?? "", /is still alive/);
    assert.equal(await clean("s", 3), undefined);
  });

  it("replaces a master that is not heard of after a start", async () => {
    await start(brokerSet());
    await live(15, () => beat(2));
    assert.deepEqual(master(), [2, 2]);
  });

  it("does not take its own pause for the silence of brokers", async () => {
    await start(brokerSet());
    for (const id of [1, 2]) beat(id);
    clock.paused += 30_000;
    await pass(5000);
    assert.deepEqual(master(), [1, 1]);
  });

  it("answers, and shows a change to others, only when it is stored", async () => {
    await start(brokerSet());
    for (const id of [1, 2, 3]) beat(id);
    store.held = Promise.withResolvers();
    let answered = false;
    const change = { masterBrokerId: 1, masterEpoch: 1, wanted: [1, 2], syncStateSetEpoch: 2 };
    const altered = controller.alterSyncStateSet("s", change).then((it) => {
      answered = true;
      return it;
    });
    // The second is decided with the state that the first has left.
    const second = controller.alterSyncStateSet("s", change);
    await time.runMicrotasks();
    assert.deepEqual([answered, controller.find("s")?.syncStateSetEpoch], [false, 2]);
    assert.equal(store.commits.length, 1);
    store.held.resolve();
    assert.equal((await altered).after?.syncStateSetEpoch, 3);
    assert.equal((await second).refused?.code, ResponseCode.CONTROLLER_ALTER_SYNC_STATE_SET_FAILED);
  });

  it("does not let one set wait for another", async () => {
    await start(brokerSet(), brokerSet({ brokerName: "t" }));
    for (const brokerName of ["s", "t"]) for (const id of [1, 2]) beat(id, { brokerName });
    store.held = Promise.withResolvers();
    const elections = ["s", "t"].map((name) => controller.electMaster(name, 2, true));
    await time.runMicrotasks();
    assert.deepEqual(store.commits.map(({ brokerName }) => brokerName), ["s", "t"]);
    store.held.resolve();
    await Promise.all(elections);
    assert.equal(controller.counters.stored, 2);
  });

  it("keeps the state before when a change can't be stored, and tries elections again", async () => {
    options.electMasterMaxRetryCount = 2;
    await start(brokerSet());
    for (const id of [1, 2, 3]) beat(id, { timeout: 600_000 });
    store.failing = true;
    await assert.rejects(controller.electMaster("s", 2, true), StoreError);
    assert.deepEqual(master(), [1, 1]);
    close(1);
    await time.runMicrotasks();
    assert.deepEqual([master(), controller.counters.notStored], [[1, 1], 3]);
    store.failing = false;
    await pass(15_000);
    assert.deepEqual(master(), [2, 2]);
  });

  it("answers nothing from a change that was stored after another began to lead", async () => {
    await start(brokerSet());
    store.held = Promise.withResolvers();
    for (const id of [1, 2]) beat(id);
    const elected = controller.electMaster("s", 2, true).catch((error) => error);
    await time.runMicrotasks();
    store.events?.following("the lease has ended");
    assert.ok(!controller.leading);
    assert.throws(() => controller.find("s"), NotLeaderError);
    store.events?.leading(new Map([["s", brokerSet({ masterEpoch: 5 })]]));
    store.held.resolve();
    assert.ok(await elected instanceof NotLeaderError);
    assert.deepEqual(master(), [1, 5]);
  });

  it("answers nothing once its store does not lead, even before it is told", async () => {
    await start(brokerSet());
    store.held = Promise.withResolvers();
    const change = controller.registerBroker({
      brokerName: "s",
      brokerId: 1,
      brokerAddress: "10.9.9.9:1",
    });
    store.leads = false;
    store.held.resolve();
    await assert.rejects(change, NotLeaderError);
    assert.throws(() => controller.find("s"), NotLeaderError);
    assert.deepEqual([controller.leading, controller.sets.size], [false, 0]);
    assert.equal(controller.figures.sets, 0);
  });

  it("refuses what would exceed a limit, and serves the sets that are there", async () => {
    options.controllerMaxSets = 1;
    options.controllerMaxReplicas = 3;
    await start(brokerSet());
    const apply = (brokerName: string, brokerId: number) =>
      controller.applyBrokerId({ clusterName: "C", brokerName, brokerId, checkCode: "a;1" });
    await assert.rejects(apply("t", 1), /controllerMaxSets/);
    await assert.rejects(apply("s", 4), /controllerMaxReplicas/);
    options.controllerMaxReplicas = 10;
    options.controllerMaxStateBytes = 100;
    await assert.rejects(apply("s", 4), ControllerLimitError);
    assert.deepEqual(controller.counters.refused, { sets: 1, replicas: 1, bytes: 1 });
    for (const id of [1, 2]) beat(id);
    await controller.electMaster("s", 2, true);
    assert.deepEqual(master(), [2, 2]);
  });

  it("follows the brokers of its sets, however many others send heartbeats", async () => {
    options.controllerMaxSets = 1;
    options.controllerMaxReplicas = 1;
    await start(brokerSet());
    for (const id of [1, 2]) beat(id, { brokerName: "stranger" });
    for (const id of [1, 2]) beat(id);
    assert.deepEqual([controller.liveness.size, controller.liveness.refused], [3, 1]);
    close(1);
    await time.runMicrotasks();
    assert.deepEqual(master(), [2, 2]);
  });

  it("piles up no elections while the store hangs", async () => {
    options.electMasterMaxRetryCount = 1;
    await start(brokerSet());
    for (const id of [1, 2]) beat(id, { timeout: 600_000 });
    store.held = Promise.withResolvers();
    close(1);
    await pass(60_000);
    store.held.reject(new StoreError("the disk does not answer"));
    await time.runMicrotasks();
    assert.equal(store.commits.length, 1);
  });

  it("finds sets whose master is dead and a replica alive, not those where it is the other way round", async () => {
    await start(brokerSet(), brokerSet({ brokerName: "t" }));
    await live(20, () => beat(2), () => beat(1, { brokerName: "t" }));
    assert.deepEqual([master(), controller.find("t")?.masterBrokerId], [[2, 2], 1]);
    assert.equal(store.commits.length, 1);
  });

  it("keeps the timeouts of heartbeats within limits", async () => {
    await start(brokerSet());
    beat(1, { timeout: -5 });
    beat(2, { timeout: 1e18 });
    beat(3, { timeout: 10_000 });
    const set = brokerSet();
    const timeouts = [1, 2, 3].map((id) => controller.liveness.find(set, id)?.timeout);
    assert.deepEqual(timeouts, [1000, 300_000, 10_000]);
    for (const id of [1, 2]) beat(id, { timeout: 1e18 });
    assert.equal(controller.counters.limitedTimeouts, 4);
    assert.equal(log.namesAt("WARN").length, 2);
  });

  it("stores no epoch that brokers can't read", async () => {
    const most = 2_147_483_647;
    await start(
      brokerSet({ masterEpoch: most }),
      brokerSet({ brokerName: "t", syncStateSetEpoch: most }),
    );
    for (const brokerName of ["s", "t"]) for (const id of [1, 2, 3]) beat(id, { brokerName });
    await pass(10_000);
    for (const brokerName of ["s", "t"]) for (const id of [1, 2, 3]) beat(id, { brokerName });
    const refusals = [
      await controller.electMaster("s", 2, true),
      await controller.electMaster("t", 2, true),
      await controller.alterSyncStateSet("t", {
        masterBrokerId: 1,
        masterEpoch: 1,
        wanted: [1],
        syncStateSetEpoch: most,
      }),
    ].map(({ refused }) => refused?.code);
    assert.deepEqual(refusals, Array(3).fill(ResponseCode.SYSTEM_ERROR));
    close(1);
    await pass(5000);
    for (const brokerName of ["s", "t"]) {
      const change = { brokerName, brokerIds: [1], evenWithMaster: false };
      const { refused } = await controller.cleanBrokerData(change);
      assert.equal(refused?.code, ResponseCode.SYSTEM_ERROR);
    }
    assert.deepEqual(store.commits, []);
    assert.ok(log.namesAt("ERROR").includes("epochs of a broker set are used up"));
  });

  it("begins no election once it stops, whatever closes, falls silent or asks", async () => {
    await start(brokerSet(), brokerSet({ brokerName: "t" }));
    for (const id of [1, 2]) beat(id);
    beat(1, { brokerName: "t", timeout: 1000 });
    beat(2, { brokerName: "t" });
    controller.endElections();
    close(1);
    await pass(20_000);
    await assert.rejects(controller.electMaster("s", 2, true), NotLeaderError);
    assert.deepEqual([master(), store.commits], [[1, 1], []]);
    // Others are still answered, and see who was alive.
    const kept = await controller.cleanBrokerData({
      brokerName: "s",
      brokerIds: [2],
      evenWithMaster: false,
    });
    assert.match(kept.refused?.remark ?? "", /is still alive/);
  });

  it("counts sets, replicas, bytes and what is wrong with them", async () => {
    options.controllerMinInSyncReplicas = 2;
    await start(
      brokerSet(),
      brokerSet({ brokerName: "t", masterBrokerId: undefined, syncStateSet: [1] }),
    );
    const { bytes, ...figures } = controller.figures;
    assert.deepEqual(figures, { sets: 2, replicas: 6, withoutMaster: 1, fewInSync: 1 });
    assert.ok(bytes > 0);
    await pass(10_000);
    await controller.cleanBrokerData({ brokerName: "t", evenWithMaster: true });
    assert.equal(controller.figures.sets, 1);
    assert.ok(controller.figures.bytes > 0 && controller.figures.bytes < bytes);
  });
});
