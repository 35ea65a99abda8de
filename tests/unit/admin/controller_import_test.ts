import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { importedSet } from "../../../src/admin/controller_import.ts";
import { BrokerSetError } from "../../../src/controller/broker_set.ts";
import type { ReplicasInfo } from "../../../src/protocol/controller_bodies.ts";
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
