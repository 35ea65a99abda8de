import type { TopicConfig } from "../protocol/register_broker_body.ts";
import type { QueueData, TopicQueueMappingInfo } from "../protocol/route_data.ts";
import {
  addressBytes,
  clusterBytes,
  filterServerBytes,
  groupBytes,
  mappingBytes,
  queueDataBytes,
  textBytes,
} from "./answer_bytes.ts";
import { mapBytes, objectBytes, stringBytes } from "./heap_bytes.ts";
import type { RegistrationHeader } from "./registration.ts";
import type { RouteView } from "./route_view.ts";

/** The options that limit the tables. */
export interface TableLimitOptions {
  maxBrokers: number;
  maxBrokersPerGroup: number;
  maxTopics: number;
  maxTopicsPerBroker: number;
  /** 0: half of the heap's limit. */
  maxTableBytes: number;
  maxAnswerBytes: number;
}

/** The name of a limit. */
export type TableLimit = keyof TableLimitOptions;

/** A change that would pass a limit. */
export interface OverLimit {
  readonly limit: TableLimit;
  /** Says which limit, and how much of it would be needed. */
  readonly remark: string;
}

/** How much larger a change would make the tables. */
export interface Growth {
  readonly brokers: number;
  /** The size of the broker's group afterwards. */
  readonly members: number;
  readonly topics: number;
  /** The number of the broker's topics afterwards. */
  readonly topicsOfBroker: number;
  readonly tableBytes: number;
  /** Bytes of cluster info and filter servers. */
  readonly brokerBytes: number;
  readonly topicListBytes: number;
  /** The largest part that a topic would have in its own route. */
  readonly routeBytes: number;
}

interface Check {
  readonly limit: TableLimit;
  readonly grows: boolean;
  readonly needed: number;
  readonly most: number;
  readonly what: string;
}

/** Topics after which a check yields. */
const TOPICS_PER_STEP = 1024;

/** Bytes that a frame's header and the ends of a body need at most. */
const HEADER_ROOM = 64 * 1024;
/** Cluster info and all filter servers may take this part of an answer, because one route may hold them. */
const BROKERS_SHARE = 1 / 2;
/** The part for a topic's queue data and mappings. The rest is for its order configuration. */
const ROUTE_SHARE = 5 / 16;

/** Estimated memory of a new address, its live entry and what belongs to them, without its names. */
const BROKER_BYTES = 1500;
/** A place in the lists of a topic and of a broker. */
const QUEUE_DATA_BYTES = 64;
const TOPIC_BYTES = objectBytes(4) + 56 + 42;

const NO_GROWTH: Growth = {
  brokers: 0,
  members: 0,
  topics: 0,
  topicsOfBroker: 0,
  tableBytes: 0,
  brokerBytes: 0,
  topicListBytes: 0,
  routeBytes: 0,
};

/** Decides whether the tables may grow. A change that makes nothing larger is never refused. */
export class TableLimits {
  readonly #tables: RouteView;
  readonly #options: Readonly<TableLimitOptions>;
  readonly #heapLimit: () => number;
  /** The growth of changes that are under way. */
  readonly #reserved = new Set<Growth>();
  readonly #refused: Record<TableLimit, number> = {
    maxBrokers: 0,
    maxBrokersPerGroup: 0,
    maxTopics: 0,
    maxTopicsPerBroker: 0,
    maxTableBytes: 0,
    maxAnswerBytes: 0,
  };

  /**
   * @param options read each time
   * @param heapLimit bytes that the heap may have
   */
  constructor(
    tables: RouteView,
    options: Readonly<TableLimitOptions>,
    heapLimit: () => number,
  ) {
    this.#tables = tables;
    this.#options = options;
    this.#heapLimit = heapLimit;
  }

  /** Bytes that the tables may have. */
  get maxTableBytes(): number {
    return this.#options.maxTableBytes || Math.floor(this.#heapLimit() / 2);
  }

  /** Number of changes refused, by limit. */
  get refused(): Readonly<Record<TableLimit, number>> {
    return this.#refused;
  }

  /** The part of each limit that is used, from 0 to 1; of a limit for each broker, the largest. */
  used(): Record<TableLimit, number> {
    const { maxAnswerBytes, ...options } = this.#options;
    const tables = this.#tables;
    let members = 0;
    let topics = 0;
    for (const { brokerName, brokerAddrs } of tables.brokers()) {
      members = Math.max(members, brokerAddrs.size);
      topics = Math.max(topics, tables.topicCountOf(brokerName));
    }
    return {
      maxBrokers: tables.liveBrokerCount / options.maxBrokers,
      maxBrokersPerGroup: members / options.maxBrokersPerGroup,
      maxTopics: tables.topicCount / options.maxTopics,
      maxTopicsPerBroker: topics / options.maxTopicsPerBroker,
      maxTableBytes: tables.heapBytes / this.maxTableBytes,
      maxAnswerBytes: Math.max(
        (tables.clusterInfoBytes + tables.filterServerBytes) / (maxAnswerBytes * BROKERS_SHARE),
        tables.topicListBytes / (maxAnswerBytes - HEADER_ROOM),
      ),
    };
  }

  /**
   * Computes how a registration would make the tables grow. A generator, so that the caller can do
   * other work in between.
   *
   * @param topics those that would be written
   */
  *growthOf(
    header: RegistrationHeader,
    body: {
      topics: readonly TopicConfig[];
      mappings: ReadonlyMap<string, TopicQueueMappingInfo>;
      filterServers?: readonly string[];
    },
  ): Generator<void, Growth> {
    const { brokerName } = header;
    const tables = this.#tables;
    const own = queueDataBytes({ brokerName });
    const hasTopics = tables.topicCountOf(brokerName) > 0;
    let topics = 0;
    let queueDatas = 0;
    let tableBytes = 0;
    let topicListBytes = 0;
    let routeBytes = 0;
    let visited = 0;
    for (const { topicName } of body.topics) {
      if (++visited % TOPICS_PER_STEP === 0) yield;
      if (hasTopics && tables.queueData(topicName, brokerName) !== undefined) continue;
      queueDatas++;
      tableBytes += QUEUE_DATA_BYTES;
      const known = tables.routeBytesOf(topicName);
      routeBytes = Math.max(routeBytes, known + own);
      if (known > 0) continue;
      topics++;
      tableBytes += TOPIC_BYTES + stringBytes(topicName);
      topicListBytes += textBytes(topicName);
    }
    for (const [topicName, info] of body.mappings) {
      if (++visited % TOPICS_PER_STEP === 0) yield;
      const known = tables.mappings(topicName)?.get(info.bname ?? "");
      if (known?.currIdMap.size === info.currIdMap.size) continue;
      routeBytes = Math.max(routeBytes, tables.routeBytesOf(topicName) + own + mappingBytes(info));
      tableBytes += objectBytes(10) + mapBytes(info.currIdMap.size) + 200;
    }
    const grown = this.#growthOfGroup(header, body.filterServers);
    return {
      ...grown,
      tableBytes: tableBytes + grown.tableBytes,
      topics,
      topicsOfBroker: queueDatas === 0 ? 0 : tables.topicCountOf(brokerName) + queueDatas,
      topicListBytes,
      routeBytes,
    };
  }

  #growthOfGroup(
    { clusterName, brokerName, brokerAddr, brokerId, zoneName, haServerAddr }: RegistrationHeader,
    filterServers: readonly string[] = [],
  ): Growth {
    const tables = this.#tables;
    const known = tables.broker(brokerName);
    const isNew = tables.brokerId(brokerName, brokerAddr) === undefined;
    let brokerBytes = filterServerBytes(brokerAddr, filterServers) -
      filterServerBytes(brokerAddr, tables.filterServers(brokerName, brokerAddr) ?? []);
    brokerBytes += known === undefined
      ? groupBytes(brokerName, clusterName, zoneName)
      : textBytes(zoneName) - textBytes(known.zoneName);
    if (isNew) brokerBytes += addressBytes(brokerAddr);
    const members = tables.cluster(clusterName);
    if (members === undefined) brokerBytes += clusterBytes(clusterName);
    if (members?.has(brokerName) !== true) brokerBytes += textBytes(brokerName);
    let tableBytes = 0;
    if (isNew) {
      tableBytes += BROKER_BYTES;
      for (const text of [clusterName, brokerName, brokerAddr, haServerAddr ?? ""]) {
        tableBytes += 2 * stringBytes(text);
      }
    }
    for (const server of filterServers) tableBytes += 16 + 2 * stringBytes(server);
    const grows = isNew && known?.brokerAddrs.has(brokerId) !== true;
    return {
      ...NO_GROWTH,
      brokers: isNew ? 1 : 0,
      members: grows ? (known?.brokerAddrs.size ?? 0) + 1 : 0,
      tableBytes,
      brokerBytes,
    };
  }

  /** Computes how a topic that an operator registers would make the tables grow. */
  growthOfTopic(topic: string, queueDatas: readonly QueueData[]): Growth {
    const tables = this.#tables;
    const isNew = tables.queueDatas(topic) === undefined;
    const added = queueDatas.filter((it) => tables.queueData(topic, it.brokerName) === undefined);
    const counts = added.map(({ brokerName }) => tables.topicCountOf(brokerName) + 1);
    const route = added.reduce((sum, data) => sum + queueDataBytes(data), 0);
    return {
      ...NO_GROWTH,
      topics: isNew ? 1 : 0,
      topicsOfBroker: counts.reduce((most, count) => Math.max(most, count), 0),
      tableBytes: added.length * QUEUE_DATA_BYTES + (isNew ? TOPIC_BYTES + stringBytes(topic) : 0),
      topicListBytes: isNew ? textBytes(topic) : 0,
      routeBytes: route === 0 ? 0 : tables.routeBytesOf(topic) + route,
    };
  }

  /** Computes how topics that are not in the tables, all with these queue data, would make them grow. */
  growthOfTopics(names: readonly string[], datas: readonly QueueData[]): Growth {
    const tables = this.#tables;
    const known = datas.reduce((most, it) => Math.max(most, tables.topicCountOf(it.brokerName)), 0);
    const texts = names.reduce((sum, name) => sum + TOPIC_BYTES + stringBytes(name), 0);
    return {
      ...NO_GROWTH,
      topics: names.length,
      topicsOfBroker: known + names.length,
      tableBytes: texts + names.length * datas.length * QUEUE_DATA_BYTES,
      topicListBytes: names.reduce((sum, name) => sum + textBytes(name), 0),
      routeBytes: datas.reduce((sum, data) => sum + queueDataBytes(data), 0),
    };
  }

  /** Returns the limit that a change would pass, and counts the refusal; `undefined` when it may be made. */
  refusal(growth: Growth): OverLimit | undefined {
    for (const { limit, grows, needed, most, what } of this.#checks(growth)) {
      if (!grows || needed <= most) continue;
      this.#refused[limit]++;
      return { limit, remark: `${what}: ${needed} needed, ${Math.floor(most)} allowed (${limit})` };
    }
    return undefined;
  }

  /** Sets a change's growth apart until it is made, so that others at the same time see it. */
  reserve(growth: Growth): void {
    this.#reserved.add(growth);
  }

  /** A reserved change is made, or given up. */
  release(growth: Growth): void {
    this.#reserved.delete(growth);
  }

  #checks(growth: Growth): Check[] {
    const tables = this.#tables;
    const { maxAnswerBytes, maxBrokers, maxBrokersPerGroup, maxTopics, maxTopicsPerBroker } =
      this.#options;
    const reserved = (of: keyof Growth) => {
      let sum = 0;
      for (const other of this.#reserved) sum += other[of];
      return sum;
    };
    const adding = (
      limit: TableLimit,
      of: keyof Growth,
      now: number,
      most: number,
      what: string,
    ) => {
      const needed = now + reserved(of) + growth[of];
      return { limit, grows: growth[of] > 0, needed, most, what };
    };
    const reaching = (limit: TableLimit, of: keyof Growth, most: number, what: string) => {
      return { limit, grows: growth[of] > 0, needed: growth[of], most, what };
    };
    const ofBrokers = tables.clusterInfoBytes + tables.filterServerBytes;
    return [
      adding("maxBrokers", "brokers", tables.liveBrokerCount, maxBrokers, "too many brokers"),
      reaching("maxBrokersPerGroup", "members", maxBrokersPerGroup, "too many brokers of one name"),
      adding("maxTopics", "topics", tables.topicCount, maxTopics, "too many topics"),
      reaching(
        "maxTopicsPerBroker",
        "topicsOfBroker",
        maxTopicsPerBroker,
        "too many topics of a broker",
      ),
      adding(
        "maxTableBytes",
        "tableBytes",
        tables.heapBytes,
        this.maxTableBytes,
        "the route tables are full, in bytes",
      ),
      adding(
        "maxAnswerBytes",
        "brokerBytes",
        ofBrokers,
        maxAnswerBytes * BROKERS_SHARE,
        "cluster info would have too many bytes",
      ),
      adding(
        "maxAnswerBytes",
        "topicListBytes",
        tables.topicListBytes,
        maxAnswerBytes - HEADER_ROOM,
        "the list of topics would have too many bytes",
      ),
      reaching(
        "maxAnswerBytes",
        "routeBytes",
        maxAnswerBytes * ROUTE_SHARE,
        "the route of a topic would have too many bytes",
      ),
    ];
  }
}
