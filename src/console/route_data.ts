/** The shapes of /api/v1/topics/:topic/route. */

/** Queues of a topic on a group. */
export interface QueueData {
  readonly brokerName: string;
  readonly readQueueNums: number;
  readonly writeQueueNums: number;
  readonly perm: number;
  readonly topicSysFlag: number;
}

/** A group in a route. */
export interface BrokerData {
  readonly brokerName: string;
  readonly cluster: string;
  readonly zoneName?: string;
  readonly enableActingMaster?: boolean;
  /** Broker id to address. */
  readonly brokerAddrs: Readonly<Record<string, string>>;
}

/** The queues of a static topic that a group has. */
export interface QueueMapping {
  readonly scope: string | null;
  readonly totalQueues: number;
  readonly epoch: number | string;
  /** Queue of the topic to the queue of the group. */
  readonly currIdMap: Readonly<Record<string, number>> | null;
}

/** The route of a topic. */
export interface RouteData {
  readonly queueDatas: readonly QueueData[];
  readonly brokerDatas: readonly BrokerData[];
  readonly orderTopicConf?: string | null;
  readonly topicQueueMappingByBroker?: Readonly<Record<string, QueueMapping>> | null;
}

/** The answer that a client gets. */
export interface RouteAnswer {
  readonly topic: string;
  readonly client: {
    readonly version: { readonly ordinal: number; readonly name: string | null };
    readonly zone: string | null;
  };
  readonly code: number;
  readonly remark: string | null;
  readonly dialect: "fastjson" | "standard";
  readonly body: string | null;
  readonly route: RouteData | null;
}

const READ = 4;
const WRITE = 2;

/** The permissions of clients on a queue. */
export type QueueUse = "rw" | "r" | "w" | "none";

/** The permission of clients on the queues of a group, and the number below which it applies. */
export function useOf(data: QueueData, queue: number): QueueUse {
  const read = (data.perm & READ) !== 0 && queue < data.readQueueNums;
  const write = (data.perm & WRITE) !== 0 && queue < data.writeQueueNums;
  return read && write ? "rw" : read ? "r" : write ? "w" : "none";
}

/** The permission as RocketMQ's tools write it, e.g. `RW-`. */
export function showPermission(perm: number): string {
  return `${perm & READ ? "R" : "-"}${perm & WRITE ? "W" : "-"}${perm & 1 ? "X" : "-"}`;
}
