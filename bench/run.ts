/**
 * `deno task bench`: the same load on our name server, on Apache RocketMQ's and on bare loops, in
 * turn, in several rounds; prints a table and writes it as JSON and as an SVG chart. See
 * bench/README.md.
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Client } from "./brokers.ts";
import { drawChart } from "./chart.ts";
import { Libc } from "./libc.ts";
import {
  emptyOutcome,
  formatOutcome,
  formatSummary,
  type Outcome,
  type Results,
} from "./report.ts";
import type { Context, Scale, Scenario } from "./scenario.ts";
import { registerSmallCluster, SCENARIOS, warmUp } from "./scenarios.ts";
import {
  canPin,
  compileCLoop,
  findReference,
  type Machine,
  pinSelf,
  Server,
  SERVER_KINDS,
  type ServerKind,
} from "./servers.ts";
import { makeTlsFiles } from "./tls.ts";

const HELP = `Usage: deno task bench [options]

  --short              under two minutes: one short round of the scenarios that matter most
  --only NAMES         these scenarios, comma separated: ${
  SCENARIOS.map(({ name }) => name).join(", ")
}
  --servers NAMES      of these servers, comma separated: ${SERVER_KINDS.join(", ")}
  --rounds N           how often each is measured (3)
  --reference DIR      the folder with the jars of RocketMQ 5.5.0 (fetched by Maven)
  --heap SIZE          the reference's heap (1g; its own start script takes 4g)
  --server-cpus LIST   CPUs of the server under test (all but the last)
  --load-cpu N         CPU of the load generator (the last)
  --out DIR            where results.json and results.svg go (bench/results; with --only: nowhere)
  --help`;

const FULL: Scale = { warmupSeconds: 1, seconds: 4, jvmWarmUpSeconds: 20 };
const SHORT: Scale = { warmupSeconds: 0.5, seconds: 1.2, jvmWarmUpSeconds: 8 };
const SHORT_KINDS: ServerKind[] = ["ours", "ours on node:net", "reference", "bare C"];

const flags = parseArgs(Deno.args, {
  boolean: ["short", "help"],
  string: ["only", "servers", "rounds", "reference", "heap", "server-cpus", "load-cpu", "out"],
  unknown: (argument) => fail(`unknown argument ${argument}`),
});
if (flags.help) {
  console.log(HELP);
  Deno.exit(0);
}

const chosen = chooseScenarios();
const compiled = await Deno.makeTempDir();
const machine = await prepareMachine();
const kinds = chooseKinds();
const warnings: string[] = [];
const context: Context = {
  machine,
  scale: flags.short ? SHORT : FULL,
  libc: new Libc(),
  warn(text) {
    warnings.push(text);
    console.error(`warning: ${text}`);
  },
};
const tlsFolder = chosen.some(({ tls }) => tls) ? await Deno.makeTempDir() : undefined;
if (tlsFolder !== undefined) context.tls = await makeTlsFiles(tlsFolder);
const outcomes = new Map<Scenario, Outcome>(chosen.map((one) => [one, emptyOutcome(one)]));

const rounds = Number(flags.rounds ?? (flags.short ? 1 : 3));
if (!Number.isInteger(rounds) || rounds < 1) fail(`--rounds ${flags.rounds}: a number from 1`);
// The first start of changed programs compiles their TypeScript, and such a process keeps 18 MB more than later ones.
for (const kind of kinds) {
  if (kind !== "reference") await (await Server.start(kind, machine)).stop();
}
await runShared();
await runOwn();
if (tlsFolder !== undefined) await Deno.remove(tlsFolder, { recursive: true });
await Deno.remove(compiled, { recursive: true });

const results: Results = {
  date: new Date().toISOString(),
  machine: await describeMachine(),
  scenarios: [...outcomes.values()],
  warnings,
};
console.log(formatSummary(results));
await save(results);

/** The scenarios on shared servers: round by round, and within a round server by server. */
async function runShared(): Promise<void> {
  const scenarios = chosen.filter(({ server }) => server === "shared");
  if (scenarios.length === 0) return;
  const running: { server: Server; brokers: Client }[] = [];
  try {
    for (const kind of kinds) {
      const server = await Server.start(kind, machine, context.tls?.config);
      running.push({ server, brokers: await registerSmallCluster(server) });
      await warmUp(server, context);
    }
    for (const scenario of scenarios) {
      for (let round = 0; round < rounds; round++) {
        for (const { server } of running) {
          if (scenario.kinds.includes(server.kind)) await measure(scenario, server);
        }
      }
      console.log(`${formatOutcome(outcomes.get(scenario)!)}\n`);
    }
  } finally {
    for (const { server, brokers } of running) {
      brokers.close();
      await server.stop();
    }
  }
}

/** The scenarios that need their own server. */
async function runOwn(): Promise<void> {
  for (const scenario of chosen.filter(({ server }) => server === "own")) {
    for (let round = 0; round < (scenario.long ? 1 : rounds); round++) {
      for (const kind of kinds.filter((kind) => scenario.kinds.includes(kind))) {
        const server = await Server.start(
          kind,
          machine,
          scenario.tls ? context.tls?.config : undefined,
          scenario.controller,
        );
        try {
          await measure(scenario, server);
        } finally {
          await server.stop();
        }
      }
    }
    console.log(`${formatOutcome(outcomes.get(scenario)!)}\n`);
  }
}

async function measure(scenario: Scenario, server: Server): Promise<void> {
  const { samples } = outcomes.get(scenario)!;
  try {
    const sample = await scenario.run(server, context);
    (samples[server.kind] ??= []).push(sample);
  } catch (error) {
    context.warn(`${scenario.title}, ${server.kind}: ${error}`);
  }
}

function chooseScenarios(): Scenario[] {
  if (flags.only === undefined) {
    return SCENARIOS.filter(({ short, long }) => flags.short ? short : !long);
  }
  return flags.only.split(",").map((name) =>
    SCENARIOS.find((scenario) => scenario.name === name) ??
      fail(
        `--only ${name}: no such scenario; there are ${
          SCENARIOS.map((one) => one.name).join(", ")
        }`,
      )
  );
}

function chooseKinds(): ServerKind[] {
  const wanted = flags.servers?.split(",") ?? (flags.short ? SHORT_KINDS : SERVER_KINDS);
  for (const name of wanted) {
    if (!SERVER_KINDS.some((kind) => kind === name)) {
      fail(`--servers ${name}: no such server; there are ${SERVER_KINDS.join(", ")}`);
    }
  }
  const found = SERVER_KINDS.filter((kind) => wanted.includes(kind));
  return found.filter((kind) => {
    const missing = kind === "reference" && !machine.referenceJars
      ? "Java and Maven (or --reference DIR)"
      : kind === "bare C" && !machine.cLoop
      ? "gcc"
      : undefined;
    if (missing !== undefined) console.error(`Without ${missing} "${kind}" is left out.`);
    return missing === undefined;
  });
}

async function prepareMachine(): Promise<Machine> {
  const referenceJars = await findReference(flags.reference);
  const heap = flags.heap ?? "1g";
  const cLoop = await compileCLoop(compiled);
  const cpus = navigator.hardwareConcurrency;
  if (cpus < 2 || !await canPin()) {
    console.error("Without taskset, or with one CPU, nothing is pinned: expect a wide spread.");
    return { heap, referenceJars, cLoop };
  }
  const serverCpus = flags["server-cpus"] ?? (cpus > 2 ? `0-${cpus - 2}` : "0");
  const loadCpu = flags["load-cpu"] ?? String(cpus - 1);
  await pinSelf(loadCpu);
  return { heap, referenceJars, cLoop, serverCpus, loadCpu };
}

async function describeMachine(): Promise<Record<string, string>> {
  const { serverCpus, loadCpu, heap } = machine;
  const { stdout } = await new Deno.Command("cat", { args: ["/proc/cpuinfo"] }).output();
  const model = /^model name\s*:\s*(.*)$/m.exec(new TextDecoder().decode(stdout))?.[1];
  return {
    cpu: `${navigator.hardwareConcurrency} x ${model ?? Deno.build.arch}`,
    deno: `Deno ${Deno.version.deno}`,
    reference: `reference: RocketMQ 5.5.0, heap ${heap}`,
    pinned: serverCpus ? `server on CPU ${serverCpus}, load on CPU ${loadCpu}` : "not pinned",
  };
}

/** A run of selected scenarios replaces the results of the last complete run only if asked to. */
async function save(results: Results): Promise<void> {
  const partly = flags.only !== undefined || flags.servers !== undefined || flags.short;
  if (partly && flags.out === undefined) return;
  const folder = flags.out ?? new URL("results", import.meta.url).pathname;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/results.json`, JSON.stringify(results, undefined, 2) + "\n");
  await Deno.writeTextFile(`${folder}/results.svg`, drawChart(results));
  console.log(`\nwritten to ${folder}`);
}

function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}
