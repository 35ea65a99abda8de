/** The state of the server under a soak. */

import type { HttpServerProcess } from "../support/http_server.ts";
import { parseScrape } from "../support/scrape.ts";

const PREFIX = "rocketmq_namesrv_";

/** Figures of one moment. Counters count from the server's start. */
export interface Figures {
  minute: number;
  rssMiB: number;
  heapMiB: number;
  externalMiB: number;
  descriptors: number;
  connections: number;
  topics: number;
  bufferedBytes: number;
  requests: number;
  accepted: number;
  cpuSeconds: number;
  /** Mean and upper bound of the event loop's lag since the figures before, in milliseconds. */
  lagMean: number;
  lagMost: number;
}

/** Reads the server's figures. */
export class Gauge {
  readonly #http: HttpServerProcess;
  readonly #start = performance.now();
  #before: ReadonlyMap<string, number> = new Map();

  constructor(http: HttpServerProcess) {
    this.#http = http;
  }

  async read(): Promise<Figures> {
    const text = await (await this.#http.get("/metrics")).text();
    const { values } = parseScrape(text);
    const sum = (name: string) =>
      [...values].filter(([series]) => series.replace(/\{.*/s, "") === PREFIX + name)
        .reduce((total, [, value]) => total + value, 0);
    const MiB = (name: string) => Math.round(sum(name) / 1024 ** 2 * 10) / 10;
    const figures = {
      minute: Math.round((performance.now() - this.#start) / 60_000),
      rssMiB: MiB("process_resident_memory_bytes"),
      heapMiB: MiB("v8_heap_used_bytes"),
      externalMiB: MiB("v8_external_memory_bytes"),
      descriptors: await this.#descriptors(),
      connections: sum("connections"),
      topics: sum("topics"),
      bufferedBytes: sum("buffered_bytes"),
      requests: sum("requests_total"),
      accepted: sum("connections_accepted_total"),
      cpuSeconds: Math.round(sum("process_cpu_seconds_total")),
      ...this.#lag(values),
    };
    this.#before = values;
    return figures;
  }

  #lag(values: ReadonlyMap<string, number>): Pick<Figures, "lagMean" | "lagMost"> {
    const name = `${PREFIX}event_loop_lag_seconds`;
    const grown = (series: string) => (values.get(series) ?? 0) - (this.#before.get(series) ?? 0);
    const count = grown(`${name}_count`);
    const buckets = [...values.keys()].filter((series) => series.startsWith(`${name}_bucket`));
    const most = buckets.find((series) => grown(series) === count) ?? "";
    const bound = Number(/le="([^"]+)"/.exec(most)?.[1]?.replace("+Inf", "Infinity") ?? NaN);
    const mean = count === 0 ? 0 : grown(`${name}_sum`) / count * 1000;
    return { lagMean: Math.round(mean * 10) / 10, lagMost: bound * 1000 };
  }

  async #descriptors(): Promise<number> {
    // Deno allows reading /proc only with -A.
    const { stdout } = await new Deno.Command("ls", {
      args: [`/proc/${this.#http.server.pid}/fd`],
    }).output();
    return new TextDecoder().decode(stdout).split("\n").length - 1;
  }
}
