/** The state of a broker set as controllers tell it to brokers and tools. */

import { text } from "../support/bytes.ts";
import type { Command } from "../support/frames.ts";

/** The state of a broker set: its master, and the replicas that are in sync. */
export interface Claim {
  readonly set: string;
  readonly masterEpoch: number;
  readonly master: number | undefined;
  readonly setEpoch: number;
  /** Ids of the sync state set, ascending. */
  readonly members: readonly number[];
}

/** A replica in the answer of CONTROLLER_GET_SYNC_STATE_DATA. */
export interface ReplicaClaim {
  readonly id: number;
  readonly alive: boolean;
}

/** Whether two states are the same. */
export function isSame(a: Claim, b: Claim): boolean {
  return describe(a) === describe(b);
}

/** A state in a line. */
export function describe({ set, masterEpoch, master, setEpoch, members }: Claim): string {
  return `${set}: master ${master ?? "none"} of epoch ${masterEpoch}, ` +
    `in sync ${members.join(",") || "none"} of epoch ${setEpoch}`;
}

/**
 * Reads the answer of CONTROLLER_GET_REPLICA_INFO, CONTROLLER_REGISTER_BROKER or
 * CONTROLLER_ELECT_MASTER, or the request NOTIFY_BROKER_ROLE_CHANGED. Returns `undefined` when it does
 * not have all of the state, as with CONTROLLER_REGISTER_BROKER while the master is not alive.
 */
export function claimOf(set: string, { extFields, body }: Command): Claim | undefined {
  if (body.length === 0) return undefined;
  const { syncStateSet, syncStateSetEpoch } = JSON.parse(text(body));
  const masterEpoch = extFields?.get("masterEpoch");
  const setEpoch = extFields?.get("syncStateSetEpoch") ?? syncStateSetEpoch;
  if (masterEpoch === undefined || setEpoch === undefined) return undefined;
  const master = extFields?.get("masterBrokerId");
  return {
    set,
    masterEpoch: Number(masterEpoch),
    master: master === undefined ? undefined : Number(master),
    setEpoch: Number(setEpoch),
    members: ascending(syncStateSet),
  };
}

/** Reads the successful answer of CONTROLLER_ALTER_SYNC_STATE_SET, which has only the set. */
export function claimOfAlteration(before: Claim, { body }: Command): Claim {
  const { syncStateSet, syncStateSetEpoch } = JSON.parse(text(body));
  return { ...before, setEpoch: syncStateSetEpoch, members: ascending(syncStateSet) };
}

/** Reads a set in the answer of CONTROLLER_GET_SYNC_STATE_DATA. */
export function claimOfData(
  set: string,
  { body }: Command,
): { claim: Claim; replicas: ReplicaClaim[] } | undefined {
  const found = JSON.parse(text(body)).replicasInfoTable[set];
  if (found === undefined) return undefined;
  const replicas = (list: { brokerId: number; alive: boolean }[]) =>
    list.map(({ brokerId: id, alive }): ReplicaClaim => ({ id, alive }));
  const inSync = replicas(found.inSyncReplicas);
  const claim = {
    set,
    masterEpoch: found.masterEpoch,
    master: found.masterBrokerId,
    setEpoch: found.syncStateSetEpoch,
    members: ascending(inSync.map(({ id }) => id)),
  };
  return { claim, replicas: [...inSync, ...replicas(found.notInSyncReplicas)] };
}

function ascending(ids: readonly number[]): number[] {
  return ids.toSorted((a, b) => a - b);
}
