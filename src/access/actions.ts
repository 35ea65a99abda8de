import { RequestCode } from "../protocol/codes.ts";
import { decodeQueueDatas } from "../protocol/route_data.ts";
import { UPDATE_LIMITS } from "../config/live_config.ts";
import { parseProperties } from "../config/properties.ts";
import type { Action, Permission } from "./permissions.ts";
import type { Signed } from "./signature.ts";

/** The permission that a request code needs, and the resource that its requests are about. */
export interface ActionOfCode {
  readonly permission: Permission;
  /** Whether it changes something that no peer renews by itself. */
  readonly writes: boolean;
  /** Whether everyone may send it. */
  readonly open: boolean;
  /** The names of all fields that such a request has (RocketMQ's request headers, 4.9 and 5.5). */
  readonly fields: ReadonlySet<string>;
  /** The field that names the cluster. */
  readonly cluster?: string;
  /** The cluster itself, where it is known; what the request says does not count then. */
  readonly clusterName?: string;
  /** The field that names the topic, the broker or the namespace. */
  readonly name?: string;
  /** The names in its body, for requests that have them there. */
  readonly names?: (body: Uint8Array) => string[];
}

/** Longer bodies are not searched for names. */
const MAX_BODY = 512 * 1024;

function row(
  permission: Permission,
  fields: readonly string[] = [],
  about: Partial<Pick<ActionOfCode, "cluster" | "name" | "names" | "writes" | "open">> = {},
): ActionOfCode {
  const writes = permission.endsWith(":write");
  return { permission, writes, open: false, fields: new Set(fields), ...about };
}

const BROKER = { cluster: "clusterName", name: "brokerName" } as const;
const BROKER_FIELDS = ["brokerName", "brokerAddr", "clusterName", "brokerId"];
const NAMESPACE = { name: "namespace" } as const;

/** Names of the requests that are only sent. */
type SentRequest = "NOTIFY_MIN_BROKER_ID_CHANGE" | "NOTIFY_BROKER_ROLE_CHANGED";

/** Names of the requests that only a controller answers. */
type OnlyOfController =
  | Extract<keyof typeof RequestCode, `CONTROLLER_${string}`>
  | "UPDATE_CONTROLLER_CONFIG"
  | "GET_CONTROLLER_CONFIG"
  | "CLEAN_BROKER_DATA";

/** Names of the requests that a controller answers. */
export type ControllerRequest = OnlyOfController | "BROKER_HEARTBEAT";

/** Names of the requests that a name server answers. */
export type AnsweredRequest = Exclude<keyof typeof RequestCode, SentRequest | OnlyOfController>;

const CONFIG_KEYS = {
  names: (body: Uint8Array) => [
    ...parseProperties(new TextDecoder().decode(body), "the body", UPDATE_LIMITS).keys(),
  ],
};
const ELECTION_FIELDS = ["clusterName", "brokerName", "brokerId", "designateElect", "invokeTime"];

/** An election that names its winner: for administrators. */
export const DESIGNATED_ELECTION: ActionOfCode = row("controller:write", ELECTION_FIELDS, BROKER);

/** The permission that each request needs. A code without a row here does not compile. */
export const ACTIONS: Readonly<Record<AnsweredRequest | ControllerRequest, ActionOfCode>> = {
  PUT_KV_CONFIG: row("kv:write", ["namespace", "key", "value"], NAMESPACE),
  GET_KV_CONFIG: row("kv:read", ["namespace", "key"], NAMESPACE),
  DELETE_KV_CONFIG: row("kv:write", ["namespace", "key"], NAMESPACE),
  REGISTER_BROKER: row("broker", [
    ...BROKER_FIELDS,
    "haServerAddr",
    "heartbeatTimeoutMillis",
    "enableActingMaster",
    "compressed",
    "bodyCrc32",
  ], BROKER),
  UNREGISTER_BROKER: row("broker", BROKER_FIELDS, BROKER),
  GET_ROUTEINFO_BY_TOPIC: row("route:read", ["topic", "acceptStandardJsonOnly"], { name: "topic" }),
  // Only the commands of this program send a field.
  GET_BROKER_CLUSTER_INFO: row("cluster:read", ["restored"]),
  WIPE_WRITE_PERM_OF_BROKER: row("perm:write", ["brokerName"], { name: "brokerName" }),
  ADD_WRITE_PERM_OF_BROKER: row("perm:write", ["brokerName"], { name: "brokerName" }),
  GET_ALL_TOPIC_LIST_FROM_NAMESERVER: row("topic:list"),
  DELETE_TOPIC_IN_NAMESRV: row("topic:write", ["topic", "clusterName"], { name: "topic" }),
  REGISTER_TOPIC_IN_NAMESRV: row("broker", ["topic"], {
    writes: true,
    names: (body) => decodeQueueDatas(body).map(({ brokerName }) => brokerName),
  }),
  GET_KVLIST_BY_NAMESPACE: row("kv:read", ["namespace"], NAMESPACE),
  GET_TOPICS_BY_CLUSTER: row("topic:list", ["cluster"], { cluster: "cluster" }),
  GET_SYSTEM_TOPIC_LIST_FROM_NS: row("topic:list"),
  GET_UNIT_TOPIC_LIST: row("topic:list"),
  GET_HAS_UNIT_SUB_TOPIC_LIST: row("topic:list"),
  GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: row("topic:list"),
  UPDATE_NAMESRV_CONFIG: row("config:write", [], CONFIG_KEYS),
  GET_NAMESRV_CONFIG: row("config:read"),
  // Brokers take a refusal to mean that nothing has changed, and then never register; see
  // REGISTER_BROKER.
  QUERY_DATA_VERSION: row("broker", BROKER_FIELDS, BROKER),
  GET_BROKER_MEMBER_GROUP: row("cluster:read", ["clusterName", "brokerName"], BROKER),
  BROKER_HEARTBEAT: row("broker", [
    ...BROKER_FIELDS,
    "epoch",
    "maxOffset",
    "confirmOffset",
    "heartbeatTimeoutMills",
    "electionPriority",
  ], BROKER),
  CONTROLLER_ALTER_SYNC_STATE_SET: row("broker", [
    "brokerName",
    "masterBrokerId",
    "masterEpoch",
    "invokeTime",
  ], { name: "brokerName" }),
  CONTROLLER_ELECT_MASTER: row("broker", ELECTION_FIELDS, BROKER),
  CONTROLLER_REGISTER_BROKER: row("broker", [
    "clusterName",
    "brokerName",
    "brokerId",
    "brokerAddress",
    "invokeTime",
  ], BROKER),
  CONTROLLER_GET_REPLICA_INFO: row("broker", ["brokerName"], { name: "brokerName" }),
  CONTROLLER_GET_METADATA_INFO: row("cluster:read"),
  // Only the commands of this program send a field.
  CONTROLLER_GET_SYNC_STATE_DATA: row("cluster:read", ["all"]),
  UPDATE_CONTROLLER_CONFIG: row("config:write", [], CONFIG_KEYS),
  GET_CONTROLLER_CONFIG: row("config:read"),
  CLEAN_BROKER_DATA: row("controller:write", [
    "clusterName",
    "brokerName",
    "brokerControllerIdsToClean",
    "isCleanLivingBroker",
    "invokeTime",
  ], BROKER),
  CONTROLLER_GET_NEXT_BROKER_ID: row("broker", ["clusterName", "brokerName"], BROKER),
  CONTROLLER_APPLY_BROKER_ID: row("broker", [
    "clusterName",
    "brokerName",
    "appliedBrokerId",
    "registerCheckCode",
  ], BROKER),
  WHO_AM_I: row("access:read", [], { open: true }),
  LIST_ACCESS_ACCOUNTS: row("access:read"),
  LIST_ACCESS_REFUSALS: row("access:read"),
};

/** The action of a request code; `undefined` for codes that are not answered. */
export function actionOfCode(code: number): ActionOfCode | undefined {
  const found = Object.entries(ACTIONS).find(([name]) =>
    RequestCode[name as AnsweredRequest | ControllerRequest] === code
  );
  return found?.[1];
}

/** The action of a request. Names in a body are only looked for when a rule asks for them. */
export class RequestAction implements Action {
  readonly #row: ActionOfCode;
  readonly #request: Signed;
  #names: readonly string[] | undefined;

  constructor(row: ActionOfCode, request: Signed) {
    this.#row = row;
    this.#request = request;
  }

  get permission(): Permission {
    return this.#row.permission;
  }

  get cluster(): string | undefined {
    const { cluster, clusterName } = this.#row;
    return clusterName ?? (cluster && this.#request.extFields.get(cluster));
  }

  get names(): readonly string[] | undefined {
    return this.#names ??= this.#readNames();
  }

  #readNames(): readonly string[] {
    const { name, names } = this.#row;
    const { extFields, body } = this.#request;
    if (name !== undefined) {
      const value = extFields.get(name);
      return value === undefined ? [] : [value];
    }
    if (names === undefined || body === null || body.length > MAX_BODY) return [];
    try {
      return names(body);
    } catch {
      // An unreadable body names nothing. A sender that is allowed everything gets the handler's
      // error.
      return [];
    }
  }
}
