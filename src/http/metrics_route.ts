import type { MetricsSource } from "../metrics/metrics_source.ts";
import { answer } from "./answer.ts";
import type { Route } from "./router.ts";

/** What a text of metrics takes to make, to the time for which it is served: at most half a percent. */
const SERVED_FACTOR = 200;
/** Milliseconds for which a text of metrics is served at most. */
const MAX_AGE = 1000;

/**
 * `/metrics`. Scrapes that come at once share one text, and so do those that follow shortly: however
 * many scrape, making it takes no more than a small share of the processor.
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
    const begun = now();
    let served = 0;
    try {
      const bytes = new TextEncoder().encode(await source.render());
      served = Math.min((now() - begun) * SERVED_FACTOR, MAX_AGE);
      return bytes;
    } finally {
      servedUntil = now() + served;
    }
  }
}
