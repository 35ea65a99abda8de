import type { KvConfig } from "../kv/kv_config.ts";
import { MqVersion, ORDER_TOPIC_CONFIG, ResponseCode } from "../protocol/codes.ts";
import type { Dialect } from "../protocol/fastjson_writer.ts";
import { encodeTopicRoute } from "../protocol/route_data.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import type { RouteCache } from "../route/route_cache.ts";
import type { RouteTables } from "../route/tables.ts";
import { filterByZone, pickupTopicRoute } from "../route/topic_route.ts";
import { RequestError } from "./errors.ts";
import { optionalBoolean, requiredField } from "./fields.ts";
import type { ProductEnvironment } from "../outgoing/product_environment.ts";

/** The options that routes depend on. */
export interface RouteQueryOptions {
  clusterTest: boolean;
  needWaitForService: boolean;
  orderMessageEnable: boolean;
  supportActingMaster: boolean;
  waitSecondsForService: number;
}

/** Dependencies of the route query handler. */
export interface RouteQueryParts {
  tables: RouteTables;
  cache: RouteCache;
  kv: KvConfig;
  productEnvironment: ProductEnvironment;
  options: Readonly<RouteQueryOptions>;
  /** Milliseconds since the epoch. */
  startTime: number;
  now(): number;
}

/** The properties of a client that its route depends on. */
export interface RouteClient {
  dialect: Dialect;
  /** The zone that the route is limited to. */
  zone?: string;
}

const FAQ_HINT = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

/** Handles GET_ROUTEINFO_BY_TOPIC, by far the most frequent request. */
export function routeQueryHandlers(parts: RouteQueryParts) {
  const { cache, productEnvironment, options, startTime, now } = parts;
  return { routeQuery };

  function routeQuery(request: Command): Reply | Promise<Reply> {
    const topic = requiredField(request, "topic");
    if (serviceWait(options, now() - startTime) > 0) {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, NOT_READY);
    }
    const dialect = dialectFor(
      request.version,
      optionalBoolean(request, "acceptStandardJsonOnly") ?? false,
    );
    const zone = zoneOf(request);
    const cached = zone === undefined ? cache.get(topic, dialect) : undefined;
    if (cached !== undefined) return { code: ResponseCode.SUCCESS, body: cached };
    const body = encodeRouteFor(parts, topic, { dialect, zone });
    if (body === undefined) {
      return options.clusterTest ? askProductEnvironment(request, topic) : notExist(topic);
    }
    if (zone === undefined) cache.set(topic, dialect, body);
    return { code: ResponseCode.SUCCESS, body };
  }

  async function askProductEnvironment(request: Command, topic: string): Promise<Reply> {
    return await productEnvironment.route(request) ?? notExist(topic);
  }
}

/** The remark on route queries that arrive before the server is ready. */
export const NOT_READY = "name server not ready";

/**
 * Milliseconds for which route queries are still refused (needWaitForService); 0 or less when they
 * are served.
 *
 * @param uptime milliseconds since the start
 */
export function serviceWait(
  options: Pick<RouteQueryOptions, "needWaitForService" | "waitSecondsForService">,
  uptime: number,
): number {
  return options.needWaitForService ? options.waitSecondsForService * 1000 - uptime : 0;
}

/**
 * Encodes a route for a client, without the cache.
 *
 * @returns `undefined` when no broker has the topic
 */
export function encodeRouteFor(
  parts: Pick<RouteQueryParts, "tables" | "kv" | "options">,
  topic: string,
  { dialect, zone }: RouteClient,
): Uint8Array | undefined {
  const { tables, kv, options } = parts;
  const route = pickupTopicRoute(tables, topic, options);
  if (route === undefined) return undefined;
  const seen = zone === undefined ? route : filterByZone(route, zone);
  // The reference's clusterTest always includes it.
  const ordered = options.orderMessageEnable || options.clusterTest;
  const orderTopicConf = ordered ? kv.get(ORDER_TOPIC_CONFIG, topic) : undefined;
  return encodeTopicRoute({ ...seen, orderTopicConf }, dialect);
}

/** The JSON dialect understood by clients of a version (ordinal of MQVersion). */
export function dialectFor(version: number, acceptStandardJsonOnly: boolean): Dialect {
  return version >= MqVersion.V4_9_4 || acceptStandardJsonOnly ? "standard" : "fastjson";
}

function notExist(topic: string): Reply {
  const remark = `No topic route info in name server for the topic: ${topic}${FAQ_HINT}`;
  return { code: ResponseCode.TOPIC_NOT_EXIST, remark };
}

function zoneOf(request: Command): string | undefined {
  if (!optionalBoolean(request, "__ZONE_MODE")) return undefined;
  const zone = request.extFields.get("__ZONE_NAME");
  return zone === undefined || zone.trim() === "" ? undefined : zone;
}
