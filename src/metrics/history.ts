import { quantile } from "../histogram.ts";
import { LATENCY_BOUNDS } from "../remoting/request_counters.ts";
import { CounterWindow, SAMPLE_INTERVAL } from "./counter_window.ts";
import type { Sources } from "./sources.ts";

/** Samples shown: the last 15 minutes. */
export const HISTORY_SAMPLES = 180;

/** The parts of a server that the history looks at. */
export type HistorySources = {
  readonly remoting: { readonly requests: Pick<Sources["remoting"]["requests"], "series"> };
  readonly classes: Readonly<Record<string, Pick<Sources["classes"]["default"], "refused">>>;
  readonly runtime: Pick<Sources["runtime"], "memory">;
};

/** The last 15 minutes. All lists are of equal length, the oldest sample first. */
export interface HistoryView {
  readonly intervalSeconds: number;
  /** When the last sample was taken, in milliseconds since the epoch. */
  readonly end: number;
  /** Requests per second. */
  readonly requests: readonly number[];
  /** Requests per second that were answered with SYSTEM_BUSY. */
  readonly busy: readonly number[];
  /** Milliseconds that half of the requests took at most; null without requests. */
  readonly p50Millis: readonly (number | null)[];
  /** Milliseconds that 99 of 100 requests took at most; null without requests. */
  readonly p99Millis: readonly (number | null)[];
  /** Bytes in use in V8's heap. */
  readonly heapUsed: readonly number[];
  /** Bytes of resident memory. */
  readonly rss: readonly number[];
}

/** Keeps samples of a server's load and memory, in rings of fixed size. */
export class History {
  readonly #sources: HistorySources;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  /** Requests answered SYSTEM_BUSY, then requests by bucket of their latency. */
  readonly #counters = new CounterWindow(LATENCY_BOUNDS.length + 2, HISTORY_SAMPLES + 1);
  /** Heap in use and resident memory of each sample. */
  readonly #memory: (readonly [heapUsed: number, rss: number])[] = [];
  #end: number;
  /** Collected when somebody looks, and good until the next sample. */
  #view: HistoryView | undefined;

  /**
   * @param parts.now milliseconds since the epoch
   * @param parts.monotonic milliseconds of a monotonic clock
   */
  constructor(parts: { sources: HistorySources; now(): number; monotonic(): number }) {
    this.#sources = parts.sources;
    this.#now = parts.now;
    this.#monotonic = parts.monotonic;
    this.#end = parts.now();
  }

  /** Takes a sample. To be called every {@link SAMPLE_INTERVAL} seconds. */
  sample(): void {
    const { remoting, classes, runtime } = this.#sources;
    const byLatency = new Array<number>(LATENCY_BOUNDS.length + 1).fill(0);
    for (const { counts } of remoting.requests.series()) {
      for (const [i, count] of counts.entries()) byLatency[i] = (byLatency[i] ?? 0) + count;
    }
    const busy = Object.values(classes).reduce((sum, { refused }) => sum + refused, 0);
    const first = this.#counters.size === 0;
    this.#counters.add(this.#monotonic() / 1000, [busy, ...byLatency]);
    this.#end = this.#now();
    this.#view = undefined;
    // The first one is only what the second is compared with.
    if (first) return;
    const { heapUsed, resident } = runtime.memory();
    if (this.#memory.length === HISTORY_SAMPLES) this.#memory.shift();
    this.#memory.push([heapUsed, resident]);
  }

  /** The samples of the last 15 minutes. The same object until there is another sample. */
  view(): HistoryView {
    return this.#view ??= this.#collect();
  }

  #collect(): HistoryView {
    const growths = this.#memory.map((_, i) => {
      const before = this.#memory.length - 1 - i;
      const { seconds, by: [busy = 0, ...latencies] } = this.#counters.growth(before + 1, before);
      return { seconds: Math.max(seconds, 0.001), busy, latencies };
    });
    const percentile = (part: number) =>
      growths.map(({ latencies }) => quantile(LATENCY_BOUNDS, latencies, part) ?? null);
    return {
      intervalSeconds: SAMPLE_INTERVAL,
      end: this.#end,
      requests: growths.map(({ seconds, latencies }) =>
        latencies.reduce((sum, count) => sum + count, 0) / seconds
      ),
      busy: growths.map(({ seconds, busy }) => busy / seconds),
      p50Millis: percentile(0.5),
      p99Millis: percentile(0.99),
      heapUsed: this.#memory.map(([heapUsed]) => heapUsed),
      rss: this.#memory.map(([, rss]) => rss),
    };
  }
}
