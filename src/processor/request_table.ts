import type { AccessInfo } from "../access/access_info.ts";
import { accessHandlers } from "./access_handlers.ts";
import { type ActionOfCode, ACTIONS, type AnsweredRequest } from "../access/actions.ts";
import { RequestCode } from "../protocol/codes.ts";
import { brokerHandlers, type BrokerHandlersParts } from "./broker_handlers.ts";
import { configHandlers } from "./config_handlers.ts";
import { kvHandlers } from "./kv_handlers.ts";
import type { Handler, RequestQueue } from "./request_queue.ts";
import { routeQueryHandlers, type RouteQueryParts } from "./route_query.ts";
import { topicHandlers, type TopicListOptions } from "./topic_handlers.ts";
import type { LiveConfig } from "../config/live_config.ts";
import type { Command } from "../remoting/wire/command.ts";

/** How the requests of one code are handled. */
export interface RequestRow {
  /** Depends on the request where only some of a code are for administrators. */
  readonly action: ActionOfCode | ((request: Command) => ActionOfCode);
  /** If absent, requests are handled at once. */
  readonly queue?: RequestQueue;
  readonly handler: Handler;
}

/** Dependencies of the handlers. */
export interface RequestTableParts
  extends Omit<BrokerHandlersParts, "registrations">, RouteQueryParts {
  config: LiveConfig;
  options: BrokerHandlersParts["options"] & RouteQueryParts["options"] & Readonly<TopicListOptions>;
  queues: RequestQueues;
  access: AccessInfo;
}

/** The queues that requests wait in; the first two are named like thread pools of the reference. */
export interface RequestQueues {
  /** Route queries of clients. */
  readonly clientRequest: RequestQueue;
  /** All requests that have no queue of their own. */
  readonly default: RequestQueue;
  /** Registrations that change something: their bodies take long to decode. */
  readonly registration: RequestQueue;
  /** Requests that wait for the disk: one that hangs must not hold up the registrations. */
  readonly disk: RequestQueue;
}

/** All requests that are answered, by code. A code without a row here does not compile. */
export function requestTable(parts: RequestTableParts): ReadonlyMap<number, RequestRow> {
  const { clientRequest, default: other, disk } = parts.queues;
  const broker = brokerHandlers({ ...parts, registrations: parts.queues.registration });
  const topic = topicHandlers(
    parts.routes,
    parts.shared,
    parts.administration,
    parts.options,
  );
  const kv = kvHandlers(parts.kv, parts.administration);
  const config = configHandlers({
    update: (text, from) => parts.administration.updateConfig(text, from),
    format: () => parts.config.format(),
  });
  const access = accessHandlers(parts.access);
  const { routeQuery } = routeQueryHandlers(parts);

  const rows: Record<AnsweredRequest, readonly [RequestQueue | undefined, Handler]> = {
    GET_ROUTEINFO_BY_TOPIC: [clientRequest, routeQuery],

    // Queues its body itself, unless nothing has changed.
    REGISTER_BROKER: [undefined, broker.register],
    UNREGISTER_BROKER: [undefined, broker.unregister],
    BROKER_HEARTBEAT: [undefined, broker.heartbeat],
    QUERY_DATA_VERSION: [undefined, broker.queryDataVersion],
    GET_BROKER_CLUSTER_INFO: [other, broker.clusterInfo],
    GET_BROKER_MEMBER_GROUP: [other, broker.memberGroup],
    WIPE_WRITE_PERM_OF_BROKER: [other, broker.wipeWritePerm],
    ADD_WRITE_PERM_OF_BROKER: [other, broker.addWritePerm],

    GET_ALL_TOPIC_LIST_FROM_NAMESERVER: [other, topic.all],
    GET_TOPICS_BY_CLUSTER: [other, topic.ofCluster],
    GET_SYSTEM_TOPIC_LIST_FROM_NS: [other, topic.system],
    GET_UNIT_TOPIC_LIST: [other, topic.unit],
    GET_HAS_UNIT_SUB_TOPIC_LIST: [other, topic.unitSub],
    GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST: [other, topic.unitSubUnunit],
    REGISTER_TOPIC_IN_NAMESRV: [other, topic.register],
    DELETE_TOPIC_IN_NAMESRV: [other, topic.remove],

    GET_KV_CONFIG: [other, kv.get],
    GET_KVLIST_BY_NAMESPACE: [other, kv.list],
    PUT_KV_CONFIG: [disk, kv.put],
    DELETE_KV_CONFIG: [disk, kv.remove],

    GET_NAMESRV_CONFIG: [other, config.get],
    UPDATE_NAMESRV_CONFIG: [disk, config.update],

    WHO_AM_I: [other, access.whoAmI],
    LIST_ACCESS_ACCOUNTS: [other, access.accounts],
    LIST_ACCESS_REFUSALS: [other, access.refusals],
  };
  return new Map(
    (Object.keys(rows) as AnsweredRequest[]).map((name) => {
      const [queue, handler] = rows[name];
      return [RequestCode[name], { action: ACTIONS[name], queue, handler }];
    }),
  );
}
