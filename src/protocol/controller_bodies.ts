import { FastjsonError, FastjsonReader } from "./fastjson_reader.ts";
import { jsonMap, jsonNumericMap, jsonString } from "./fastjson_writer.ts";
import type { Long } from "./long.ts";

const utf8 = new TextEncoder();

/** The replicas that are in sync, as a broker knows or wants them. */
export interface SyncStateSet {
  readonly syncStateSet: readonly Long[];
  readonly syncStateSetEpoch: number;
}

/** Encodes a SyncStateSet. */
export function encodeSyncStateSet({ syncStateSet, syncStateSetEpoch }: SyncStateSet): Uint8Array {
  return utf8.encode(
    `{"syncStateSet":[${syncStateSet.join(",")}],"syncStateSetEpoch":${syncStateSetEpoch}}`,
  );
}

/**
 * Decodes a SyncStateSet.
 *
 * @throws {FastjsonError} when the body is malformed, or has no syncStateSet
 */
export function decodeSyncStateSet(body: Uint8Array): SyncStateSet {
  const reader = new FastjsonReader(body);
  let syncStateSet: Long[] | undefined;
  let syncStateSetEpoch = 0;
  if (reader.beginObject()) {
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      if (key === "syncStateSet") syncStateSet = readLongs(reader);
      else if (key === "syncStateSetEpoch") syncStateSetEpoch = reader.readInt();
      else reader.skip();
    }
  }
  reader.end();
  if (syncStateSet === undefined) throw new FastjsonError("no syncStateSet");
  return { syncStateSet, syncStateSetEpoch };
}

/** The body of a successful CONTROLLER_ELECT_MASTER. */
export interface ElectMasterResponse {
  readonly cluster: string;
  readonly brokerName: string;
  /** All replicas, also those that are not alive: broker id to "host:port". */
  readonly brokerAddrs: Iterable<readonly [number, string]>;
  readonly syncStateSet: readonly Long[];
}

/**
 * Encodes an ElectMasterResponseBody. Its keys are quoted: mqadmin 5.5.0 fails on the unquoted ones of the
 * reference.
 */
export function encodeElectMasterResponse(
  { cluster, brokerName, brokerAddrs, syncStateSet }: ElectMasterResponse,
): Uint8Array {
  const addrs = Array.from(
    brokerAddrs,
    ([id, address]): [number, string] => [id, jsonString(address)],
  );
  return utf8.encode(
    `{"brokerMemberGroup":{"brokerAddrs":${jsonNumericMap(addrs, "standard")},` +
      `"brokerName":${jsonString(brokerName)},"cluster":${jsonString(cluster)}},` +
      `"syncStateSet":[${syncStateSet.join(",")}]}`,
  );
}

/** Encodes the body of a CONTROLLER_ELECT_MASTER after which the old master stays. */
export function encodeUnchangedMaster(syncStateSet: readonly Long[]): Uint8Array {
  return utf8.encode(`{"syncStateSet":[${syncStateSet.join(",")}]}`);
}

/** A replica in a BrokerReplicasInfo. */
export interface ReplicaIdentity {
  readonly brokerId: number;
  readonly brokerAddress: string;
  readonly alive: boolean;
}

/** A broker set as a BrokerReplicasInfo describes it. */
export interface ReplicasInfo {
  readonly masterBrokerId: number | undefined;
  readonly masterAddress: string | undefined;
  readonly masterEpoch: number;
  readonly syncStateSetEpoch: number;
  readonly inSyncReplicas: readonly ReplicaIdentity[];
  readonly notInSyncReplicas: readonly ReplicaIdentity[];
}

/** Encodes a BrokerReplicasInfo, by brokerName. */
export function encodeReplicasInfo(
  sets: Iterable<readonly [brokerName: string, info: ReplicasInfo]>,
): Uint8Array {
  const entries = Array.from(sets, ([brokerName, info]): [string, string] => {
    const replicas = (list: readonly ReplicaIdentity[]) =>
      `[${
        list.map(({ alive, brokerAddress, brokerId }) =>
          `{"alive":${alive},"brokerAddress":${jsonString(brokerAddress)},"brokerId":${brokerId},` +
          `"brokerName":${jsonString(brokerName)}}`
        ).join(",")
      }]`;
    const { masterAddress, masterBrokerId } = info;
    const text = `{"inSyncReplicas":${replicas(info.inSyncReplicas)},` +
      (masterAddress === undefined ? "" : `"masterAddress":${jsonString(masterAddress)},`) +
      (masterBrokerId === undefined ? "" : `"masterBrokerId":${masterBrokerId},`) +
      `"masterEpoch":${info.masterEpoch},"notInSyncReplicas":${replicas(info.notInSyncReplicas)},` +
      `"syncStateSetEpoch":${info.syncStateSetEpoch}}`;
    return [brokerName, text];
  });
  return utf8.encode(`{"replicasInfoTable":${jsonMap(entries, "fastjson")}}`);
}

/**
 * Decodes a BrokerReplicasInfo, by brokerName.
 *
 * @throws {FastjsonError} when the body is malformed
 */
export function decodeReplicasInfo(body: Uint8Array): Map<string, ReplicasInfo> {
  const reader = new FastjsonReader(body);
  const sets = new Map<string, ReplicasInfo>();
  if (reader.beginObject()) {
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      if (key !== "replicasInfoTable" || !reader.beginObject()) reader.skip();
      else {
        for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
          sets.set(name, readReplicasInfo(reader));
        }
      }
    }
  }
  reader.end();
  return sets;
}

function readReplicasInfo(reader: FastjsonReader): ReplicasInfo {
  const info = {
    masterBrokerId: undefined as number | undefined,
    masterAddress: undefined as string | undefined,
    masterEpoch: 0,
    syncStateSetEpoch: 0,
    inSyncReplicas: [] as ReplicaIdentity[],
    notInSyncReplicas: [] as ReplicaIdentity[],
  };
  if (!reader.beginObject()) throw new FastjsonError("a broker set is null");
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    switch (key) {
      case "masterBrokerId":
        info.masterBrokerId = optionalId(reader);
        break;
      case "masterAddress":
        info.masterAddress = reader.readString() ?? undefined;
        break;
      case "masterEpoch":
      case "syncStateSetEpoch":
        info[key] = reader.readInt();
        break;
      case "inSyncReplicas":
      case "notInSyncReplicas":
        info[key] = readReplicas(reader);
        break;
      default:
        reader.skip();
    }
  }
  return info;
}

function readReplicas(reader: FastjsonReader): ReplicaIdentity[] {
  const replicas: ReplicaIdentity[] = [];
  if (!reader.beginArray()) return replicas;
  while (reader.nextElement()) {
    let brokerId: number | undefined;
    let brokerAddress: string | null = null;
    let alive = false;
    if (!reader.beginObject()) throw new FastjsonError("a replica is null");
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      if (key === "brokerId") brokerId = optionalId(reader);
      else if (key === "brokerAddress") brokerAddress = reader.readString();
      else if (key === "alive") alive = reader.readBoolean();
      else reader.skip();
    }
    if (brokerId === undefined || brokerAddress === null) {
      throw new FastjsonError("a replica without brokerId or brokerAddress");
    }
    replicas.push({ brokerId, brokerAddress, alive });
  }
  return replicas;
}

/**
 * Decodes the names in a CONTROLLER_GET_SYNC_STATE_DATA.
 *
 * @throws {FastjsonError} when the body is not a list of strings
 */
export function decodeBrokerNames(body: Uint8Array): string[] {
  const reader = new FastjsonReader(body);
  const names: string[] = [];
  if (reader.beginArray()) {
    while (reader.nextElement()) {
      const name = reader.readString();
      if (name !== null) names.push(name);
    }
  }
  reader.end();
  return names;
}

function readLongs(reader: FastjsonReader): Long[] {
  const values: Long[] = [];
  if (reader.beginArray()) { while (reader.nextElement()) values.push(reader.readLong()); }
  return values;
}

/** A broker id, or `null`. */
function optionalId(reader: FastjsonReader): number | undefined {
  const id = reader.readLong(-1);
  if (id === -1) return undefined;
  if (typeof id === "bigint" || id < 0) throw new FastjsonError(`no broker id: ${id}`);
  return id;
}
