/** Scenarios and the numbers that they may measure. */
import type { Libc } from "./libc.ts";
import type { Machine, Server, ServerKind } from "./servers.ts";

/** One measured number; a scenario's sample consists of several. */
export interface Metric {
  label: string;
  unit: string;
  /** Which of two values is the better one. */
  better: "more" | "less";
}

export const METRICS = {
  throughput: { label: "answers/s", unit: "/s", better: "more" },
  cpuUs: { label: "CPU us/request", unit: "us", better: "less" },
  p50: { label: "p50", unit: "ms", better: "less" },
  p99: { label: "p99", unit: "ms", better: "less" },
  p999: { label: "p99.9", unit: "ms", better: "less" },
  fairness: { label: "p99.9 / p50", unit: "", better: "less" },
  fewest: { label: "fewest / median answers of a connection", unit: "", better: "more" },
  most: { label: "most / median", unit: "", better: "less" },
  slowestFirst: { label: "slowest first answer of a connection", unit: "ms", better: "less" },
  neverServed: { label: "connections without an answer", unit: "", better: "less" },
  rssMb: { label: "RSS", unit: "MB", better: "less" },
  heapMb: { label: "heap (the reference's collected)", unit: "MB", better: "less" },
  firstMs: { label: "first", unit: "ms", better: "less" },
  againMs: { label: "again", unit: "ms", better: "less" },
  firstWallMs: { label: "first, wall each", unit: "ms", better: "less" },
  firstCpuMs: { label: "first, CPU each", unit: "ms", better: "less" },
  unchangedWallMs: { label: "unchanged, wall each", unit: "ms", better: "less" },
  unchangedCpuMs: { label: "unchanged, CPU each", unit: "ms", better: "less" },
  changedWallMs: { label: "one topic changed, wall each", unit: "ms", better: "less" },
  changedCpuMs: { label: "one topic changed, CPU each", unit: "ms", better: "less" },
  allMs: { label: "until all are served", unit: "ms", better: "less" },
  routeP50: { label: "p50 of routes meanwhile", unit: "ms", better: "less" },
  routeP99: { label: "p99 of routes meanwhile", unit: "ms", better: "less" },
  routeMax: { label: "longest", unit: "ms", better: "less" },
  electedP50: { label: "new master of a set, median", unit: "ms", better: "less" },
  electedMax: { label: "of the last set", unit: "ms", better: "less" },
  heartbeatCpu: { label: "CPU", unit: "%", better: "less" },
  kbEach: { label: "memory a connection", unit: "KB", better: "less" },
  stormCpuMs: { label: "CPU", unit: "ms", better: "less" },
  handshakes: { label: "handshakes/s", unit: "/s", better: "more" },
  handshakeCpuMs: { label: "CPU a handshake", unit: "ms", better: "less" },
  reloadMb: { label: "memory that they take", unit: "MB", better: "less" },
  startMs: { label: "first answer after start", unit: "ms", better: "less" },
  predictedCpu: { label: "CPU, predicted", unit: "%", better: "less" },
  measuredCpu: { label: "CPU, measured", unit: "%", better: "less" },
  predictedMb: { label: "RSS, predicted", unit: "MB", better: "less" },
  measuredMb: { label: "RSS, measured", unit: "MB", better: "less" },
  serverPercent: { label: "server busy", unit: "%", better: "more" },
  loadPercent: { label: "generator busy", unit: "%", better: "less" },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;
export type Sample = Partial<Record<MetricName, number>>;

/** Durations and amounts: the full form, or the short one for CI. */
export interface Scale {
  /** Load before each measured load. */
  warmupSeconds: number;
  seconds: number;
  /** Load on a fresh JVM before its first scenario. */
  jvmWarmUpSeconds: number;
}

export interface Context {
  machine: Machine;
  scale: Scale;
  libc: Libc;
  /** Configuration of servers for TLS scenarios; undefined when none of them is selected. */
  tls?: TlsFiles;
  /** Reports a problem without ending the run. */
  warn(text: string): void;
}

export interface Scenario {
  name: string;
  title: string;
  /**
   * `shared`: on servers that live through the whole run, with the small cluster registered. `own`:
   * on a fresh one.
   */
  server: "shared" | "own";
  kinds: readonly ServerKind[];
  /** Also part of the short form. */
  short: boolean;
  /** Takes minutes: measured once, and only when it is named. */
  long?: boolean;
  /** Needs a server with the certificate of {@linkcode Context.tls}. */
  tls?: boolean;
  /** Needs a server that hosts a controller. */
  controller?: boolean;
  run(server: Server, context: Context): Promise<Sample>;
}

/** The certificate and the configuration that names it. */
export interface TlsFiles {
  /** A file of tls.* properties. */
  config: string;
  certificate: string;
}
