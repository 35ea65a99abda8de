import { ResponseCode } from "../protocol/codes.ts";
import { decodeQueueDatas, encodeTopicList } from "../protocol/route_data.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { addressesOf, type Peer } from "../remoting/peer.ts";
import type { RouteInfoManager } from "../route/route_info_manager.ts";
import type { RouteView } from "../route/route_view.ts";
import {
  systemTopics,
  topicsOfCluster,
  unitSubTopics,
  unitSubUnunitTopics,
  unitTopics,
} from "../route/topic_lists.ts";
import { RequestError } from "./errors.ts";
import { checkBodyLength, requiredField, requiredName } from "./fields.ts";

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
  tables: RouteView,
  options: Readonly<TopicListOptions>,
) {
  return {
    all,
    ofCluster,
    system,
    unit: () => list(unitTopics(tables)),
    unitSub: () => list(unitSubTopics(tables)),
    unitSubUnunit: () => list(unitSubUnunitTopics(tables)),
    register,
    remove,
  };

  function all(): Reply {
    checkEnabled(options.enableAllTopicList);
    return { code: ResponseCode.SUCCESS, body: encodeTopicList(tables.topics()) };
  }

  function ofCluster(request: Command): Reply {
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

  function register(request: Command, peer: Peer): Reply {
    const topic = requiredName(request, "topic");
    checkBodyLength(request, MAX_TOPIC_ROUTE);
    if (request.body !== null) {
      const over = routes.registerTopic(topic, decodeQueueDatas(request.body), addressesOf(peer));
      if (over !== undefined) throw new RequestError(ResponseCode.SYSTEM_ERROR, over.remark);
    }
    return { code: ResponseCode.SUCCESS };
  }

  function remove(request: Command, peer: Peer): Reply {
    const clusterName = request.extFields.get("clusterName");
    routes.deleteTopic(
      requiredField(request, "topic"),
      clusterName || undefined,
      addressesOf(peer),
    );
    return { code: ResponseCode.SUCCESS };
  }
}

function checkEnabled(enabled: boolean): void {
  if (!enabled) throw new RequestError(ResponseCode.SYSTEM_ERROR, "disable");
}
