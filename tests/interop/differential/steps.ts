/** The vocabulary of the differential test's data: steps, scenarios, brokers and requests. */

import { type Mapping, plainBody, type Registration } from "../../support/bodies.ts";
import { bodyCrc32, type Request } from "../../support/frames.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

/** One action on both servers. */
export interface Step {
  name: string;
  /** Name of the connection; "main" by default. */
  on?: string;
  /** A request whose response is compared (for a one-way request: that there is none). */
  send?: Request;
  /** Bytes to write unchanged; whether the server then closes is compared. */
  raw?: Uint8Array;
  /** The client closes the connection. */
  close?: true;
  /** The request is repeated until its response's code or body matches; then it is compared. */
  eventually?: { code?: number; body?: RegExp; not?: RegExp };
  /** The body's brokerAddr may be any of these: the reference picks the first by hash order. */
  anyBrokerAddr?: string[];
}

/** Two fresh servers with this configuration, and the steps. */
export interface Scenario {
  name: string;
  config?: Record<string, string>;
  steps: Step[];
}

/** A broker in the scenarios. */
export interface Broker {
  name: string;
  addr: string;
  cluster: string;
  id: string;
  acting?: string;
  zone?: string;
}

/** A master of DefaultCluster at 10.0.0.1 with this port; `more` overrides. */
export const broker = (name: string, port: number, more: Partial<Broker> = {}): Broker => ({
  name,
  addr: `10.0.0.1:${port}`,
  cluster: "DefaultCluster",
  id: "0",
  ...more,
});

/** A slave (id 1) of this master at 10.0.0.2 with this port. */
export const slaveOf = (master: Broker, port: number, more: Partial<Broker> = {}): Broker => ({
  ...master,
  addr: `10.0.0.2:${port}`,
  id: "1",
  ...more,
});

/** The four fields that identify a broker in most requests. */
export const identity = (it: Broker): Record<string, string> => ({
  brokerName: it.name,
  brokerAddr: it.addr,
  clusterName: it.cluster,
  brokerId: it.id,
});

/** The fields of its registration. */
export const fieldsOf = (it: Broker): Record<string, string> => ({
  ...identity(it),
  haServerAddr: `${it.addr}2`,
  heartbeatTimeoutMillis: "120000",
  compressed: "false",
  ...(it.acting === undefined ? {} : { enableActingMaster: it.acting }),
  ...(it.zone === undefined ? {} : { __ZONE_NAME: it.zone }),
});

/** Topics with these names and default queue numbers. */
export const T = (...names: string[]) => names.map((name) => ({ name }));

/** A data version. */
export const V = (counter: number, stateVersion = 0) => ({
  counter,
  stateVersion,
  timestamp: 1700000000000 + counter,
});

/** REGISTER_BROKER with a plain body; `fields` and `request` override the defaults. */
export function register(
  name: string,
  it: Broker,
  registration: Registration,
  fields: Record<string, string> = {},
  request: Partial<Request> = {},
): Step {
  const body = request.body ?? plainBody(registration);
  const extFields = { ...fieldsOf(it), bodyCrc32: bodyCrc32(body), ...fields };
  return { name, send: { code: RequestCode.REGISTER_BROKER, extFields, body, ...request } };
}

/** A request without a body. */
export const ask = (
  name: string,
  code: number,
  extFields?: Record<string, string>,
  request: Partial<Request> = {},
): Step => ({ name, send: { code, extFields, ...request } });

/** The route of a topic; `more` are further fields of the request. */
export const route = (
  topic: string,
  more: Record<string, string> = {},
  request: Partial<Request> = {},
) =>
  ask(`route of ${topic.slice(0, 30)}${note(more, request)}`, RequestCode.GET_ROUTEINFO_BY_TOPIC, {
    topic,
    ...more,
  }, request);

function note(more: Record<string, string>, request: Partial<Request>): string {
  const words = Object.entries(more).map(([key, value]) => `${key}=${value}`);
  if (request.version !== undefined) words.push(`version ${request.version}`);
  if (request.serialization !== undefined) words.push("binary");
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

/** A request with a binary header. */
export const binary: Partial<Request> = { serialization: "ROCKETMQ" };

/** The step on the connection with this name. */
export const on = (connection: string, step: Step): Step => ({ ...step, on: connection });

/** The step with another name. */
export const named = (name: string, step: Step): Step => ({ ...step, name });

/** GET_BROKER_CLUSTER_INFO; `when` distinguishes repeated steps. */
export const clusterInfo = (when = "") =>
  ask(`cluster info${when && `, ${when}`}`, RequestCode.GET_BROKER_CLUSTER_INFO);
/** GET_ALL_TOPIC_LIST_FROM_NAMESERVER. */
export const allTopics = (when = "") =>
  ask(`all topics${when && `, ${when}`}`, RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER);
/** GET_SYSTEM_TOPIC_LIST_FROM_NS. */
export const systemTopics = (when = "") =>
  ask(`system topics${when && `, ${when}`}`, RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS);

/** An update of the live configuration with this properties text. */
export const config = (name: string, body: string): Step => ({
  name,
  send: { code: RequestCode.UPDATE_NAMESRV_CONFIG, body },
});
/** GET_NAMESRV_CONFIG. */
export const getConfig = (when: string) =>
  ask(`configuration, ${when}`, RequestCode.GET_NAMESRV_CONFIG);

/** PUT_KV_CONFIG. */
export const put = (namespace: string, key: string, value: string) =>
  ask(
    `put ${namespace.slice(0, 20)}/${key.slice(0, 20)}`,
    RequestCode.PUT_KV_CONFIG,
    { namespace, key, value },
  );
/** GET_KV_CONFIG. */
export const get = (namespace: string, key: string) =>
  ask(`get ${namespace.slice(0, 20)}/${key.slice(0, 20)}`, RequestCode.GET_KV_CONFIG, {
    namespace,
    key,
  });
/** GET_KVLIST_BY_NAMESPACE. */
export const list = (namespace: string) =>
  ask(`list ${namespace.slice(0, 20)}`, RequestCode.GET_KVLIST_BY_NAMESPACE, { namespace });

/**
 * UNREGISTER_BROKER: answered at once, carried out a moment later; see {@linkcode goneFromCluster}.
 */
export const unregister = (it: Broker) =>
  ask(`unregister ${it.name} id ${it.id}`, RequestCode.UNREGISTER_BROKER, identity(it));

/** QUERY_DATA_VERSION for a broker. */
export const version = (it: Broker, body?: string): Request => ({
  code: RequestCode.QUERY_DATA_VERSION,
  extFields: identity(it),
  body,
});

/**
 * Waits until the removal of an address, which is answered before it is carried out, is visible.
 * The reference answers cluster info without its lock, so it also shows half-removed groups.
 */
export const goneFromCluster = (address: string): Step => ({
  name: `cluster info without ${address}`,
  send: { code: RequestCode.GET_BROKER_CLUSTER_INFO },
  eventually: { not: new RegExp(`${address.replaceAll(".", "\\.")}|"brokerAddrs":\\{\\}`) },
});

/** The master of most scenarios. */
export const a = broker("broker-a", 10911);
/** Its slave. */
export const aSlave = slaveOf(a, 10911);
/** A second master. */
export const b = broker("broker-b", 20911);

/** The usual registration: one topic more than the minimum for a first registration. */
export const two = { version: V(1), topics: T("TopicA", "TopicB") };

/** A static topic's mapping of three of its eight queues. */
export function mapping(topic: string, bname: string, epoch: string): Mapping {
  return { topic, bname, epoch, totalQueues: 8, currIdMap: { "0": 0, "2": 1, "5": 2 } };
}

/** The body of REGISTER_TOPIC_IN_NAMESRV. */
export const queueDatas = (...items: unknown[]) => JSON.stringify({ queueDatas: items });

/** A topic's numbers on a broker. */
export const queueData = (brokerName: string, read: number) => ({
  brokerName,
  perm: 6,
  readQueueNums: read,
  writeQueueNums: read,
  topicSysFlag: 0,
});

/** REGISTER_TOPIC_IN_NAMESRV with this body. */
export const registerTopic = (name: string, topic: string, body: string): Step => ({
  name,
  send: { code: RequestCode.REGISTER_TOPIC_IN_NAMESRV, extFields: { topic }, body },
});
