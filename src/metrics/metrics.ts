import type { MetricValueWithName, Registry } from "prom-client";
import { DEFINITIONS, type HistogramDefinition, type NumberDefinition } from "./definitions.ts";
import type { MetricsSource } from "./metrics_source.ts";
import type { WorkSlice } from "../work_slice.ts";
import type { Sources } from "./sources.ts";

type Library = typeof import("prom-client");

/**
 * The metrics of a name server in Prometheus' text format. All values are read from their owners
 * when rendering.
 */
export class Metrics implements MetricsSource {
  readonly contentType = "text/plain; version=0.0.4; charset=utf-8";
  readonly #sources: Sources;
  readonly #slice: WorkSlice;
  #registry: Promise<Registry> | undefined;

  constructor(sources: Sources, slice: WorkSlice) {
    this.#sources = sources;
    this.#slice = slice;
  }

  /**
   * Renders all current metrics, with turns for route queries in between. The first call loads the
   * library, which takes some tens of milliseconds.
   */
  async render(): Promise<string> {
    const registry = await (this.#registry ??= this.#load());
    const texts: string[] = [];
    for (const { name } of DEFINITIONS) {
      texts.push(await this.#slice.runAsync(() => registry.getSingleMetricAsString(name)));
      if (this.#slice.over) await this.#slice.turn();
    }
    return `${texts.join("\n\n")}\n`;
  }

  async #load(): Promise<Registry> {
    // Loaded on demand to keep the start fast.
    const library = await import("prom-client");
    const registry = new library.Registry();
    for (const definition of DEFINITIONS) {
      if (definition.type === "histogram") {
        addHistogram(library, registry, definition, this.#sources);
      } else addNumber(library, registry, definition, this.#sources);
    }
    return registry;
  }
}

function addNumber(
  library: Library,
  registry: Registry,
  definition: NumberDefinition,
  sources: Sources,
): void {
  const { name, help, labels } = definition;
  const configuration = { name, help, labelNames: labels, registers: [registry] };
  if (definition.type === "gauge") {
    new library.Gauge({
      ...configuration,
      collect() {
        this.reset();
        // The library would show a metric without samples as zero.
        if (definition.labels.length === 0) this.remove();
        for (const { labels, value } of definition.read(sources)) this.set(labels, value);
      },
    });
  } else {
    new library.Counter({
      ...configuration,
      collect() {
        this.reset();
        for (const { labels, value } of definition.read(sources)) this.inc(labels, value);
      },
    });
  }
}

/** The library's histogram does its own counting; this one shows values counted elsewhere. */
function addHistogram(
  { Histogram }: Library,
  registry: Registry,
  definition: HistogramDefinition,
  sources: Sources,
): void {
  const { name, help, labels, bounds } = definition;
  class Counted extends Histogram<string> {
    /** Called by the registry. */
    getForPromString() {
      const values = [...valuesOf(definition, sources)];
      return Promise.resolve({ name, help, type: definition.type, values });
    }
  }
  new Counted({ name, help, labelNames: labels, buckets: [...bounds], registers: [registry] });
}

function* valuesOf(
  { name, bounds, read }: HistogramDefinition,
  sources: Sources,
): Generator<MetricValueWithName<string>> {
  for (const { labels, counts, sum } of read(sources)) {
    let count = 0;
    for (const [i, inBucket] of counts.entries()) {
      count += inBucket;
      const le = i < bounds.length ? bounds[i] : "+Inf";
      yield { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
    }
    yield { metricName: `${name}_sum`, labels, value: sum };
    yield { metricName: `${name}_count`, labels, value: count };
  }
}
