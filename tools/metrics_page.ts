import { type Definition, METRIC_GROUPS } from "../src/metrics/definitions.ts";
import { table } from "./table.ts";

const INTRODUCTION = `<!-- deno-fmt-ignore-file -->
<!-- Generated from src/metrics/definitions.ts by \`deno task docs\`. -->

# Metrics

There are two ways to get the metrics: Prometheus scrapes them from \`/metrics\`, or OpenTelemetry exports them.

- \`rocketmq_rpc_latency\` is RocketMQ's own metric, with its labels, its unit and its buckets. The label \`is_long_polling\` is omitted: a name server has no long polling. All other names start with \`rocketmq_namesrv_\`.
- Request codes and response codes appear with their names, e.g. \`get_routeinfo_by_topic\`; all unknown codes appear as \`unknown\`. No label contains a topic or an address. \`metricsPerBroker=true\` adds the metrics in the table *Each broker*; it can be changed live.
- Counters start at zero when the server starts.
- Counting costs next to nothing, see bench/README.md. Scrapes within a second get the same text.
`;

const TELEMETRY = `
## OpenTelemetry

Deno exports metrics, spans and console output over OTLP. Environment variables enable it; while it is off, it costs nothing:

\`\`\`sh
OTEL_DENO=true \\
OTEL_SERVICE_NAME=rocketmq-namesrv \\
OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 \\
deno task start
\`\`\`

| Variable | Default | What it does |
| --- | --- | --- |
| \`OTEL_DENO\` | \`false\` | \`true\` switches it on. |
| \`OTEL_DENO_METRICS\`, \`OTEL_DENO_TRACING\` | as \`OTEL_DENO\` | \`false\` exports no metrics, or no spans. |
| \`OTEL_EXPORTER_OTLP_ENDPOINT\` | \`http://localhost:4318\` | The collector. Deno needs no permission for it. |
| \`OTEL_EXPORTER_OTLP_PROTOCOL\` | \`http/protobuf\` | Or \`http/json\`. |
| \`OTEL_EXPORTER_OTLP_HEADERS\` | | Headers, e.g. for authorization: \`name=value,name=value\`. |
| \`OTEL_METRIC_EXPORT_INTERVAL\` | \`60000\` | Milliseconds between two exports of metrics. |
| \`OTEL_SERVICE_NAME\`, \`OTEL_RESOURCE_ATTRIBUTES\` | | Attributes that identify this server. |
| \`OTEL_TRACES_SAMPLER\`, \`OTEL_TRACES_SAMPLER_ARG\` | all | Which requests are traced, e.g. \`traceidratio\` and \`0.01\`. |
| \`OTEL_DENO_CONSOLE\` | \`capture\` | \`ignore\` exports no console lines. |

The metrics have the names, units and labels of the tables above. Deno adds V8's own metrics. Counts since the last export are not sent when the server stops.

Each request is a span of kind server, named after its request code, with \`rpc.system\` \`rocketmq\`, \`rpc.method\`, \`rocketmq.request_code\`, \`rocketmq.response_code\` and \`client.address\`. SYSTEM_ERROR and SYSTEM_BUSY make its status an error. Spans are not free: sample them if there are many requests.
`;

/** Generates docs/metrics.md. */
export function metricsPage(): string {
  const groups = METRIC_GROUPS.map(({ title, metrics }) =>
    `\n## ${title}\n\n` + table(["Metric", "Type", "Labels", "Meaning"], metrics.map(row))
  );
  return INTRODUCTION + groups.join("") + TELEMETRY;
}

function row({ name, type, labels, help }: Definition): string[] {
  return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(", "), help];
}
