import { MqVersion, ORDER_TOPIC_CONFIG } from "../protocol/codes.ts";
import type { Dialect } from "../protocol/fastjson_writer.ts";
import { encodeTopicRoute } from "../protocol/route_data.ts";
import type { RouteView } from "./route_view.ts";
import { filterByZone, pickupTopicRoute } from "./topic_route.ts";

/** The remark on route queries that arrive before the server is ready. */
export const NOT_READY = "name server not ready";

/** The options that the answers to route queries depend on. */
export interface RouteAnswerOptions {
  clusterTest: boolean;
  needWaitForService: boolean;
  orderMessageEnable: boolean;
  supportActingMaster: boolean;
  waitSecondsForService: number;
}

/** The properties of a client that its route depends on. */
export interface RouteClient {
  dialect: Dialect;
  /** The zone that the route is limited to. */
  zone?: string;
}

/** Dependencies of {@link RouteAnswers}. */
export interface RouteAnswersParts {
  tables: RouteView;
  /** Holds the order configuration of topics. */
  kv: { get(namespace: string, key: string): string | undefined };
  options: Readonly<RouteAnswerOptions>;
  /** Milliseconds of a monotonic clock. */
  monotonic(): number;
}

/** Answers route queries, the same for GET_ROUTEINFO_BY_TOPIC and the HTTP API. */
export class RouteAnswers {
  readonly #parts: RouteAnswersParts;
  readonly #startTime: number;
  #waitEnded = false;

  /** Must be created when the server starts: the time of needWaitForService begins here. */
  constructor(parts: RouteAnswersParts) {
    this.#parts = parts;
    this.#startTime = parts.monotonic();
  }

  /**
   * Milliseconds for which route queries are still refused (needWaitForService); 0 or less when
   * they are served.
   */
  serviceWait(): number {
    const { options, monotonic } = this.#parts;
    if (this.#waitEnded || !options.needWaitForService) return 0;
    return options.waitSecondsForService * 1000 - (monotonic() - this.#startTime);
  }

  /** The routes are known already: none are refused any more. */
  endServiceWait(): void {
    this.#waitEnded = true;
  }

  /**
   * Encodes a route for a client.
   *
   * @returns `undefined` when no broker has the topic
   */
  encode(topic: string, { dialect, zone }: RouteClient): Uint8Array | undefined {
    const { tables, kv, options } = this.#parts;
    const route = pickupTopicRoute(tables, topic, options);
    if (route === undefined) return undefined;
    const seen = zone === undefined ? route : filterByZone(route, zone);
    // The reference's clusterTest always includes it.
    const ordered = options.orderMessageEnable || options.clusterTest;
    const orderTopicConf = ordered ? kv.get(ORDER_TOPIC_CONFIG, topic) : undefined;
    return encodeTopicRoute({ ...seen, orderTopicConf }, dialect);
  }
}

/** The JSON dialect understood by clients of a version (ordinal of MQVersion). */
export function dialectFor(version: number, acceptStandardJsonOnly: boolean): Dialect {
  return version >= MqVersion.V4_9_4 || acceptStandardJsonOnly ? "standard" : "fastjson";
}
