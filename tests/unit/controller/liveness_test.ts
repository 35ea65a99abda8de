import assert from "node:assert/strict";
import { beforeEach, describe, it } from "@std/testing/bdd";
import { Liveness } from "../../../src/controller/liveness.ts";
import { brokerSet } from "../../support/broker_sets.ts";

describe("Liveness", () => {
  let now: number;
  let limit: number;
  let liveness: Liveness;
  const set = brokerSet();
  const [first, second] = [{}, {}];

  beforeEach(() => {
    now = 1000;
    limit = 10;
    liveness = new Liveness({ limit: () => limit, monotonic: () => now });
  });

  function beat(
    connection: object,
    { brokerId = 1, epoch = 1, maxOffset = 0 as number | bigint, timeout = 100 } = {},
  ): void {
    liveness.heartbeat({
      clusterName: "C",
      brokerName: "s",
      brokerId,
      timeout,
      epoch,
      maxOffset,
      electionPriority: 0,
    }, connection);
  }

  const alive = (id = 1) => liveness.find(set, id) !== undefined;

  it("follows the newest connection of a broker: an old one may close late", () => {
    beat(first);
    beat(second);
    assert.deepEqual(liveness.disconnected(first), []);
    assert.ok(alive());
    assert.deepEqual(liveness.disconnected(second), [
      { brokerName: "s", brokerId: 1, by: "close" },
    ]);
    assert.ok(!alive());
  });

  it("stays with the newest connection when a heartbeat comes late over an old one", () => {
    beat(first, { maxOffset: 9 });
    beat(second, { maxOffset: 5 });
    now += 90;
    beat(first, { maxOffset: 9 });
    assert.equal(liveness.find(set, 1)?.maxOffset, 5);
    now += 90;
    assert.deepEqual(liveness.scan(() => {}), []);
    assert.deepEqual(liveness.disconnected(first), []);
    assert.ok(alive());
    assert.equal(liveness.disconnected(second).length, 1);
  });

  it("remembers whose connection closed until they are heard of again, but not of too many", () => {
    limit = 2;
    for (const brokerId of [1, 2, 3]) {
      const connection = {};
      beat(connection, { brokerId });
      liveness.disconnected(connection);
    }
    const closed = () => [1, 2, 3].filter((id) => liveness.isClosed(set, id));
    assert.deepEqual(closed(), [2, 3]);
    beat(first, { brokerId: 2 });
    assert.deepEqual(closed(), [3]);
  });

  it("finds brokers that are silent for longer than their own timeout", () => {
    beat(first, { brokerId: 1, timeout: 100 });
    beat(second, { brokerId: 2, timeout: 300 });
    now += 200;
    const closed: object[] = [];
    const lost = liveness.scan((connection) => closed.push(connection));
    assert.deepEqual(lost, [{ brokerName: "s", brokerId: 1, by: "silence" }]);
    assert.deepEqual(closed, [first]);
    assert.ok(alive(2));
  });

  it("closes no connection that another living broker uses", () => {
    beat(first, { brokerId: 1, timeout: 100 });
    beat(first, { brokerId: 2, timeout: 300 });
    now += 200;
    liveness.scan(() => assert.fail("closed"));
    assert.deepEqual([alive(1), alive(2)], [false, true]);
    assert.deepEqual(liveness.disconnected(first).map(({ brokerId }) => brokerId), [2]);
  });

  it("does not count the time in which the process did not run", () => {
    beat(first, { timeout: 100 });
    now += 10_000;
    liveness.excuse(9950);
    assert.deepEqual(liveness.scan(() => {}), []);
    now += 100;
    assert.equal(liveness.scan(() => {}).length, 1);
  });

  it("lets offsets only grow on a connection, and takes what comes over a new one", () => {
    beat(first, { epoch: 2, maxOffset: 9 });
    beat(first, { epoch: 2, maxOffset: 8 });
    assert.equal(liveness.find(set, 1)?.maxOffset, 9);
    beat(first, { epoch: 3, maxOffset: 5 });
    assert.equal(liveness.find(set, 1)?.maxOffset, 5);
    beat(second, { epoch: 1, maxOffset: 2n ** 60n });
    assert.deepEqual(
      [liveness.find(set, 1)?.epoch, liveness.find(set, 1)?.maxOffset],
      [1, 2n ** 60n],
    );
  });

  it("follows a limited number of brokers, and those it knows go on", () => {
    limit = 1;
    beat(first, { brokerId: 1 });
    beat(second, { brokerId: 2 });
    beat(first, { brokerId: 1 });
    assert.deepEqual([alive(1), alive(2), liveness.refused], [true, false, 1]);
  });

  it("keeps brokers of another cluster apart", () => {
    beat(first);
    assert.equal(liveness.find(brokerSet({ clusterName: "D" }), 1), undefined);
  });
});
