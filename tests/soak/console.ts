/**
 * An open console for a long time: `deno task soak:console [--minutes N]`. 300 brokers have 50,000 topics,
 * and something changes ten times a second: an hour has as many events as a quiet cluster in weeks. Each
 * minute prints the memory of the page and of the server, and the requests that the page has made. It runs with
 * -A, because playwright-core looks into /proc, which Deno allows with nothing less.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { ConsoleWorld } from "../browser/support.ts";
import { type Broker, kvPut } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { pause } from "../support/wait.ts";

const BROKERS = 300;
const TOPICS = 50_000;
/** Milliseconds between two changes. */
const GAP = 100;
/** The pages that are visited in turn, one a minute. */
const PAGES = ["#/overview", "#/brokers", "#/topics", "#/kv", "#/connections"];

const { minutes } = parseArgs(Deno.args, { string: ["minutes"] });
const last = Number(minutes ?? 60);
if (!(Number.isSafeInteger(last) && last > 0)) {
  console.error("--minutes must be a whole number above 0");
  Deno.exit(2);
}

const brokers = Array.from({ length: BROKERS }, (_, i): Broker => ({
  name: `broker-${i}`,
  addr: `10.0.${i >> 8}.${i & 255}:10911`,
  topics: Array.from(
    { length: Math.ceil(TOPICS / BROKERS) },
    (_, j) => ({ name: `topic-${j * BROKERS + i}` }),
  ),
}));
await using world = await ConsoleWorld.open({ brokers });
await using peer = await Peer.connect(world.server.port);
let requests = 0;
world.page.on("request", () => requests++);
const session = await world.page.context().newCDPSession(world.page);

for (let minute = 0; minute <= last; minute++) {
  await world.go(PAGES[minute % PAGES.length] ?? "");
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await session.send("Memory.getDOMCounters");
  const { memory } = await (await fetch(`${world.origin}/api/v1/overview`)).json();
  console.log(JSON.stringify({
    minute,
    page: PAGES[minute % PAGES.length],
    pageMiB: Math.round(usedSize / 1024 / 1024 * 10) / 10,
    nodes,
    listeners: jsEventListeners,
    requests,
    serverMiB: Math.round(memory.rss / 1024 / 1024),
  }));
  requests = 0;
  for (let i = 0; minute < last && i < 60_000 / GAP; i++) {
    await peer.call(kvPut("soak", `key-${i % 100}`, `${minute}-${i}`));
    await pause(GAP);
  }
}
