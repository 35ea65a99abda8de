/**
 * The one table of metrics, from which the scrape, the OpenTelemetry export and docs/metrics.md are
 * derived.
 * @module
 */
import type { AccountUse } from "../access/counters.ts";
import { COMPARISON_OUTCOMES } from "../group/group.ts";
import { type Histogram, SECONDS } from "../histogram.ts";
import { HTTP_REFUSALS } from "../http/server/http_counters.ts";
import { MASTER_ID, RequestCode, ResponseCode } from "../protocol/codes.ts";
import { CLOSE_REASONS } from "../remoting/remoting_counters.ts";
import { AnswerResult, LATENCY_BOUNDS } from "../remoting/request_counters.ts";
import type { LiveBroker } from "../route/tables.ts";
import { GAP_REASONS } from "../watch/events.ts";
import type { Sources } from "./sources.ts";

/** Label values by name. */
export type Labels = Readonly<Record<string, string>>;

/** A value and its labels. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** A histogram and its labels. */
export interface Buckets {
  readonly labels: Labels;
  /** Count per bucket; the last bucket is for values above all bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

interface About {
  readonly name: string;
  /** In OpenTelemetry's notation (UCUM). */
  readonly unit: string;
  /** Sentences for the documentation and the scrape. */
  readonly help: string;
  readonly labels: readonly string[];
}

/** A metric with one number per set of labels. */
export interface NumberDefinition extends About {
  /** counter: never goes down while the server runs. */
  readonly type: "counter" | "gauge";
  read(sources: Sources): Iterable<Sample>;
}

/** A metric that is a histogram. */
export interface HistogramDefinition extends About {
  readonly type: "histogram";
  readonly bounds: readonly number[];
  read(sources: Sources): Iterable<Buckets>;
  /** Calls `record` for each value from now on. */
  listen(sources: Sources, record: (value: number, labels: Labels) => void): void;
}

/** A row of the table. */
export type Definition = NumberDefinition | HistogramDefinition;

/** Prefix of all metrics except those that RocketMQ has itself. */
export const PREFIX = "rocketmq_namesrv_";

/** Most clusters shown separately: brokers name their clusters freely, so there must be a limit. */
const MAX_CLUSTERS = 100;
const OTHER_CLUSTERS = "(others)";
/** Most characters of a name in a label. */
const MAX_NAME = 255;

const CLASSES =
  "request_class: client_request (route queries), registration (registrations that change " +
  "something), disk (changes of KV and configuration) or default (all others).";

const REQUEST_NAMES = namesOf(RequestCode);
const RESPONSE_NAMES = namesOf(ResponseCode);
const RESULT_NAMES = namesOf(AnswerResult);
const UNKNOWN = "unknown";

/** Metrics by group, in the order of the documentation. */
export const METRIC_GROUPS: readonly { title: string; metrics: readonly Definition[] }[] = [
  {
    title: "Requests",
    metrics: [
      {
        name: "rocketmq_rpc_latency",
        type: "histogram",
        unit: "ms",
        help:
          "Milliseconds from a request's arrival until its response was passed to the system. " +
          "RocketMQ's own metric, in whole milliseconds.",
        labels: ["protocol_type", "request_code", "response_code", "result"],
        bounds: LATENCY_BOUNDS,
        *read({ remoting }) {
          for (
            const { requestCode, responseCode, result, counts, sum } of remoting.requests.series()
          ) {
            yield { labels: latencyLabels(requestCode, responseCode, result), counts, sum };
          }
        },
        listen({ remoting }, record) {
          remoting.requests.subscribe((requestCode, responseCode, result, milliseconds) =>
            record(milliseconds, latencyLabels(requestCode, responseCode, result))
          );
        },
      },
      counter("requests_total", "Requests handled, including one-way requests.", {
        labels: ["request_code"],
        *read({ remoting }) {
          const sums = new Map<number | undefined, number>();
          for (const { requestCode, count } of remoting.requests.series()) {
            sums.set(requestCode, (sums.get(requestCode) ?? 0) + count);
          }
          for (const [code, value] of sums) {
            yield { labels: { request_code: requestName(code) }, value };
          }
        },
      }),
      counter("errors_total", "Requests answered with a code other than success.", {
        labels: ["request_code", "response_code"],
        *read({ remoting }) {
          const sums = new Map<string, { labels: Labels; value: number }>();
          for (const { requestCode, responseCode, count } of remoting.requests.series()) {
            if (responseCode === ResponseCode.SUCCESS) continue;
            const key = `${requestCode} ${responseCode}`;
            const labels = {
              request_code: requestName(requestCode),
              response_code: responseName(responseCode),
            };
            sums.set(key, { labels, value: (sums.get(key)?.value ?? 0) + count });
          }
          yield* sums.values();
        },
      }),
      counter("received_bytes_total", "Bytes received; for TLS, after decryption.", {
        unit: "By",
        read: ({ remoting }) => sample(remoting.bytesIn),
      }),
      counter("sent_bytes_total", "Bytes sent; for TLS, before encryption.", {
        unit: "By",
        read: ({ remoting }) => sample(remoting.bytesOut),
      }),
      gauge("queue_depth", "Requests waiting. " + CLASSES, {
        labels: ["request_class"],
        read: (sources) => ofClasses(sources, ({ waiting }) => waiting),
      }),
      gauge(
        "requests_in_progress",
        "Requests waiting for the disk, for decoding or for " +
          "another environment. " + CLASSES,
        {
          labels: ["request_class"],
          read: (sources) => ofClasses(sources, ({ running }) => running),
        },
      ),
      counter("system_busy_total", "Requests answered with SYSTEM_BUSY. " + CLASSES, {
        labels: ["request_class"],
        read: (sources) => ofClasses(sources, ({ refused }) => refused),
      }),
      gauge(
        "buffered_bytes",
        "Bytes of unfinished frames, requests in progress and unsent answers, limited by " +
          "maxBufferedRequestBytes.",
        {
          unit: "By",
          read: ({ budget }) => sample(budget.used),
        },
      ),
    ],
  },
  {
    title: "Connections",
    metrics: [
      gauge("connections", "Open connections.", {
        read: ({ server }) => sample(server.connections),
      }),
      counter("connections_accepted_total", "Connections accepted.", {
        read: ({ remoting }) => sample(remoting.accepted),
      }),
      counter(
        "accept_failures_total",
        "Failures to accept a connection, usually for lack of file descriptors. Accepting is tried " +
          "again after a second.",
        {
          read: ({ remoting }) => sample(remoting.acceptFailures),
        },
      ),
      counter(
        "connections_refused_total",
        "Connections closed because of invalid data: " +
          "those whose reason in connections_closed_total is frame or tls.",
        {
          read: ({ remoting: { closed } }) => sample(closed.frame + closed.tls),
        },
      ),
      counter(
        "connections_closed_total",
        "Connections closed. " +
          listed("reason", CLOSE_REASONS),
        {
          labels: ["reason"],
          read: ({ remoting }) => byLabel("reason", remoting.closed),
        },
      ),
    ],
  },
  {
    title: "Brokers and topics",
    metrics: [
      gauge(
        "brokers",
        `Brokers. role: master or slave. cluster: beyond ${MAX_CLUSTERS} ` +
          `clusters, the others share ${OTHER_CLUSTERS}.`,
        {
          labels: ["cluster", "role"],
          read: brokersByCluster,
        },
      ),
      gauge(
        "restored_brokers",
        "Brokers that were restored from the snapshot and have not registered since.",
        { read: ({ tables }) => sample(tables.restoredBrokerCount) },
      ),
      counter("confirmed_brokers_total", "Restored brokers that have registered since.", {
        read: ({ routes }) => sample(routes.counters.confirmed),
      }),
      counter(
        "route_snapshots_total",
        "Attempts to write routeSnapshotPath. result: written, failed.",
        {
          labels: ["result"],
          read({ snapshot }) {
            if (snapshot === undefined) return [];
            const { written, failed } = snapshot.counters;
            return byLabel("result", { written, failed });
          },
        },
      ),
      gauge("route_snapshot_bytes", "Bytes of the last snapshot that was written.", {
        unit: "By",
        read: ({ snapshot }) => snapshot ? sample(snapshot.counters.bytes) : [],
      }),
      gauge(
        "route_snapshot_timestamp_seconds",
        "Time of the last snapshot that was written, in seconds since 1970; 0 before the first.",
        {
          unit: "s",
          read: ({ snapshot }) => snapshot ? sample(snapshot.counters.writtenAt / 1000) : [],
        },
      ),
      gauge("topics", "Topics.", { read: ({ tables }) => sample(tables.topicCount) }),
      gauge("queue_data", "Queue data: for each topic, one for each broker name that has it.", {
        read: ({ tables }) => sample(tables.queueDataCount),
      }),
      gauge("table_bytes", "Memory of the route tables, estimated; limited by maxTableBytes.", {
        unit: "By",
        read: ({ tables }) => sample(tables.heapBytes),
      }),
      gauge(
        "table_limit_used",
        "The part of each limit of the route tables that is used, 1 for all of it. limit: the option. Of " +
          "maxTopicsPerBroker and maxBrokersPerGroup, the part of the largest.",
        { labels: ["limit"], read: ({ limits }) => byLabel("limit", limits.used()) },
      ),
      counter(
        "table_limit_refusals_total",
        "Registrations of brokers and topics that a limit of the route tables refused. limit: the option.",
        { labels: ["limit"], read: ({ limits }) => byLabel("limit", limits.refused) },
      ),
      counter(
        "registrations_total",
        "Registrations. " + listed("result", {
          changed: "a route changed",
          unchanged: "no route changed",
          stale: "ignored, because another broker holds the id with a newer state",
          refused: "answered with an error",
        }),
        {
          labels: ["result"],
          read(sources) {
            const { changed, unchanged, stale } = sources.routes.counters;
            const refused = refusedRegistrations(sources);
            return byLabel("result", { changed, unchanged, stale, refused });
          },
        },
      ),
      histogram(
        "registration_decode_seconds",
        "Seconds to decode a registration's body. An unchanged body is not " +
          "decoded again.",
        ({ decoder }) => decoder.seconds,
      ),
      counter(
        "brokers_removed_total",
        "Brokers removed. " + listed("reason", {
          expired: "no heartbeat in time",
          disconnected: "its connection closed",
          unregistered: "at its own request",
          unconfirmed: "restored from the snapshot, but not heard or not reachable",
        }),
        {
          labels: ["reason"],
          read({ routes }) {
            const { expired, disconnected, unregistered, unconfirmed } = routes.counters;
            return byLabel("reason", { expired, disconnected, unregistered, unconfirmed });
          },
        },
      ),
    ],
  },
  {
    title: "Each broker",
    metrics: [
      gauge(
        "broker_last_heartbeat_timestamp_seconds",
        "Time of a broker's last heartbeat, in seconds " +
          "since 1970. Only with metricsPerBroker.",
        {
          unit: "s",
          labels: ["cluster", "broker", "broker_id"],
          read: (sources) => ofBrokers(sources, (live) => live.lastUpdateTimestamp / 1000),
        },
      ),
      gauge(
        "broker_heartbeat_timeout_seconds",
        "Seconds without a heartbeat after which a broker is " +
          "removed. Only with metricsPerBroker.",
        {
          unit: "s",
          labels: ["cluster", "broker", "broker_id"],
          read: (sources) => ofBrokers(sources, (live) => live.heartbeatTimeoutMillis / 1000),
        },
      ),
      gauge(
        "broker_topics",
        "Topics on the brokers with a name. Only with metricsPerBroker.",
        {
          labels: ["cluster", "broker"],
          *read({ tables, options }) {
            if (!options.metricsPerBroker) return;
            for (const { cluster, brokerName } of tables.brokers()) {
              const labels = { cluster: short(cluster), broker: short(brokerName) };
              yield { labels, value: tables.topicCountOf(brokerName) };
            }
          },
        },
      ),
    ],
  },
  {
    title: "HTTP port",
    metrics: [
      gauge(
        "http_connections",
        "Open connections to the HTTP port, limited by httpMaxConnections.",
        {
          read: ({ http }) => sample(http.counters.connections),
        },
      ),
      counter(
        "http_refused_total",
        "Requests to the HTTP port that were refused, and connections that were closed at a limit. " +
          listed("reason", HTTP_REFUSALS),
        {
          labels: ["reason"],
          read: ({ http }) => byLabel("reason", http.counters.refused),
        },
      ),
      gauge("http_sessions", "Open sessions of the console, limited by httpMaxSessions.", {
        read: ({ http }) => sample(http.counters.sessions),
      }),
      counter("http_logins_total", "Attempts to log in to the console. result: ok or failed.", {
        labels: ["result"],
        read: ({ http }) => byLabel("result", http.counters.logins),
      }),
      counter(
        "http_tls_handshakes_total",
        "TLS handshakes of the HTTP port (httpTlsEnable). result: ok or failed.",
        {
          labels: ["result"],
          read: ({ http: { counters } }) =>
            byLabel("result", { ok: counters.secured, failed: counters.refused.tls }),
        },
      ),
      counter(
        "http_tls_reloads_total",
        "Reloads of changed certificate files of the HTTP port. result: ok or failed.",
        {
          labels: ["result"],
          read: ({ http: { tls } }) =>
            byLabel("result", { ok: tls?.reloads ?? 0, failed: tls?.failedReloads ?? 0 }),
        },
      ),
      gauge(
        "http_tls_certificate_expiry_timestamp_seconds",
        "When the HTTP port's certificate expires, in seconds since 1970. Absent without httpTlsEnable.",
        {
          unit: "s",
          read({ http: { tls } }) {
            const expires = tls?.expires;
            return expires === undefined ? [] : sample(expires / 1000);
          },
        },
      ),
      counter(
        "comparisons_total",
        "Comparisons with another name server (/api/v1/compare), without those that share a result. " +
          listed("result", COMPARISON_OUTCOMES),
        { labels: ["result"], read: ({ group }) => byLabel("result", group.comparisons) },
      ),
      gauge("watchers", "Open streams of /api/v1/watch, limited by watchMaxWatchers.", {
        read: ({ feed }) => sample(feed.watchers),
      }),
      counter(
        "watch_events_total",
        "Changes that became events for watchers, whether or not there were any.",
        {
          labels: ["event"],
          read: ({ feed }) => byLabel("event", feed.events),
        },
      ),
      counter(
        "watch_gaps_total",
        "Watchers that were told that they may have missed events. " +
          listed("reason", GAP_REASONS),
        {
          labels: ["reason"],
          read: ({ feed }) => byLabel("reason", feed.gaps),
        },
      ),
      gauge(
        "watch_history_bytes",
        "Memory of the events that watchers may resume from, limited by watchHistoryBytes.",
        {
          unit: "By",
          read: ({ feed }) => sample(feed.historyBytes),
        },
      ),
    ],
  },
  {
    title: "Route cache",
    metrics: [
      counter("route_cache_hits_total", "Route queries answered from the cache.", {
        read: ({ cache }) => sample(cache.hits),
      }),
      counter(
        "route_cache_misses_total",
        "Route queries not answered from the cache, including those for " +
          "unknown topics. Queries for one zone bypass the cache.",
        {
          read: ({ cache }) => sample(cache.misses),
        },
      ),
      gauge("route_cache_bytes", "Bytes of encoded routes, limited by routeCacheMaxBytes.", {
        unit: "By",
        read: ({ cache }) => sample(cache.size),
      }),
      gauge("route_cache_topics", "Topics with an encoded route.", {
        read: ({ cache }) => sample(cache.topics),
      }),
    ],
  },
  {
    title: "KV table",
    metrics: [
      gauge("kv_values", "Values of the KV table.", { read: ({ kv }) => sample(kv.valueCount) }),
      gauge("kv_bytes", "Bytes of the KV table as JSON, limited by maxKvBytes.", {
        unit: "By",
        read: ({ kv }) => sample(kv.bytes),
      }),
      counter(
        "kv_writes_total",
        "Writes of the KV file; changes that wait at the same time share one. " +
          "result: ok or failed.",
        {
          labels: ["result"],
          read: ({ kv }) => byLabel("result", { ok: kv.writes, failed: kv.failedWrites }),
        },
      ),
      histogram(
        "kv_fsync_seconds",
        "Seconds to sync the KV file, its .bak or their folder.",
        ({ kv }) => kv.syncSeconds,
      ),
    ],
  },
  {
    title: "etcd (kvStore=etcd, controllerStore=etcd)",
    metrics: [
      gauge(
        "kv_follows_etcd",
        "1 while the KV table follows etcd, 0 while it can't be changed and may be old.",
        {
          read: ({ kv }) =>
            kv.etcd === undefined ? [] : sample(kv.etcd.problem === undefined ? 1 : 0),
        },
      ),
      counter(
        "kv_entries_refused_total",
        "Values found in etcd that were not taken because of a limit or their form.",
        { read: ({ kv }) => kv.etcd === undefined ? [] : sample(kv.etcd.refused) },
      ),
      counter(
        "kv_writes_refused_total",
        "Changes of the KV table refused because too many waited for etcd (maxKvWaitingWrites).",
        { read: ({ kv }) => kv.etcd === undefined ? [] : sample(kv.etcd.refusedWrites) },
      ),
      counter("etcd_requests_total", "Requests to etcd. result: ok or failed.", {
        labels: ["result"],
        read: ({ etcd }) =>
          etcd === undefined ? [] : byLabel("result", { ok: etcd.succeeded, failed: etcd.failed }),
      }),
      counter(
        "etcd_watches_total",
        "Watches that were opened at etcd, again after each that ended.",
        {
          read: ({ etcd }) => etcd === undefined ? [] : sample(etcd.watches),
        },
      ),
      histogram(
        "etcd_request_seconds",
        "Seconds from a request to etcd until its answer, or until it failed.",
        ({ etcd }) => etcd?.seconds,
      ),
    ],
  },
  {
    title: "Access control and audit",
    metrics: [
      gauge("access_mode", "1. mode: off, audit or enforce.", {
        labels: ["mode"],
        read: (
          { access },
        ) => [{ labels: { mode: access.rules?.store.policy.mode ?? "off" }, value: 1 }],
      }),
      counter(
        "access_decisions_total",
        "Requests that the rules decided about. decision: allowed, denied, or would_deny with mode: " +
          "audit. reason: granted, or why not.",
        {
          labels: ["permission", "decision", "reason"],
          *read({ access }) {
            for (const { count, ...labels } of access.counters.decisions()) {
              yield { labels, value: count };
            }
          },
        },
      ),
      counter(
        "access_account_requests_total",
        "Requests of each account that has sent some (metricsPerAccount). (unknown): with an account " +
          "that does not exist, or not proven. (anonymous): without one.",
        {
          labels: ["account"],
          read: (sources) => ofAccounts(sources, ({ requests }) => requests),
        },
      ),
      gauge(
        "access_account_last_seen_timestamp_seconds",
        "When the last request of each account came, in seconds since 1970 (metricsPerAccount).",
        {
          labels: ["account"],
          unit: "s",
          read: (sources) => ofAccounts(sources, ({ lastSeen }) => lastSeen / 1000),
        },
      ),
      counter(
        "access_rules_reloads_total",
        "Changes of accessFile or of its secrets. result: ok when they were taken, else failed.",
        {
          labels: ["result"],
          read: ({ access: { rules } }) =>
            byLabel("result", {
              ok: Math.max(0, (rules?.store.generation ?? 0) - 1),
              failed: rules?.store.failedReloads ?? 0,
            }),
        },
      ),
      counter("audit_records_total", "Changes and refusals that were recorded.", {
        read: ({ access }) => sample(access.audit.records),
      }),
      counter(
        "audit_records_lost_total",
        "Records that are in no audit file, because it could not be written for too long.",
        { read: ({ access }) => sample(access.audit.lost) },
      ),
      counter("audit_write_failures_total", "Failed attempts to write an audit file.", {
        read: ({ access }) => sample(access.audit.failures),
      }),
      gauge("audit_failing", "1 while an audit file can't be written, else 0.", {
        read: ({ access }) => sample(access.audit.failure === undefined ? 0 : 1),
      }),
      gauge("audit_waiting_bytes", "Bytes of records that wait for the disk.", {
        unit: "By",
        read: ({ access }) => sample(access.audit.waitingBytes),
      }),
    ],
  },
  {
    title: "TLS",
    metrics: [
      counter("tls_handshakes_total", "TLS handshakes. result: ok or failed.", {
        labels: ["result"],
        read: ({ tls }) =>
          byLabel("result", {
            ok: tls?.acceptor.succeeded ?? 0,
            failed: tls?.acceptor.failed ?? 0,
          }),
      }),
      gauge("tls_handshakes_in_progress", "TLS handshakes in progress.", {
        read: ({ tls }) => sample(tls?.acceptor.handshakes ?? 0),
      }),
      counter(
        "tls_reloads_total",
        "Reloads of changed certificate files. result: ok or " +
          "failed.",
        {
          labels: ["result"],
          read: ({ tls }) =>
            byLabel("result", {
              ok: tls?.store.reloads ?? 0,
              failed: tls?.store.failedReloads ?? 0,
            }),
        },
      ),
      gauge(
        "tls_certificate_expiry_timestamp_seconds",
        "When the certificate expires, in seconds " +
          "since 1970. Absent while there is no certificate.",
        {
          unit: "s",
          read({ tls }) {
            const expires = tls?.store.expires;
            return expires === undefined ? [] : sample(expires / 1000);
          },
        },
      ),
    ],
  },
  {
    title: "Controller (only with enableControllerInNamesrv=true)",
    metrics: [
      gauge("controller_leader", "1 while this controller leads, else 0.", {
        read: ofController(({ controller }) => sample(controller.leading ? 1 : 0)),
      }),
      gauge(
        "controller_ok",
        "1 while this controller knows which one leads and can use its store, else 0.",
        {
          read: ofController(({ controller }) => sample(controller.problem === undefined ? 1 : 0)),
        },
      ),
      counter("controller_leaderships_total", "How often this controller began to lead.", {
        read: ofController(({ controller }) => sample(controller.counters.leaderships)),
      }),
      gauge("controller_broker_sets", "Broker sets that the controller keeps, while it leads.", {
        read: ofController(({ controller }) => sample(controller.figures.sets)),
      }),
      gauge("controller_replicas", "Replicas of these sets.", {
        read: ofController(({ controller }) => sample(controller.figures.replicas)),
      }),
      gauge("controller_state_bytes", "Bytes of these sets, as they are stored.", {
        unit: "By",
        read: ofController(({ controller }) => sample(controller.figures.bytes)),
      }),
      gauge("controller_sets_without_master", "Broker sets that have no master, while it leads.", {
        read: ofController(({ controller }) => sample(controller.figures.withoutMaster)),
      }),
      gauge(
        "controller_sets_below_min_in_sync",
        "Broker sets with fewer replicas in sync than controllerMinInSyncReplicas, while it leads.",
        { read: ofController(({ controller }) => sample(controller.figures.fewInSync)) },
      ),
      gauge("controller_live_replicas", "Replicas that send heartbeats.", {
        read: ofController(({ controller }) => sample(controller.liveness.size)),
      }),
      gauge("controller_connections", "Open connections to the controller's port.", {
        read: ofController(({ server }) => sample(server.connections)),
      }),
      counter(
        "controller_elections_total",
        "Elections that changed the master. outcome: elected (a new master) or none (the master is gone, " +
          "and there is nobody to follow).",
        {
          labels: ["outcome"],
          read: ofController(({ controller }) => byLabel("outcome", controller.counters.elections)),
        },
      ),
      counter("controller_changes_total", "Changes of broker sets. result: stored or failed.", {
        labels: ["result"],
        read: ofController(({ controller: { counters } }) =>
          byLabel("result", { stored: counters.stored, failed: counters.notStored })
        ),
      }),
      counter(
        "controller_refused_total",
        "Requests refused by the controller. reason: sets (controllerMaxSets), replicas " +
          "(controllerMaxReplicas), bytes (controllerMaxStateBytes), live (heartbeats of too many replicas) " +
          "or busy (controllerRequestThreadPoolQueueCapacity).",
        {
          labels: ["reason"],
          read: ofController(({ controller: { counters, liveness }, queues }) =>
            byLabel("reason", {
              ...counters.refused,
              live: liveness.refused,
              busy: queues.reads.refused + queues.writes.refused,
            })
          ),
        },
      ),
      counter(
        "controller_heartbeat_timeouts_limited_total",
        "Heartbeats whose timeout is below controllerMinHeartbeatTimeoutMillis or above " +
          "controllerMaxHeartbeatTimeoutMillis.",
        { read: ofController(({ controller }) => sample(controller.counters.limitedTimeouts)) },
      ),
      counter(
        "controller_notifications_total",
        "Notifications of replicas about a new master. result: sent or failed.",
        {
          labels: ["result"],
          read: ofController(({ notifier }) =>
            byLabel("result", { sent: notifier.sent, failed: notifier.failed })
          ),
        },
      ),
    ],
  },
  {
    title: "Process",
    metrics: [
      gauge("process_resident_memory_bytes", "Resident memory.", {
        unit: "By",
        read: ({ runtime }) => sample(runtime.memory().resident),
      }),
      counter("process_cpu_seconds_total", "CPU time. mode: user or system.", {
        unit: "s",
        labels: ["mode"],
        read: ({ runtime }) => byLabel("mode", runtime.cpu()),
      }),
      gauge("process_start_time_seconds", "When the process started, in seconds since 1970.", {
        unit: "s",
        read: ({ runtime }) => sample(runtime.startTime / 1000),
      }),
      gauge("v8_heap_used_bytes", "Bytes in use in V8's heap.", {
        unit: "By",
        read: ({ runtime }) => sample(runtime.memory().heapUsed),
      }),
      gauge("v8_heap_total_bytes", "Size of V8's heap in bytes.", {
        unit: "By",
        read: ({ runtime }) => sample(runtime.memory().heapTotal),
      }),
      gauge("v8_heap_limit_bytes", "Maximum size of V8's heap in bytes.", {
        unit: "By",
        read: ({ runtime }) => sample(runtime.heapLimit()),
      }),
      gauge("v8_external_memory_bytes", "Bytes of buffers outside V8's heap.", {
        unit: "By",
        read: ({ runtime }) => sample(runtime.memory().external),
      }),
      histogram(
        "event_loop_lag_seconds",
        "Seconds by which a timer was late, measured twice a second.",
        ({ loopLag }) => loopLag,
      ),
      gauge(
        "build_info",
        "Always 1. The labels are the versions of the program, of RocketMQ's " +
          "protocol, of Deno and of V8.",
        {
          labels: ["version", "protocol", "deno", "v8"],
          read: ({ runtime }) => [{ labels: runtime.versions, value: 1 }],
        },
      ),
    ],
  },
];

/** All metrics. */
export const DEFINITIONS: readonly Definition[] = METRIC_GROUPS.flatMap(({ metrics }) => metrics);

interface NumberParts {
  labels?: readonly string[];
  unit?: string;
  read(sources: Sources): Iterable<Sample>;
}

function counter(name: string, help: string, parts: NumberParts): NumberDefinition {
  return { type: "counter", unit: "1", labels: [], ...parts, name: PREFIX + name, help };
}

function gauge(name: string, help: string, parts: NumberParts): NumberDefinition {
  return { type: "gauge", unit: "1", labels: [], ...parts, name: PREFIX + name, help };
}

/** @param of the distribution, in seconds; `undefined` when the part is absent */
function histogram(
  name: string,
  help: string,
  of: (sources: Sources) => Histogram | undefined,
): HistogramDefinition {
  return {
    type: "histogram",
    name: PREFIX + name,
    unit: "s",
    help,
    labels: [],
    bounds: SECONDS,
    read(sources) {
      const histogram = of(sources);
      if (histogram === undefined) return [];
      const { counts, sum } = histogram;
      return [{ labels: {}, counts, sum }];
    },
    listen: (sources, record) => of(sources)?.subscribe((value) => record(value, {})),
  };
}

/** Reads a value of the controller, if there is one. */
function ofController(
  read: (controller: NonNullable<Sources["controller"]>) => Iterable<Sample>,
): NumberParts["read"] {
  return ({ controller }) => controller === undefined ? [] : read(controller);
}

function ofAccounts(
  { access, options }: Sources,
  read: (use: AccountUse) => number,
): Sample[] {
  if (!options.metricsPerAccount) return [];
  return Array.from(access.counters.accounts(), ([account, use]) => ({
    labels: { account },
    value: read(use),
  }));
}

function sample(value: number): Sample[] {
  return [{ labels: {}, value }];
}

function byLabel(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function ofClasses(
  { classes }: Sources,
  read: (queue: Sources["classes"]["default"]) => number,
): Sample[] {
  return Object.entries(classes).map(([name, queue]) => ({
    labels: { request_class: name },
    value: read(queue),
  }));
}

function brokersByCluster({ tables }: Sources): Sample[] {
  const counts = new Map<string, { master: number; slave: number }>();
  for (const { cluster, brokerAddrs } of tables.brokers()) {
    const full = counts.size >= MAX_CLUSTERS && !counts.has(cluster);
    const key = full ? OTHER_CLUSTERS : cluster;
    let count = counts.get(key);
    if (count === undefined) counts.set(key, count = { master: 0, slave: 0 });
    for (const id of brokerAddrs.keys()) count[id === MASTER_ID ? "master" : "slave"]++;
  }
  return [...counts].flatMap(([cluster, count]) =>
    byLabel("role", count).map(({ labels, value }) => ({
      labels: { cluster: short(cluster), ...labels },
      value,
    }))
  );
}

function* ofBrokers(
  { tables, options }: Sources,
  read: (live: LiveBroker) => number,
): Generator<Sample> {
  if (!options.metricsPerBroker) return;
  for (const live of tables.liveBrokers()) {
    const { clusterName, brokerName, brokerAddr } = live;
    const ids = tables.broker(brokerName)?.brokerAddrs ?? [];
    for (const [id, address] of ids) {
      if (address !== brokerAddr) continue;
      const names = { cluster: short(clusterName), broker: short(brokerName) };
      yield { labels: { ...names, broker_id: `${id}` }, value: read(live) };
    }
  }
}

function refusedRegistrations({ remoting }: Sources): number {
  let refused = 0;
  for (const { requestCode, responseCode, count } of remoting.requests.series()) {
    if (requestCode !== RequestCode.REGISTER_BROKER) continue;
    if (responseCode !== ResponseCode.SUCCESS) refused += count;
  }
  return refused;
}

function latencyLabels(
  requestCode: number | undefined,
  responseCode: number | undefined,
  result: number,
): Labels {
  return {
    protocol_type: "remoting",
    request_code: requestName(requestCode),
    response_code: responseName(responseCode),
    result: RESULT_NAMES.get(result) ?? UNKNOWN,
  };
}

/** A request code's name as in RocketMQ's metrics; all unknown codes share one name. */
export function requestName(code: number | undefined): string {
  return code === undefined ? UNKNOWN : REQUEST_NAMES.get(code) ?? UNKNOWN;
}

/** A response code's name as in RocketMQ's metrics; all unknown codes share one name. */
export function responseName(code: number | undefined): string {
  return code === undefined ? UNKNOWN : RESPONSE_NAMES.get(code) ?? UNKNOWN;
}

function namesOf(codes: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(codes).map(([name, code]) => [code, name.toLowerCase()]));
}

/** Names come from the network and may be long. */
function short(name: string): string {
  return name.slice(0, MAX_NAME);
}

function listed(label: string, values: Readonly<Record<string, string>>): string {
  const parts = Object.entries(values).map(([value, meaning]) => `${value} (${meaning})`);
  return `${label}: ${parts.join(", ")}.`;
}
