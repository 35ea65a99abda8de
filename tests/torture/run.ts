/**
 * Breaks running servers in many ways, and checks that nothing acknowledged is lost.
 *
 *     deno task torture [--cycles N] [--seed S] [--only NAME]
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { chance } from "../support/chance.ts";
import { SCENARIOS } from "./scenarios.ts";
import { World } from "./world.ts";

const HELP = `Usage: deno task torture [options]
  --cycles NUMBER   how many times something happens to a server, 100 by default
  --seed NUMBER     repeats the choices of a run, which prints its seed
  --only NAME       only one kind: ${SCENARIOS.map(({ name }) => `"${name}"`).join(", ")}
`;

function exit(message: string): never {
  console.error(message);
  Deno.exit(1);
}

const options = parseArgs(Deno.args, {
  string: ["cycles", "seed", "only"],
  boolean: ["help"],
  alias: { help: "h" },
  unknown: (argument) => exit(`unknown argument: ${argument}\n${HELP}`),
});
if (options.help) {
  console.log(HELP);
  Deno.exit(0);
}

/** Reads an option that is a whole number, at least 1. */
function whole(name: "cycles" | "seed", otherwise: number): number {
  const text = options[name];
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,9}$/.test(text)) exit(`--${name}=${text}: a number from 1 on expected\n${HELP}`);
  return Number(text);
}

const cycles = whole("cycles", 100);
const seed = whole("seed", crypto.getRandomValues(new Uint32Array(1))[0]! || 1);
const chosen = SCENARIOS.filter(({ name }) => options.only === undefined || name === options.only);
if (chosen.length === 0) exit(`--only=${options.only}: there is no such kind\n${HELP}`);

const able = [];
for (const scenario of chosen) {
  const reason = await scenario.cannot?.();
  if (reason === undefined) able.push(scenario);
  else console.log(`not tried: ${scenario.name}: ${reason}`);
}
if (able.length === 0) exit("nothing can be tried on this machine");

console.log(`seed ${seed}, ${cycles} cycles`);
const start = performance.now();
await using world = await World.make(chance(seed));
for (let cycle = 0; cycle < cycles; cycle++) {
  const scenario = able[cycle % able.length]!;
  try {
    await scenario.run(world);
  } catch (error) {
    console.error(`cycle ${cycle}, ${scenario.name}: failed. Repeat with --seed ${seed}`);
    throw error;
  }
  if ((cycle + 1) % 50 === 0) console.log(`${cycle + 1} cycles`);
}
const seconds = Math.round((performance.now() - start) / 1000);
const changes = world.kv.acknowledged + world.config.acknowledged;
console.log(`${cycles} cycles, ${changes} acknowledged changes, 0 lost, in ${seconds} s`);
// The line that .ci/run counts.
console.log(`${cycles} passed, 0 failed`);
