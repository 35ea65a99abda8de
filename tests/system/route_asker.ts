/** Queries a route while the test does other things. */

/** The responses to a repeated route query. */
export interface QueryResults {
  answers: number;
  /** Number of responses that differed from the first. */
  others: number;
  /** The response code of the first one. */
  code: number;
  /** The longest response time, in milliseconds. */
  longest: number;
}

/**
 * Repeats a route query, each time after the response, while `work` runs. It uses a worker, so that
 * it measures the server's time and not the test's.
 */
export async function askMeanwhile(
  port: number,
  topic: string,
  work: () => Promise<unknown>,
): Promise<QueryResults> {
  const worker = new Worker(new URL("route_asker_worker.ts", import.meta.url), { type: "module" });
  try {
    const message = () =>
      new Promise<MessageEvent>((resolve, reject) => {
        worker.onmessage = resolve;
        worker.onerror = reject;
      });
    const started = message();
    worker.postMessage({ port, topic });
    await started;
    await work();
    const ended = message();
    worker.postMessage("stop");
    return (await ended).data;
  } finally {
    worker.terminate();
  }
}
