import { concatBytes } from "../concat_bytes.ts";
import { runSteps } from "../run_steps.ts";
import {
  type Dialect,
  jsonLong,
  jsonMap,
  jsonNumericMap,
  jsonString,
  jsonStrings,
} from "./fastjson_writer.ts";
import { FastjsonError, FastjsonReader, type JsonValue } from "./fastjson_reader.ts";
import { Perm } from "./codes.ts";
import type { Long } from "./long.ts";
import { checkName } from "./names.ts";

/** Queues of a topic on the brokers with one name. */
export interface QueueData {
  readonly brokerName: string;
  readonly readQueueNums: number;
  readonly writeQueueNums: number;
  /** Bits of Perm. */
  readonly perm: number;
  readonly topicSysFlag: number;
}

/** A broker group: a master and its slaves, which share a name. */
export interface BrokerData {
  readonly cluster: string;
  readonly brokerName: string;
  /** brokerId (0 is the master) to "address:port". */
  readonly brokerAddrs: ReadonlyMap<Long, string>;
  readonly enableActingMaster: boolean;
  readonly zoneName?: string;
}

/** One broker's view of the logic queues of a static topic. */
export interface TopicQueueMappingInfo {
  readonly topic: string | null;
  readonly bname: string | null;
  readonly scope: string | null;
  readonly totalQueues: number;
  readonly epoch: Long;
  readonly dirty: boolean;
  /** Global queue id to the queue id on this broker. */
  readonly currIdMap: ReadonlyMap<number, number>;
}

/** A topic's route: the response to GET_ROUTEINFO_BY_TOPIC. */
export interface TopicRouteData {
  queueDatas: readonly QueueData[];
  brokerDatas: readonly BrokerData[];
  /** "address:port" of a broker to its filter servers. */
  filterServerTable: ReadonlyMap<string, readonly string[]>;
  topicQueueMappingByBroker?: ReadonlyMap<string, TopicQueueMappingInfo>;
  orderTopicConf?: string;
}

/** The bits of `perm` as letters: `rw`, `r-` etc. */
export function permText(perm: number): string {
  return (perm & Perm.READ ? "r" : "-") + (perm & Perm.WRITE ? "w" : "-") +
    (perm & Perm.INHERIT ? "x" : "") + (perm & Perm.PRIORITY ? "p" : "");
}

const utf8 = new TextEncoder();
const PIECES_PER_STEP = 512;

/** Encodes the response to GET_ROUTEINFO_BY_TOPIC (protocol.md, "Other bodies"). */
export function encodeTopicRoute(route: TopicRouteData, dialect: Dialect): Uint8Array {
  const { brokerDatas, filterServerTable, orderTopicConf, queueDatas } = route;
  const filters = Array.from(
    filterServerTable,
    ([addr, servers]) => [addr, jsonStrings(servers)] as const,
  );
  let text = `{"brokerDatas":[${brokerDatas.map((it) => brokerJson(it, dialect)).join(",")}]`;
  text += `,"filterServerTable":${jsonMap(filters, dialect)}`;
  if (orderTopicConf !== undefined) {
    text += `,"orderTopicConf":${jsonString(orderTopicConf)}`;
  }
  text += `,"queueDatas":[${queueDatas.map(queueJson).join(",")}]`;
  if (route.topicQueueMappingByBroker !== undefined) {
    const mappings = Array.from(
      route.topicQueueMappingByBroker,
      ([name, info]) => [name, mappingJson(info, dialect)] as const,
    );
    text += `,"topicQueueMappingByBroker":${jsonMap(mappings, dialect)}`;
  }
  return utf8.encode(`${text}}`);
}

/** Encodes the response to GET_BROKER_CLUSTER_INFO. Numeric keys are unquoted for all readers. */
export function encodeClusterInfo(
  brokers: Iterable<BrokerData>,
  clusters: Iterable<readonly [string, Iterable<string>]>,
): Uint8Array {
  return runSteps(clusterInfoSteps(brokers, clusters));
}

/** Like {@link encodeClusterInfo}, in steps: the caller can do other work in between. */
export function* clusterInfoSteps(
  brokers: Iterable<BrokerData>,
  clusters: Iterable<readonly [string, Iterable<string>]>,
): Generator<void, Uint8Array> {
  const pieces = new Pieces();
  pieces.add('{"brokerAddrTable":{');
  let comma = "";
  for (const broker of brokers) {
    pieces.add(`${comma}${jsonString(broker.brokerName)}:${brokerJson(broker, "fastjson")}`);
    comma = ",";
    if (pieces.due) yield pieces.encode();
  }
  pieces.add('},"clusterAddrTable":{');
  comma = "";
  for (const [cluster, names] of clusters) {
    pieces.add(`${comma}${jsonString(cluster)}:[`);
    comma = "";
    for (const name of names) {
      pieces.add(comma + jsonString(name));
      comma = ",";
      if (pieces.due) yield pieces.encode();
    }
    pieces.add("]");
    comma = ",";
    if (pieces.due) yield pieces.encode();
  }
  pieces.add("}}");
  return pieces.bytes();
}

/** Encodes the response to GET_BROKER_MEMBER_GROUP. Numeric keys are unquoted for all readers. */
export function encodeBrokerMemberGroup(
  cluster: string,
  brokerName: string,
  brokerAddrs: ReadonlyMap<Long, string>,
): Uint8Array {
  return utf8.encode(
    `{"brokerMemberGroup":{"brokerAddrs":${addrsJson(brokerAddrs, "fastjson")},` +
      `"brokerName":${jsonString(brokerName)},` +
      `"cluster":${jsonString(cluster)}}}`,
  );
}

/** Encodes the response to the requests that list topics. */
export function encodeTopicList(
  topics: Iterable<string | undefined>,
  brokerAddr?: string,
): Uint8Array {
  return runSteps(topicListSteps(topics, brokerAddr));
}

/**
 * Like {@link encodeTopicList}, in steps: the caller can do other work in between.
 *
 * @param topics `undefined` stands for topics that are left out
 */
export function* topicListSteps(
  topics: Iterable<string | undefined>,
  brokerAddr?: string,
): Generator<void, Uint8Array> {
  const pieces = new Pieces();
  const start = brokerAddr === undefined ? "{" : `{"brokerAddr":${jsonString(brokerAddr)},`;
  pieces.add(`${start}"topicList":[`);
  let comma = "";
  for (const topic of topics) {
    pieces.add(topic === undefined ? "" : comma + jsonString(topic));
    if (topic !== undefined) comma = ",";
    if (pieces.due) yield pieces.encode();
  }
  pieces.add("]}");
  return pieces.bytes();
}

/** JSON texts that are encoded a few at a time. */
class Pieces {
  readonly #encoded: Uint8Array[] = [];
  #text = "";
  #count = 0;

  add(text: string): void {
    this.#text += text;
    this.#count++;
  }

  /** Whether enough were added to encode them. */
  get due(): boolean {
    return this.#count >= PIECES_PER_STEP;
  }

  encode(): void {
    this.#encoded.push(utf8.encode(this.#text));
    this.#text = "";
    this.#count = 0;
  }

  /** All of them. */
  bytes(): Uint8Array {
    this.encode();
    return concatBytes(this.#encoded);
  }
}

/**
 * Decodes the queue data in a REGISTER_TOPIC_IN_NAMESRV, which is sent as a TopicRouteData.
 *
 * @throws {FastjsonError} when the body is malformed
 */
export function decodeQueueDatas(body: Uint8Array): QueueData[] {
  // Without a tree: what is not needed costs only the look at it.
  const reader = new FastjsonReader(body);
  let queueDatas: QueueData[] = [];
  if (begins(reader, "object", "a route")) {
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      if (key === "queueDatas") queueDatas = readQueueDatas(reader);
      else reader.skip();
    }
  }
  reader.end();
  return queueDatas;
}

function readQueueDatas(reader: FastjsonReader): QueueData[] {
  const queueDatas: QueueData[] = [];
  if (!begins(reader, "array", "queueDatas")) return queueDatas;
  while (reader.nextElement()) {
    if (!begins(reader, "object", "a queue data")) throw new FastjsonError("a queue data is null");
    queueDatas.push(readQueueData(reader));
  }
  return queueDatas;
}

function readQueueData(reader: FastjsonReader): QueueData {
  let brokerName: JsonValue = null;
  const numbers = { readQueueNums: 0, writeQueueNums: 0, perm: 0, topicSysFlag: 0 };
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    switch (key) {
      case "brokerName":
        brokerName = scalarField(reader, key);
        break;
      case "readQueueNums":
      case "writeQueueNums":
      case "perm":
      case "topicSysFlag": {
        const value = scalarField(reader, key) ?? 0;
        if (typeof value !== "number" || value !== (value | 0)) {
          throw new FastjsonError(`the field <${key}> of a queue data is no 32-bit integer`);
        }
        numbers[key] = value;
        break;
      }
      default:
        reader.skip();
    }
  }
  if (typeof brokerName !== "string") {
    throw new FastjsonError("the field <brokerName> of a queue data is missing");
  }
  checkName("brokerName", brokerName);
  return { brokerName, ...numbers };
}

function scalarField(reader: FastjsonReader, name: string): JsonValue {
  if (reader.next === "scalar") return reader.readValue();
  throw new FastjsonError(`the field <${name}> of a queue data is an ${reader.next}`);
}

/** Enters an object or an array. Consumes `null` and returns false. */
function begins(reader: FastjsonReader, kind: "object" | "array", what: string): boolean {
  const { next } = reader;
  if (next === kind) return kind === "object" ? reader.beginObject() : reader.beginArray();
  if (next === "scalar" && reader.readValue() === null) return false;
  throw new FastjsonError(`${what} is not an ${kind}`);
}

function brokerJson(broker: BrokerData, dialect: Dialect): string {
  const text = `{"brokerAddrs":${addrsJson(broker.brokerAddrs, dialect)},` +
    `"brokerName":${jsonString(broker.brokerName)},` +
    `"cluster":${jsonString(broker.cluster)},` +
    `"enableActingMaster":${broker.enableActingMaster}`;
  return broker.zoneName === undefined
    ? `${text}}`
    : `${text},"zoneName":${jsonString(broker.zoneName)}}`;
}

function addrsJson(addrs: ReadonlyMap<Long, string>, dialect: Dialect): string {
  const entries = Array.from(addrs, ([id, addr]) => [id, jsonString(addr)] as const);
  return jsonNumericMap(entries, dialect);
}

function queueJson(queue: QueueData): string {
  return `{"brokerName":${jsonString(queue.brokerName)},"perm":${queue.perm},` +
    `"readQueueNums":${queue.readQueueNums},"topicSysFlag":${queue.topicSysFlag},` +
    `"writeQueueNums":${queue.writeQueueNums}}`;
}

function mappingJson(info: TopicQueueMappingInfo, dialect: Dialect): string {
  const fields: string[] = [];
  const text = (name: string, value: string | null) => {
    if (value !== null) fields.push(`"${name}":${jsonString(value)}`);
  };
  text("bname", info.bname);
  const ids = Array.from(info.currIdMap, ([id, local]) => [id, `${local}`] as const);
  fields.push(`"currIdMap":${jsonNumericMap(ids, dialect)}`);
  fields.push(`"dirty":${info.dirty}`, `"epoch":${jsonLong(info.epoch, dialect)}`);
  text("scope", info.scope);
  text("topic", info.topic);
  fields.push(`"totalQueues":${info.totalQueues}`);
  return `{${fields.join(",")}}`;
}
