import { ResponseCode } from "../protocol/codes.ts";
import type { Long } from "../protocol/long.ts";
import { type BrokerSet, isBrokerId, sortedById } from "./broker_set.ts";
import { bestCandidate, type Candidate } from "./election.ts";

/** Why a request is refused. */
export interface Refusal {
  /** A ResponseCode. */
  readonly code: number;
  readonly remark: string;
}

/**
 * The outcome of a request for a change. The functions of this file only decide: they change nothing, and
 * know neither time nor stores.
 */
export interface Decision {
  /** The new state; `null` when the set goes; absent when nothing changes. */
  readonly next?: BrokerSet | null;
  readonly refused?: Refusal;
}

/** Looks up the last heartbeat of a replica; `undefined` when it is not alive. */
export type FindLive = (set: BrokerSet, brokerId: number) => Candidate | undefined;

/** Returns the id that a new broker should apply for. */
export function nextBrokerId(set: BrokerSet | undefined): number {
  if (set === undefined) return 1;
  let id = set.nextBrokerId;
  while (set.replicas.has(id)) id++;
  return id;
}

/** The fields of CONTROLLER_APPLY_BROKER_ID. */
export interface BrokerIdApplication {
  readonly clusterName: string;
  readonly brokerName: string;
  readonly brokerId: Long;
  /** `address;milliseconds` */
  readonly checkCode: string;
}

/** Decides about CONTROLLER_APPLY_BROKER_ID: a new broker, or one that repeats its application. */
export function applyBrokerId(
  set: BrokerSet | undefined,
  { clusterName, brokerName, brokerId, checkCode }: BrokerIdApplication,
): Decision {
  const [address = ""] = checkCode.split(";", 1);
  const invalid = (remark: string) => refused(ResponseCode.CONTROLLER_BROKER_ID_INVALID, remark);
  if (set === undefined) {
    if (brokerId !== 1) {
      return invalid(
        `Broker-set: ${brokerName} hasn't been registered in controller, but broker try to apply ` +
          `brokerId: ${brokerId}`,
      );
    }
    return {
      next: {
        brokerName,
        clusterName,
        replicas: new Map([[1, { address, checkCode }]]),
        nextBrokerId: 2,
        masterBrokerId: undefined,
        masterEpoch: 0,
        syncStateSet: [],
        syncStateSetEpoch: 0,
      },
    };
  }
  const known = isBrokerId(brokerId) ? set.replicas.get(brokerId) : undefined;
  // The check codes of imported replicas are not known: only the broker that was given the id can be at its address.
  const isProof = known?.checkCode === checkCode ||
    (known?.checkCode === "" && known.address === address);
  if (!isBrokerId(brokerId) || (known !== undefined && !isProof)) {
    return invalid(`Fail to apply brokerId: ${brokerId} in broker-set: ${brokerName}`);
  }
  if (known?.checkCode === checkCode) return {};
  if (known !== undefined) {
    const replicas = new Map(set.replicas).set(brokerId, { ...known, checkCode });
    return { next: { ...set, replicas } };
  }
  const replicas = sortedById([...set.replicas, [brokerId, { address, checkCode }]]);
  return { next: { ...set, replicas, nextBrokerId: set.nextBrokerId + 1 } };
}

/** The fields of CONTROLLER_REGISTER_BROKER. */
export interface BrokerRegistration {
  readonly brokerName: string;
  readonly brokerId: Long;
  readonly brokerAddress: string;
}

/** Decides about CONTROLLER_REGISTER_BROKER: a broker with an id comes back, maybe with another address. */
export function registerBroker(
  set: BrokerSet | undefined,
  { brokerName, brokerId, brokerAddress }: BrokerRegistration,
): Decision {
  const unknown = (remark: string) =>
    refused(ResponseCode.CONTROLLER_BROKER_NEED_TO_BE_REGISTERED, remark);
  if (set === undefined) {
    return unknown(`Broker-set: ${brokerName} hasn't been registered in controller`);
  }
  const known = isBrokerId(brokerId) ? set.replicas.get(brokerId) : undefined;
  if (!isBrokerId(brokerId) || known === undefined) {
    return unknown(unknownId(brokerName, brokerId));
  }
  if (known.address === brokerAddress) return {};
  const replicas = new Map(set.replicas).set(brokerId, { ...known, address: brokerAddress });
  return { next: { ...set, replicas } };
}

/** The fields of CONTROLLER_ALTER_SYNC_STATE_SET. */
export interface SyncStateChange {
  readonly masterBrokerId: Long;
  readonly masterEpoch: number;
  /** The ids that the set should have. */
  readonly wanted: readonly Long[];
  /** The epoch of the set that the master knows. */
  readonly syncStateSetEpoch: number;
}

/** Decides about CONTROLLER_ALTER_SYNC_STATE_SET. */
export function alterSyncStateSet(
  set: BrokerSet | undefined,
  { masterBrokerId, masterEpoch, wanted, syncStateSetEpoch }: SyncStateChange,
  live: FindLive,
): Decision {
  const failed = (remark: string) =>
    refused(ResponseCode.CONTROLLER_ALTER_SYNC_STATE_SET_FAILED, remark);
  if (set === undefined) return failed(METADATA_MISSING);
  const ids = new Set(wanted);
  if (ids.size === set.syncStateSet.length && set.syncStateSet.every((id) => ids.has(id))) {
    return failed(
      "The newSyncStateSet is equal with oldSyncStateSet, no needed to update syncStateSet",
    );
  }
  const rejected = (code: number, reason: string) =>
    refused(code, `Rejecting alter syncStateSet request because the ${reason}`);
  if (masterBrokerId !== set.masterBrokerId) {
    return rejected(
      ResponseCode.CONTROLLER_INVALID_MASTER,
      `current leader is:{${set.masterBrokerId ?? null}}, not {${masterBrokerId}}`,
    );
  }
  if (masterEpoch !== set.masterEpoch) {
    return rejected(
      ResponseCode.CONTROLLER_FENCED_MASTER_EPOCH,
      `current master epoch is:{${set.masterEpoch}}, not {${masterEpoch}}`,
    );
  }
  if (syncStateSetEpoch !== set.syncStateSetEpoch) {
    return rejected(
      ResponseCode.CONTROLLER_FENCED_SYNC_STATE_SET_EPOCH,
      `current syncStateSet epoch is:{${set.syncStateSetEpoch}}, not {${syncStateSetEpoch}}`,
    );
  }
  const members: number[] = [];
  for (const id of ids) {
    if (!isBrokerId(id) || !set.replicas.has(id)) {
      return rejected(
        ResponseCode.CONTROLLER_INVALID_REPLICAS,
        `replicas {${id}} don't exist`,
      );
    }
    if (live(set, id) === undefined) {
      return rejected(ResponseCode.CONTROLLER_BROKER_NOT_ALIVE, `replicas {${id}} don't alive`);
    }
    members.push(id);
  }
  if (!ids.has(masterBrokerId)) {
    return rejected(
      ResponseCode.CONTROLLER_ALTER_SYNC_STATE_SET_FAILED,
      `newSyncStateSet don't contains origin leader {${masterBrokerId}}`,
    );
  }
  return {
    next: {
      ...set,
      syncStateSet: members.sort((a, b) => a - b),
      syncStateSetEpoch: set.syncStateSetEpoch + 1,
    },
  };
}

/** The circumstances of an election. */
export interface ElectionRequest {
  /** The broker that asks, or the one that an administrator designates; absent for the controller's own. */
  readonly brokerId?: Long;
  /** An administrator wants this broker to be the master. */
  readonly designated: boolean;
  /** Whether replicas outside the sync state set may become master, with loss of messages. */
  readonly unclean: boolean;
  /** The master may be alive, although it has not been heard of: it stays unless another is designated. */
  readonly masterMayLive?: boolean;
}

/**
 * Decides about an election. A set that never had a master gets the broker that asks. Otherwise a
 * living master stays, unless another is designated; a master that is not alive is replaced by the best
 * living member of the sync state set.
 *
 * If there is none, and the controller itself asked, the master is given up, which raises the epoch once:
 * repeating the election then changes nothing.
 */
export function electMaster(
  set: BrokerSet | undefined,
  { brokerId, designated, unclean, masterMayLive = false }: ElectionRequest,
  live: FindLive,
): Decision {
  if (set === undefined) {
    return refused(
      ResponseCode.CONTROLLER_BROKER_NEED_TO_BE_REGISTERED,
      "Broker hasn't been registered",
    );
  }
  if (set.masterEpoch === 0 && brokerId !== undefined) {
    if (isBrokerId(brokerId) && set.replicas.has(brokerId)) {
      return { next: withMaster(set, brokerId) };
    }
    return refused(
      ResponseCode.CONTROLLER_BROKER_NEED_TO_BE_REGISTERED,
      unknownId(set.brokerName, brokerId),
    );
  }
  const wanted = designated ? brokerId : undefined;
  const stays = masterMayLive && (wanted === undefined || wanted === set.masterBrokerId);
  const chosen = stays ? set.masterBrokerId : choose(set, wanted, unclean, live);
  if (chosen === set.masterBrokerId && chosen !== undefined) {
    return refused(
      ResponseCode.CONTROLLER_MASTER_STILL_EXIST,
      `The old master ${chosen} is still alive, not need to elect new master for broker ` +
        set.brokerName,
    );
  }
  if (chosen !== undefined) return { next: withMaster(set, chosen) };
  if (brokerId !== undefined) {
    return refused(ResponseCode.CONTROLLER_ELECT_MASTER_FAILED, "Failed to elect a new master");
  }
  return {
    ...refused(
      ResponseCode.CONTROLLER_MASTER_NOT_AVAILABLE,
      "Old master has down and failed to elect a new broker master",
    ),
    ...(set.masterBrokerId !== undefined && {
      next: { ...set, masterBrokerId: undefined, masterEpoch: set.masterEpoch + 1 },
    }),
  };
}

function choose(
  set: BrokerSet,
  wanted: Long | undefined,
  unclean: boolean,
  live: FindLive,
): number | undefined {
  const inSync = chooseAmong(set, set.syncStateSet, wanted, live);
  if (inSync !== undefined) return inSync;
  // A cleaning has removed all that were in sync: an administrator may say who goes on.
  const orphaned = set.syncStateSet.length === 0 && wanted !== undefined;
  return unclean || orphaned ? chooseAmong(set, set.replicas.keys(), wanted, live) : undefined;
}

function chooseAmong(
  set: BrokerSet,
  ids: Iterable<number>,
  wanted: Long | undefined,
  live: FindLive,
): number | undefined {
  const candidates: Candidate[] = [];
  for (const id of ids) {
    const candidate = live(set, id);
    if (candidate === undefined) continue;
    if (id === set.masterBrokerId && (wanted === undefined || wanted === id)) return id;
    if (wanted === undefined || wanted === id) candidates.push(candidate);
  }
  return bestCandidate(candidates)?.brokerId;
}

function withMaster(set: BrokerSet, brokerId: number): BrokerSet {
  return {
    ...set,
    masterBrokerId: brokerId,
    masterEpoch: set.masterEpoch + 1,
    syncStateSet: [brokerId],
    syncStateSetEpoch: set.syncStateSetEpoch + 1,
  };
}

/** The fields of CLEAN_BROKER_DATA. */
export interface Cleaning {
  readonly brokerName: string;
  /** The ids to forget; absent for the whole set. */
  readonly brokerIds?: readonly Long[];
  /** Whether a set may be forgotten although a master is recorded. */
  readonly evenWithMaster: boolean;
}

/**
 * Decides about CLEAN_BROKER_DATA. A living broker is never forgotten: it keeps its id on its disk and would
 * be refused for ever.
 */
export function cleanBrokerData(
  set: BrokerSet | undefined,
  { brokerName, brokerIds, evenWithMaster }: Cleaning,
  live: FindLive,
): Decision {
  const invalid = (remark: string) =>
    refused(ResponseCode.CONTROLLER_INVALID_CLEAN_BROKER_METADATA, remark);
  if (set === undefined) {
    return invalid(`Broker ${brokerName} is not existed,clean broker data failure.`);
  }
  const isAlive = (id: number) => live(set, id) !== undefined;
  if (brokerIds === undefined) {
    const recorded = set.masterBrokerId !== undefined && !evenWithMaster;
    return recorded || [...set.replicas.keys()].some(isAlive)
      ? invalid(`Broker ${brokerName} is still alive, clean up failure`)
      : { next: null };
  }
  const known = brokerIds.filter(isBrokerId).filter((id) => set.replicas.has(id));
  const living = known.find(isAlive);
  if (living !== undefined) {
    return invalid(`Broker [${brokerName},  ${living}] is still alive, clean up failure`);
  }
  return known.length === 0 ? {} : { next: without(set, new Set(known)) };
}

function without(set: BrokerSet, ids: ReadonlySet<number>): BrokerSet | null {
  const replicas = new Map([...set.replicas].filter(([id]) => !ids.has(id)));
  if (replicas.size === 0) return null;
  const syncStateSet = set.syncStateSet.filter((id) => !ids.has(id));
  const shrunk = syncStateSet.length < set.syncStateSet.length;
  const lost = set.masterBrokerId !== undefined && ids.has(set.masterBrokerId);
  return {
    ...set,
    replicas,
    syncStateSet,
    syncStateSetEpoch: set.syncStateSetEpoch + (shrunk ? 1 : 0),
    masterBrokerId: lost ? undefined : set.masterBrokerId,
    masterEpoch: set.masterEpoch + (lost ? 1 : 0),
  };
}

/** The remark for a set that is not known. */
export const METADATA_MISSING = "Broker metadata is not existed";

function unknownId(brokerName: string, brokerId: Long): string {
  return `BrokerId: ${brokerId} hasn't been registered in broker-set: ${brokerName}`;
}

function refused(code: number, remark: string): { readonly refused: Refusal } {
  return { refused: { code, remark } };
}
