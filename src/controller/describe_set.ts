import type { BrokerSet } from "./broker_set.ts";
import type { Candidate } from "./election.ts";
import type { FindLive } from "./replicas.ts";

/** A broker of a set, as it stands now. */
export interface ReplicaState {
  readonly brokerId: number;
  /** "host:port" */
  readonly address: string;
  readonly inSync: boolean;
  /** Its last heartbeat; `undefined` when it is not alive. */
  readonly live: Candidate | undefined;
}

/** Describes the brokers of a set, by ascending id. */
export function replicaStates(set: BrokerSet, live: FindLive): ReplicaState[] {
  return Array.from(set.replicas, ([brokerId, { address }]) => ({
    brokerId,
    address,
    inSync: set.syncStateSet.includes(brokerId),
    live: live(set, brokerId),
  }));
}

/** The address of a set's master; `undefined` when there is none. */
export function masterAddress({ masterBrokerId, replicas }: BrokerSet): string | undefined {
  return masterBrokerId === undefined ? undefined : replicas.get(masterBrokerId)?.address;
}
