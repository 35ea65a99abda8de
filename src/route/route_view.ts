import type { Long } from "../protocol/long.ts";
import type { BrokerData, QueueData, TopicQueueMappingInfo } from "../protocol/route_data.ts";
import type { KeptBody } from "./applied_bodies.ts";
import type { LiveBroker } from "./tables.ts";

/** Read-only view of the route tables. {@link RouteTables} owns and changes them. */
export interface RouteView {
  /** Names of all topics. */
  topics(): Iterable<string>;
  /** The number of topics. */
  readonly topicCount: number;
  /** Grows whenever a topic is added or removed. */
  readonly topicNamesVersion: number;
  /** Grows with every change, but not when a broker only shows that it is alive. */
  readonly changes: number;
  /** The value of {@link changes} after the last change that concerned a broker name. */
  changedAt(brokerName: string): number;
  /** The clusters of a broker name, first the one that routes show. */
  clustersOf(brokerName: string): Iterable<string>;
  /** Registration bodies of a broker name that need not be parsed when they come again. */
  keptBodies(brokerName: string): Iterable<KeptBody>;
  /** The number of topics on the brokers of a name. */
  topicCountOf(brokerName: string): number;
  /** Topics of the brokers of a name. */
  topicsOf(brokerName: string): Iterable<string>;
  /** The number of queue data of all topics. */
  readonly queueDataCount: number;
  /** Queue data of a topic, one for each broker name, in no order. */
  queueDatas(topic: string): readonly QueueData[] | undefined;
  /** Queue data of a topic on the brokers of one name. */
  queueData(topic: string, brokerName: string): QueueData | undefined;
  /** Static mappings of a topic, by the broker name that each one is about. */
  mappings(topic: string): ReadonlyMap<string, TopicQueueMappingInfo> | undefined;
  /** All groups of brokers. */
  brokers(): Iterable<BrokerData>;
  /** The number of groups of brokers. */
  readonly groupCount: number;
  /** The id that an address has in its group. */
  brokerId(brokerName: string, brokerAddr: string): Long | undefined;
  /** The smallest id of the brokers of one name. */
  minBrokerId(brokerName: string): Long | undefined;
  /** The brokers of one name. */
  broker(brokerName: string): BrokerData | undefined;
  /** Clusters and the broker names in each. */
  clusters(): Iterable<readonly [string, ReadonlySet<string>]>;
  /** Broker names of a cluster. */
  cluster(clusterName: string): ReadonlySet<string> | undefined;
  /** All live entries. */
  liveBrokers(): Iterable<Readonly<LiveBroker>>;
  /** The number of live entries. */
  readonly liveBrokerCount: number;
  /** The number of live entries that come from a snapshot and were not confirmed since. */
  readonly restoredBrokerCount: number;
  /** The live entry of a broker, if it registered with this cluster. */
  liveBroker(
    clusterName: string,
    brokerName: string,
    brokerAddr: string,
  ): Readonly<LiveBroker> | undefined;
  /** The live entries of one broker name. */
  liveBrokersNamed(brokerName: string): Iterable<Readonly<LiveBroker>>;
  /** Filter servers of a broker. */
  filterServers(brokerName: string, brokerAddr: string): readonly string[] | undefined;
  /** Memory of all tables in bytes, estimated. */
  readonly heapBytes: number;
  /** Bytes of the answer to GET_BROKER_CLUSTER_INFO, or a little more. */
  readonly clusterInfoBytes: number;
  /** Bytes of all filter servers in routes, or a little more. */
  readonly filterServerBytes: number;
  /** Bytes of the answer to GET_ALL_TOPIC_LIST_FROM_NAMESERVER, or a little more. */
  readonly topicListBytes: number;
  /** Bytes of a topic's route without its brokers' addresses and filter servers, or a little more. */
  routeBytesOf(topic: string): number;
}
