import type { MetricsSource } from "../../metrics/metrics_source.ts";
import { answer } from "../server/answer.ts";
import type { Route } from "../server/router.ts";

/** Milliseconds for which rendered metrics are cached. */
const AGE = 1000;

/**
 * The route `/metrics`. Concurrent scrapes share one text, as do those within the next second.
 *
 * @param now milliseconds of a monotonic clock
 */
export function metricsRoute(source: MetricsSource, now: () => number): Route {
  let text: Promise<Uint8Array<ArrayBuffer>> | undefined;
  let servedUntil = Infinity;
  return {
    path: "/metrics",
    permission: "cluster:read",
    answer: async () => {
      if (text === undefined || now() >= servedUntil) text = render();
      return answer(await text, source.contentType);
    },
  };

  async function render(): Promise<Uint8Array<ArrayBuffer>> {
    servedUntil = Infinity;
    try {
      const bytes = new TextEncoder().encode(await source.render());
      servedUntil = now() + AGE;
      return bytes;
    } catch (error) {
      servedUntil = now();
      throw error;
    }
  }
}
