/** The result of a run: a table for people and numbers for machines. */
import { type Metric, type MetricName, METRICS, type Sample, type Scenario } from "./scenario.ts";
import { SERVER_KINDS, type ServerKind } from "./servers.ts";

/** Samples of one scenario, by server, in the order of the rounds. */
export interface Outcome {
  name: string;
  title: string;
  samples: Partial<Record<ServerKind, Sample[]>>;
}

export interface Results {
  /** ISO date. */
  date: string;
  /** CPU model and count, Deno's and Java's versions, how things were pinned. */
  machine: Record<string, string>;
  scenarios: Outcome[];
  warnings: string[];
}

/** Median, smallest and largest of the rounds. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @param values at least one */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/** One metric over the rounds; undefined when this server does not have it. */
export function metricSpread(
  outcome: Outcome,
  kind: ServerKind,
  metric: MetricName,
): Spread | undefined {
  const values = (outcome.samples[kind] ?? []).map((sample) => sample[metric]);
  const present = values.filter((value) => value !== undefined);
  return present.length > 0 ? spreadOf(present) : undefined;
}

/**
 * How many times better `ours` is than `other`, by rounds: the two were measured one right after
 * the other in each round, so this says more than the ratio of two medians. Undefined when there is
 * no pair.
 */
export function ratioSpread(
  outcome: Outcome,
  other: ServerKind,
  metric: MetricName,
): Spread | undefined {
  const ours = outcome.samples.ours ?? [];
  const theirs = outcome.samples[other] ?? [];
  const ratios: number[] = [];
  for (let round = 0; round < Math.min(ours.length, theirs.length); round++) {
    const mine = ours[round]![metric];
    const its = theirs[round]![metric];
    if (!mine || !its) continue;
    ratios.push(METRICS[metric].better === "more" ? mine / its : its / mine);
  }
  return ratios.length > 0 ? spreadOf(ratios) : undefined;
}

/** The metrics that a scenario measured, in the table's order. */
export function metricsOf(outcome: Outcome): MetricName[] {
  const names = Object.keys(METRICS) as MetricName[];
  const samples = Object.values(outcome.samples).flat();
  return names.filter((name) => samples.some((sample) => sample[name] !== undefined));
}

/** A scenario and the one number that represents it in the summary and the chart. */
export interface Headline {
  outcome: Outcome;
  metric: MetricName;
}

/** Scenarios without route queries are represented by the first of these that they measured. */
const SPEAKING: MetricName[] = [
  "heapMb",
  "unchangedCpuMs",
  "heartbeatCpu",
  "handshakes",
  "reloadMb",
  "startMs",
  "againMs",
  "rssMb",
];

/** The numbers of a scenario shown where there is only room for a line or two. */
export function headlinesOf(outcome: Outcome): Headline[] {
  const measured = metricsOf(outcome);
  if (measured.includes("slowestFirst")) {
    return [{ outcome, metric: "slowestFirst" }, { outcome, metric: "fewest" }];
  }
  if (measured.includes("cpuUs")) {
    const metrics: MetricName[] = measured.includes("loadPercent")
      ? ["throughput", "cpuUs"]
      : ["p999"];
    return metrics.map((metric) => ({ outcome, metric }));
  }
  const metric = SPEAKING.find((name) => measured.includes(name));
  return metric ? [{ outcome, metric }] : [];
}

/** The servers that have this number, in the usual order. */
export function kindsOf({ outcome, metric }: Headline): ServerKind[] {
  return SERVER_KINDS.filter((kind) => metricSpread(outcome, kind, metric) !== undefined);
}

/**
 * A scenario as lines of text: a row per metric, a column per server, and how many times better
 * ours is.
 */
export function formatOutcome(outcome: Outcome): string {
  const kinds = SERVER_KINDS.filter((kind) => outcome.samples[kind]);
  const others = kinds.filter((kind) => kind !== "ours" && kinds.includes("ours"));
  const head = ["", ...kinds, ...others.map((kind) => `ours : ${kind}`)];
  const rows = metricsOf(outcome).map((name) => [
    nameOf(METRICS[name]),
    ...kinds.map((kind) => formatSpread(metricSpread(outcome, kind, name), METRICS[name])),
    ...others.map((kind) => formatRatio(ratioSpread(outcome, kind, name))),
  ]);
  return `${outcome.title}\n${formatTable([head, ...rows], 1)}`;
}

/** The whole run: a line or two per scenario, and the warnings. */
export function formatSummary({ scenarios, machine, warnings }: Results): string {
  const rows = scenarios.flatMap(headlinesOf).map(({ outcome, metric }) => [
    outcome.title,
    nameOf(METRICS[metric]),
    formatSpread(metricSpread(outcome, "ours", metric), METRICS[metric]),
    formatSpread(metricSpread(outcome, "reference", metric), METRICS[metric]),
    formatRatio(ratioSpread(outcome, "reference", metric)),
  ]);
  return [
    Object.values(machine).join("; "),
    "Medians of the rounds (smallest-largest); a ratio says how many times better ours is.",
    formatTable([["", "", "ours", "reference", "ours : reference"], ...rows], 2),
    ...warnings.map((warning) => `warning: ${warning}`),
  ].join("\n");
}

/** An empty outcome for a scenario. */
export function emptyOutcome({ name, title }: Scenario): Outcome {
  return { name, title, samples: {} };
}

/** Aligned columns: the first ones, which hold text, to the left, numbers to the right. */
function formatTable(rows: readonly string[][], textColumns: number): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const pad = (cell: string, column: number) =>
    column < textColumns ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  return rows.map((row) => `  ${row.map(pad).join("  ").trimEnd()}`).join("\n");
}

function nameOf({ label, unit }: Metric): string {
  return unit && !label.includes("/") ? `${label}, ${unit}` : label;
}

/** A number with three digits or whole; only values per second are shortened to k and M. */
export function formatNumber(value: number, { unit }: Metric): string {
  if (unit === "/s" && value >= 1e6) return `${(value / 1e6).toPrecision(3)} M`;
  if (unit === "/s" && value >= 1e4) return `${(value / 1e3).toPrecision(3)} k`;
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function formatSpread(spread: Spread | undefined, metric: Metric): string {
  if (!spread) return "-";
  const { median, min, max } = spread;
  const middle = formatNumber(median, metric);
  if (max - min <= 0.1 * median) return middle;
  return `${middle} (${formatNumber(min, metric)}-${formatNumber(max, metric)})`;
}

function formatRatio(spread: Spread | undefined): string {
  if (!spread) return "-";
  const { median, min, max } = spread;
  const range = min === max ? "" : ` (${formatTimes(min)}-${formatTimes(max)})`;
  return `${formatTimes(median)} x${range}`;
}

/** How many times better, with two or three digits. */
export function formatTimes(ratio: number): string {
  if (ratio >= 100) return ratio.toFixed(0);
  return ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2);
}
