import { ConfigSyntaxError } from "../config/errors.ts";
import { parseProperties } from "../config/properties.ts";
import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import {
  type ClusterInfo,
  decodeClusterInfo,
  decodeKvTable,
  decodeTopicList,
  decodeTopicRoute,
} from "../protocol/route_reader.ts";
import type { TopicRouteData } from "../protocol/route_data.ts";
import { ServerFailure } from "./failures.ts";
import type { NameServer } from "./name_server.ts";
import { printable } from "./text.ts";

/** Number of concurrent route requests. */
const IN_FLIGHT = 64;
/** Most bytes of routes kept: enough for a million topics. */
const MAX_ROUTES = 512 * 1024 * 1024;

/** Limits on a server's configuration. */
const CONFIG_LIMITS = { maxLength: 1_000_000, maxKeys: 10_000 };

/** Returns a server's options as it reports them. */
export async function reportedOptions(server: NameServer): Promise<ReadonlyMap<string, string>> {
  const request = { code: RequestCode.GET_NAMESRV_CONFIG, extFields: [] };
  const { body } = await server.ask(request);
  const text = new TextDecoder().decode(body ?? new Uint8Array(0));
  try {
    return parseProperties(text, "its configuration", CONFIG_LIMITS);
  } catch (error) {
    if (!(error instanceof ConfigSyntaxError)) throw error;
    throw new ServerFailure(server.address, printable(error.message));
  }
}

/** The clusters and brokers that a server knows. */
export interface KnownBrokers extends ClusterInfo {
  /** Whether a broker is only known from the server's snapshot; false where that is not said. */
  isRestored(brokerName: string, address: string): boolean;
}

/** Returns the clusters and brokers that a server knows. */
export async function clusterInfo(server: NameServer): Promise<KnownBrokers> {
  const { body, extFields } = await server.ask({
    code: RequestCode.GET_BROKER_CLUSTER_INFO,
    extFields: [["restored", "true"]],
  });
  const restored = new Set(extFields.get("restored")?.split("\n"));
  return {
    ...server.decode(body, decodeClusterInfo),
    isRestored: (brokerName, address) => restored.has(`${brokerName}\t${address}`),
  };
}

/** The number of brokers that are only known from the server's snapshot. */
export function countRestored({ brokers, isRestored }: KnownBrokers): number {
  let count = 0;
  for (const { brokerName, brokerAddrs } of brokers.values()) {
    for (const address of brokerAddrs.values()) if (isRestored(brokerName, address)) count++;
  }
  return count;
}

/**
 * Returns the names of a server's topics, optionally only those of one cluster's brokers; sorted.
 */
export async function topicNames(server: NameServer, cluster?: string): Promise<string[]> {
  const request = cluster === undefined
    ? { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER, extFields: [] }
    : { code: RequestCode.GET_TOPICS_BY_CLUSTER, extFields: [["cluster", cluster]] as const };
  return [...new Set(await server.read(request, decodeTopicList))].sort();
}

/** Returns a topic's route, or `undefined` when the server has none. */
export async function topicRoute(
  server: NameServer,
  topic: string,
): Promise<TopicRouteData | undefined> {
  const body = await routeBody(server, topic);
  return body === undefined ? undefined : server.decode(body, decodeTopicRoute);
}

/**
 * Returns the routes of many topics, with several requests at once. Topics without a route are
 * omitted.
 *
 * @throws {ServerFailure} also when the routes are too large
 */
export async function topicRoutes(
  server: NameServer,
  topics: readonly string[],
): Promise<Map<string, TopicRouteData>> {
  const routes = new Map<string, TopicRouteData>();
  let next = 0;
  let bytes = 0;
  const work = async () => {
    for (let topic = topics[next++]; topic !== undefined; topic = topics[next++]) {
      const body = await routeBody(server, topic);
      if (body === undefined) continue;
      bytes += body?.length ?? 0;
      if (bytes > MAX_ROUTES) {
        throw new ServerFailure(server.address, `sent more than ${MAX_ROUTES} bytes of routes`);
      }
      routes.set(topic, server.decode(body, decodeTopicRoute));
    }
  };
  try {
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  } finally {
    // After a failure, no further requests are sent.
    next = topics.length;
  }
  return routes;
}

/** Returns the response to a route query, or `undefined` when there is no route. */
async function routeBody(
  server: NameServer,
  topic: string,
): Promise<Uint8Array | null | undefined> {
  const { code, body } = await server.ask(
    {
      code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
      extFields: [["topic", topic], ["acceptStandardJsonOnly", "true"]],
    },
    [ResponseCode.TOPIC_NOT_EXIST],
  );
  return code === ResponseCode.SUCCESS ? body : undefined;
}

/** Returns the pairs of KV namespaces, by namespace; those that the server does not have are empty. */
export async function kvTables(
  server: NameServer,
  namespaces: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const tables = new Map<string, ReadonlyMap<string, string>>();
  for (const namespace of namespaces) {
    tables.set(namespace, await kvTable(server, namespace) ?? new Map());
  }
  return tables;
}

/** Returns the pairs of a KV namespace, or `undefined` when the server does not have it. */
export async function kvTable(
  server: NameServer,
  namespace: string,
): Promise<Map<string, string> | undefined> {
  const { code, body } = await server.ask(
    { code: RequestCode.GET_KVLIST_BY_NAMESPACE, extFields: [["namespace", namespace]] },
    [ResponseCode.QUERY_NOT_FOUND],
  );
  return code === ResponseCode.SUCCESS ? server.decode(body, decodeKvTable) : undefined;
}
