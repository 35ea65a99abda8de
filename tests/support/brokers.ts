/** Requests of brokers. */

import { type Mapping, plainBody, type Registration, type Topic } from "./bodies.ts";
import type { Request } from "./frames.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** A broker that registers. */
export interface Broker {
  cluster?: string;
  name: string;
  id?: number;
  addr: string;
  topics: Topic[];
  /** Static topics, in the body of a broker of 5.x. */
  mappings?: Mapping[];
  /** The counter of its data version. */
  counter?: number;
  enableActingMaster?: boolean;
  zone?: string;
}

/** A REGISTER_BROKER request. */
export function registration(broker: Broker): Request {
  const content: Registration = {
    version: { counter: broker.counter ?? 1, stateVersion: 0, timestamp: 1_700_000_000_000 },
    topics: broker.topics,
    mappings: broker.mappings,
  };
  return {
    code: RequestCode.REGISTER_BROKER,
    extFields: {
      clusterName: broker.cluster ?? "DefaultCluster",
      brokerName: broker.name,
      brokerId: String(broker.id ?? 0),
      brokerAddr: broker.addr,
      haServerAddr: "127.0.0.1:10912",
      enableActingMaster: String(broker.enableActingMaster ?? false),
      ...(broker.zone !== undefined && { __ZONE_NAME: broker.zone }),
    },
    body: plainBody(content),
  };
}

/** A GET_ROUTEINFO_BY_TOPIC request. */
export function routeQuery(topic: string): Request {
  return { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: { topic } };
}

/** A PUT_KV_CONFIG request. */
export function kvPut(namespace: string, key: string, value: string): Request {
  return { code: RequestCode.PUT_KV_CONFIG, extFields: { namespace, key, value } };
}

/** A GET_KV_CONFIG request. */
export function kvGet(namespace: string, key: string): Request {
  return { code: RequestCode.GET_KV_CONFIG, extFields: { namespace, key } };
}

/** This many topics, with names of realistic length. */
export function manyTopics(count: number): Topic[] {
  return Array.from({ length: count }, (_, i) => ({ name: `orders-created-by-shop-${i}` }));
}
