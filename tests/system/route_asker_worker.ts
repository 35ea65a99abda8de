/**
 * The worker of route_asker.ts. Messages tell it what to ask and when to stop; it reports when it
 * has begun.
 */

import { routeQuery } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import type { QueryResults } from "./route_asker.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent) => void;
  postMessage(message: unknown): void;
};

scope.onmessage = ({ data: { port, topic } }) => void ask(port, topic);

async function ask(port: number, topic: string): Promise<void> {
  let over = false;
  scope.onmessage = () => over = true;
  await using peer = await Peer.connect(port);
  const timed = async () => {
    const begin = performance.now();
    const { code, body } = await peer.call(routeQuery(topic));
    return { code, body: new TextDecoder().decode(body), time: performance.now() - begin };
  };
  const first = await timed();
  scope.postMessage("started");
  const results: QueryResults = { answers: 1, others: 0, code: first.code, longest: first.time };
  while (!over) {
    const { code, body, time } = await timed();
    results.answers++;
    if (code !== first.code || body !== first.body) results.others++;
    results.longest = Math.max(results.longest, time);
  }
  scope.postMessage(results);
}
