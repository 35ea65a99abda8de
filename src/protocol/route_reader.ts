import { FastjsonError, type JsonValue, parseFastjson } from "./fastjson_reader.ts";
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
  const info = object(parseFastjson(body), "the cluster information");
  return {
    brokers: new Map(
      members(info, "brokerAddrTable").map(([name, data]) => [name, brokerData(data)]),
    ),
    clusters: new Map(
      members(info, "clusterAddrTable").map(([cluster, names]) => [cluster, texts(names)]),
    ),
  };
}

/**
 * Decodes the response to the requests that list topics.
 *
 * @throws {FastjsonError} when it is malformed
 */
export function decodeTopicList(body: Uint8Array): string[] {
  return texts(list(object(parseFastjson(body), "a list of topics"), "topicList"));
}

/**
 * Decodes the response to GET_KVLIST_BY_NAMESPACE.
 *
 * @throws {FastjsonError} when it is malformed
 */
export function decodeKvTable(body: Uint8Array): Map<string, string> {
  const table = object(parseFastjson(body), "a KV table");
  return new Map(members(table, "table").map(([key, value]) => [key, string(value, key)]));
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
