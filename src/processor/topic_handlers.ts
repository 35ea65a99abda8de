import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import { decodeQueueDatas, encodeTopicList } from "../protocol/route_data.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { RouteInfoManager } from "../route/route_info_manager.ts";
import {
  systemTopics,
  topicsOfCluster,
  unitSubTopics,
  unitSubUnunitTopics,
  unitTopics,
} from "../route/topic_lists.ts";
import { RequestError } from "./errors.ts";
import { checkBodyLength, requiredField } from "./fields.ts";
import type { Handler } from "./request_queue.ts";

/** Options that disable topic lists. */
export interface TopicListOptions {
  enableAllTopicList: boolean;
  enableTopicList: boolean;
}

/** A route of a thousand brokers takes a third of this. */
const MAX_TOPIC_ROUTE = 1024 * 1024;

/** Requests that list, add and delete topics. */
export function topicHandlers(
  routes: RouteInfoManager,
  options: Readonly<TopicListOptions>,
): [number, Handler][] {
  const { tables } = routes;
  return [
    [RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, all],
    [RequestCode.GET_TOPICS_BY_CLUSTER, byCluster],
    [RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS, system],
    [RequestCode.GET_UNIT_TOPIC_LIST, () => list(unitTopics(tables))],
    [RequestCode.GET_HAS_UNIT_SUB_TOPIC_LIST, () => list(unitSubTopics(tables))],
    [RequestCode.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, () => list(unitSubUnunitTopics(tables))],
    [RequestCode.REGISTER_TOPIC_IN_NAMESRV, register],
    [RequestCode.DELETE_TOPIC_IN_NAMESRV, remove],
  ];

  function all(): Reply {
    checkEnabled(options.enableAllTopicList);
    return { code: ResponseCode.SUCCESS, body: encodeTopicList(tables.topics()) };
  }

  function byCluster(request: Command): Reply {
    return list(topicsOfCluster(tables, requiredField(request, "cluster")));
  }

  function system(): Reply {
    const { topics, brokerAddr } = systemTopics(tables);
    return { code: ResponseCode.SUCCESS, body: encodeTopicList(topics, brokerAddr) };
  }

  function list(topics: Iterable<string>): Reply {
    checkEnabled(options.enableTopicList);
    return { code: ResponseCode.SUCCESS, body: encodeTopicList(topics) };
  }

  function register(request: Command): Reply {
    const topic = requiredField(request, "topic");
    checkBodyLength(request, MAX_TOPIC_ROUTE);
    if (request.body !== null) routes.registerTopic(topic, decodeQueueDatas(request.body));
    return { code: ResponseCode.SUCCESS };
  }

  function remove(request: Command): Reply {
    const clusterName = request.extFields.get("clusterName");
    routes.deleteTopic(requiredField(request, "topic"), clusterName || undefined);
    return { code: ResponseCode.SUCCESS };
  }
}

function checkEnabled(enabled: boolean): void {
  if (!enabled) throw new RequestError(ResponseCode.SYSTEM_ERROR, "disable");
}
