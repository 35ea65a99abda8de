import { TopicSysFlag } from "../protocol/codes.ts";
import type { RouteView } from "./route_view.ts";

/** Topics checked before a list yields, even if none of them is in it. */
const TOPICS_PER_STEP = 64;

/**
 * Topics that any broker of a cluster has, without duplicates. Now and then `undefined`, for those
 * that are not in the list.
 */
export function* topicsOfCluster(
  tables: RouteView,
  clusterName: string,
): Generator<string | undefined> {
  const names = tables.cluster(clusterName);
  if (names === undefined) return;
  let others = 0;
  for (const topic of tables.topics()) {
    if (tables.queueDatas(topic)?.some((data) => names.has(data.brokerName))) yield topic;
    else if (++others % TOPICS_PER_STEP === 0) yield undefined;
  }
}

/**
 * Topics whose first queue data has some bits of topicSysFlag set and others cleared; like {@link
 * topicsOfCluster}.
 */
export function* topicsByFlag(
  tables: RouteView,
  set: number,
  notSet = 0,
): Generator<string | undefined> {
  let others = 0;
  for (const topic of tables.topics()) {
    const flag = tables.queueDatas(topic)?.[0]?.topicSysFlag;
    if (flag !== undefined && (flag & set) === set && (flag & notSet) === 0) yield topic;
    else if (++others % TOPICS_PER_STEP === 0) yield undefined;
  }
}

/** Topics with the unit flag. */
export function unitTopics(tables: RouteView): Iterable<string | undefined> {
  return topicsByFlag(tables, TopicSysFlag.UNIT);
}

/** Topics that units subscribe to. */
export function unitSubTopics(tables: RouteView): Iterable<string | undefined> {
  return topicsByFlag(tables, TopicSysFlag.UNIT_SUB);
}

/** Topics that units subscribe to and that don't have the unit flag. */
export function unitSubUnunitTopics(tables: RouteView): Iterable<string | undefined> {
  return topicsByFlag(tables, TopicSysFlag.UNIT_SUB, TopicSysFlag.UNIT);
}

/** Names of clusters and brokers without duplicates, and the address of one broker. */
export function systemTopics(tables: RouteView): { topics: Set<string>; brokerAddr?: string } {
  const topics = new Set<string>();
  for (const [cluster, names] of tables.clusters()) {
    topics.add(cluster);
    for (const name of names) topics.add(name);
  }
  for (const broker of tables.brokers()) {
    for (const brokerAddr of broker.brokerAddrs.values()) return { topics, brokerAddr };
  }
  return { topics };
}
