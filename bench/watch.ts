/**
 * The cost of a storm of first registrations, with and without watchers of /api/v1/watch.
 *
 *     deno run --no-prompt --allow-net=127.0.0.1 --allow-read --allow-write --allow-run --allow-ffi \
 *       bench/watch.ts [--brokers N] [--topics N] [--watchers N,N] [--project DIR]
 *
 * `--project` measures another checkout, which may have no watchers (`--watchers 0`).
 */
import { parseArgs } from "@std/cli/parse-args";
import { broker, Client, registration, registrationBody, topicNames } from "./brokers.ts";
import { Libc } from "./libc.ts";
import { type Machine, Server } from "./servers.ts";

const TIMESTAMP = 1_700_000_000_000;
const CONNECTIONS = 10;

const flags = parseArgs(Deno.args, { string: ["brokers", "topics", "watchers", "project"] });
const brokers = Number(flags.brokers ?? 300);
const topics = Number(flags.topics ?? 10_000);
const machine: Machine = {
  serverCpus: "0",
  heap: "1g",
  ...(flags.project !== undefined && { project: flags.project }),
};
const libc = new Libc();

/** A watcher: the number of its events so far, and of its bytes. */
interface Watched {
  events: number;
  bytes: number;
}

async function watch(httpPort: number, signal: AbortSignal): Promise<Watched> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/v1/watch`, { signal });
  const watched = { events: 0, bytes: 0 };
  (async () => {
    for await (const chunk of response.body!) {
      watched.bytes += chunk.length;
      for (const byte of chunk) if (byte === 0x7b) watched.events++;
    }
  })().catch(() => {});
  return watched;
}

for (const watchers of (flags.watchers ?? "0,10").split(",").map(Number)) {
  const server = await Server.start("ours", machine);
  const controller = new AbortController();
  try {
    const watching: Watched[] = [];
    for (let i = 0; i < watchers; i++) {
      watching.push(await watch(server.httpPort!, controller.signal));
    }
    const clients: Client[] = [];
    for (let i = 0; i < CONNECTIONS; i++) clients.push(await Client.connect(server.port));
    const table = { topics: topicNames(topics), counter: 1, timestamp: TIMESTAMP };
    const body = registrationBody(table, "compressed", TIMESTAMP);
    const cpuBefore = libc.cpuOf(server.pid);
    const begin = performance.now();
    await Promise.all(clients.map(async (client, at) => {
      for (let i = at; i < brokers; i += CONNECTIONS) {
        await client.succeed(registration(broker(i), body, "compressed", client.nextOpaque()));
      }
    }));
    const wall = performance.now() - begin;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const cpu = libc.cpuOf(server.pid) - cpuBefore;
    const seen = watching.map(({ events, bytes }) => `${events} events, ${bytes} bytes`);
    console.log(
      `${brokers} brokers x ${topics} topics, ${watchers} watchers: ` +
        `${(wall / 1000).toFixed(2)} s, ${(cpu / 1000).toFixed(2)} s of CPU` +
        (seen.length > 0 ? `; each got ${[...new Set(seen)].join(" or ")}` : ""),
    );
    for (const client of clients) client.close();
  } finally {
    controller.abort();
    await server.stop();
  }
}
