/** A parsed text in Prometheus' format. */
export interface Scrape {
  /** Values by series, e.g. `name{label="value"}`. */
  readonly values: ReadonlyMap<string, number>;
  /** Types by metric. */
  readonly types: ReadonlyMap<string, string>;
}

/** Parses Prometheus' text format. Throws when it is malformed, or a series is repeated. */
export function parseScrape(text: string): Scrape {
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) types.set(type[1]!, type[2]!);
    if (line === "" || line.startsWith("#")) continue;
    const sample = /^([a-z][a-z0-9_]*(?:\{.*\})?) (\S+)$/.exec(line);
    if (sample === null) throw new Error(`no sample: ${line}`);
    const [, series, value] = sample;
    if (values.has(series!)) throw new Error(`twice: ${series}`);
    values.set(series!, Number(value));
  }
  return { values, types };
}
