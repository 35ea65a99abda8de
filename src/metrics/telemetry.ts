import type { Meter } from "@opentelemetry/api";
import type { RequestHandler } from "../remoting/connection.ts";
import { SOFTWARE } from "../version.ts";
import { DEFINITIONS } from "./definitions.ts";
import type { Sources } from "./sources.ts";

/** Where to tell of metrics and of requests. */
export interface Telemetry {
  meter: Meter;
  /** The same handler, each of whose requests is a span; itself, when spans are not exported. */
  traced(handler: RequestHandler): RequestHandler;
}

/** Under this name whoever implements OpenTelemetry, here Deno, registers with its API. */
const REGISTERED = Symbol.for("opentelemetry.js.api.1");
const SCOPE = [SOFTWARE.name, SOFTWARE.version] as const;

/** Deno's OpenTelemetry, when it is on (`OTEL_DENO=true`). */
export async function findTelemetry(): Promise<Telemetry | undefined> {
  if (!(REGISTERED in globalThis)) return undefined;
  // Loaded here, because most servers never need it.
  const { metrics, trace, ProxyTracerProvider } = await import("@opentelemetry/api");
  const { TracedHandler } = await import("./traced_handler.ts");
  const untraced = trace.getTracerProvider() instanceof ProxyTracerProvider;
  return {
    meter: metrics.getMeter(...SCOPE),
    traced: (handler) => untraced ? handler : new TracedHandler(handler, trace.getTracer(...SCOPE)),
  };
}

/** Has every metric exported: the same table and the same numbers as in a scrape. */
export function exportMetrics(meter: Meter, sources: Sources): void {
  for (const definition of DEFINITIONS) {
    const { name, unit, help: description } = definition;
    if (definition.type === "histogram") {
      // There is no histogram that is read when it is exported: it hears of each number.
      const advice = { explicitBucketBoundaries: [...definition.bounds] };
      const histogram = meter.createHistogram(name, { unit, description, advice });
      definition.listen(sources, (value, labels) => histogram.record(value, labels));
      continue;
    }
    const instrument = definition.type === "counter"
      ? meter.createObservableCounter(name, { unit, description })
      : meter.createObservableGauge(name, { unit, description });
    instrument.addCallback((result) => {
      for (const { labels, value } of definition.read(sources)) result.observe(value, labels);
    });
  }
}
