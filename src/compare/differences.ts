import {
  type BrokerData,
  permText,
  type QueueData,
  type TopicRouteData,
} from "../protocol/route_data.ts";

/** A difference between two name servers. */
export interface Difference {
  readonly kind: DifferenceKind;
  /** The subject: broker; broker and id; topic; topic and broker; namespace and key. */
  readonly path: readonly string[];
  /** The first server's value; `null` when it has none. */
  readonly left: string | null;
  readonly right: string | null;
}

/** The kinds of differences, in the order in which those of one subject are shown. */
export const DIFFERENCE_KINDS = [
  "broker",
  "address",
  "topic",
  "queues",
  "static queues",
  "kv",
] as const;
export type DifferenceKind = typeof DIFFERENCE_KINDS[number];

/** A table of one server, in any order. */
export interface Table<K, V> extends Keys<K> {
  get(key: K): V | undefined;
}

/** Differences as they are found, and `undefined` for what is equal, so that others can have a turn. */
export type Differences = Generator<Difference | undefined, void>;

/** The keys of a table of one server, in any order. */
export interface Keys<K> {
  has(key: K): boolean;
  keys(): Iterable<K>;
}

/** Compares groups of brokers by name. */
export function* compareBrokers(
  left: Table<string, BrokerData>,
  right: Table<string, BrokerData>,
): Differences {
  for (const name of union(left, right)) {
    const a = left.get(name);
    const b = right.get(name);
    yield* different("broker", [name], a && brokerText(a), b && brokerText(b));
    yield* compareValues("address", [name], a?.brokerAddrs, b?.brokerAddrs, (address) => address);
  }
}

/** Compares which topics there are. */
export function* compareTopicNames(left: Keys<string>, right: Keys<string>): Differences {
  for (const topic of union(left, right)) {
    const present = (names: Keys<string>) => names.has(topic) ? "present" : undefined;
    yield* different("topic", [topic], present(left), present(right));
  }
}

/** Compares a topic's queues; a server without the topic has no route. */
export function* compareRoutes(
  topic: string,
  left: TopicRouteData | undefined,
  right: TopicRouteData | undefined,
): Differences {
  const [a, b] = [queuesByBroker(left), queuesByBroker(right)];
  yield* compareValues("queues", [topic], a, b, queueText);
  const [x, y] = [left?.topicQueueMappingByBroker, right?.topicQueueMappingByBroker];
  yield* compareValues("static queues", [topic], x, y, mappingText);
}

/** Compares the values of a KV namespace; a server without it has none. */
export function compareNamespace(
  namespace: string,
  left: Table<string, string> | undefined,
  right: Table<string, string> | undefined,
): Differences {
  return compareValues("kv", [namespace], left, right, (value) => value);
}

/** Sorts differences: brokers, topics, KV pairs, each by name. */
export function sorted(differences: readonly Difference[]): Difference[] {
  return differences.toSorted((a, b) =>
    groupOf(a) - groupOf(b) || order(a.path[0], b.path[0]) ||
    DIFFERENCE_KINDS.indexOf(a.kind) - DIFFERENCE_KINDS.indexOf(b.kind) ||
    order(a.path[1], b.path[1])
  );
}

/** Kinds of one group have the same first part of their paths. */
function groupOf({ kind }: Difference): number {
  if (kind === "broker" || kind === "address") return 0;
  return kind === "kv" ? 2 : 1;
}

/** Numbers by their value, other texts by UTF-16 code units. */
function order(a = "", b = ""): number {
  const isNumber = /^\d{1,15}$/;
  if (isNumber.test(a) && isNumber.test(b)) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}

function* compareValues<K extends string | number | bigint, V>(
  kind: DifferenceKind,
  path: readonly string[],
  left: Table<K, V> = new Map(),
  right: Table<K, V> = new Map(),
  textOf: (value: V) => string,
): Differences {
  for (const key of union(left, right)) {
    const a = left.get(key);
    const b = right.get(key);
    yield* different(
      kind,
      [...path, `${key}`],
      a === undefined ? undefined : textOf(a),
      b === undefined ? undefined : textOf(b),
    );
  }
}

/** The keys of either table, each once. */
function* union<K>(left: Keys<K>, right: Keys<K>): Generator<K> {
  yield* left.keys();
  for (const key of right.keys()) if (!left.has(key)) yield key;
}

function* different(
  kind: DifferenceKind,
  path: readonly string[],
  left: string | undefined,
  right: string | undefined,
): Differences {
  yield left === right ? undefined : { kind, path, left: left ?? null, right: right ?? null };
}

function brokerText({ cluster, enableActingMaster, zoneName }: BrokerData): string {
  return `in ${cluster}${enableActingMaster ? ", acting master enabled" : ""}` +
    (zoneName === undefined ? "" : `, zone ${zoneName}`);
}

function queuesByBroker(route: TopicRouteData | undefined): ReadonlyMap<string, QueueData> {
  return new Map(route?.queueDatas.map((queue) => [queue.brokerName, queue]));
}

function queueText({ readQueueNums, writeQueueNums, perm, topicSysFlag }: QueueData): string {
  return `read ${readQueueNums}, write ${writeQueueNums}, ${permText(perm)}` +
    (topicSysFlag === 0 ? "" : `, sysFlag ${topicSysFlag}`);
}

function mappingText({ currIdMap, epoch, totalQueues }: {
  currIdMap: ReadonlyMap<number, number>;
  epoch: number | bigint;
  totalQueues: number;
}): string {
  const queues = [...currIdMap].sort(([a], [b]) => a - b).map(([global, local]) =>
    `${global}:${local}`
  );
  return `${queues.join(" ")} of ${totalQueues}, epoch ${epoch}`;
}
