/**
 * Does harm to controllers, etcd and brokers, and checks that the controllers never contradict themselves or
 * each other, and that no acknowledged message is lost.
 *
 *     deno task chaos [--faults N] [--seed S]
 *
 * @module
 */

import { chance } from "../support/chance.ts";
import { runOptions } from "../support/run_options.ts";
import { pause } from "../support/wait.ts";
import { chooseFault } from "./faults.ts";
import { heal } from "./healing.ts";
import { World } from "./world.ts";

const HELP = `Usage: deno task chaos [options]
  --faults NUMBER   how many faults, 200 by default
  --seed NUMBER     repeats the choices of a run, which prints its seed
`;
/** Faults after which everything must heal. */
const ROUND = 50;
/** Milliseconds from a fault to the next. */
const LEAST_GAP = 200;
const MOST_GAP = 1200;
/** Faults that a failure shows, as those that may have led to it. */
const SHOWN = 20;

const options = runOptions(["faults"], HELP);
const faults = options.whole("faults", 200);
const { seed } = options;
console.log(`seed ${seed}, ${faults} faults`);
const start = performance.now();
const world = await World.start(chance(seed));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    world.cluster.killAll();
    console.error(`ended by ${signal}`);
    Deno.exit(1);
  });
}
const begun: { kind: string; at: Date; over: Promise<void> }[] = [];
let failure: unknown;
try {
  await Promise.race([run(), world.violations.first]);
} catch (error) {
  failure = error;
}
await Promise.allSettled(begun.map(({ over }) => over));
await world.stop();
const failed = failure !== undefined || world.violations.any;
report();
Deno.exit(failed ? 1 : 0);

async function run(): Promise<void> {
  await heal(world);
  for (let done = 0; done < faults;) {
    const round = Math.min(ROUND, faults - done);
    await doHarm(round);
    done += round;
    const millis = await heal(world);
    console.log(`${done} faults, healed in ${millis} ms: ${figures()}`);
  }
}

/** Begins faults one after the other. Resolves when all are over. */
async function doHarm(count: number): Promise<void> {
  for (const end = begun.length + count; begun.length < end && !world.violations.any;) {
    const fault = chooseFault(world.below);
    const over = fault.begin(world);
    if (over === undefined) continue;
    begun.push({ kind: fault.kind, at: new Date(), over });
    // Seen below.
    over.catch(() => {});
    await pause(world.millis(LEAST_GAP, MOST_GAP));
  }
  await Promise.all(begun.map(({ over }) => over));
}

function figures(): string {
  const { history: { states, elections, terms }, acknowledged, lost } = world;
  return `${terms.length} leaders, ${elections} elections, ${states} states of sets, ` +
    `${acknowledged} messages acknowledged, ${lost} lost`;
}

function report(): void {
  const kinds = Object.groupBy(begun, ({ kind }) => kind);
  for (const kind of Object.keys(kinds).sort()) console.log(`${kinds[kind]?.length} x ${kind}`);
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`${begun.length} faults: ${figures()}, in ${seconds} s`);
  if (!failed) {
    // The line that .ci/run counts.
    console.log(`${begun.length} passed, 0 failed`);
    return;
  }
  for (const { kind, at } of begun.slice(-SHOWN)) console.error(`${at.toISOString()} ${kind}`);
  for (const { what, at } of world.violations.found) console.error(`${at.toISOString()} ${what}`);
  if (!world.violations.any) console.error(failure);
  console.error(`deno task chaos --faults ${faults} --seed ${seed}`);
  console.log(`${Math.max(0, begun.length - 1)} passed, 1 failed`);
}
