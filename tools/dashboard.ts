/**
 * `deno task dashboard`: monitoring/dashboard.json for Grafana, from the table of panels below.
 *
 * @module
 */
import { PROJECT } from "./release.ts";

/** A query of a panel, which draws one or several lines. */
export interface Query {
  readonly expr: string;
  /** Name of a line, with Grafana's `{{label}}`. */
  readonly legend: string;
}

/** A panel. */
export interface Panel {
  readonly title: string;
  /** Meaning of the panel and how to interpret it. */
  readonly description: string;
  /** stat: a single number per series. */
  readonly type: "timeseries" | "stat";
  /** Grafana's name of the unit. */
  readonly unit: string;
  readonly queries: readonly Query[];
}

const SELECT = 'job=~"$job", instance=~"$instance"';
const RATE = "[$__rate_interval]";

/** The rate of a counter, grouped by labels. */
function rate(name: string, by: string, matchers = ""): string {
  return `sum by (${by}) (rate(${name}{${SELECT}${matchers}}${RATE}))`;
}

/** A quantile of a histogram by name server. */
function quantile(q: number, name: string, matchers = ""): string {
  return `histogram_quantile(${q}, ${rate(`${name}_bucket`, "instance, le", matchers)})`;
}

const NS = "rocketmq_namesrv_";
const ROUTES = ', request_code="get_routeinfo_by_topic"';

/** All panels by row; the first row shows numbers, the others lines. */
const ROWS: readonly { readonly title: string; readonly panels: readonly Panel[] }[] = [
  {
    title: "At a glance",
    panels: [
      stat("Name servers up", "", `sum(up{${SELECT}})`, "Name servers that Prometheus can scrape."),
      stat(
        "Brokers",
        "",
        `max by (role) (sum by (instance, role) (${NS}brokers{${SELECT}}))`,
        "On the name server with the most.",
        "{{role}}",
      ),
      stat("Topics", "", `max(${NS}topics{${SELECT}})`, "On the name server with the most."),
      stat("Connections", "", `sum(${NS}connections{${SELECT}})`, "On all name servers."),
      stat(
        "Requests a second",
        "reqps",
        `sum(rate(${NS}requests_total{${SELECT}}${RATE}))`,
        "On all name servers.",
      ),
      stat(
        "Certificate ends in",
        "s",
        `min(${NS}tls_certificate_expiry_timestamp_seconds{${SELECT}}) - time()`,
        "The first one to expire.",
      ),
    ],
  },
  {
    title: "Requests",
    panels: [
      lines("Requests", "reqps", "By code.", [
        { expr: rate(`${NS}requests_total`, "request_code"), legend: "{{request_code}}" },
      ]),
      lines("Latency of route queries", "ms", "Median and 99th percentile.", [
        { expr: quantile(0.5, "rocketmq_rpc_latency", ROUTES), legend: "{{instance}} p50" },
        { expr: quantile(0.99, "rocketmq_rpc_latency", ROUTES), legend: "{{instance}} p99" },
      ]),
      lines("Errors", "reqps", "Clients get topic_not_exist before they create a topic.", [
        {
          expr: rate(`${NS}errors_total`, "request_code, response_code"),
          legend: "{{request_code}} {{response_code}}",
        },
      ]),
      lines("SYSTEM_BUSY and waiting requests", "short", "Above 0, the server is overloaded.", [
        {
          expr: rate(`${NS}system_busy_total`, "request_class"),
          legend: "busy/s {{request_class}}",
        },
        {
          expr: `sum by (request_class) (${NS}queue_depth{${SELECT}})`,
          legend: "waiting {{request_class}}",
        },
      ]),
      lines("Traffic", "Bps", "For TLS, decrypted bytes.", [
        { expr: rate(`${NS}received_bytes_total`, "instance"), legend: "{{instance}} in" },
        { expr: rate(`${NS}sent_bytes_total`, "instance"), legend: "{{instance}} out" },
      ]),
      lines("Route cache", "percentunit", "Share of route queries answered from the cache.", [
        {
          expr: `${rate(`${NS}route_cache_hits_total`, "instance")} / (${
            rate(`${NS}route_cache_hits_total`, "instance")
          } + ${rate(`${NS}route_cache_misses_total`, "instance")})`,
          legend: "{{instance}}",
        },
      ]),
    ],
  },
  {
    title: "Brokers and topics",
    panels: [
      lines("Brokers", "short", "If lines of one role diverge, the name servers differ.", [
        {
          expr: `sum by (instance, cluster, role) (${NS}brokers{${SELECT}})`,
          legend: "{{instance}} {{cluster}} {{role}}",
        },
      ]),
      lines("Topics", "short", "If lines diverge for long, the name servers differ.", [
        { expr: `${NS}topics{${SELECT}}`, legend: "{{instance}}" },
      ]),
      lines("Registrations", "reqps", "refused: answered with an error.", [
        { expr: rate(`${NS}registrations_total`, "result"), legend: "{{result}}" },
      ]),
      lines(
        "Brokers that went",
        "short",
        "In the last 5 minutes. unregistered: at their own request.",
        [
          {
            expr: `sum by (instance, reason) (increase(${NS}brokers_removed_total{${SELECT}}[5m]))`,
            legend: "{{instance}} {{reason}}",
          },
        ],
      ),
    ],
  },
  {
    title: "Connections and TLS",
    panels: [
      lines("Open connections", "short", "One for each broker, client and tool.", [
        { expr: `${NS}connections{${SELECT}}`, legend: "{{instance}}" },
      ]),
      lines("Closed connections", "cps", "By reason.", [
        { expr: rate(`${NS}connections_closed_total`, "reason"), legend: "{{reason}}" },
      ]),
      lines("TLS handshakes", "cps", "By result.", [
        { expr: rate(`${NS}tls_handshakes_total`, "result"), legend: "{{result}}" },
      ]),
    ],
  },
  {
    title: "KV table and process",
    panels: [
      lines("Writes of the KV file", "wps", "Changes that wait at the same time share one.", [
        {
          expr: rate(`${NS}kv_writes_total`, "instance, result"),
          legend: "{{instance}} {{result}}",
        },
      ]),
      lines("Sync of the KV file", "s", "99th percentile.", [
        { expr: quantile(0.99, `${NS}kv_fsync_seconds`), legend: "{{instance}}" },
      ]),
      lines("Lag of the event loop", "s", "99th percentile.", [
        { expr: quantile(0.99, `${NS}event_loop_lag_seconds`), legend: "{{instance}}" },
      ]),
      lines("CPU", "percentunit", "1 is one CPU.", [
        { expr: rate(`${NS}process_cpu_seconds_total`, "instance"), legend: "{{instance}}" },
      ]),
      lines("Memory", "bytes", "Resident, and V8's heap.", [
        { expr: `${NS}process_resident_memory_bytes{${SELECT}}`, legend: "{{instance}} resident" },
        { expr: `${NS}v8_heap_used_bytes{${SELECT}}`, legend: "{{instance}} heap" },
      ]),
      lines("Memory of requests", "bytes", "Unfinished frames and waiting requests.", [
        { expr: `${NS}buffered_bytes{${SELECT}}`, legend: "{{instance}}" },
      ]),
    ],
  },
];

/** All panels. */
export const PANELS: readonly Panel[] = ROWS.flatMap(({ panels }) => panels);

function stat(title: string, unit: string, expr: string, description: string, legend = ""): Panel {
  return { title, description, type: "stat", unit, queries: [{ expr, legend }] };
}

function lines(
  title: string,
  unit: string,
  description: string,
  queries: readonly Query[],
): Panel {
  return { title, description, type: "timeseries", unit, queries };
}

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

/** The dashboard for import into Grafana. */
export function dashboard(): string {
  const panels: unknown[] = [];
  let y = 0;
  for (const row of ROWS) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
      panels: [],
    });
    const [width, height] = row.panels[0]!.type === "stat" ? [4, 4] : [8, 8];
    const perRow = 24 / width;
    for (const [i, panel] of row.panels.entries()) {
      const place = { x: width * (i % perRow), y: y + height * Math.floor(i / perRow) };
      panels.push(panelOf(panel, panels.length + 1, { ...place, w: width, h: height }));
    }
    y += height * Math.ceil(row.panels.length / perRow);
  }
  const model = {
    uid: "rocketmq-namesrv",
    title: "RocketMQ name servers",
    tags: ["rocketmq"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus", label: "Data source" },
        variable("job", `label_values(${NS}build_info, job)`),
        variable("instance", `label_values(${NS}build_info{job=~"$job"}, instance)`),
      ],
    },
    panels,
  };
  return JSON.stringify(model, null, 2) + "\n";
}

function panelOf({ title, description, type, unit, queries }: Panel, id: number, gridPos: unknown) {
  return {
    id,
    type,
    title,
    description,
    gridPos,
    datasource: DATASOURCE,
    fieldConfig: { defaults: { unit: unit || "short", min: 0 }, overrides: [] },
    options: type === "stat"
      ? { reduceOptions: { calcs: ["lastNotNull"] }, graphMode: "area" }
      : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + i),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
    })),
  };
}

function variable(name: string, query: string) {
  return {
    name,
    type: "query",
    datasource: DATASOURCE,
    query,
    refresh: 2,
    includeAll: true,
    multi: true,
    current: { text: "All", value: "$__all" },
  };
}

if (import.meta.main) {
  await Deno.writeTextFile(`${PROJECT}/monitoring/dashboard.json`, dashboard());
}
