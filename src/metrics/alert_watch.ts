import { type AlertRule, ALERTS, type Condition, type Measured, secondsOf } from "./alerts.ts";
import type { Labels, Sample } from "./definitions.ts";
import type { Sources } from "./sources.ts";

/** Most alerts of one rule that are shown: brokers may be many. */
const MAX_OF_RULE = 20;

/** An alert that fires. */
export interface Alert {
  /** The name of its rule in monitoring/rules.yaml. */
  readonly name: string;
  readonly severity: AlertRule["severity"];
  readonly summary: string;
}

interface Watched {
  readonly rule: AlertRule;
  readonly condition: Condition;
  /** Since when the condition has held for each set of labels, in seconds, and its last value. */
  held: ReadonlyMap<string, { readonly since: number; readonly sample: Sample }>;
}

/**
 * Watches the alerts that can be decided from the state of this process, by the same rules as Prometheus
 * with monitoring/rules.yaml.
 */
export class AlertWatch {
  readonly #sources: Sources;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  readonly #watched: readonly Watched[];
  #at = 0;

  /**
   * @param parts.now milliseconds since the epoch
   * @param parts.monotonic milliseconds of a monotonic clock
   */
  constructor(parts: { sources: Sources; now(): number; monotonic(): number }) {
    this.#sources = parts.sources;
    this.#now = parts.now;
    this.#monotonic = parts.monotonic;
    this.#watched = ALERTS.flatMap((rule) => {
      const condition = rule.own?.(rule.window ?? "5m");
      return condition === undefined ? [] : { rule, condition, held: new Map() };
    });
  }

  /** Looks at all conditions. To be called every SAMPLE_INTERVAL seconds (counter_window.ts), as its windows count samples. */
  sample(): void {
    this.#at = this.#monotonic() / 1000;
    const now = this.#now() / 1000;
    for (const watched of this.#watched) {
      const { rule, condition, held } = watched;
      const next = new Map<string, { since: number; sample: Sample }>();
      for (const sample of condition(this.#sources, this.#at, now)) {
        if (!exceeds(rule, sample)) continue;
        const key = JSON.stringify(sample.labels);
        next.set(key, { since: held.get(key)?.since ?? this.#at, sample });
        if (next.size === MAX_OF_RULE) break;
      }
      watched.held = next;
    }
  }

  /**
   * The alerts that fire, critical ones first.
   *
   * @param instance the name of this server in their sentences
   */
  firing(instance: string): Alert[] {
    const alerts: Alert[] = [];
    for (const { rule, held } of this.#watched) {
      const wait = rule.for === undefined ? 0 : secondsOf(rule.for);
      for (const { since, sample } of held.values()) {
        if (this.#at - since < wait) continue;
        const { name, severity, summary } = rule;
        const labels = { ...sample.labels, instance };
        alerts.push({ name, severity, summary: fillIn(summary, labels, sample.value) });
      }
    }
    return alerts.sort((a, b) => a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : 0);
  }
}

function exceeds({ limit, below }: AlertRule, { value, compared = value }: Measured): boolean {
  if (limit === undefined) return true;
  return below ? compared < limit : compared > limit;
}

/** Fills in a sentence in the part of Prometheus' template language that the table uses. */
function fillIn(template: string, labels: Labels, value: number): string {
  return template.replace(
    /\{\{ \$(value|labels\.(\w+))(?: \| (\w+))? \}\}/g,
    (_, what: string, label: string | undefined, format: string | undefined) =>
      what === "value" ? show(value, format) : labels[label ?? ""] ?? "",
  );
}

function show(value: number, format: string | undefined): string {
  if (format === "humanizePercentage") return `${digits(value * 100)}%`;
  if (format === "humanizeDuration") return showDuration(value);
  return digits(value);
}

function digits(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}

function showDuration(seconds: number): string {
  if (Math.abs(seconds) < 1) return `${digits(seconds * 1000)}ms`;
  const sign = seconds < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(seconds));
  const parts = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return sign + parts.slice(first).map(([count, unit]) => `${count}${unit}`).join(" ");
}
