import type { MetricsSource } from "../../metrics/metrics_source.ts";
import { answer } from "../server/answer.ts";
import type { Route } from "../server/router.ts";

/** Milliseconds for which a text of metrics is served. */
const AGE = 1000;

/**
 * `/metrics`. Scrapes that come at once share one text, and so do those of the second that follows.
 *
 * @param now milliseconds of a clock that never goes back
 */
export function metricsRoute(source: MetricsSource, now: () => number): Route {
  let text: Promise<Uint8Array<ArrayBuffer>> | undefined;
  let servedUntil = Infinity;
  return {
    path: "/metrics",
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
