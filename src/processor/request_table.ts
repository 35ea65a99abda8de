import { RequestCode } from "../protocol/codes.ts";
import { brokerHandlers, type BrokerHandlersParts } from "./broker_handlers.ts";
import { configHandlers } from "./config_handlers.ts";
import { kvHandlers } from "./kv_handlers.ts";
import type { Handler, RequestQueue } from "./request_queue.ts";
import { routeQueryHandlers, type RouteQueryParts } from "./route_query.ts";
import { topicHandlers, type TopicListOptions } from "./topic_handlers.ts";
import type { LiveConfig } from "../config/live_config.ts";

/** Kinds of things that requests do. */
export type Permission =
  | "route:read"
  | "topic:list"
  | "topic:write"
  | "cluster:read"
  | "broker"
  | "perm:write"
  | "kv:read"
  | "kv:write"
  | "config:read"
  | "config:write";

/** The action of a request and the kind of its object. */
export interface Action {
  readonly permission: Permission;
  /** Request fields that name what it is done to. Empty if it is done to the whole server. */
  readonly resource: readonly string[];
}

/** How the requests of one code are handled. */
export interface RequestRow {
  readonly action: Action;
  readonly queue: RequestQueue;
  readonly handler: Handler;
}

/** Dependencies of the handlers. */
export interface RequestTableParts extends BrokerHandlersParts, RouteQueryParts {
  config: LiveConfig;
  options: BrokerHandlersParts["options"] & RouteQueryParts["options"] & Readonly<TopicListOptions>;
  queues: RequestQueues;
}

/** The queues that requests wait in; the first two are named like thread pools of the reference. */
export interface RequestQueues {
  /** Route queries of clients. */
  readonly clientRequest: RequestQueue;
  /** All other requests, but for those that follow. */
  readonly default: RequestQueue;
  /** Requests that wait for the disk: one that hangs must not hold up the registrations. */
  readonly disk: RequestQueue;
}

/** Codes that are answered: all that the protocol has, but for the ones that this server sends. */
type AnsweredRequest = Exclude<keyof typeof RequestCode, "NOTIFY_MIN_BROKER_ID_CHANGE">;

/** All requests that are answered, by code. A code without a row here does not compile. */
export function requestTable(parts: RequestTableParts): ReadonlyMap<number, RequestRow> {
  const { clientRequest, default: other, disk } = parts.queues;
  const broker = brokerHandlers(parts);
  const topic = topicHandlers(parts.routes, parts.options);
  const kv = kvHandlers(parts.kv);
  const config = configHandlers(parts.config, parts.log);
  const { routeQuery } = routeQueryHandlers(parts);

  const row = (
    queue: RequestQueue,
    handler: Handler,
    permission: Permission,
    ...resource: string[]
  ): RequestRow => ({ action: { permission, resource }, queue, handler });

  const brokerFields = ["clusterName", "brokerName"];
  const rows: Record<AnsweredRequest, RequestRow> = {
    GET_ROUTEINFO_BY_TOPIC: row(clientRequest, routeQuery, "route:read", "topic"),

    REGISTER_BROKER: row(other, broker.register, "broker", ...brokerFields),
    UNREGISTER_BROKER: row(other, broker.unregister, "broker", ...brokerFields),
    BROKER_HEARTBEAT: row(other, broker.heartbeat, "broker", ...brokerFields),
    QUERY_DATA_VERSION: row(other, broker.queryDataVersion, "broker", ...brokerFields),
    GET_BROKER_CLUSTER_INFO: row(other, broker.clusterInfo, "cluster:read"),
    GET_BROKER_MEMBER_GROUP: row(other, broker.memberGroup, "cluster:read", ...brokerFields),
    WIPE_WRITE_PERM_OF_BROKER: row(other, broker.wipeWritePerm, "perm:write", "brokerName"),
    ADD_WRITE_PERM_OF_BROKER: row(other, broker.addWritePerm, "perm:write", "brokerName"),

    GET_ALL_TOPIC_LIST_FROM_NAMESERVER: row(other, topic.all, "topic:list"),
    GET_TOPICS_BY_CLUSTER: row(other, topic.ofCluster, "topic:list", "cluster"),
    GET_SYSTEM_TOPIC_LIST_FROM_NS: row(other, topic.system, "topic:list"),
    GET_UNIT_TOPIC_LIST: row(other, topic.unit, "topic:list"),
    GET_HAS_UNIT_SUB_TOPIC_LIST: row(other, topic.unitSub, "topic:list"),
    GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: row(other, topic.unitSubUnunit, "topic:list"),
    REGISTER_TOPIC_IN_NAMESRV: row(other, topic.register, "broker", "topic"),
    DELETE_TOPIC_IN_NAMESRV: row(other, topic.remove, "topic:write", "topic"),

    GET_KV_CONFIG: row(other, kv.get, "kv:read", "namespace"),
    GET_KVLIST_BY_NAMESPACE: row(other, kv.list, "kv:read", "namespace"),
    PUT_KV_CONFIG: row(disk, kv.put, "kv:write", "namespace"),
    DELETE_KV_CONFIG: row(disk, kv.remove, "kv:write", "namespace"),

    GET_NAMESRV_CONFIG: row(other, config.get, "config:read"),
    UPDATE_NAMESRV_CONFIG: row(disk, config.update, "config:write"),
  };
  return new Map(
    Object.entries(rows).map(([name, row]) => [RequestCode[name as AnsweredRequest], row]),
  );
}
