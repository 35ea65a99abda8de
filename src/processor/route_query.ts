import type { KvConfig } from "../kv/kv_config.ts";
import { MqVersion, ORDER_TOPIC_CONFIG, RequestCode, ResponseCode } from "../protocol/codes.ts";
import type { Dialect } from "../protocol/fastjson_writer.ts";
import { encodeTopicRoute, type TopicRouteData } from "../protocol/route_data.ts";
import type { Command, Response } from "../remoting/command.ts";
import type { RouteCache } from "../route/route_cache.ts";
import type { RouteTables } from "../route/tables.ts";
import { filterByZone, pickupTopicRoute } from "../route/topic_route.ts";
import { RequestError } from "./errors.ts";
import { optionalBoolean, requiredField } from "./fields.ts";
import type { ProductEnvironment } from "./product_environment.ts";
import type { Handler } from "./request_class.ts";

/** The options that routes depend on. */
export interface RouteQueryOptions {
  clusterTest: boolean;
  needWaitForService: boolean;
  orderMessageEnable: boolean;
  supportActingMaster: boolean;
  waitSecondsForService: number;
}

/** What this handler works with. */
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

const FAQ_HINT = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

/** GET_ROUTEINFO_BY_TOPIC: the request that clients ask all day. */
export function routeQueryHandlers(parts: RouteQueryParts): [number, Handler][] {
  const { tables, cache, kv, productEnvironment, options, startTime, now } = parts;
  return [[RequestCode.GET_ROUTEINFO_BY_TOPIC, query]];

  function query(request: Command): Response | Promise<Response> {
    const topic = requiredField(request, "topic");
    if (options.needWaitForService && now() - startTime < options.waitSecondsForService * 1000) {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, "name server not ready");
    }
    const dialect = dialectOf(request);
    const zone = zoneOf(request);
    const cached = zone === undefined ? cache.get(topic, dialect) : undefined;
    if (cached !== undefined) return { code: ResponseCode.SUCCESS, body: cached };
    const route = pickupTopicRoute(tables, topic, options);
    if (route === undefined) {
      return options.clusterTest ? askProductEnvironment(request, topic) : notExist(topic);
    }
    const body = encodeTopicRoute(
      complete(zone === undefined ? route : filterByZone(route, zone), topic),
      dialect,
    );
    if (zone === undefined) cache.set(topic, dialect, body);
    return { code: ResponseCode.SUCCESS, body };
  }

  function complete(route: TopicRouteData, topic: string): TopicRouteData {
    // The reference's clusterTest always adds it.
    if (!options.orderMessageEnable && !options.clusterTest) return route;
    return { ...route, orderTopicConf: kv.get(ORDER_TOPIC_CONFIG, topic) };
  }

  async function askProductEnvironment(request: Command, topic: string): Promise<Response> {
    return await productEnvironment.route(request) ?? notExist(topic);
  }
}

function notExist(topic: string): Response {
  const remark = `No topic route info in name server for the topic: ${topic}${FAQ_HINT}`;
  return { code: ResponseCode.TOPIC_NOT_EXIST, remark };
}

function dialectOf(request: Command): Dialect {
  return request.version >= MqVersion.V4_9_4 || optionalBoolean(request, "acceptStandardJsonOnly")
    ? "standard"
    : "fastjson";
}

function zoneOf(request: Command): string | undefined {
  if (!optionalBoolean(request, "__ZONE_MODE")) return undefined;
  const zone = request.extFields.get("__ZONE_NAME");
  return zone === undefined || zone.trim() === "" ? undefined : zone;
}
