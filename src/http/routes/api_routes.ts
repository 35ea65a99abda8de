import type { LiveConfig } from "../../config/live_config.ts";
import type { KvStore } from "../../kv/kv_store.ts";
import { MqVersion, ResponseCode } from "../../protocol/codes.ts";
import { type Long, showLong } from "../../protocol/long.ts";
import { mqVersionName, parseMqVersion } from "../../protocol/mq_version.ts";
import type { BrokerData } from "../../protocol/route_data.ts";
import type { ConnectionView, RemotingServer } from "../../remoting/server.ts";
import type { TlsPeer } from "../../tls/context.ts";
import {
  dialectFor,
  NOT_READY,
  type RouteAnswerOptions,
  type RouteAnswers,
} from "../../route/route_answers.ts";
import { roleOf } from "../../route/broker_role.ts";
import type { RouteView } from "../../route/route_view.ts";
import { HttpProblem, json } from "../server/answer.ts";
import { PAGE_PARAMETERS, Pager } from "./pager.ts";
import { type NamedTopic, TopicNames } from "./topic_names.ts";
import openApi from "./openapi.json" with { type: "json" };
import type { Route, RouteRequest } from "../server/router.ts";

/** Dependencies of {@link apiRoutes}. */
export interface ApiParts {
  tables: RouteView;
  answers: Pick<RouteAnswers, "encode" | "serviceWait">;
  kv: KvStore;
  config: LiveConfig;
  server: Pick<RemotingServer, "views" | "view">;
  options: Readonly<Pick<RouteAnswerOptions, "clusterTest" | "supportActingMaster">>;
  pager: Pager;
}

/** Prefix of the API's paths. */
const ROOT = "/api/v1";
/** Digits of the largest safe integer: zero-padded to this length, numbers sort like texts. */
const ID_DIGITS = 16;

/** The part of the API that shows something, under `/api/v1`, as described in `openapi.json`. */
export function apiRoutes(parts: ApiParts): Route[] {
  const { tables, answers, kv, config, server, options, pager } = parts;
  const topicNames = new TopicNames(tables);
  return [
    { path: `${ROOT}/openapi.json`, answer: () => json(openApi) },
    {
      path: `${ROOT}/clusters`,
      permission: "cluster:read",
      query: PAGE_PARAMETERS,
      answer: clusters,
    },
    {
      path: `${ROOT}/brokers`,
      permission: "cluster:read",
      query: [...PAGE_PARAMETERS, "cluster", "broker"],
      answer: brokers,
    },
    {
      path: `${ROOT}/topics`,
      permission: "topic:list",
      query: [...PAGE_PARAMETERS, "cluster", "broker"],
      answer: topics,
    },
    {
      path: `${ROOT}/topics/:topic/route`,
      permission: "route:read",
      resource: "topic",
      query: ["version", "zone", "acceptStandardJsonOnly"],
      answer: topicRoute,
    },
    { path: `${ROOT}/kv`, permission: "kv:read", query: PAGE_PARAMETERS, answer: namespaces },
    {
      path: `${ROOT}/kv/:namespace`,
      permission: "kv:read",
      resource: "namespace",
      query: PAGE_PARAMETERS,
      answer: entries,
    },
    { path: `${ROOT}/config`, permission: "config:read", answer: configuration },
    {
      path: `${ROOT}/config/options`,
      permission: "config:read",
      answer: () => json({ options: config.describe() }),
    },
    {
      path: `${ROOT}/connections`,
      permission: "cluster:read",
      query: PAGE_PARAMETERS,
      answer: connections,
    },
  ];

  function clusters({ query }: RouteRequest): Promise<Response> {
    return pager.page({
      entries: tables.clusters(),
      key: ([cluster]) => cluster,
      show: ([cluster, names]) => ({ cluster, brokers: [...names].sort() }),
    }, query);
  }

  function brokers({ query }: RouteRequest): Promise<Response> {
    const names = clusterNames(query.text("cluster"));
    const name = query.text("broker");
    const named = name === undefined ? undefined : tables.broker(name);
    return pager.page({
      entries: name === undefined ? tables.brokers() : named === undefined ? [] : [named],
      key: ({ brokerName }) => brokerName,
      matches: ({ brokerName }) => names === undefined || names.has(brokerName),
      show: (broker) => ({
        brokerName: broker.brokerName,
        cluster: broker.cluster,
        zone: broker.zoneName ?? null,
        enableActingMaster: broker.enableActingMaster,
        members: Array.from(broker.brokerAddrs, ([id, address]) => member(broker, id, address)),
      }),
    }, query);
  }

  function member(broker: BrokerData, id: Long, address: string) {
    const live = tables.liveBroker(broker.cluster, broker.brokerName, address);
    const connection = live?.connection && server.view(live.connection);
    return {
      brokerId: showLong(id),
      role: roleOf(broker, id, options),
      address,
      haServerAddress: live?.haServerAddr ?? null,
      filterServers: tables.filterServers(broker.brokerName, address) ?? [],
      lastHeartbeat: live ? showTime(live.lastUpdateTimestamp) : null,
      heartbeatTimeoutMillis: live?.heartbeatTimeoutMillis ?? null,
      dataVersion: live
        ? {
          stateVersion: showLong(live.dataVersion.stateVersion),
          timestamp: showLong(live.dataVersion.timestamp),
          counter: showLong(live.dataVersion.counter),
        }
        : null,
      restored: live?.restored ?? false,
      connection: connection ? showConnection(connection) : null,
    };
  }

  function topics({ query }: RouteRequest): Promise<Response> {
    const names = clusterNames(query.text("cluster"));
    const broker = query.text("broker");
    const matches = ({ topic }: NamedTopic) =>
      (broker === undefined || tables.queueData(topic, broker) !== undefined) &&
      (names === undefined ||
        (tables.queueDatas(topic)?.some((data) => names.has(data.brokerName)) ?? false));
    return pager.page({
      entries: topicNames.topics(),
      key: ({ topic }) => topic,
      text: ({ folded }) => folded,
      ...(broker === undefined && names === undefined ? {} : { matches }),
      show: showTopic,
    }, query);
  }

  function showTopic({ topic }: NamedTopic) {
    const datas = tables.queueDatas(topic);
    if (datas === undefined) return undefined;
    const clusters = new Set<string>();
    let readQueues = 0;
    let writeQueues = 0;
    for (const data of datas) {
      const broker = tables.broker(data.brokerName);
      if (broker !== undefined) clusters.add(broker.cluster);
      readQueues += data.readQueueNums;
      writeQueues += data.writeQueueNums;
    }
    return { topic, clusters: [...clusters], brokers: datas.length, readQueues, writeQueues };
  }

  function topicRoute({ path, query }: RouteRequest): Response {
    const topic = path.get("topic") ?? "";
    const version = query.parsed(
      "version",
      parseMqVersion,
      "a version like 5.3.1, V5_3_1 or 475, from 4.0.0 on",
    ) ?? MqVersion.V5_5_0;
    const zone = query.text("zone")?.trim() || undefined;
    const dialect = dialectFor(version, query.flag("acceptStandardJsonOnly") ?? false);
    const body = answers.encode(topic, { dialect, zone });
    // The same route in standard JSON.
    const standard = answers.encode(topic, { dialect: "standard", zone });
    if (body === undefined || standard === undefined) {
      const elsewhere = options.clusterTest ? "; clients get the answer of productEnvName" : "";
      throw new HttpProblem(404, `no broker has this topic${elsewhere}`);
    }
    const refused = answers.serviceWait() > 0;
    const text = new TextDecoder();
    return json({
      topic,
      client: { version: showVersion(version), zone: zone ?? null },
      code: refused ? ResponseCode.SYSTEM_ERROR : ResponseCode.SUCCESS,
      remark: refused ? NOT_READY : null,
      dialect,
      body: refused ? null : text.decode(body),
      route: refused ? null : JSON.parse(text.decode(standard)),
    });
  }

  function namespaces({ query }: RouteRequest): Promise<Response> {
    return pager.page({
      entries: kv.namespaces(),
      key: ([namespace]) => namespace,
      show: ([namespace, values]) => ({ namespace, keys: values.size }),
    }, query);
  }

  function entries({ path, query }: RouteRequest): Promise<Response> {
    const values = kv.list(path.get("namespace") ?? "");
    if (values === undefined) throw new HttpProblem(404, "unknown namespace");
    return pager.page({
      entries: values,
      key: ([key]) => key,
      show: ([key, value]) => ({ key, value }),
    }, query);
  }

  function configuration(): Response {
    return json(config.view());
  }

  function connections({ query }: RouteRequest): Promise<Response> {
    return pager.page({
      entries: server.views(),
      key: ({ id }) => `${id}`.padStart(ID_DIGITS, "0"),
      text: ({ peer, proxied }) => `${peer} ${proxied ?? ""}`.toLowerCase(),
      show: showConnection,
    }, query);
  }

  function clusterNames(cluster: string | undefined): ReadonlySet<string> | undefined {
    return cluster === undefined ? undefined : tables.cluster(cluster) ?? new Set();
  }
}

function showConnection(connection: ConnectionView) {
  const { id, peer, proxied, since, software, tls, account, bytesIn, bytesOut } = connection;
  return {
    id,
    peer,
    proxied: proxied ?? null,
    since: showTime(since),
    account: account ?? null,
    bytesIn,
    bytesOut,
    software: software
      ? { language: software.language, version: showVersion(software.version) }
      : null,
    tls: tls
      ? {
        protocol: tls.protocol,
        cipher: tls.cipher,
        certificate: tls.certificate ? showCertificate(tls.certificate) : null,
      }
      : null,
  };
}

function showVersion(ordinal: number) {
  return { ordinal, name: mqVersionName(ordinal) ?? null };
}

function showTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

function showCertificate(
  { subject, subjectAltName, fingerprint, verified }: NonNullable<TlsPeer["certificate"]>,
) {
  return { subject, subjectAltName: subjectAltName ?? null, fingerprint, verified };
}
