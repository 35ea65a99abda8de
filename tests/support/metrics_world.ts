/** The parts of a name server that metrics read, for tests. */

import { AccessCounters } from "../../src/access/counters.ts";
import { defaultOptions } from "../../src/config/options.ts";
import { Histogram } from "../../src/histogram.ts";
import { HttpCounters } from "../../src/http/server/http_counters.ts";
import type { Sources } from "../../src/metrics/sources.ts";
import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";
import { RemotingCounters } from "../../src/remoting/remoting_counters.ts";
import { TableLimits } from "../../src/route/table_limits.ts";
import { RouteTables } from "../../src/route/tables.ts";
import { type EventName, EVENTS } from "../../src/watch/events.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const NO_EVENTS = Object.fromEntries(Object.keys(EVENTS).map((name) => [name, 0])) as Record<
  EventName,
  number
>;

/** Sources whose numbers a test may set. */
export interface World extends Writable<Sources> {
  classes: Record<
    "client_request" | "default" | "registration" | "disk",
    { waiting: number; running: number; refused: number }
  >;
  options: { metricsPerBroker: boolean; metricsPerAccount: boolean };
  tables: RouteTables;
  routes: { counters: Writable<Sources["routes"]["counters"]> };
  cache: Writable<Sources["cache"]>;
  access: {
    counters: AccessCounters;
    audit: Sources["access"]["audit"];
    rules?: Sources["access"]["rules"];
  };
  kv: Writable<Sources["kv"]>;
}

/** Sources of a server that has done nothing yet. */
export function metricsWorld(): World {
  const tables = new RouteTables();
  return {
    remoting: new RemotingCounters(Object.values(RequestCode), Object.values(ResponseCode)),
    server: { connections: 0 },
    budget: { used: 0 },
    classes: {
      client_request: { waiting: 0, running: 0, refused: 0 },
      default: { waiting: 0, running: 0, refused: 0 },
      registration: { waiting: 0, running: 0, refused: 0 },
      disk: { waiting: 0, running: 0, refused: 0 },
    },
    tables,
    limits: new TableLimits(tables, defaultOptions(), () => 4e9),
    routes: {
      counters: {
        changed: 0,
        unchanged: 0,
        stale: 0,
        expired: 0,
        disconnected: 0,
        unregistered: 0,
        confirmed: 0,
        unconfirmed: 0,
      },
    },
    decoder: { seconds: new Histogram([0.1, 1]) },
    cache: { hits: 0, misses: 0, size: 0, topics: 0 },
    kv: {
      valueCount: 0,
      bytes: 0,
      writes: 0,
      failedWrites: 0,
      syncSeconds: new Histogram([0.1, 1]),
    },
    access: {
      counters: new AccessCounters(),
      audit: { records: 0, lost: 0, failures: 0, failure: undefined, waitingBytes: 0 },
    },
    http: { counters: new HttpCounters() },
    group: { comparisons: { complete: 0, partial: 0, truncated: 0 } },
    feed: {
      watchers: 3,
      events: { ...NO_EVENTS, brokerUp: 2 },
      gaps: { otherProcess: 0, tooOld: 4, unnamedTopics: 0 },
      historyBytes: 900,
    },
    loopLag: new Histogram([0.1, 1]),
    options: { metricsPerBroker: false, metricsPerAccount: true },
    runtime: {
      memory: () => ({ resident: 60e6, heapUsed: 8e6, heapTotal: 10e6, external: 1e6 }),
      heapLimit: () => 4e9,
      cpu: () => ({ user: 1.5, system: 0.25 }),
      startTime: 1_700_000_000_500,
      versions: { version: "1.2.3", protocol: "V5_5_0", deno: "2.9.6", v8: "15" },
    },
  };
}
