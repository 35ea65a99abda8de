/** Asks for a route while the test does other things. */

/** What came out. */
export interface Asked {
  answers: number;
  /** Answers that were not the first one over again. */
  others: number;
  /** The response code of the first. */
  code: number;
  /** The longest time to an answer, in milliseconds. */
  longest: number;
}

/**
 * Asks for a route again and again, each time after the answer, while `work` goes on. It does so in
 * a worker: what it measures is the server's time, and not that of the test.
 */
export async function askMeanwhile(
  port: number,
  topic: string,
  work: () => Promise<unknown>,
): Promise<Asked> {
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
