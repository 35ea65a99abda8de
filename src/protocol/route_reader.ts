import { runSteps } from "../run_steps.ts";
import { FastjsonError, FastjsonReader, type JsonValue, parseFastjson } from "./fastjson_reader.ts";
import { type Long, parseLong } from "./long.ts";
import type { BrokerData, QueueData, TopicQueueMappingInfo, TopicRouteData } from "./route_data.ts";

/** Clusters and brokers: the response to GET_BROKER_CLUSTER_INFO. */
export interface ClusterInfo {
  /** By broker name. */
  brokers: ReadonlyMap<string, BrokerData>;
  /** Broker names by cluster. */
  clusters: ReadonlyMap<string, readonly string[]>;
}

type JsonObject = ReadonlyMap<string, JsonValue>;

/**
 * Decodes the response to GET_ROUTEINFO_BY_TOPIC, in either dialect of JSON.
 *
 * @throws {FastjsonError} when it is malformed
 */
export function decodeTopicRoute(body: Uint8Array): TopicRouteData {
  const route = object(parseFastjson(body), "a route");
  const mappings = optional(route, "topicQueueMappingByBroker");
  const orderTopicConf = optional(route, "orderTopicConf");
  return {
    queueDatas: list(route, "queueDatas").map(queueData),
    brokerDatas: list(route, "brokerDatas").map(brokerData),
    filterServerTable: new Map(
      members(route, "filterServerTable").map(([addr, servers]) => [addr, texts(servers)]),
    ),
    ...(mappings !== undefined && {
      topicQueueMappingByBroker: new Map(
        members(route, "topicQueueMappingByBroker").map(([name, info]) => [name, mapping(info)]),
      ),
    }),
    ...(orderTopicConf !== undefined && { orderTopicConf: String(orderTopicConf) }),
  };
}

/**
 * Decodes the response to GET_BROKER_CLUSTER_INFO.
 *
 * @throws {FastjsonError} when it is malformed
 */
export function decodeClusterInfo(body: Uint8Array): ClusterInfo {
  return runSteps(clusterInfoReading(body));
}

/** Like {@link decodeClusterInfo}, in steps: the caller can do other work in between. */
export function* clusterInfoReading(body: Uint8Array): Generator<void, ClusterInfo> {
  const brokers = new Map<string, BrokerData>();
  const clusters = new Map<string, readonly string[]>();
  yield* readObject(body, "the cluster information", {
    brokerAddrTable: (reader) =>
      readMembers(reader, "brokerAddrTable", (name, data) => brokers.set(name, brokerData(data))),
    clusterAddrTable: (reader) =>
      readMembers(reader, "clusterAddrTable", (name, names) => clusters.set(name, texts(names))),
  });
  return { brokers, clusters };
}

/**
 * Decodes the response to the requests that list topics.
 *
 * @throws {FastjsonError} when it is malformed
 */
export function decodeTopicList(body: Uint8Array): string[] {
  return runSteps(topicListReading(body));
}

/** Like {@link decodeTopicList}, in steps: the caller can do other work in between. */
export function* topicListReading(body: Uint8Array): Generator<void, string[]> {
  const topics: string[] = [];
  yield* readObject(body, "a list of topics", {
    *topicList(reader) {
      if (!begins(reader, "array", "topicList")) return;
      while (reader.nextElement()) {
        topics.push(string(reader.readValue(), "an element of a list"));
        if (reader.tired) {
          yield;
          reader.rest();
        }
      }
    },
  });
  return topics;
}

/**
 * Decodes the response to GET_KVLIST_BY_NAMESPACE.
 *
 * @throws {FastjsonError} when it is malformed
 */
export function decodeKvTable(body: Uint8Array): Map<string, string> {
  return runSteps(kvTableReading(body));
}

/** Like {@link decodeKvTable}, in steps: the caller can do other work in between. */
export function* kvTableReading(body: Uint8Array): Generator<void, Map<string, string>> {
  const table = new Map<string, string>();
  yield* readObject(body, "a KV table", {
    table: (reader) =>
      readMembers(reader, "table", (key, value) => table.set(key, string(value, key))),
  });
  return table;
}

type Steps = Generator<void, void>;

/** Reads a body that is an object; members without a function are skipped. */
function* readObject(
  body: Uint8Array,
  what: string,
  fields: Readonly<Record<string, (reader: FastjsonReader) => Steps>>,
): Steps {
  const reader = new FastjsonReader(body);
  if (reader.next !== "object") throw new FastjsonError(`${what} is not an object`);
  reader.beginObject();
  for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
    const read = Object.hasOwn(fields, name) ? fields[name] : undefined;
    yield* read === undefined ? reader.skipInSteps() : read(reader);
  }
  reader.end();
}

/** Reads an object whose members are alike. */
function* readMembers(
  reader: FastjsonReader,
  what: string,
  take: (name: string, value: JsonValue) => void,
): Steps {
  if (!begins(reader, "object", what)) return;
  for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
    take(name, reader.readValue());
    if (reader.tired) {
      yield;
      reader.rest();
    }
  }
}

/** Enters an object or array. Consumes `null` and returns false. */
function begins(reader: FastjsonReader, kind: "object" | "array", what: string): boolean {
  if (reader.next === kind) return kind === "array" ? reader.beginArray() : reader.beginObject();
  if (reader.readValue() === null) return false;
  throw new FastjsonError(`${what} is not an ${kind}`);
}

function queueData(value: JsonValue): QueueData {
  const data = object(value, "a queue data");
  return {
    brokerName: string(data.get("brokerName"), "brokerName"),
    readQueueNums: integer(data, "readQueueNums"),
    writeQueueNums: integer(data, "writeQueueNums"),
    perm: integer(data, "perm"),
    topicSysFlag: integer(data, "topicSysFlag"),
  };
}

function brokerData(value: JsonValue): BrokerData {
  const data = object(value, "a broker data");
  const zoneName = optional(data, "zoneName");
  return {
    // 4.x servers omit fields that a broker did not send.
    cluster: string(data.get("cluster") ?? "", "cluster"),
    brokerName: string(data.get("brokerName"), "brokerName"),
    brokerAddrs: new Map(
      members(data, "brokerAddrs").map(([id, addr]) => [long(id), string(addr, "brokerAddrs")]),
    ),
    enableActingMaster: data.get("enableActingMaster") === true,
    ...(zoneName !== undefined && { zoneName: string(zoneName, "zoneName") }),
  };
}

function mapping(value: JsonValue): TopicQueueMappingInfo {
  const info = object(value, "a queue mapping");
  const text = (name: string) => {
    const field = optional(info, name);
    return field === undefined ? null : string(field, name);
  };
  return {
    topic: text("topic"),
    bname: text("bname"),
    scope: text("scope"),
    totalQueues: integer(info, "totalQueues"),
    // Beyond 2^53, standard JSON has it in quotes.
    epoch: long(String(info.get("epoch") ?? 0)),
    dirty: info.get("dirty") === true,
    currIdMap: new Map(
      members(info, "currIdMap").map(([id, local]) => [Number(long(id)), Number(local)]),
    ),
  };
}

function object(value: JsonValue | undefined, what: string): JsonObject {
  if (!(value instanceof Map)) throw new FastjsonError(`${what} is not an object`);
  return value;
}

function optional(object: JsonObject, name: string): JsonValue | undefined {
  return object.get(name) ?? undefined;
}

function list(object: JsonObject, name: string): JsonValue[] {
  const value = optional(object, name) ?? [];
  if (!Array.isArray(value)) throw new FastjsonError(`${name} is not an array`);
  return value;
}

function members(parent: JsonObject, name: string): [string, JsonValue][] {
  const value = optional(parent, name);
  return value === undefined ? [] : [...object(value, name)];
}

function texts(value: JsonValue): string[] {
  if (!Array.isArray(value)) throw new FastjsonError("a list of texts is not an array");
  return value.map((item) => string(item, "an element of a list"));
}

function string(value: JsonValue | undefined, what: string): string {
  if (typeof value !== "string") throw new FastjsonError(`${what} is not a text`);
  return value;
}

function integer(object: JsonObject, name: string): number {
  const value = object.get(name) ?? 0;
  if (typeof value !== "number" || value !== (value | 0)) {
    throw new FastjsonError(`${name} is no 32-bit integer`);
  }
  return value;
}

function long(text: string): Long {
  const value = parseLong(text);
  if (value === undefined) throw new FastjsonError(`${text.slice(0, 40)} is no 64-bit integer`);
  return value;
}
