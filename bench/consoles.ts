/**
 * The cost of open consoles with 50 000 topics on 300 brokers: the p99 of route queries without and with ten
 * of them, how long a console's first page and a search take meanwhile, and a comparison with a second name
 * server that has the same tables.
 *
 *     deno run --no-prompt --allow-net=127.0.0.1 --allow-read --allow-write --allow-run --allow-ffi \
 *       bench/consoles.ts [--rounds N] [--seconds N] [--rate N] [--consoles N] [--typing]
 *
 * A console does what the browser's does: one stream of changes, and the overview and the history every five
 * seconds. One of them, or all with `--typing`, also searches topics, four keys a second. They run on the
 * generator's CPU, while that is idle: browsers take no CPU from a server or from its clients.
 */
import { parseArgs } from "@std/cli/parse-args";
import { broker, Client, registration, registrationBody, topicNames } from "./brokers.ts";
import type { ConsoleOptions } from "./consoles_load.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { type Machine, runHelper, Server } from "./servers.ts";

const TOPICS = 50_000;
const BROKERS = 300;
/** Brokers that have the same topics. */
const GROUP = 2;
const TIMESTAMP = 1_700_000_000_000;
/** Of the consoles, around those of the load. */
const MARGIN_SECONDS = 1.5;

const flags = parseArgs(Deno.args, {
  string: ["rounds", "seconds", "rate", "consoles"],
  boolean: ["typing"],
});
const consoles = Number(flags.consoles ?? 10);
const names = topicNames(TOPICS);
const machine: Machine = { serverCpus: "0", loadCpu: "1", heap: "1g" };

async function register(server: Server): Promise<Client> {
  const client = await Client.connect(server.port);
  const share = Math.ceil(TOPICS / (BROKERS / GROUP));
  for (let i = 0; i < BROKERS; i++) {
    const at = Math.floor(i / GROUP) * share;
    const table = { topics: names.slice(at, at + share), counter: 1, timestamp: TIMESTAMP };
    const body = registrationBody(table, "compressed", TIMESTAMP);
    await client.succeed(registration(broker(i), body, "compressed", client.nextOpaque()));
  }
  return client;
}

const folder = await Deno.makeTempDir({ prefix: "namesrv-bench-" });
const other = await Server.start("ours", { ...machine, serverCpus: "1" });
await Deno.writeTextFile(`${folder}/conf`, `namesrvAddrs=127.0.0.1:${other.port}\n`);
const server = await Server.start("ours", machine, `${folder}/conf`);
const httpPort = server.httpPort!;
try {
  const clients = [await register(server), await register(other)];
  const load: LoadOptions = {
    host: "127.0.0.1",
    port: server.port,
    connections: 50,
    depth: 1,
    rate: Number(flags.rate ?? 5000),
    topics: names.slice(0, 1000),
    warmupSeconds: 0.5,
    seconds: Number(flags.seconds ?? 5),
    serverPid: server.pid,
  };
  const measure = async (): Promise<LoadResult> =>
    JSON.parse(await runHelper(machine, ["--allow-ffi"], "load.ts", [JSON.stringify(load)]));
  const took = new Map<string, number[]>();
  const look = async (count: number, seconds: number): Promise<void> => {
    const typing = flags.typing ? count : Math.min(1, count);
    const opened: ConsoleOptions = { httpPort, consoles: count, typing, seconds };
    const args = [JSON.stringify(opened)];
    const idle = { ...machine, idle: true };
    const times: Record<string, number[]> = JSON.parse(
      await runHelper(idle, ["--allow-net=127.0.0.1"], "consoles_load.ts", args),
    );
    for (const [what, list] of Object.entries(times)) {
      took.set(what, [...took.get(what) ?? [], ...list]);
    }
  };
  await measure();
  await look(1, 1);
  took.clear();
  const rounds: { alone: LoadResult; looked: LoadResult; again: LoadResult }[] = [];
  for (let i = 0; i < Number(flags.rounds ?? 5); i++) {
    const alone = await measure();
    const looking = look(consoles, load.seconds + 2 * MARGIN_SECONDS);
    await new Promise((resolve) => setTimeout(resolve, MARGIN_SECONDS * 1000));
    const looked = await measure();
    await looking;
    rounds.push({ alone, looked, again: await measure() });
  }
  print("alone", rounds.map(({ alone }) => alone));
  print(`with ${consoles} consoles`, rounds.map(({ looked }) => looked));
  print("alone again", rounds.map(({ again }) => again));
  const ratio = median(
    rounds.map(({ alone, looked, again }) => 2 * looked.p99 / (alone.p99 + again.p99)),
  );
  console.log(`p99 with consoles to the mean of before and after: ${(100 * ratio).toFixed(1)} %`);

  const comparing = (async () => {
    const path = `/api/v1/compare?with=127.0.0.1:${other.port}`;
    const begin = performance.now();
    const response = await fetch(`http://127.0.0.1:${httpPort}${path}`);
    const { total, partial, truncated } = await response.json();
    const seconds = (performance.now() - begin) / 1000;
    console.log(
      `comparison: ${seconds.toFixed(2)} s, ${total} differences, ${partial.length} gaps, ` +
        `truncated: ${truncated}`,
    );
  })();
  print("while comparing", [await measure()]);
  await comparing;
  for (const [what, times] of took) {
    const sorted = times.toSorted((a, b) => a - b);
    console.log(
      `${what}: median ${median(sorted).toFixed(0)} ms, longest ${sorted.at(-1)!.toFixed(0)} ms ` +
        `of ${sorted.length}`,
    );
  }
  for (const client of clients) client.close();
} finally {
  await server.stop();
  await other.stop();
  await Deno.remove(folder, { recursive: true });
}

function print(what: string, results: readonly LoadResult[]): void {
  const p = (name: "p50" | "p99" | "p999") => median(results.map((it) => it[name])).toFixed(3);
  const cpu = median(results.map(({ serverCpu, seconds }) => 100 * serverCpu / seconds));
  const errors = results.reduce((sum, it) => sum + it.errors + it.lost, 0);
  console.log(
    `${what.padEnd(18)}  p50 ${p("p50")}  p99 ${p("p99")}  p99.9 ${p("p999")} ms  ` +
      `server ${cpu.toFixed(0)} %  errors ${errors}   (medians of ${results.length} rounds)`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
