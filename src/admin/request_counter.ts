/** The metric that counts a name server's requests. */
const REQUESTS = "rocketmq_namesrv_requests_total";
/** What is read of an answer, at most. */
const MAX_LENGTH = 8_000_000;

/** Gets a URL, as `fetch` does. */
export type Fetch = (url: string, init: { signal: AbortSignal }) => Promise<Response>;

/** Reads from a name server's metrics how many requests it has answered. */
export class RequestCounter {
  readonly #url: string;
  readonly #timeout: number;
  readonly #fetch: Fetch;

  /**
   * @param address "host:port" of the HTTP port
   * @param timeout milliseconds
   */
  constructor(address: string, timeout: number, get: Fetch = fetch) {
    this.#url = `http://${address}/metrics`;
    this.#timeout = timeout;
    this.#fetch = get;
  }

  /** The number of requests since the server's start; `undefined` when it can't be had. */
  async read(): Promise<number | undefined> {
    try {
      const response = await this.#fetch(this.#url, { signal: AbortSignal.timeout(this.#timeout) });
      return sumOf(REQUESTS, await textOf(response));
    } catch {
      // Nobody listens there, or something else does.
      return undefined;
    }
  }
}

async function textOf(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_LENGTH) throw new RangeError("too long for metrics");
  }
  return text;
}

/**
 * The sum of a metric over all its labels, from Prometheus' text format; `undefined` when it is not
 * there.
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
