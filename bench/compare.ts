/**
 * Compares the server CPU of a request in this checkout and another one, to see what a change
 * costs. Both servers run at once on the same CPU. They are measured in turn, and the order
 * alternates with each round. Two processes of one program also differ, so a new pair is started
 * several times.
 *
 *     git worktree add ../before <commit>
 *     deno run --no-prompt --allow-net=127.0.0.1 --allow-read --allow-write --allow-run --allow-ffi \
 *       bench/compare.ts --before ../before [--pairs 5] [--rounds 4] [--seconds 1] [--only 50x1,50x8]
 */
import { parseArgs } from "@std/cli/parse-args";
import { resolve } from "node:path";
import { Libc } from "./libc.ts";
import type { Context, Scenario } from "./scenario.ts";
import { registerSmallCluster, SCENARIOS, warmUp } from "./scenarios.ts";
import { type Machine, pinSelf, Server } from "./servers.ts";

const flags = parseArgs(Deno.args, { string: ["before", "pairs", "rounds", "seconds", "only"] });
if (flags.before === undefined) {
  console.error("--before DIR: the checkout to compare with");
  Deno.exit(1);
}
const before = `${resolve(flags.before)}/`;
const scenarios = (flags.only ?? "50x1,50x8,50x32").split(",").map(findScenario);
const machine: Machine = { heap: "1g", serverCpus: "0", loadCpu: "1" };
await pinSelf(machine.loadCpu!);
const context: Context = {
  machine,
  scale: { warmupSeconds: 0.3, seconds: Number(flags.seconds ?? 1), jvmWarmUpSeconds: 0 },
  libc: new Libc(),
  warn: (text) => console.error(`warning: ${text}`),
};

/** Microseconds of each round, before and now, by scenario. */
const measured = new Map(scenarios.map((one) => [one, [[], []] as [number[], number[]]]));
// The first start of a changed program compiles its TypeScript.
for (const project of [before, undefined]) {
  await (await Server.start("ours", { ...machine, project })).stop();
}
for (let pair = 0; pair < Number(flags.pairs ?? 5); pair++) await measurePair();
for (const [{ name }, [then, now]] of measured) {
  const more = now.map((us, round) => (us / then[round]! - 1) * 100);
  const quarters = [0.25, 0.5, 0.75].map((part) => `${quantile(more, part).toFixed(1)} %`);
  console.log(
    `${name}: ${quantile(then, 0.5).toFixed(3)} us before, ${quantile(now, 0.5).toFixed(3)} us ` +
      `now; a quarter, a half and three quarters of ${more.length} rounds cost at most ` +
      `${quarters.join(", ")} more`,
  );
}

async function measurePair(): Promise<void> {
  const servers = [
    await Server.start("ours", { ...machine, project: before }),
    await Server.start("ours", machine),
  ];
  const brokers = [];
  try {
    for (const server of servers) {
      brokers.push(await registerSmallCluster(server));
      await warmUp(server, context);
    }
    for (const [scenario, cpu] of measured) {
      for (let round = 0; round < Number(flags.rounds ?? 4); round++) {
        for (const which of round % 2 === 0 ? [0, 1] as const : [1, 0] as const) {
          cpu[which].push((await scenario.run(servers[which]!, context)).cpuUs!);
        }
      }
    }
  } finally {
    for (const client of brokers) client.close();
    for (const server of servers) await server.stop();
  }
}

function findScenario(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario !== undefined) return scenario;
  console.error(`--only ${name}: no such scenario`);
  Deno.exit(1);
}

function quantile(numbers: readonly number[], part: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at % 1);
}
