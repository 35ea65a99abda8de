import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { importedSet, storeInto } from "../../../src/admin/controller_import.ts";
import { CommandFailure } from "../../../src/admin/failures.ts";
import { BrokerSetError } from "../../../src/controller/broker_set.ts";
import { NotLeaderError, StoreError } from "../../../src/controller/store.ts";
import type { ReplicasInfo } from "../../../src/protocol/controller_bodies.ts";
import { brokerSet } from "../../support/broker_sets.ts";
import { addressOf } from "../../support/controller_peer.ts";

describe("importedSet", () => {
  const replica = (brokerId: number) => ({
    brokerId,
    brokerAddress: addressOf(brokerId),
    alive: true,
  });
  const info: ReplicasInfo = {
    masterBrokerId: 2,
    masterAddress: addressOf(2),
    masterEpoch: 7,
    syncStateSetEpoch: 9,
    inSyncReplicas: [2, 1].map(replica),
    notInSyncReplicas: [5].map(replica),
  };

  it("takes masters, epochs and replicas over, and offers no id again", () => {
    const { replicas, ...set } = importedSet("s", "C", 4, info);
    assert.deepEqual([...replicas.keys()], [1, 2, 5]);
    assert.deepEqual(set, {
      brokerName: "s",
      clusterName: "C",
      nextBrokerId: 6,
      masterBrokerId: 2,
      masterEpoch: 7,
      syncStateSet: [1, 2],
      syncStateSetEpoch: 9,
    });
  });

  it("refuses a set with which no controller would start", () => {
    const wrong: [number, Partial<ReplicasInfo>][] = [
      [4, { masterBrokerId: 5 }],
      [4, { masterEpoch: -1 }],
      [4, { masterBrokerId: undefined, inSyncReplicas: [], notInSyncReplicas: [] }],
      [NaN, {}],
    ];
    for (const [next, changes] of wrong) {
      assert.throws(() => importedSet("s", "C", next, { ...info, ...changes }), BrokerSetError);
    }
  });
});

describe("storeInto", () => {
  const sets = ["a", "b", "c"].map((brokerName) => brokerSet({ brokerName }));
  let committed: string[];

  function importInto(
    stored: readonly ReturnType<typeof brokerSet>[],
    { overwrite = false, failing = [] as string[], error = new StoreError("the disk is full") } =
      {},
  ): Promise<void> {
    committed = [];
    const commit = (brokerName: string) => {
      committed.push(brokerName);
      return failing.includes(brokerName) ? Promise.reject(error) : Promise.resolve();
    };
    return storeInto({ commit }, new Map(stored.map((it) => [it.brokerName, it])), sets, overwrite);
  }

  it("can be repeated, and replaces a set that is different only when it is asked to", async () => {
    const [a] = sets;
    const other = brokerSet({ brokerName: "b", masterEpoch: 9 });
    await importInto([a!, ...sets.slice(1)]);
    assert.deepEqual(committed, []);
    await assert.rejects(importInto([a!, other]), /b is stored already.*--overwrite/);
    assert.deepEqual(committed, []);
    await importInto([a!, other], { overwrite: true });
    assert.deepEqual(committed, ["b", "c"]);
  });

  it("says exactly which sets are stored when some are not", async () => {
    const failure = await importInto([], { failing: ["b"] }).catch((error) => error);
    assert.ok(failure instanceof CommandFailure);
    assert.match(failure.message, /the disk is full; of 3 .* these are stored: a, c\./);
    await assert.rejects(importInto([], { failing: ["a", "b", "c"] }), /are stored: none\./);
    const error = new NotLeaderError();
    const fenced = importInto([], { failing: ["b"], error });
    await assert.rejects(fenced, /another controller .* are stored: a, c; others may be/);
  });
});
