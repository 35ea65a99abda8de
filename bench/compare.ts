/**
 * The server CPU of a request, this checkout against another one: what a change costs. Both servers
 * run at once, on the same CPU; they are measured in turn, and who is first changes with each round.
 *
 *     git worktree add ../before <commit>
 *     deno run --no-prompt --allow-net=127.0.0.1 --allow-read --allow-write --allow-run --allow-ffi \
 *       bench/compare.ts --before ../before [--rounds 8] [--seconds 2] [--only 50x1,50x8]
 */
import { parseArgs } from "@std/cli/parse-args";
import { resolve } from "node:path";
import { Libc } from "./libc.ts";
import { type Context, registerSmallCluster, SCENARIOS, warmUp } from "./scenarios.ts";
import { type Machine, pinSelf, Server } from "./servers.ts";

const flags = parseArgs(Deno.args, { string: ["before", "rounds", "seconds", "only"] });
if (flags.before === undefined) {
  console.error("--before DIR: the checkout to compare with");
  Deno.exit(1);
}

const machine: Machine = { heap: "1g", serverCpus: "0", loadCpu: "1" };
await pinSelf(machine.loadCpu!);
const context: Context = {
  machine,
  scale: { warmupSeconds: 0.3, seconds: Number(flags.seconds ?? 2), jvmWarmUpSeconds: 0 },
  libc: new Libc(),
  warn: (text) => console.error(`warning: ${text}`),
};

const servers = [
  await Server.start("ours", { ...machine, project: `${resolve(flags.before)}/` }),
  await Server.start("ours", machine),
];
const brokers = [];
try {
  for (const server of servers) {
    brokers.push(await registerSmallCluster(server));
    await warmUp(server, context);
  }
  for (const name of (flags.only ?? "50x1,50x8,50x32").split(",")) {
    const scenario = SCENARIOS.find((one) => one.name === name);
    if (scenario === undefined) throw new Error(`no scenario ${name}`);
    const cpu: [number[], number[]] = [[], []];
    for (let round = 0; round < Number(flags.rounds ?? 8); round++) {
      for (const which of round % 2 === 0 ? [0, 1] as const : [1, 0] as const) {
        cpu[which].push((await scenario.run(servers[which]!, context)).cpuUs!);
      }
    }
    const more = cpu[1].map((us, round) => (us / cpu[0][round]! - 1) * 100);
    console.log(
      `${name}: ${median(cpu[0]).toFixed(2)} us before, ${median(cpu[1]).toFixed(2)} us now; ` +
        `${median(more).toFixed(1)} % more (rounds: ${more.map((it) => it.toFixed(1)).join(", ")})`,
    );
  }
} finally {
  for (const client of brokers) client.close();
  for (const server of servers) await server.stop();
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
