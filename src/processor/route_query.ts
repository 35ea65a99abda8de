import { ResponseCode } from "../protocol/codes.ts";
import type { ProductEnvironment } from "../outgoing/product_environment.ts";
import type { Command, Reply } from "../remoting/wire/command.ts";
import {
  dialectFor,
  NOT_READY,
  type RouteAnswerOptions,
  type RouteAnswers,
} from "../route/route_answers.ts";
import type { RouteCache } from "../route/route_cache.ts";
import { RequestError } from "./errors.ts";
import { optionalBoolean, requiredField } from "./fields.ts";

/** Dependencies of the route query handler. */
export interface RouteQueryParts {
  answers: RouteAnswers;
  cache: RouteCache;
  productEnvironment: ProductEnvironment;
  options: Readonly<Pick<RouteAnswerOptions, "clusterTest">>;
}

const FAQ_HINT = "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.";

/** Handles GET_ROUTEINFO_BY_TOPIC, by far the most frequent request. */
export function routeQueryHandlers(parts: RouteQueryParts) {
  const { answers, cache, productEnvironment, options } = parts;
  return { routeQuery };

  function routeQuery(request: Command): Reply | Promise<Reply> {
    const topic = requiredField(request, "topic");
    if (answers.serviceWait() > 0) {
      throw new RequestError(ResponseCode.SYSTEM_ERROR, NOT_READY);
    }
    const dialect = dialectFor(
      request.version,
      optionalBoolean(request, "acceptStandardJsonOnly") ?? false,
    );
    const zone = zoneOf(request);
    const cached = zone === undefined ? cache.get(topic, dialect) : undefined;
    if (cached !== undefined) return { code: ResponseCode.SUCCESS, body: cached };
    const body = answers.encode(topic, { dialect, zone });
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

function notExist(topic: string): Reply {
  const remark = `No topic route info in name server for the topic: ${topic}${FAQ_HINT}`;
  return { code: ResponseCode.TOPIC_NOT_EXIST, remark };
}

function zoneOf(request: Command): string | undefined {
  if (!optionalBoolean(request, "__ZONE_MODE")) return undefined;
  const zone = request.extFields.get("__ZONE_NAME");
  return zone === undefined || zone.trim() === "" ? undefined : zone;
}
