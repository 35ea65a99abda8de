/**
 * The one table of alerts, from which monitoring/rules.yaml is generated, and by which a server finds
 * those that it can decide about from its own state. docs/operations.md says what to do about each.
 * @module
 */
import { MASTER_ID } from "../protocol/codes.ts";
import { quantile } from "../histogram.ts";
import { CounterWindow, SAMPLE_INTERVAL } from "./counter_window.ts";
import { DEFINITIONS, type Labels, PREFIX, type Sample } from "./definitions.ts";
import type { Sources } from "./sources.ts";

/** A row of the table. */
export interface AlertRule {
  readonly name: string;
  readonly severity: "critical" | "warning";
  /** PromQL; `{limit}` and `{window}` stand for the fields of these names. */
  readonly expr: string;
  /** A comment for the file of rules. */
  readonly note?: string;
  /** The value above which it fires, or below which with {@link below}. */
  readonly limit?: number;
  readonly below?: boolean;
  /** The time over which counters are looked at. */
  readonly window?: Duration;
  /** How long the condition must hold. */
  readonly for?: Duration;
  /** Sentence in Prometheus' template language. */
  readonly summary: string;
  /**
   * Decides from the state of this process. Absent where it takes several servers, or more memory than
   * a server keeps.
   */
  readonly own?: (window: Duration) => Condition;
}

/** A time as Prometheus writes it. */
export type Duration = "1m" | "2m" | "3m" | "5m" | "10m" | "15m" | "1h" | "6h";

/**
 * Reads the values that a limit is compared with, of a server at one moment. Called once for every
 * sample, because it may remember earlier ones.
 *
 * @param seconds of a monotonic clock
 * @param now seconds since the epoch
 */
export type Condition = (sources: Sources, seconds: number, now: number) => Iterable<Measured>;

/** A value of a condition. */
export interface Measured extends Sample {
  /** The number that is compared with the limit; the value by default. */
  readonly compared?: number;
}

/** All alerts. */
export const ALERTS: readonly AlertRule[] = [
  {
    name: "NamesrvDown",
    severity: "critical",
    expr: `up{job=~"rocketmq-namesrv.*"} == 0`,
    for: "1m",
    summary: "Name server {{ $labels.instance }} does not answer.",
  },
  {
    name: "NamesrvRestarts",
    severity: "warning",
    expr: "changes(rocketmq_namesrv_process_start_time_seconds[{window}]) > {limit}",
    limit: 2,
    window: "15m",
    summary: "Name server {{ $labels.instance }} started {{ $value }} times in 15 minutes.",
  },
  {
    name: "NamesrvNoBrokers",
    severity: "critical",
    expr: `count by (job, instance) (up{job=~"rocketmq-namesrv.*"} == 1)
  unless sum by (job, instance) (rocketmq_namesrv_brokers) > 0`,
    for: "2m",
    summary: "Name server {{ $labels.instance }} knows no broker.",
    own: () => ({ tables }) => tables.groupCount === 0 ? [{ labels: {}, value: 0 }] : [],
  },
  {
    name: "NamesrvBrokersDiffer",
    severity: "warning",
    expr: `max by (job, cluster, role) (rocketmq_namesrv_brokers)
  - min by (job, cluster, role) (rocketmq_namesrv_brokers) > 0
or
count by (job) (up{job=~"rocketmq-namesrv.*"} == 1)
  - on (job) group_right () count by (job, cluster, role) (rocketmq_namesrv_brokers) > 0`,
    for: "3m",
    summary:
      "The name servers of {{ $labels.job }} know different {{ $labels.role }}s of {{ $labels.cluster }}.",
  },
  {
    name: "NamesrvTopicsDiffer",
    severity: "warning",
    expr: "max by (job) (rocketmq_namesrv_topics) - min by (job) (rocketmq_namesrv_topics) > 0",
    for: "10m",
    summary: "The name servers of {{ $labels.job }} differ by {{ $value }} topics.",
  },
  {
    name: "NamesrvMasterMissing",
    severity: "critical",
    note: "The last master of a cluster takes its series with it.",
    expr: `max_over_time(rocketmq_namesrv_brokers{role="master"}[{window}])
  > (rocketmq_namesrv_brokers{role="master"}
    or 0 * max_over_time(rocketmq_namesrv_brokers{role="master"}[{window}]))
and on (job, instance) up{job=~"rocketmq-namesrv.*"} == 1`,
    window: "6h",
    for: "2m",
    summary:
      "Cluster {{ $labels.cluster }} has fewer masters at {{ $labels.instance }} than in the last 6 hours.",
  },
  {
    name: "NamesrvBrokerLost",
    severity: "warning",
    expr:
      `sum by (job, instance, reason) (increase(rocketmq_namesrv_brokers_removed_total{reason=~"expired|disconnected"}[{window}])) > {limit}`,
    limit: 0,
    window: "10m",
    summary:
      "Name server {{ $labels.instance }} lost a broker that did not sign off ({{ $labels.reason }}).",
    own: increase("brokers_removed_total", { reason: ["expired", "disconnected"] }),
  },
  {
    name: "NamesrvBrokerSilent",
    severity: "warning",
    expr: `time() - rocketmq_namesrv_broker_last_heartbeat_timestamp_seconds
  > {limit} * rocketmq_namesrv_broker_heartbeat_timeout_seconds`,
    limit: 0.6,
    summary:
      "Broker {{ $labels.broker }} ({{ $labels.broker_id }}) was last heard {{ $value | humanizeDuration }} ago at {{ $labels.instance }}.",
    own: () => silentBrokers,
  },
  {
    name: "NamesrvRegistrationsRefused",
    severity: "critical",
    expr: `rate(rocketmq_namesrv_registrations_total{result="refused"}[{window}]) > {limit}`,
    limit: 0,
    window: "5m",
    for: "2m",
    summary: "Name server {{ $labels.instance }} refuses registrations of brokers.",
    own: rate("registrations_total", { result: ["refused"] }),
  },
  {
    name: "NamesrvBusy",
    severity: "critical",
    expr: "rate(rocketmq_namesrv_system_busy_total[{window}]) > {limit}",
    limit: 0,
    window: "5m",
    for: "2m",
    summary:
      "Name server {{ $labels.instance }} answers SYSTEM_BUSY ({{ $labels.request_class }}).",
    own: rate("system_busy_total"),
  },
  {
    name: "NamesrvErrors",
    severity: "warning",
    expr:
      `sum by (job, instance) (rate(rocketmq_namesrv_errors_total{response_code!~"topic_not_exist|query_not_found"}[{window}]))
  / sum by (job, instance) (rate(rocketmq_namesrv_requests_total[{window}])) > {limit}`,
    limit: 0.05,
    window: "5m",
    for: "5m",
    summary:
      "Name server {{ $labels.instance }} answers {{ $value | humanizePercentage }} of its requests with errors.",
    own: share(
      ({ labels }) => !["topic_not_exist", "query_not_found"].includes(labels.response_code ?? ""),
      "errors_total",
      "requests_total",
    ),
  },
  {
    name: "NamesrvSlow",
    severity: "warning",
    expr: `histogram_quantile(0.99, sum by (job, instance, le)
  (rate(rocketmq_rpc_latency_bucket{job=~"rocketmq-namesrv.*", request_code="get_routeinfo_by_topic"}[{window}]))) > {limit}`,
    limit: 100,
    window: "5m",
    for: "5m",
    summary:
      "One in 100 route queries at {{ $labels.instance }} takes more than {{ $value | humanize }} ms.",
    own: percentile(0.99, "rocketmq_rpc_latency", { request_code: ["get_routeinfo_by_topic"] }),
  },
  {
    name: "NamesrvEventLoopLag",
    severity: "warning",
    expr: `histogram_quantile(0.9, sum by (job, instance, le)
  (rate(rocketmq_namesrv_event_loop_lag_seconds_bucket[{window}]))) > {limit}`,
    limit: 0.25,
    window: "5m",
    for: "5m",
    summary: "Name server {{ $labels.instance }} has more to do than one CPU can.",
    own: percentile(0.9, `${PREFIX}event_loop_lag_seconds`),
  },
  {
    name: "NamesrvMemory",
    severity: "warning",
    expr: "rocketmq_namesrv_v8_heap_used_bytes / rocketmq_namesrv_v8_heap_limit_bytes > {limit}",
    limit: 0.8,
    for: "5m",
    summary:
      "Name server {{ $labels.instance }} uses {{ $value | humanizePercentage }} of the heap that it may.",
    own: () => ({ runtime }) => [{
      labels: {},
      value: runtime.memory().heapUsed / runtime.heapLimit(),
    }],
  },
  {
    name: "NamesrvTablesNearlyFull",
    severity: "warning",
    expr: "rocketmq_namesrv_table_limit_used > {limit}",
    limit: 0.8,
    for: "5m",
    summary:
      "Name server {{ $labels.instance }} uses {{ $value | humanizePercentage }} of {{ $labels.limit }}. Over it, what is new is refused.",
    own: () => gauge("table_limit_used"),
  },
  {
    name: "NamesrvWatchersRefused",
    severity: "warning",
    expr:
      `increase(rocketmq_namesrv_http_refused_total{reason=~"watchers|behind"}[{window}]) > {limit}`,
    limit: 0,
    window: "10m",
    summary:
      "Name server {{ $labels.instance }} refuses watchers, or closes their streams ({{ $labels.reason }}).",
    own: increase("http_refused_total", { reason: ["watchers", "behind"] }),
  },
  {
    name: "NamesrvKvWritesFail",
    severity: "critical",
    expr: `increase(rocketmq_namesrv_kv_writes_total{result="failed"}[{window}]) > {limit}`,
    limit: 0,
    window: "10m",
    summary: "Name server {{ $labels.instance }} can't write its KV file.",
    own: increase("kv_writes_total", { result: ["failed"] }),
  },
  {
    name: "NamesrvEtcdOut",
    severity: "warning",
    expr: "rocketmq_namesrv_kv_follows_etcd < {limit}",
    limit: 1,
    below: true,
    for: "1m",
    summary: "The KV table of name server {{ $labels.instance }} does not follow etcd.",
    own: () => ({ kv }) =>
      kv.etcd === undefined ? [] : [{ labels: {}, value: kv.etcd.problem === undefined ? 1 : 0 }],
  },
  {
    name: "NamesrvEtcdEntriesRefused",
    severity: "warning",
    expr: "increase(rocketmq_namesrv_kv_entries_refused_total[{window}]) > {limit}",
    limit: 0,
    window: "10m",
    summary: "Name server {{ $labels.instance }} did not take values of its KV table from etcd.",
    own: increase("kv_entries_refused_total"),
  },
  {
    name: "NamesrvControllerNoLeader",
    severity: "critical",
    expr: "max by (job) (rocketmq_namesrv_controller_leader) < {limit}",
    limit: 1,
    below: true,
    for: "1m",
    summary: "No controller of {{ $labels.job }} leads, so masters that fail are not replaced.",
  },
  {
    name: "NamesrvControllerOut",
    severity: "warning",
    expr: "rocketmq_namesrv_controller_ok < {limit}",
    limit: 1,
    below: true,
    for: "1m",
    summary:
      "The controller of name server {{ $labels.instance }} knows no leader, or can't use its store.",
    own: () => gauge("controller_ok"),
  },
  {
    name: "NamesrvControllerLeaderChanges",
    severity: "warning",
    expr:
      "sum by (job) (increase(rocketmq_namesrv_controller_leaderships_total[{window}])) > {limit}",
    limit: 3,
    window: "15m",
    summary:
      "The leading controller of {{ $labels.job }} has changed more than 3 times in 15 minutes.",
  },
  {
    name: "NamesrvControllerSetWithoutMaster",
    severity: "critical",
    expr: "rocketmq_namesrv_controller_sets_without_master > {limit}",
    limit: 0,
    for: "1m",
    summary: "Controller {{ $labels.instance }} has {{ $value }} broker sets without a master.",
    own: () => gauge("controller_sets_without_master"),
  },
  {
    name: "NamesrvControllerFewInSync",
    severity: "warning",
    expr: "rocketmq_namesrv_controller_sets_below_min_in_sync > {limit}",
    limit: 0,
    for: "5m",
    summary:
      "Controller {{ $labels.instance }} has {{ $value }} broker sets with fewer brokers in sync than controllerMinInSyncReplicas.",
    own: () => gauge("controller_sets_below_min_in_sync"),
  },
  {
    name: "NamesrvDiskSlow",
    severity: "warning",
    expr: `histogram_quantile(0.9, sum by (job, instance, le)
  (rate(rocketmq_namesrv_kv_fsync_seconds_bucket[{window}]))) > {limit}`,
    limit: 0.5,
    window: "10m",
    for: "5m",
    summary:
      "The disk of name server {{ $labels.instance }} takes more than {{ $value | humanizeDuration }} for a sync.",
    own: percentile(0.9, `${PREFIX}kv_fsync_seconds`),
  },
  {
    name: "NamesrvCertificateExpires",
    severity: "warning",
    expr:
      `rocketmq_namesrv_tls_certificate_expiry_timestamp_seconds - time() < {limit} or label_replace(
  rocketmq_namesrv_http_tls_certificate_expiry_timestamp_seconds - time() < {limit},
  "port", "http", "", "")`,
    limit: 14 * 86_400,
    below: true,
    summary:
      "The certificate of name server {{ $labels.instance }} ends in {{ $value | humanizeDuration }}.",
    own: () => certificates,
  },
  {
    name: "NamesrvCertificateExpired",
    severity: "critical",
    expr:
      `rocketmq_namesrv_tls_certificate_expiry_timestamp_seconds - time() < {limit} or label_replace(
  rocketmq_namesrv_http_tls_certificate_expiry_timestamp_seconds - time() < {limit},
  "port", "http", "", "")`,
    limit: 86_400,
    below: true,
    summary:
      "The certificate of name server {{ $labels.instance }} ends within a day, or has ended.",
    own: () => certificates,
  },
  {
    name: "NamesrvCertificateRefused",
    severity: "critical",
    expr:
      `increase(rocketmq_namesrv_tls_reloads_total{result="failed"}[{window}]) > {limit} or label_replace(
  increase(rocketmq_namesrv_http_tls_reloads_total{result="failed"}[{window}]) > {limit}, "port", "http", "", "")`,
    limit: 0,
    window: "1h",
    summary: "Name server {{ $labels.instance }} did not take new certificate files.",
    own: (window) => {
      const remoting = increase("tls_reloads_total", { result: ["failed"] })(window);
      const http = increase("http_tls_reloads_total", { result: ["failed"] })(window);
      return (...now) => [...remoting(...now), ...forHttp(http(...now))];
    },
  },
  {
    name: "NamesrvAuditFails",
    severity: "critical",
    expr: "rocketmq_namesrv_audit_failing > {limit}",
    limit: 0,
    for: "1m",
    summary: "Name server {{ $labels.instance }} can't write its audit file.",
    own: () => gauge("audit_failing"),
  },
  {
    name: "NamesrvAccessRulesRefused",
    severity: "critical",
    expr:
      `increase(rocketmq_namesrv_access_rules_reloads_total{result="failed"}[{window}]) > {limit}`,
    limit: 0,
    window: "1h",
    summary: "Name server {{ $labels.instance }} did not take new rules of access control.",
    own: increase("access_rules_reloads_total", { result: ["failed"] }),
  },
  {
    name: "NamesrvHandshakesFail",
    severity: "warning",
    expr: `rate(rocketmq_namesrv_tls_handshakes_total{result="failed"}[{window}])
  / on (job, instance) sum by (job, instance) (rate(rocketmq_namesrv_tls_handshakes_total[{window}])) > {limit}`,
    limit: 0.5,
    window: "5m",
    for: "5m",
    summary: "More than half of the TLS handshakes at {{ $labels.instance }} fail.",
    own: share(({ labels }) => labels.result === "failed", "tls_handshakes_total"),
  },
  {
    name: "NamesrvStrangeConnections",
    severity: "warning",
    expr:
      `sum by (job, instance, reason) (rate(rocketmq_namesrv_connections_closed_total{reason=~"frame|fault|limit|memory|slow"}[{window}])) > {limit}`,
    limit: 0.1,
    window: "5m",
    for: "5m",
    summary:
      "Name server {{ $labels.instance }} closes connections for what comes over them ({{ $labels.reason }}).",
    own: rate("connections_closed_total", {
      reason: ["frame", "fault", "limit", "memory", "slow"],
    }),
  },
  {
    name: "NamesrvConnectionsNotAccepted",
    severity: "critical",
    expr: "increase(rocketmq_namesrv_accept_failures_total[{window}]) > {limit}",
    limit: 0,
    window: "5m",
    summary: "Name server {{ $labels.instance }} can't accept connections.",
    own: increase("accept_failures_total"),
  },
];

/** A duration in seconds. */
export function secondsOf(duration: Duration): number {
  const unit = duration.endsWith("h") ? 3600 : 60;
  return Number.parseInt(duration) * unit;
}

/** Values that labels may have, by their names. */
type Matcher = Readonly<Record<string, readonly string[]>>;
type OwnCondition = NonNullable<AlertRule["own"]>;

/** By how much counters grew within the window. */
function increase(name: string, matcher: Matcher = {}): OwnCondition {
  return growth(name, matcher, (by) => by);
}

/** How much counters grew per second within the window. */
function rate(name: string, matcher: Matcher = {}): OwnCondition {
  return growth(name, matcher, (by, seconds) => by / seconds);
}

function growth(
  name: string,
  matcher: Matcher,
  valueOf: (by: number, seconds: number) => number,
): OwnCondition {
  const matches = matching(matcher);
  return (window) => {
    let counters: CounterWindow | undefined;
    return (sources, at) => {
      const samples = [...numbers(name, sources)].filter(matches);
      counters ??= windowOf(samples.length, window);
      counters.add(at, samples.map(({ value }) => value));
      const { by, seconds } = counters.growth();
      if (seconds <= 0) return [];
      return samples.map(({ labels }, i) => ({ labels, value: valueOf(by[i] ?? 0, seconds) }));
    };
  };
}

/** The part of a counter's growth that some of its series, or of another counter's, have. */
function share(matches: (sample: Sample) => boolean, part: string, whole = part): OwnCondition {
  return (window) => {
    const counters = windowOf(2, window);
    return (sources, at) => {
      const some = [...numbers(part, sources)].filter(matches);
      counters.add(at, [total(some), total(numbers(whole, sources))]);
      const [of = 0, all = 0] = counters.growth().by;
      return all > 0 ? [{ labels: {}, value: of / all }] : [];
    };
  };
}

/** A quantile of a histogram's growth within the window. */
function percentile(part: number, name: string, matcher: Matcher = {}): OwnCondition {
  const definition = DEFINITIONS.find((it) => it.name === name);
  if (definition?.type !== "histogram") throw new TypeError(`no histogram ${name}`);
  const matches = matching(matcher);
  const { bounds } = definition;
  return (window) => {
    const counters = windowOf(bounds.length + 1, window);
    return (sources, at) => {
      const sums = new Array<number>(bounds.length + 1).fill(0);
      for (const buckets of definition.read(sources)) {
        if (!matches(buckets)) continue;
        for (const [i, count] of buckets.counts.entries()) sums[i] = (sums[i] ?? 0) + count;
      }
      counters.add(at, sums);
      const value = quantile(bounds, counters.growth().by, part);
      return value === undefined ? [] : [{ labels: {}, value }];
    };
  };
}

function gauge(name: string): Condition {
  return (sources) => numbers(name, sources);
}

function* silentBrokers({ tables }: Sources, _: number, now: number): Generator<Measured> {
  for (const live of tables.liveBrokers()) {
    const { brokerName, brokerAddr } = live;
    const id = tables.brokerId(brokerName, brokerAddr) ?? MASTER_ID;
    const value = now - live.lastUpdateTimestamp / 1000;
    const compared = value / (live.heartbeatTimeoutMillis / 1000);
    yield { labels: { broker: brokerName, broker_id: `${id}` }, value, compared };
  }
}

function* certificates(sources: Sources, _: number, now: number): Generator<Sample> {
  for (const { value } of numbers("tls_certificate_expiry_timestamp_seconds", sources)) {
    yield { labels: {}, value: value - now };
  }
  const http = numbers("http_tls_certificate_expiry_timestamp_seconds", sources);
  for (const { value } of http) yield { labels: { port: "http" }, value: value - now };
}

function* forHttp(samples: Iterable<Sample>): Generator<Sample> {
  for (const { labels, value } of samples) yield { labels: { ...labels, port: "http" }, value };
}

/** The values of a metric, whose name lacks the prefix. */
function numbers(name: string, sources: Sources): Iterable<Sample> {
  const definition = DEFINITIONS.find((it) => it.name === PREFIX + name);
  if (definition === undefined || definition.type === "histogram") {
    throw new TypeError(`no number ${PREFIX}${name}`);
  }
  return definition.read(sources);
}

function total(samples: Iterable<Sample>): number {
  let sum = 0;
  for (const { value } of samples) sum += value;
  return sum;
}

function matching(matcher: Matcher): (sample: { readonly labels: Labels }) => boolean {
  const wanted = Object.entries(matcher);
  return ({ labels }) => wanted.every(([name, values]) => values.includes(labels[name] ?? ""));
}

function windowOf(counters: number, window: Duration): CounterWindow {
  return new CounterWindow(counters, secondsOf(window) / SAMPLE_INTERVAL + 1);
}
