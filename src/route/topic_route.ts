import { MASTER_ID, Perm, SYNC_BROKER_MEMBER_PREFIX } from "../protocol/codes.ts";
import { minLong } from "../protocol/long.ts";
import type { BrokerData, QueueData, TopicRouteData } from "../protocol/route_data.ts";
import type { RouteView } from "./route_view.ts";

/**
 * Returns a topic's route by the rules of semantics.md, "pickupTopicRouteData", in the order of the
 * broker names.
 *
 * @returns `undefined` when no broker has the topic
 */
export function pickupTopicRoute(
  tables: RouteView,
  topic: string,
  options: { supportActingMaster: boolean },
): TopicRouteData | undefined {
  // The tables have them in the order of registration, which differs between name servers.
  const all = tables.queueDatas(topic)?.toSorted(byBrokerName);
  if (all === undefined) return undefined;
  const queueDatas: QueueData[] = [];
  const actingMaster = options.supportActingMaster && !topic.startsWith(SYNC_BROKER_MEMBER_PREFIX);
  const brokerDatas: BrokerData[] = [];
  const filterServerTable = new Map<string, readonly string[]>();
  for (const queueData of all) {
    const broker = tables.broker(queueData.brokerName);
    // Its topics are being removed.
    if (broker === undefined) continue;
    queueDatas.push(queueData);
    for (const addr of broker.brokerAddrs.values()) {
      const servers = tables.filterServers(broker.brokerName, addr);
      if (servers !== undefined) filterServerTable.set(addr, servers);
    }
    brokerDatas.push(actingMaster ? withActingMaster(broker, queueData) : broker);
  }
  if (brokerDatas.length === 0) return undefined;
  return {
    queueDatas,
    brokerDatas,
    filterServerTable,
    topicQueueMappingByBroker: tables.mappings(topic),
  };
}

/**
 * Returns the part of a route for a client in a zone: groups without a master, and those of its own
 * zone. Static mappings are kept complete, as in the reference.
 */
export function filterByZone(route: TopicRouteData, zoneName: string): TopicRouteData {
  const zone = zoneName.toLowerCase();
  const removed = new Set<string>();
  const removedAddrs = new Set<string>();
  for (const broker of route.brokerDatas) {
    if (!broker.brokerAddrs.has(MASTER_ID) || broker.zoneName?.toLowerCase() === zone) continue;
    removed.add(broker.brokerName);
    for (const addr of broker.brokerAddrs.values()) removedAddrs.add(addr);
  }
  return {
    ...route,
    brokerDatas: route.brokerDatas.filter((broker) => !removed.has(broker.brokerName)),
    queueDatas: route.queueDatas.filter((data) => !removed.has(data.brokerName)),
    filterServerTable: new Map(
      [...route.filterServerTable].filter(([addr]) => !removedAddrs.has(addr)),
    ),
  };
}

/** Orders by UTF-16 code units, as Java does. */
function byBrokerName(a: QueueData, b: QueueData): number {
  return a.brokerName < b.brokerName ? -1 : a.brokerName > b.brokerName ? 1 : 0;
}

/**
 * Shows the smallest id of a group without a master as the master, if the topic is not writable.
 */
function withActingMaster(broker: BrokerData, queueData: QueueData): BrokerData {
  if (
    !broker.enableActingMaster || broker.brokerAddrs.has(MASTER_ID) ||
    (queueData.perm & Perm.WRITE) !== 0
  ) return broker;
  const brokerAddrs = new Map(broker.brokerAddrs);
  const minBrokerId = minLong(brokerAddrs.keys());
  const addr = minBrokerId === undefined ? undefined : brokerAddrs.get(minBrokerId);
  if (minBrokerId === undefined || addr === undefined) return broker;
  brokerAddrs.delete(minBrokerId);
  brokerAddrs.set(MASTER_ID, addr);
  return { ...broker, brokerAddrs };
}
