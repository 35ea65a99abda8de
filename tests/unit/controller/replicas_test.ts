import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { BrokerSet } from "../../../src/controller/broker_set.ts";
import type { Candidate } from "../../../src/controller/election.ts";
import {
  alterSyncStateSet,
  applyBrokerId,
  cleanBrokerData,
  electMaster,
  nextBrokerId,
} from "../../../src/controller/replicas.ts";
import { ResponseCode } from "../../../src/protocol/codes.ts";
import { brokerSet, living } from "../../support/broker_sets.ts";

const OWN = { designated: false, unclean: false };

/** The master that the controller itself elects after master 1 has died. */
function winner(rivals: Record<number, Partial<Candidate>>): number | undefined {
  return electMaster(brokerSet(), OWN, living(rivals)).next?.masterBrokerId;
}

describe("electMaster", () => {
  it("compares offsets and priorities beyond 32 bits", () => {
    assert.equal(winner({ 2: { maxOffset: 0 }, 3: { maxOffset: 3e9 } }), 3);
    assert.equal(winner({ 2: { maxOffset: 2 ** 53 - 1 }, 3: { maxOffset: 2n ** 62n } }), 3);
    assert.equal(winner({ 2: { electionPriority: -2e9 }, 3: { electionPriority: 2e9 } }), 2);
  });

  it("takes the greatest epoch, then the greatest offset, the smallest priority and id", () => {
    assert.equal(winner({ 2: { epoch: 2 }, 3: { maxOffset: 9 } }), 2);
    assert.equal(winner({ 2: { maxOffset: 8, electionPriority: 1 }, 3: { maxOffset: 9 } }), 3);
    assert.equal(winner({ 2: { electionPriority: 5 }, 3: { electionPriority: 1 } }), 3);
    assert.equal(winner({ 3: {}, 2: {} }), 2);
  });

  it("makes the winner the only member of the sync state set, and raises both epochs", () => {
    const set = brokerSet({ masterEpoch: 4, syncStateSetEpoch: 7 });
    assert.deepEqual(electMaster(set, OWN, living({ 2: {} })), {
      next: {
        ...set,
        masterBrokerId: 2,
        masterEpoch: 5,
        syncStateSet: [2],
        syncStateSetEpoch: 8,
      },
    });
  });

  it("raises the epoch once when nobody can follow, however often it is repeated", () => {
    const { next, refused } = electMaster(brokerSet({ syncStateSet: [1] }), OWN, living({ 2: {} }));
    assert.equal(refused?.code, ResponseCode.CONTROLLER_MASTER_NOT_AVAILABLE);
    assert.deepEqual([next?.masterBrokerId, next?.masterEpoch], [undefined, 2]);
    assert.deepEqual(next?.syncStateSet, [1]);
    const again = electMaster(next ?? undefined, OWN, living({ 2: {} }));
    assert.equal(again.next, undefined);
    assert.equal(again.refused?.code, ResponseCode.CONTROLLER_MASTER_NOT_AVAILABLE);
  });

  it("takes a replica that is not in sync only for an unclean election", () => {
    const set = brokerSet({ syncStateSet: [1] });
    assert.equal(electMaster(set, OWN, living({ 2: {} })).next?.masterBrokerId, undefined);
    const unclean = { designated: false, unclean: true };
    assert.equal(electMaster(set, unclean, living({ 2: {} })).next?.masterBrokerId, 2);
  });

  it("elects no first master that nobody knows", () => {
    const set = brokerSet({ masterBrokerId: undefined, masterEpoch: 0, syncStateSet: [] });
    const { next, refused } = electMaster(set, { ...OWN, brokerId: 99 }, living({}));
    assert.equal(next, undefined);
    assert.equal(refused?.code, ResponseCode.CONTROLLER_BROKER_NEED_TO_BE_REGISTERED);
    const first = electMaster(set, { ...OWN, brokerId: 3 }, living({}));
    assert.deepEqual([first.next?.masterBrokerId, first.next?.masterEpoch], [3, 1]);
  });

  it("lets an administrator choose only among those in sync, while there are any", () => {
    const designated = { brokerId: 3, designated: true, unclean: false };
    const all = living({ 1: {}, 2: {}, 3: {} });
    assert.equal(electMaster(brokerSet(), designated, all).next?.masterBrokerId, 3);
    const some = electMaster(brokerSet({ syncStateSet: [1, 2] }), designated, all);
    assert.deepEqual([some.next, some.refused?.code], [
      undefined,
      ResponseCode.CONTROLLER_ELECT_MASTER_FAILED,
    ]);
  });
});

describe("cleanBrokerData", () => {
  const cleaning = (ids: number[] | undefined, evenWithMaster = false) => ({
    brokerName: "s",
    ...(ids && { brokerIds: ids }),
    evenWithMaster,
  });
  const invalid = ResponseCode.CONTROLLER_INVALID_CLEAN_BROKER_METADATA;

  it("leaves a set that brokers can register in, and an administrator can elect in", () => {
    const set = brokerSet({ masterBrokerId: undefined, masterEpoch: 2, syncStateSet: [1] });
    const { next } = cleanBrokerData(set, cleaning([1]), living({ 2: {}, 3: {} }));
    assert.deepEqual([next?.syncStateSet, next?.syncStateSetEpoch], [[], 3]);
    assert.deepEqual([...next?.replicas.keys() ?? []], [2, 3]);
    const left = next ?? undefined;
    const alive = living({ 2: {}, 3: {} });
    const asked = electMaster(left, { ...OWN, brokerId: 2 }, alive);
    assert.equal(asked.refused?.code, ResponseCode.CONTROLLER_ELECT_MASTER_FAILED);
    const designated = electMaster(left, { brokerId: 2, designated: true, unclean: false }, alive);
    assert.deepEqual([designated.next?.masterBrokerId, designated.next?.masterEpoch], [2, 3]);
  });

  it("never forgets a living broker: its id on disk would be refused for ever", () => {
    for (const evenWithMaster of [false, true]) {
      const one = cleanBrokerData(brokerSet(), cleaning([3], evenWithMaster), living({ 3: {} }));
      assert.equal(one.refused?.remark, "Broker [s,  3] is still alive, clean up failure");
      const all = cleanBrokerData(
        brokerSet({ masterBrokerId: undefined }),
        cleaning(undefined, evenWithMaster),
        living({ 3: {} }),
      );
      assert.deepEqual([all.next, all.refused?.code], [undefined, invalid]);
    }
  });

  it("forgets a whole set with a recorded master only when it is asked to", () => {
    const dead = living({});
    assert.equal(cleanBrokerData(brokerSet(), cleaning(undefined), dead).refused?.code, invalid);
    assert.deepEqual(cleanBrokerData(brokerSet(), cleaning(undefined, true), dead), { next: null });
  });

  it("gives a master up that is cleaned, and keeps the id of the next broker", () => {
    const { next } = cleanBrokerData(brokerSet(), cleaning([1]), living({ 2: {} }));
    assert.deepEqual(
      [next?.masterBrokerId, next?.masterEpoch, next?.syncStateSet, next?.nextBrokerId],
      [undefined, 2, [2, 3], 4],
    );
  });

  it("cleans the given ids, also where the whole set may go", () => {
    const { next } = cleanBrokerData(brokerSet(), cleaning([3], true), living({ 1: {}, 2: {} }));
    assert.deepEqual([...next?.replicas.keys() ?? []], [1, 2]);
    assert.equal(cleanBrokerData(brokerSet(), cleaning([1, 2, 3]), living({})).next, null);
  });
});

describe("alterSyncStateSet", () => {
  it("refuses a set from a broker while there is no master", () => {
    const set = brokerSet({ masterBrokerId: undefined });
    const change = { masterBrokerId: 1, masterEpoch: 1, wanted: [1], syncStateSetEpoch: 2 };
    const { next, refused } = alterSyncStateSet(set, change, living({ 1: {} }));
    assert.deepEqual([next, refused?.code], [undefined, ResponseCode.CONTROLLER_INVALID_MASTER]);
  });

  it("refuses ids that can't be those of brokers", () => {
    for (const id of [0, -1, 2n ** 60n]) {
      const change = { masterBrokerId: 1, masterEpoch: 1, wanted: [1, id], syncStateSetEpoch: 2 };
      const { refused } = alterSyncStateSet(brokerSet(), change, living({ 1: {} }));
      assert.equal(refused?.code, ResponseCode.CONTROLLER_INVALID_REPLICAS, `${id}`);
    }
  });
});

describe("applyBrokerId", () => {
  const application = (brokerId: number | bigint, checkCode = "10.0.0.9:10911;7") => ({
    clusterName: "C",
    brokerName: "s",
    brokerId,
    checkCode,
  });
  const codeOf = (set: BrokerSet | undefined, id: number | bigint) =>
    applyBrokerId(set, application(id)).refused?.code;

  it("offers no id that is taken", () => {
    const set = brokerSet({ nextBrokerId: 3 });
    assert.equal(nextBrokerId(set), 4);
    assert.equal(nextBrokerId(undefined), 1);
  });

  it("refuses ids that are none", () => {
    for (const id of [0, -7, 2n ** 60n]) {
      assert.equal(codeOf(undefined, id), ResponseCode.CONTROLLER_BROKER_ID_INVALID, `${id}`);
      assert.equal(codeOf(brokerSet(), id), ResponseCode.CONTROLLER_BROKER_ID_INVALID, `${id}`);
    }
  });

  it("keeps address and check code of a new broker, and changes nothing when it repeats itself", () => {
    const { next } = applyBrokerId(brokerSet(), application(4));
    assert.deepEqual(next?.replicas.get(4), {
      address: "10.0.0.9:10911",
      checkCode: "10.0.0.9:10911;7",
    });
    assert.equal(next?.nextBrokerId, 5);
    assert.deepEqual(applyBrokerId(next ?? undefined, application(4)), {});
    const other = applyBrokerId(next ?? undefined, application(4, "10.0.0.8:10911;7"));
    assert.equal(other.refused?.code, ResponseCode.CONTROLLER_BROKER_ID_INVALID);
  });

  it("takes the check code of an imported replica from the broker at its address alone", () => {
    const imported = { address: "10.0.0.9:10911", checkCode: "" };
    const set = brokerSet({ replicas: new Map([[1, imported]]), syncStateSet: [1] });
    const other = applyBrokerId(set, application(1, "10.0.0.8:10911;7"));
    assert.equal(other.refused?.code, ResponseCode.CONTROLLER_BROKER_ID_INVALID);
    const { next } = applyBrokerId(set, application(1));
    const checkCode = "10.0.0.9:10911;7";
    assert.deepEqual(next, { ...set, replicas: new Map([[1, { ...imported, checkCode }]]) });
    assert.deepEqual(applyBrokerId(next ?? undefined, application(1)), {});
    const late = applyBrokerId(next ?? undefined, application(1, "10.0.0.9:10911;8"));
    assert.equal(late.refused?.code, ResponseCode.CONTROLLER_BROKER_ID_INVALID);
  });
});
