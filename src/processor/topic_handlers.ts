import { type Administration, topicChange } from "../administration/administration.ts";
import { ResponseCode } from "../protocol/codes.ts";
import { decodeQueueDatas } from "../protocol/route_data.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import { addressesOf, type Peer } from "../remoting/peer.ts";
import type { RouteInfoManager } from "../route/route_info_manager.ts";
import type { SharedAnswers } from "../route/shared_answers.ts";
import { RequestError } from "./errors.ts";
import { withBody } from "./replies.ts";
import { checkBodyLength, requiredField, requiredName } from "./fields.ts";

/** Options that disable topic lists. */
export interface TopicListOptions {
  enableAllTopicList: boolean;
  enableTopicList: boolean;
}

/** A route of a thousand brokers takes less. */
const MAX_TOPIC_ROUTE = 512 * 1024;

/** Requests that list, add and delete topics. */
export function topicHandlers(
  routes: RouteInfoManager,
  shared: SharedAnswers,
  administration: Administration,
  options: Readonly<TopicListOptions>,
) {
  return {
    all,
    ofCluster,
    system,
    unit: () => list(() => shared.unitTopics()),
    unitSub: () => list(() => shared.unitSubTopics()),
    unitSubUnunit: () => list(() => shared.unitSubUnunitTopics()),
    register,
    remove,
  };

  function all(): Reply | Promise<Reply> {
    checkEnabled(options.enableAllTopicList);
    return withBody(shared.allTopics());
  }

  function ofCluster(request: Command): Reply | Promise<Reply> {
    const cluster = requiredField(request, "cluster");
    return list(() => shared.topicsOfCluster(cluster));
  }

  function system(): Reply | Promise<Reply> {
    return withBody(shared.systemTopics());
  }

  function list(encode: () => Uint8Array | Promise<Uint8Array>): Reply | Promise<Reply> {
    checkEnabled(options.enableTopicList);
    return withBody(encode());
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
    const topic = requiredField(request, "topic");
    const cluster = request.extFields.get("clusterName") || undefined;
    const deleted = administration.deleteTopic(topic, cluster, addressesOf(peer));
    return { code: ResponseCode.SUCCESS, change: topicChange(deleted, cluster) };
  }
}

function checkEnabled(enabled: boolean): void {
  if (!enabled) throw new RequestError(ResponseCode.SYSTEM_ERROR, "disable");
}
