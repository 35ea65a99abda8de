import { bodyText } from "../chunks_of.ts";

/** The metric with the number of requests of a name server. */
const REQUESTS = "rocketmq_namesrv_requests_total";
/** Most bytes of a response that are read. */
const MAX_LENGTH = 8_000_000;

/** Fetches a URL, like `fetch`. */
export type Fetch = (
  url: string,
  init: { signal: AbortSignal; headers?: Record<string, string> },
) => Promise<Response>;

/** Reads the number of answered requests from a name server's metrics. */
export class RequestCounter {
  /** "http://host:port" or "https://host:port" */
  readonly origin: string;
  readonly #timeout: number;
  readonly #fetch: Fetch;

  /**
   * @param origin of the HTTP port: "http://host:port" or "https://host:port"
   * @param timeout milliseconds
   */
  constructor(origin: string, timeout: number, get: Fetch = fetch) {
    this.origin = origin;
    this.#timeout = timeout;
    this.#fetch = get;
  }

  /**
   * Returns the number of requests since the server's start, or `undefined` when it is not
   * available.
   */
  async read(): Promise<number | undefined> {
    try {
      const response = await this.#fetch(`${this.origin}/metrics`, {
        signal: AbortSignal.timeout(this.#timeout),
      });
      const tooLong = () => new RangeError("the metrics are too long");
      return sumOf(REQUESTS, await bodyText(response, MAX_LENGTH, tooLong));
    } catch {
      // Nothing listens there, or it is no name server.
      return undefined;
    }
  }
}

/**
 * The sum of a metric over all its labels, from Prometheus' text format; `undefined` when it is
 * missing.
 */
export function sumOf(metric: string, text: string): number | undefined {
  let sum: number | undefined;
  for (const line of text.split("\n")) {
    if (!line.startsWith(metric)) continue;
    const [, value] = /^(?:\{.*\})? ([^ ]+)(?: -?\d+)?$/.exec(line.slice(metric.length)) ?? [];
    if (value !== undefined && Number.isFinite(Number(value))) sum = (sum ?? 0) + Number(value);
  }
  return sum;
}
