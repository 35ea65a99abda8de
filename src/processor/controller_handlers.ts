import { brokerSetChange } from "../administration/broker_set_change.ts";
import type { ControllerGroup } from "../config/controller_group.ts";
import { type BrokerSet, isBrokerId } from "../controller/broker_set.ts";
import { type Change, type Controller, ControllerLimitError } from "../controller/controller.ts";
import { masterAddress, type ReplicaState, replicaStates } from "../controller/describe_set.ts";
import type { Heartbeat } from "../controller/liveness.ts";
import { METADATA_MISSING, type Refusal } from "../controller/replicas.ts";
import { NotLeaderError, StoreError } from "../controller/store.ts";
import type { Log } from "../log/log.ts";
import { ResponseCode } from "../protocol/codes.ts";
import {
  decodeBrokerNames,
  decodeSyncStateSet,
  encodeElectMasterResponse,
  encodeReplicasInfo,
  encodeSyncStateSet,
  encodeUnchangedMaster,
  type ReplicaIdentity,
  type ReplicasInfo,
} from "../protocol/controller_bodies.ts";
import { type Long, parseInt32, parseLong } from "../protocol/long.ts";
import type { Peer } from "../remoting/peer.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { RequestError } from "./errors.ts";
import {
  checkBodyLength,
  optionalBoolean,
  optionalInt,
  optionalLong,
  requiredField,
  requiredLong,
  requiredName,
} from "./fields.ts";
import { MAX_BODY_BYTES } from "./kv_handlers.ts";
import type { Handler } from "./request_queue.ts";

/** Milliseconds of silence after which a broker that names no other time counts as dead. */
const HEARTBEAT_TIMEOUT = 10_000;
const MAX_INT = 2_147_483_647;
/** Bytes of a body with more ids than any set has. */
const MAX_SYNC_STATE_SET = 64 * 1024;
/** Bytes of a body with more names than any cluster has. */
const MAX_NAMES = 4 * 1024 * 1024;

type Fields = (readonly [string, string])[];

/** Dependencies of the controller's handlers. */
export interface ControllerHandlersParts {
  controller: Controller;
  group: Pick<ControllerGroup, "name" | "peerList">;
  log: Log;
}

/** Requests to a controller. Those that only its leader answers get NOT_LEADER elsewhere. */
export function controllerHandlers({ controller, group, log }: ControllerHandlersParts) {
  return {
    heartbeat,
    metadata,
    syncStateData: led(syncStateData),
    replicaInfo: led(replicaInfo),
    nextBrokerId: led(nextBrokerId),
    applyBrokerId: led(applyBrokerId),
    register: led(register),
    alterSyncStateSet: led(alterSyncStateSet),
    electMaster: led(electMaster),
    clean: led(clean),
  };

  /** Answers an error of the controller with its code. */
  function led(handler: Handler): Handler {
    return (request, peer) => {
      try {
        checkLeading();
        const reply = handler(request, peer);
        // The process may have been suspended while the request waited for the store.
        return reply instanceof Promise ? reply.then(stillLed).catch(fail) : reply;
      } catch (error) {
        return fail(error);
      }
    };
  }

  function stillLed(reply: Reply): Reply {
    checkLeading();
    return reply;
  }

  function checkLeading(): void {
    if (!controller.leading) throw new NotLeaderError();
  }

  function metadata(): Reply {
    const { leader } = controller;
    const extFields: Fields = [["group", group.name], ["peers", group.peerList]];
    if (leader !== undefined) {
      extFields.push(["controllerLeaderId", leader.id], [
        "controllerLeaderAddress",
        leader.address,
      ]);
    }
    extFields.push(["isLeader", `${controller.leading}`]);
    return { code: ResponseCode.SUCCESS, extFields };
  }

  function heartbeat(request: Command, peer: Peer): Reply {
    if (!request.extFields.has("brokerId")) {
      throw new RequestError(
        ResponseCode.CONTROLLER_INVALID_REQUEST,
        "Heart beat with empty brokerId",
      );
    }
    const heartbeat = readHeartbeat(request);
    // A closed connection shows nobody alive.
    if (!peer.closed) controller.heartbeat(heartbeat, peer);
    return { code: ResponseCode.SUCCESS, remark: "Heart beat success" };
  }

  function readHeartbeat(request: Command): Heartbeat {
    const brokerId = requiredLong(request, "brokerId");
    if (!isBrokerId(brokerId)) {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, `no replica has the id ${brokerId}`);
    }
    const timeout = optionalLong(request, "heartbeatTimeoutMills", log);
    return {
      clusterName: requiredName(request, "clusterName"),
      brokerName: requiredName(request, "brokerName"),
      brokerId,
      timeout: timeout === undefined ? HEARTBEAT_TIMEOUT : Number(timeout),
      epoch: optionalInt(request, "epoch", log) ?? -1,
      maxOffset: optionalLong(request, "maxOffset", log) ?? -1,
      electionPriority: optionalInt(request, "electionPriority", log) ?? MAX_INT,
    };
  }

  function replicaInfo(request: Command): Reply {
    const set = controller.find(requiredField(request, "brokerName"));
    if (set === undefined) {
      return {
        code: ResponseCode.CONTROLLER_BROKER_METADATA_NOT_EXIST,
        remark: METADATA_MISSING,
        extFields: [],
      };
    }
    const { masterEpoch, syncStateSet, syncStateSetEpoch } = set;
    return {
      code: ResponseCode.SUCCESS,
      extFields: [["masterEpoch", `${masterEpoch}`], ...masterFields(set)],
      body: encodeSyncStateSet({ syncStateSet, syncStateSetEpoch }),
    };
  }

  function syncStateData(request: Command): Reply {
    checkBodyLength(request, MAX_NAMES);
    const names = new Set(request.body === null ? [] : decodeBrokerNames(request.body));
    // Only the admin commands of this program ask for all.
    if (request.extFields.has("all")) {
      for (const name of controller.sets.keys()) {
        names.add(name);
      }
    } else if (names.size === 0) {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, "not set any response code");
    }
    const found: [string, ReplicasInfo][] = [];
    for (const name of names) {
      const set = controller.find(name);
      if (set !== undefined) found.push([name, infoOf(set)]);
    }
    const body = encodeReplicasInfo(found);
    if (body.length > MAX_BODY_BYTES) {
      const remark = `the answer has ${body.length} bytes: ask for fewer broker names`;
      throw new RequestError(ResponseCode.SYSTEM_ERROR, remark);
    }
    return { code: ResponseCode.SUCCESS, body };
  }

  function infoOf(set: BrokerSet): ReplicasInfo {
    const { masterBrokerId, masterEpoch, syncStateSetEpoch } = set;
    const replicas = replicaStates(set, controller.live);
    return {
      masterBrokerId,
      masterAddress: masterAddress(set),
      masterEpoch,
      syncStateSetEpoch,
      inSyncReplicas: replicas.filter(({ inSync }) => inSync).map(identityOf),
      notInSyncReplicas: replicas.filter(({ inSync }) => !inSync).map(identityOf),
    };
  }

  function nextBrokerId(request: Command): Reply {
    const { fields, brokerName } = readNames(request);
    const id = controller.nextBrokerId(brokerName);
    return { code: ResponseCode.SUCCESS, extFields: [...fields, ["nextBrokerId", `${id}`]] };
  }

  async function applyBrokerId(request: Command): Promise<Reply> {
    const { fields, clusterName, brokerName } = readNames(request);
    const change = await controller.applyBrokerId({
      clusterName,
      brokerName,
      brokerId: requiredLong(request, "appliedBrokerId"),
      checkCode: requiredName(request, "registerCheckCode"),
    });
    return replyTo(change, fields);
  }

  async function register(request: Command): Promise<Reply> {
    const { fields, brokerName } = readNames(request);
    const brokerId = requiredLong(request, "brokerId");
    const brokerAddress = requiredName(request, "brokerAddress");
    const change = await controller.registerBroker({ brokerName, brokerId, brokerAddress });
    const { after: set, refused } = change;
    if (refused !== undefined || set === undefined) {
      log.warn("broker is not taken in by the controller", {
        broker: brokerName,
        id: brokerId,
        addr: brokerAddress,
        reason: refused?.remark,
      });
      return replyTo(change, fields);
    }
    const { syncStateSet, syncStateSetEpoch, masterBrokerId } = set;
    const alive = masterBrokerId !== undefined &&
      controller.live(set, masterBrokerId) !== undefined;
    return {
      ...replyTo(change, alive ? [...fields, ...masterFields(set), ...epochFields(set)] : fields),
      body: encodeSyncStateSet({ syncStateSet, syncStateSetEpoch }),
    };
  }

  async function alterSyncStateSet(request: Command): Promise<Reply> {
    const brokerName = requiredField(request, "brokerName");
    const masterBrokerId = requiredLong(request, "masterBrokerId");
    const masterEpoch = requiredInt(request, "masterEpoch");
    checkBodyLength(request, MAX_SYNC_STATE_SET);
    if (request.body === null) {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, "the body is missing: a SyncStateSet");
    }
    const { syncStateSet: wanted, syncStateSetEpoch } = decodeSyncStateSet(request.body);
    const change = await controller.alterSyncStateSet(brokerName, {
      masterBrokerId,
      masterEpoch,
      wanted,
      syncStateSetEpoch,
    });
    const { after, refused } = change;
    const epoch = refused === undefined ? after?.syncStateSetEpoch ?? 0 : 0;
    const reply = replyTo(change, [["newSyncStateSetEpoch", `${epoch}`]]);
    return refused !== undefined || after === undefined
      ? reply
      : { ...reply, body: encodeSyncStateSet(after) };
  }

  async function electMaster(request: Command): Promise<Reply> {
    const { extFields } = request;
    const asked = extFields.has("brokerId") ? requiredLong(request, "brokerId") : NO_ID;
    const change = await controller.electMaster(
      extFields.get("brokerName") ?? "",
      asked === NO_ID ? undefined : asked,
      isDesignated(request),
    );
    const { after: set, refused } = change;
    if (set === undefined) return replyTo(change, []);
    const fields = [...masterFields(set), ...epochFields(set)];
    if (refused === undefined) {
      return {
        ...replyTo(change, fields),
        body: encodeElectMasterResponse({
          cluster: set.clusterName,
          brokerName: set.brokerName,
          brokerAddrs: set.replicas.entries().map(([id, { address }]) => [id, address] as const),
          syncStateSet: set.syncStateSet,
        }),
      };
    }
    if (refused.code !== ResponseCode.CONTROLLER_MASTER_STILL_EXIST) return replyTo(change, []);
    return { ...replyTo(change, fields), body: encodeUnchangedMaster(set.syncStateSet) };
  }

  async function clean(request: Command): Promise<Reply> {
    const brokerName = requiredField(request, "brokerName");
    const brokerIds = readIds(request.extFields.get("brokerControllerIdsToClean"));
    const change = await controller.cleanBrokerData({
      brokerName,
      ...(brokerIds !== undefined && { brokerIds }),
      evenWithMaster: optionalBoolean(request, "isCleanLivingBroker") === true,
    });
    return replyTo(change);
  }
}

/** Whether an election names its winner: that is for administrators. */
export function isDesignated(request: Pick<Command, "extFields">): boolean {
  return request.extFields.get("designateElect")?.toLowerCase() === "true";
}

/** The id of an election that the controller itself, or an administrator, wants. */
const NO_ID = -1;

function fail(error: unknown): never {
  if (error instanceof NotLeaderError) {
    throw new RequestError(ResponseCode.CONTROLLER_NOT_LEADER, error.message);
  }
  if (error instanceof StoreError || error instanceof ControllerLimitError) {
    throw new RequestError(ResponseCode.SYSTEM_ERROR, error.message);
  }
  throw error;
}

function replyTo({ before, after, refused }: Change, extFields?: Fields): Reply {
  return {
    ...codeOf(refused),
    ...(extFields !== undefined && { extFields }),
    ...(before !== after && { change: brokerSetChange(before, after) }),
  };
}

function codeOf(refused: Refusal | undefined): { code: number; remark?: string } {
  return refused ?? { code: ResponseCode.SUCCESS };
}

function masterFields(set: BrokerSet): Fields {
  const address = masterAddress(set);
  if (set.masterBrokerId === undefined || address === undefined) return [];
  return [["masterBrokerId", `${set.masterBrokerId}`], ["masterAddress", address]];
}

function epochFields({ masterEpoch, syncStateSetEpoch }: BrokerSet): Fields {
  return [["masterEpoch", `${masterEpoch}`], ["syncStateSetEpoch", `${syncStateSetEpoch}`]];
}

function identityOf({ brokerId, address, live }: ReplicaState): ReplicaIdentity {
  return { brokerId, brokerAddress: address, alive: live !== undefined };
}

/** The names of a request about one set, which its answer repeats. */
function readNames(request: Command) {
  const clusterName = requiredName(request, "clusterName");
  const brokerName = requiredName(request, "brokerName");
  const fields: Fields = [["clusterName", clusterName], ["brokerName", brokerName]];
  return { clusterName, brokerName, fields };
}

function requiredInt(request: Command, name: string): number {
  const text = requiredField(request, name);
  const value = parseInt32(text);
  if (value !== undefined) return value;
  const remark = `the field <${name}> is not a 32-bit integer`;
  throw new RequestError(ResponseCode.SYSTEM_ERROR, remark);
}

/** Reads ids separated by `;`; `undefined` when there are none. */
function readIds(text: string | undefined): Long[] | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  return text.split(";").map((part) => {
    const id = parseLong(part);
    if (id !== undefined) return id;
    throw new RequestError(
      ResponseCode.CONTROLLER_INVALID_CLEAN_BROKER_METADATA,
      "Please set the option <brokerControllerIdsToClean> according to the format, exception: " +
        `For input string: ${JSON.stringify(part.slice(0, 40))}`,
    );
  });
}
