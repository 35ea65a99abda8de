/** Broker sets for tests of the controller. */

import type { BrokerSet } from "../../src/controller/broker_set.ts";
import type { Candidate } from "../../src/controller/election.ts";
import type { FindLive } from "../../src/controller/replicas.ts";
import { addressOf } from "./controller_peer.ts";

/** A set of three, with master 1 in epoch 1 and all in sync, unless it is said otherwise. */
export function brokerSet(changes: Partial<BrokerSet> = {}): BrokerSet {
  return {
    brokerName: "s",
    clusterName: "C",
    replicas: new Map([1, 2, 3].map((id) => [id, { address: addressOf(id), checkCode: `${id}` }])),
    nextBrokerId: 4,
    masterBrokerId: 1,
    masterEpoch: 1,
    syncStateSet: [1, 2, 3],
    syncStateSetEpoch: 2,
    ...changes,
  };
}

/** Replicas that are alive, by id; absent fields have defaults. */
export function living(replicas: Readonly<Record<number, Partial<Candidate>>>): FindLive {
  const found = new Map(Object.entries(replicas));
  return (_, brokerId) => {
    const candidate = found.get(`${brokerId}`);
    return candidate && { brokerId, epoch: 1, maxOffset: 0, electionPriority: 0, ...candidate };
  };
}
