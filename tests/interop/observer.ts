/** Queries a name server with our own frames, independently of any tool. */

import { FrameClient } from "./frame_client.ts";
import { type Command, type Request } from "../support/frames.ts";
import { type Json, parseJson } from "../support/json.ts";
import { check } from "./suite.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** Response codes that the cases expect. */
export const SUCCESS = 0;
export const SYSTEM_ERROR = 1;
export const TOPIC_NOT_EXIST = 17;
export const QUERY_NOT_FOUND = 22;

/** A topic's numbers on one broker. */
export interface QueueData {
  read: bigint;
  write: bigint;
  perm: bigint;
}

/** A topic's route, keyed by broker name. */
export interface Route {
  queues: Map<string, QueueData>;
  /** broker name -> broker id -> address */
  brokers: Map<string, Map<string, string>>;
  /** broker name -> mapping, of static topics */
  mappings: Map<string, Map<string, Json>>;
}

/** Returns a member of a JSON object; throws when the value is not an object. */
export function member(value: Json | undefined, name: string): Json | undefined {
  check(value instanceof Map, `not an object with ${name}: ${String(value)}`);
  return value.get(name);
}

const entries = (value: Json | undefined): [string, Json][] =>
  value instanceof Map ? [...value] : [];
const items = (value: Json | undefined): Json[] => Array.isArray(value) ? value : [];

/**
 * Uses a new connection for each request, because the server under test may be restarted in
 * between.
 */
export class Observer {
  /** @param address `host:port` of the name server */
  constructor(readonly address: string) {}

  /** Sends one request over its own connection. */
  async ask(request: Request): Promise<Command> {
    const client = await FrameClient.connect(this.address);
    try {
      return await client.call(request, 10_000);
    } finally {
      client.close();
    }
  }

  /** Sends a request that must succeed, and reads its body. */
  async body(request: Request): Promise<Json> {
    const response = await this.ask(request);
    check(response.code === SUCCESS, `code ${request.code}: ${response.code} ${response.remark}`);
    return parseJson(new TextDecoder().decode(response.body)).value;
  }

  /** Returns the route of a topic, or undefined when there is none. */
  async route(topic: string): Promise<Route | undefined> {
    const response = await this.ask({
      code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
      extFields: { topic },
    });
    if (response.code === TOPIC_NOT_EXIST) return undefined;
    check(response.code === SUCCESS, `route of ${topic}: ${response.code} ${response.remark}`);
    return routeOf(parseJson(new TextDecoder().decode(response.body)).value);
  }

  /** Broker name -> broker id -> address, of all clusters. */
  async brokers(): Promise<Map<string, Map<string, string>>> {
    const table = member(
      await this.body({ code: RequestCode.GET_BROKER_CLUSTER_INFO }),
      "brokerAddrTable",
    );
    return new Map(entries(table).map(([name, data]) => [name, addresses(data)]));
  }

  /** All broker addresses. */
  async addresses(): Promise<string[]> {
    return [...(await this.brokers()).values()].flatMap((group) => [...group.values()]).sort();
  }

  /** The names of all topics, sorted. */
  async topics(): Promise<string[]> {
    return items(
      member(
        await this.body({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER }),
        "topicList",
      ),
    ).map(String).sort();
  }

  /** A value of the KV table, or undefined. */
  async kv(namespace: string, key: string): Promise<string | undefined> {
    const response = await this.ask({
      code: RequestCode.GET_KV_CONFIG,
      extFields: { namespace, key },
    });
    if (response.code === QUERY_NOT_FOUND) return undefined;
    check(response.code === SUCCESS, `get ${namespace}/${key}: ${response.code}`);
    return response.extFields?.get("value");
  }

  /** Returns the options as the name server reports them. */
  async options(): Promise<Map<string, string>> {
    const response = await this.ask({ code: RequestCode.GET_NAMESRV_CONFIG });
    check(response.code === SUCCESS, `get configuration: ${response.code} ${response.remark}`);
    const lines = new TextDecoder().decode(response.body).trimEnd().split("\n");
    return new Map(lines.map((line): [string, string] => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }));
  }
}

function addresses(brokerData: Json | undefined): Map<string, string> {
  const table = entries(member(brokerData, "brokerAddrs"));
  return new Map(table.map(([id, address]) => [id, String(address)]));
}

/** Reads a TopicRouteData body. */
export function routeOf(body: Json): Route {
  const route: Route = { queues: new Map(), brokers: new Map(), mappings: new Map() };
  for (const data of items(member(body, "queueDatas"))) {
    route.queues.set(String(member(data, "brokerName")), {
      read: BigInt(String(member(data, "readQueueNums"))),
      write: BigInt(String(member(data, "writeQueueNums"))),
      perm: BigInt(String(member(data, "perm"))),
    });
  }
  for (const data of items(member(body, "brokerDatas"))) {
    route.brokers.set(String(member(data, "brokerName")), addresses(data));
  }
  for (const [name, mapping] of entries(member(body, "topicQueueMappingByBroker"))) {
    if (mapping instanceof Map) route.mappings.set(name, mapping);
  }
  return route;
}

/** Formats a value of Maps, lists, numbers and strings as one line, for comparison and display. */
export function show(value: unknown): string {
  if (value instanceof Map) {
    return `{${[...value].map(([key, item]) => `${key}: ${show(item)}`).sort().join(", ")}}`;
  }
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (typeof value === "object" && value !== null) return show(new Map(Object.entries(value)));
  return String(value);
}
