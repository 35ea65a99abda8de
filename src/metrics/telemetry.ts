import type { Meter } from "@opentelemetry/api";
import type { RequestHandler } from "../remoting/connection.ts";
import { SOFTWARE } from "../version.ts";
import { DEFINITIONS } from "./definitions.ts";
import type { Sources } from "./sources.ts";

/** Exports metrics and traces. */
export interface Telemetry {
  meter: Meter;
  /**
   * Wraps a handler so that each request is a span; returns it unchanged when spans are not
   * exported.
   */
  traced(handler: RequestHandler): RequestHandler;
}

/** The name under which an implementation of OpenTelemetry, here Deno's, registers with the API. */
const REGISTERED = Symbol.for("opentelemetry.js.api.1");
const SCOPE = [SOFTWARE.name, SOFTWARE.version] as const;

/** Returns Deno's OpenTelemetry if it is enabled (`OTEL_DENO=true`). */
export async function findTelemetry(): Promise<Telemetry | undefined> {
  if (!(REGISTERED in globalThis)) return undefined;
  // Loaded on demand because most servers never need it.
  const { metrics, trace, ProxyTracerProvider } = await import("@opentelemetry/api");
  const { TracedHandler } = await import("./traced_handler.ts");
  const untraced = trace.getTracerProvider() instanceof ProxyTracerProvider;
  return {
    meter: metrics.getMeter(...SCOPE),
    traced: (handler) => untraced ? handler : new TracedHandler(handler, trace.getTracer(...SCOPE)),
  };
}

/** Exports all metrics: the same table and numbers as in a scrape. */
export function exportMetrics(meter: Meter, sources: Sources): void {
  for (const definition of DEFINITIONS) {
    const { name, unit, help: description } = definition;
    if (definition.type === "histogram") {
      // OpenTelemetry has no observable histogram, so each value is recorded.
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
