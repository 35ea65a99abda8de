import type { Administration } from "../administration/administration.ts";
import { byteAt, uint16At } from "../byte_access.ts";
import type { KvStore } from "../kv/kv_store.ts";
import type { Log } from "../log/log.ts";
import { ORDER_TOPIC_CONFIG, ResponseCode } from "../protocol/codes.ts";
import {
  type DataVersion,
  encodeDataVersion,
  readDataVersion,
  sameDataVersion,
} from "../protocol/data_version.ts";
import { bodyFingerprint } from "../protocol/body_fingerprint.ts";
import { FastjsonReader } from "../protocol/fastjson_reader.ts";
import { emptyBody, type RegisterBrokerBody } from "../protocol/register_broker_body.ts";
import { encodeBrokerMemberGroup } from "../protocol/route_data.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { addressesOf, type Peer } from "../remoting/peer.ts";
import type { RegistrationResult } from "../route/registration.ts";
import type { RouteInfoManager } from "../route/route_info_manager.ts";
import type { RouteView } from "../route/route_view.ts";
import type { SharedAnswers } from "../route/shared_answers.ts";
import type { WorkSlice } from "../work_slice.ts";
import { RequestError } from "./errors.ts";
import { withBody } from "./replies.ts";
import {
  checkBodyLength,
  optionalBoolean,
  optionalInt,
  optionalLong,
  optionalName,
  requiredField,
  requiredLong,
  requiredName,
} from "./fields.ts";
import { MAX_BODY_BYTES } from "./kv_handlers.ts";
import type { RegistrationDecoder } from "./registration_decoder.ts";
import type { RequestQueue } from "./request_queue.ts";

/** The options that registrations depend on. */
export interface BrokerOptions {
  returnOrderTopicConfigToBroker: boolean;
  detectCompressedRegistration: boolean;
}

/** Dependencies of the broker handlers. */
export interface BrokerHandlersParts {
  routes: RouteInfoManager;
  tables: RouteView;
  shared: SharedAnswers;
  kv: KvStore;
  administration: Administration;
  decoder: RegistrationDecoder;
  /** Registrations wait in it for their bodies to be decoded. */
  registrations: RequestQueue;
  /** Counts the time that applying a body takes. */
  slice: WorkSlice;
  options: Readonly<BrokerOptions>;
  log: Log;
}

/**
 * Sent when the connection closed while the registration was queued: it must not be registered, as
 * no further close event would remove it.
 */
const GONE: Reply = { code: ResponseCode.SUCCESS };

const NO_BODY = new Uint8Array(0);

/** A data version takes about 60 bytes. */
const MAX_DATA_VERSION = 4096;

/** The remark that the reference leaves on a successful GET_BROKER_MEMBER_GROUP. */
const NO_CODE_SET = "not set any response code";

/** Requests that register, renew and remove brokers, and queries about brokers. */
export function brokerHandlers(parts: BrokerHandlersParts) {
  const {
    routes,
    tables,
    shared,
    kv,
    administration,
    decoder,
    registrations,
    slice,
    options,
    log,
  } = parts;
  return {
    register,
    unregister,
    heartbeat,
    queryDataVersion,
    clusterInfo,
    memberGroup,
    wipeWritePerm,
    addWritePerm,
  };

  function register(request: Command, peer: Peer): Reply | Promise<Reply> {
    const header = { ...registrationHeader(request, log), connection: peer };
    const fingerprint = bodyFingerprint(request.body ?? NO_BODY);
    if (!crcMatches(request, fingerprint.crc32, log)) {
      log.warn("registration refused: crc32 differs", {
        ...addressesOf(peer),
        broker: header.brokerName,
      });
      return { code: ResponseCode.SYSTEM_ERROR, remark: "crc32 not match", extFields: [] };
    }
    const apply = (read: RegisterBrokerBody, said?: string): Reply | Promise<Reply> => {
      if (peer.closed) return GONE;
      const result = routes.registerInSlices({ ...header, body: read, fingerprint: said });
      return result instanceof Promise ? result.then(answer) : answer(result);
    };
    const { body } = request;
    if (body === null) return apply(emptyBody(request.version));
    const compressed = optionalBoolean(request, "compressed") ||
      (options.detectCompressedRegistration && isZlib(body));
    const said = `${compressed} ${request.version} ${fingerprint.text}`;
    // The usual case: an unchanged re-registration. It waits only behind bodies of the same peer.
    const again = !registrations.isBusyWith(peer) && !peer.closed
      ? routes.registerAgain(header, said)
      : undefined;
    if (again !== undefined) return answer(again);
    return registrations.run(
      () => {
        const decoded = decoder.decode(body, compressed, request.version);
        return decoded instanceof Promise
          ? decoded.then(async (read) => await slice.later(() => apply(read, said)))
          : apply(decoded, said);
      },
      request,
      peer,
    );
  }

  function answer(result: RegistrationResult): Reply {
    if (result.kind === "over limit") {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, result.over.remark);
    }
    if (result.kind === "refused") {
      const remark = "register broker failed";
      return { code: ResponseCode.SYSTEM_ERROR, remark, extFields: [] };
    }
    const extFields: [string, string][] = [];
    if (result.kind === "accepted" && result.masterAddr !== undefined) {
      if (result.haServerAddr !== undefined) extFields.push(["haServerAddr", result.haServerAddr]);
      extFields.push(["masterAddr", result.masterAddr]);
    }
    const change = changeOf(result);
    const body = orderTopicConfig();
    return { code: ResponseCode.SUCCESS, extFields, body, ...(change && { change }) };
  }

  function orderTopicConfig(): Uint8Array | undefined {
    if (!options.returnOrderTopicConfigToBroker) return undefined;
    const table = kv.list(ORDER_TOPIC_CONFIG);
    // A larger one, from a file that was made elsewhere, would make brokers close the connection.
    return table === undefined || table.bytes > MAX_BODY_BYTES ? undefined : table.list();
  }

  function unregister(request: Command, peer: Peer): Reply {
    const broker = brokerFields(request);
    if (!routes.unregister({ ...broker, from: addressesOf(peer) })) {
      log.warn("unregistration refused: too many are queued", { ...broker, ...addressesOf(peer) });
      throw new RequestError(ResponseCode.SYSTEM_ERROR, "too many unregistrations are queued");
    }
    return { code: ResponseCode.SUCCESS, change: { unregistered: broker.brokerAddr } };
  }

  function heartbeat(request: Command, peer: Peer): Reply {
    const broker = {
      clusterName: requiredField(request, "clusterName"),
      brokerName: requiredField(request, "brokerName"),
      brokerAddr: requiredField(request, "brokerAddr"),
    };
    routes.heartbeat(broker, openOf(peer));
    return { code: ResponseCode.SUCCESS };
  }

  function queryDataVersion(request: Command, peer: Peer): Reply {
    const broker = brokerFields(request);
    checkBodyLength(request, MAX_DATA_VERSION);
    const asked = readVersion(request.body);
    const known = routes.dataVersion(broker);
    const changed = asked === undefined || known === undefined || !sameDataVersion(asked, known);
    // A broker with forceRegister=false does not register when it hears that nothing changed.
    if (changed) routes.heartbeat(broker, openOf(peer));
    else routes.confirm(broker, openOf(peer));
    return {
      code: ResponseCode.SUCCESS,
      extFields: [["changed", `${changed}`]],
      body: known === undefined ? undefined : encodeDataVersion(known),
    };
  }

  async function clusterInfoWithRestored(): Promise<Reply> {
    const reply = await withBody(shared.clusterInfo());
    return { ...reply, extFields: [["restored", restoredBrokers()]] };
  }

  /** A line for each, with name and address. Neither has a tab or a line break. */
  function restoredBrokers(): string {
    if (tables.restoredBrokerCount === 0) return "";
    const restored = Array.from(tables.liveBrokers()).filter((live) => live.restored);
    return restored.map((live) => `${live.brokerName}\t${live.brokerAddr}`).join("\n");
  }

  function clusterInfo(request: Command): Reply | Promise<Reply> {
    // Only the admin commands of this program ask for it.
    if (request.extFields.has("restored")) return clusterInfoWithRestored();
    return withBody(shared.clusterInfo());
  }

  function memberGroup(request: Command): Reply {
    const clusterName = requiredField(request, "clusterName");
    const brokerName = requiredField(request, "brokerName");
    const brokerAddrs = tables.broker(brokerName)?.brokerAddrs ?? new Map();
    const body = encodeBrokerMemberGroup(clusterName, brokerName, brokerAddrs);
    return { code: ResponseCode.SUCCESS, remark: NO_CODE_SET, body };
  }

  async function wipeWritePerm(request: Command, peer: Peer): Promise<Reply> {
    const broker = requiredField(request, "brokerName");
    const topics = await administration.wipeWritePerm(broker, addressesOf(peer));
    const extFields = [["wipeTopicCount", `${topics}`]] as const;
    return { code: ResponseCode.SUCCESS, extFields, change: { topics } };
  }

  async function addWritePerm(request: Command, peer: Peer): Promise<Reply> {
    const broker = requiredField(request, "brokerName");
    const topics = await administration.addWritePerm(broker, addressesOf(peer));
    const extFields = [["addTopicCount", `${topics}`]] as const;
    return { code: ResponseCode.SUCCESS, extFields, change: { topics } };
  }
}

/** Describes the changes of a registration; `undefined` for one that only shows that the broker is alive. */
function changeOf(result: RegistrationResult): object | undefined {
  if (result.kind === "refused" || result.kind === "over limit") return undefined;
  if (result.kind === "stale") return { removedForNewerStateOf: result.holder };
  const { newBroker, changedTopics } = result;
  return newBroker || changedTopics > 0 ? { newBroker, changedTopics } : undefined;
}

/** A closed connection must not become that of a broker, as no further close event would remove it. */
function openOf(peer: Peer): Peer | undefined {
  return peer.closed ? undefined : peer;
}

function brokerFields(request: Command) {
  return {
    clusterName: requiredName(request, "clusterName"),
    brokerName: requiredName(request, "brokerName"),
    brokerAddr: requiredName(request, "brokerAddr"),
    brokerId: requiredLong(request, "brokerId"),
  };
}

function registrationHeader(request: Command, log: Log) {
  const timeout = optionalLong(request, "heartbeatTimeoutMillis", log);
  return {
    ...brokerFields(request),
    haServerAddr: optionalName(request, "haServerAddr"),
    zoneName: optionalName(request, "__ZONE_NAME"),
    heartbeatTimeoutMillis: timeout === undefined ? undefined : Number(timeout),
    enableActingMaster: optionalBoolean(request, "enableActingMaster"),
  };
}

/** 0 or an absent bodyCrc32 means no checksum (protocol.md, "RegisterBrokerBody"). */
function crcMatches(request: Command, actual: number, log: Log): boolean {
  const expected = optionalInt(request, "bodyCrc32", log) ?? 0;
  return expected === 0 || (actual & 0x7fffffff) === expected;
}

/** A zlib header (RFC 1950, section 2.2). No JSON text starts with these bytes. */
function isZlib(body: Uint8Array): boolean {
  return body.length > 2 && (byteAt(body, 0) & 0x0f) === 8 && uint16At(body, 0) % 31 === 0;
}

function readVersion(body: Uint8Array | null): DataVersion | undefined {
  if (body === null) return undefined;
  const reader = new FastjsonReader(body);
  const version = readDataVersion(reader);
  reader.end();
  return version;
}
