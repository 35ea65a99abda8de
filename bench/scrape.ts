/**
 * The effect of a storm of scrapes on route queries: their p99 without and with 50 scrapers, each
 * of which requests /metrics again as soon as it has its response. The queries come at a fixed rate
 * or, with `--rate 0`, one after another on each connection.
 *
 *     deno run --allow-net --allow-read --allow-write --allow-run bench/scrape.ts \
 *       [--rounds N] [--seconds N] [--rate N] [--path PATH]
 */
import { parseArgs } from "@std/cli/parse-args";
import type { LoadResult } from "./load.ts";
import { registerSmallCluster, SMALL_CLUSTER_TOPICS } from "./scenarios.ts";
import type { ScrapeLoad, ScrapeRound } from "./scrape_load.ts";
import { type Machine, runHelper, Server } from "./servers.ts";

const SCRAPERS = 50;
const CONNECTIONS = 50;
const WARM_UP_SECONDS = 0.3;

const flags = parseArgs(Deno.args, { string: ["rounds", "seconds", "rate", "path"] });
const seconds = Number(flags.seconds ?? 1);
const rate = Number(flags.rate ?? 10_000);

const machine: Machine = { serverCpus: "0", loadCpu: "1", heap: "1g" };
const server = await Server.start("ours", machine);
try {
  const brokers = await registerSmallCluster(server);
  const options: ScrapeLoad = {
    load: {
      host: "127.0.0.1",
      port: server.port,
      connections: CONNECTIONS,
      depth: 1,
      rate,
      topics: SMALL_CLUSTER_TOPICS,
      warmupSeconds: WARM_UP_SECONDS,
      seconds,
      serverPid: server.pid,
    },
    rounds: Number(flags.rounds ?? 20),
    httpPort: server.httpPort!,
    path: flags.path ?? "/metrics",
    scrapers: SCRAPERS,
  };
  const permissions = ["--allow-ffi", "--allow-net=127.0.0.1"];
  const rounds: ScrapeRound[] = JSON.parse(
    await runHelper(machine, permissions, "scrape_load.ts", [JSON.stringify(options)]),
  );
  brokers.close();
  print("alone", rounds.map(({ alone }) => alone));
  print(`with ${SCRAPERS} scrapers`, rounds.map(({ stormed }) => stormed));
  print("alone again", rounds.map(({ again }) => again));
  const scrapes = rounds.reduce((sum, round) => sum + round.scrapes, 0);
  const perSecond = scrapes / rounds.length / (seconds + WARM_UP_SECONDS);
  console.log(`${perSecond.toFixed(0)} scrapes/s of ${rounds.at(-1)!.bytes} bytes`);
  const ratios = rounds.map(({ alone, stormed, again }) =>
    2 * stormed.p99 / (alone.p99 + again.p99)
  );
  const noise = rounds.map(({ alone, again }) => again.p99 / alone.p99);
  console.log(
    `p99 with scrapers to the mean of before and after, median of the rounds: ${
      percent(ratios)
    }; ` +
      `after to before: ${percent(noise)}`,
  );
} finally {
  await server.stop();
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

function percent(ratios: readonly number[]): string {
  const more = 100 * (median(ratios) - 1);
  return `${more < 0 ? "" : "+"}${more.toFixed(1)} %`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
