/** A stand-in for an OpenTelemetry collector: accepts OTLP over HTTP in JSON, and records it. */

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: string; doubleValue?: number };
}

interface Scope<Name extends string, Item> {
  resource: { attributes: Attribute[] };
  scopes: ({ scope: { name: string } } & { [name in Name]: Item[] })[];
}

interface NumberPoint {
  attributes: Attribute[];
  asDouble?: number;
  asInt?: string;
}

interface HistogramPoint {
  attributes: Attribute[];
  count: string;
  sum: number;
  bucketCounts: string[];
  explicitBounds: number[];
}

interface OtlpMetric {
  name: string;
  description: string;
  unit: string;
  sum?: { dataPoints: NumberPoint[]; isMonotonic: boolean; aggregationTemporality: number };
  gauge?: { dataPoints: NumberPoint[] };
  histogram?: { dataPoints: HistogramPoint[]; aggregationTemporality: number };
}

interface OtlpSpan {
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: Attribute[];
  status: { code: number; message: string };
}

/** A metric as last exported. */
export interface ExportedMetric {
  kind: "counter" | "gauge" | "histogram";
  unit: string;
  description: string;
  /** By labels, as `name=value` separated by blanks. */
  numbers: Map<string, number>;
  histograms: Map<string, { count: number; sum: number; counts: number[]; bounds: number[] }>;
}

/** A span. */
export interface ExportedSpan {
  name: string;
  kind: number;
  nanoseconds: number;
  attributes: Record<string, string | number>;
  /** 2 is an error. */
  status: { code: number; message: string };
}

/** Name of the name server's instrumentation scope. */
const SCOPE = "rocketmq-namesrv";

/** Listens on a port of 127.0.0.1. */
export class Collector implements AsyncDisposable {
  /** Metrics of the name server, by name. */
  readonly metrics = new Map<string, ExportedMetric>();
  /** Spans of the name server, in order of arrival. */
  readonly spans: ExportedSpan[] = [];
  /** The exporter's service name. */
  service: string | undefined;
  /** Requests that were not OTLP in JSON. */
  readonly misfits: string[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#take(request));
  }

  /** Environment variables that make a server export here at short intervals. */
  get environment(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
      OTEL_BSP_SCHEDULE_DELAY: "200",
      OTEL_SERVICE_NAME: "the-name-server",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #take(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body = await request.json();
    if (pathname === "/v1/metrics") {
      for (const { resource, scopeMetrics } of body.resourceMetrics) {
        this.#takeAll({ resource, scopes: scopeMetrics }, "metrics", (it: OtlpMetric) => {
          this.metrics.set(it.name, readMetric(it));
        });
      }
    } else if (pathname === "/v1/traces") {
      for (const { resource, scopeSpans } of body.resourceSpans) {
        this.#takeAll({ resource, scopes: scopeSpans }, "spans", (it: OtlpSpan) => {
          this.spans.push(readSpan(it));
        });
      }
    } else {
      this.misfits.push(pathname);
    }
    return Response.json({});
  }

  #takeAll<Name extends string, Item>(
    { resource, scopes }: Scope<Name, Item>,
    name: Name,
    take: (item: Item) => void,
  ): void {
    this.service = String(attributesOf(resource.attributes)["service.name"]);
    for (const one of scopes) {
      if (one.scope.name === SCOPE) one[name].forEach(take);
    }
  }
}

function readMetric({ unit, description, sum, gauge, histogram }: OtlpMetric): ExportedMetric {
  const points = sum?.dataPoints ?? gauge?.dataPoints ?? [];
  const numbers = points.map((it): [string, number] => [
    labelsOf(it.attributes),
    it.asDouble ?? Number(it.asInt),
  ]);
  const histograms = (histogram?.dataPoints ?? []).map((it) =>
    [labelsOf(it.attributes), {
      count: Number(it.count),
      sum: it.sum,
      counts: it.bucketCounts.map(Number),
      bounds: it.explicitBounds,
    }] as const
  );
  return {
    kind: histogram ? "histogram" : sum?.isMonotonic ? "counter" : "gauge",
    unit,
    description,
    numbers: new Map(numbers),
    histograms: new Map(histograms),
  };
}

function readSpan(span: OtlpSpan): ExportedSpan {
  const { name, kind, startTimeUnixNano, endTimeUnixNano, attributes, status } = span;
  return {
    name,
    kind,
    nanoseconds: Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)),
    attributes: attributesOf(attributes),
    status: { code: status.code, message: status.message },
  };
}

function labelsOf(attributes: Attribute[]): string {
  const pairs = Object.entries(attributesOf(attributes)).map(([key, value]) => `${key}=${value}`);
  return pairs.sort().join(" ");
}

function attributesOf(attributes: Attribute[]): Record<string, string | number> {
  return Object.fromEntries(attributes.map(({ key, value }) => {
    const { stringValue, doubleValue, intValue } = value;
    return [key, stringValue ?? doubleValue ?? Number(intValue)];
  }));
}
