import type { Members } from "../../group/members.ts";
import type { AlertWatch } from "../../metrics/alert_watch.ts";
import type { History, HistoryView } from "../../metrics/history.ts";
import type { Runtime } from "../../metrics/sources.ts";
import { type BrokerRole, roleOf } from "../../route/broker_role.ts";
import type { RouteAnswerOptions } from "../../route/route_answers.ts";
import type { RouteView } from "../../route/route_view.ts";
import type { TableLimits } from "../../route/table_limits.ts";
import type { WorkSlice } from "../../work_slice.ts";
import { answer, json } from "../server/answer.ts";
import type { Route, RouteRequest } from "../server/router.ts";
import { type Check, isReady } from "./health_routes.ts";

/** Milliseconds for which the counts of brokers are good. */
const COUNTS_AGE = 1000;

/** The data that the routes of the overview show. */
export interface OverviewParts {
  readonly members: Members;
  readonly history: Pick<History, "view">;
  readonly alerts: Pick<AlertWatch, "firing">;
  readonly runtime: Pick<Runtime, "memory" | "heapLimit" | "startTime" | "versions">;
  /** Bytes of requests and answers, limited by maxBufferedRequestBytes. */
  readonly budget: { readonly used: number };
  readonly limits: Pick<TableLimits, "maxTableBytes">;
  readonly tables: RouteView;
  readonly feed: { readonly watchers: number };
  readonly server: { readonly connections: number };
  readonly options: Readonly<
    & { maxBufferedRequestBytes: number }
    & Pick<RouteAnswerOptions, "supportActingMaster">
  >;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * The routes `/api/v1/overview` and `/api/v1/history`.
 *
 * @param checks those of the server's readiness
 * @param now milliseconds of a monotonic clock
 */
export function overviewRoutes(
  parts: OverviewParts,
  checks: () => Promise<Check[]>,
  slice: WorkSlice,
  now: () => number,
): Route[] {
  let counts: Promise<Record<BrokerRole, number>> | undefined;
  let goodUntil = -Infinity;
  let encoded: { readonly view: HistoryView; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  return [
    { path: "/api/v1/overview", permission: "cluster:read", answer: overview },
    { path: "/api/v1/history", permission: "cluster:read", answer: history },
  ];

  async function overview({ localHost }: RouteRequest): Promise<Response> {
    const { members, alerts, runtime, tables, options, pid } = parts;
    const results = await checks();
    const brokers = await brokersByRole();
    const nameServers = members.list(localHost);
    const address = nameServers.find(({ self }) => self)?.address ?? "";
    const { heapUsed, resident } = runtime.memory();
    return json({
      server: {
        address,
        version: runtime.versions.version,
        startedAt: new Date(runtime.startTime).toISOString(),
        uptimeSeconds: Math.max(0, Math.floor((parts.now() - runtime.startTime) / 1000)),
        pid,
      },
      health: { ready: isReady(results), checks: results },
      counts: {
        clusters: countOf(tables.clusters()),
        brokers,
        restored: tables.restoredBrokerCount,
        topics: tables.topicCount,
        connections: parts.server.connections,
        watchers: parts.feed.watchers,
      },
      memory: {
        rss: resident,
        heapUsed,
        heapLimit: runtime.heapLimit(),
        budgetUsed: parts.budget.used,
        budgetLimit: options.maxBufferedRequestBytes,
        tableBytes: tables.heapBytes,
        tableLimit: parts.limits.maxTableBytes,
      },
      nameServers,
      alerts: alerts.firing(address),
    });
  }

  /** Pages that ask between two samples share one text. */
  function history(): Response {
    const view = parts.history.view();
    if (encoded?.view !== view) {
      const text = JSON.stringify({ ...view, end: new Date(view.end).toISOString() });
      encoded = { view, bytes: new TextEncoder().encode(text) };
    }
    return answer(encoded.bytes, "application/json");
  }

  /** Pages that ask at the same time share one count. */
  function brokersByRole(): Promise<Record<BrokerRole, number>> {
    if (counts === undefined || now() >= goodUntil) {
      counts = slice.drive(countRoles(parts));
      goodUntil = now() + COUNTS_AGE;
    }
    return counts;
  }
}

function* countRoles(
  { tables, options }: OverviewParts,
): Generator<void, Record<BrokerRole, number>> {
  const counts = { master: 0, actingMaster: 0, slave: 0 };
  for (const broker of tables.brokers()) {
    for (const id of broker.brokerAddrs.keys()) counts[roleOf(broker, id, options)]++;
    yield;
  }
  return counts;
}

function countOf(items: Iterable<unknown>): number {
  let count = 0;
  for (const _ of items) count++;
  return count;
}
