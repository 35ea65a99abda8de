/**
 * Measures what access control costs end to end: the server CPU of a route query without rules, with
 * rules and a signature that the server has cached, and with one that it verifies each time. A server
 * with rules and one without run at once on the same CPU and are measured in turn. Then the latency of
 * signed queries at a fixed rate, alone and while a file with 10 000 accounts changes again and again.
 *
 *     deno run --no-prompt --allow-net=127.0.0.1 --allow-read --allow-write --allow-run --allow-ffi \
 *       bench/access_load.ts [--rounds 7] [--seconds 1]
 */
import { parseArgs } from "@std/cli/parse-args";
import { Libc } from "./libc.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import type { Context } from "./scenario.ts";
import { load, registerSmallCluster, warmUp } from "./scenarios.ts";
import { type Machine, pinSelf, Server } from "./servers.ts";

const flags = parseArgs(Deno.args, { string: ["rounds", "seconds"] });
const machine: Machine = { heap: "1g", serverCpus: "0", loadCpu: "1" };
await pinSelf(machine.loadCpu ?? "0");
const context: Context = {
  machine,
  scale: { warmupSeconds: 0.3, seconds: Number(flags.seconds ?? 1), jvmWarmUpSeconds: 0 },
  libc: new Libc(),
  warn: (text) => console.error(`warning: ${text}`),
};
const credentials = { accessKey: "AK-app", secretKey: "a-secret-of-more-than-20-characters" };
const LOADS = [{ connections: 50, depth: 1 }, { connections: 50, depth: 8 }];
/** Each case, and the one that it is compared with. */
const CASES = [
  { name: "unsigned, no rules", rules: false, options: {}, base: 0 },
  { name: "signed, no rules", rules: false, options: { credentials }, base: 0 },
  { name: "signed, rules", rules: true, options: { credentials }, base: 1 },
  {
    name: "signed, no rules, header not cached",
    rules: false,
    options: { credentials, uncached: true },
    base: 3,
  },
  {
    name: "signed, rules, header not cached",
    rules: true,
    options: { credentials, uncached: true },
    base: 3,
  },
];

const ACCOUNTS = 10_000;
const CHANGE_EVERY_MS = 2500;

const folder = await Deno.makeTempDir({ prefix: "namesrv-bench-access-" });
const servers: Server[] = [];
const brokers: { close(): void }[] = [];
try {
  await writeRules(0, "");
  await Deno.writeTextFile(`${folder}/rules.properties`, `accessFile=${folder}/access.yml\n`);
  const open = await Server.start("ours", machine);
  servers.push(open);
  const guarded = await Server.start("ours", machine, `${folder}/rules.properties`);
  servers.push(guarded);
  for (const server of servers) {
    brokers.push(await registerSmallCluster(server));
    await warmUp(server, context);
  }
  for (const shape of LOADS) await measure(shape, open, guarded);
  await measureReloads(guarded);
} finally {
  for (const broker of brokers) broker.close();
  for (const server of servers) await server.stop();
  await Deno.remove(folder, { recursive: true });
}

async function measure(shape: Partial<LoadOptions>, open: Server, guarded: Server): Promise<void> {
  const measured = CASES.map(() => [] as number[]);
  for (let round = 0; round <= Number(flags.rounds ?? 7); round++) {
    for (const [index, { rules, options }] of CASES.entries()) {
      const server = rules ? guarded : open;
      const { serverCpu, answers } = await load(server, context, { ...shape, ...options });
      // The first round is for the compiler.
      if (round > 0) measured[index]?.push(serverCpu * 1e6 / answers);
    }
  }
  console.log(`${shape.connections}x${shape.depth}, CPU us of a query, median of the rounds:`);
  for (const [index, { name, base }] of CASES.entries()) {
    const own = measured[index] ?? [];
    const ratios = own.map((us, round) => us / (measured[base]?.[round] ?? NaN));
    const more = base === index ? "" : `  ${median(ratios).toFixed(2)} x "${CASES[base]?.name}"`;
    console.log(`  ${name.padEnd(38)} ${median(own).toFixed(2)}${more}`);
  }
}

/** Brokers may register without a signature: nothing is refused, and all is decided. */
async function writeRules(others: number, note: string): Promise<void> {
  const { accessKey, secretKey } = credentials;
  const lines = Array.from(
    { length: others },
    (_, i) => `  - {accessKey: AK-${note}-${i}, secret: ${secretKey}-${i}, may: [client]}\n`,
  );
  const own = `  - {accessKey: ${accessKey}, secret: ${secretKey}, may: [client]}\n`;
  const text = `mode: audit\naccounts:\n${own}${lines.join("")}`;
  await Deno.writeTextFile(`${folder}/access.yml`, text, { mode: 0o600 });
}

async function measureReloads(server: Server): Promise<void> {
  const shape = { connections: 50, rate: 10_000, seconds: 10, credentials };
  const memory = async () => ((await server.heapBytes() ?? NaN) / 1e6).toFixed(0);
  const line = (what: string, { p50, p99, p999, max }: LoadResult) =>
    `  ${what.padEnd(24)} p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, p99.9 ${
      p999.toFixed(2)
    }, longest ${max.toFixed(1)} ms`;
  console.log(`10 000 queries a second, signed; ${ACCOUNTS} accounts:`);
  const before = await memory();
  await writeRules(ACCOUNTS, "0");
  await new Promise((resolve) => setTimeout(resolve, CHANGE_EVERY_MS));
  console.log(line("unchanged", await load(server, context, shape)));
  let changes = 0;
  const timer = setInterval(() => void writeRules(ACCOUNTS, `${++changes}`), CHANGE_EVERY_MS);
  console.log(line("the file changes", await load(server, context, shape)));
  clearInterval(timer);
  console.log(`  ${changes} changes; heap ${before} MB before, ${await memory()} MB after`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}
