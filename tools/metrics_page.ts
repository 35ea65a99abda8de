import { type Definition, METRIC_GROUPS } from "../src/metrics/definitions.ts";
import { table } from "./table.ts";

const INTRODUCTION = `<!-- deno-fmt-ignore-file -->
<!-- Generated from src/metrics/definitions.ts by \`deno task docs\`. -->

# Metrics

The same numbers are to be had in two ways: scraped from \`/metrics\`, as Prometheus does it, or sent by OpenTelemetry.

- \`rocketmq_rpc_latency\` is RocketMQ's own metric, with its labels, its unit and its buckets. The label \`is_long_polling\` is left out: a name server has no long polling. All other names begin with \`rocketmq_namesrv_\`.
- Request codes and response codes stand under their names, e.g. \`get_routeinfo_by_topic\`; all that are not known stand under \`unknown\`. No label holds a topic or an address. \`metricsPerBroker=true\` adds what the table *Each broker* has; it may be changed live.
- Counters begin at zero when the server starts.
- Counting costs the requests next to nothing, see bench/README.md. Who scrapes soon after another gets the same text: it may be a second old.
`;

const TELEMETRY = `
## OpenTelemetry

Deno exports metrics, spans and what is written to the console by OTLP. It is switched on by environment variables, and costs nothing while it is off:

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
| \`OTEL_EXPORTER_OTLP_ENDPOINT\` | \`http://localhost:4318\` | The collector. Deno takes no permission for it. |
| \`OTEL_EXPORTER_OTLP_PROTOCOL\` | \`http/protobuf\` | Or \`http/json\`. |
| \`OTEL_EXPORTER_OTLP_HEADERS\` | | Headers, e.g. for authorization: \`name=value,name=value\`. |
| \`OTEL_METRIC_EXPORT_INTERVAL\` | \`60000\` | Milliseconds between two exports of metrics. |
| \`OTEL_SERVICE_NAME\`, \`OTEL_RESOURCE_ATTRIBUTES\` | | What tells this server from others. |
| \`OTEL_TRACES_SAMPLER\`, \`OTEL_TRACES_SAMPLER_ARG\` | all | Which requests are traced, e.g. \`traceidratio\` and \`0.01\`. |
| \`OTEL_DENO_CONSOLE\` | \`capture\` | \`ignore\` exports no console lines. |

The metrics have the names, units and labels of the tables above. V8's own are added by Deno. What was counted since the last export is not sent when the server stops.

Each request is a span of kind server, named as its request code, with \`rpc.system\` \`rocketmq\`, \`rpc.method\`, \`rocketmq.request_code\`, \`rocketmq.response_code\` and \`client.address\`. SYSTEM_ERROR and SYSTEM_BUSY make its status an error. Spans are not free: sample them where there are many requests.
`;

/** docs/metrics.md. */
export function metricsPage(): string {
  const groups = METRIC_GROUPS.map(({ title, metrics }) =>
    `\n## ${title}\n\n` + table(["Metric", "Type", "Labels", "Meaning"], metrics.map(row))
  );
  return INTRODUCTION + groups.join("") + TELEMETRY;
}

function row({ name, type, labels, help }: Definition): string[] {
  return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(", "), help];
}
