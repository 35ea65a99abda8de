/**
 * Breaks running servers in many ways, and checks that nothing acknowledged is lost.
 *
 *     deno task torture [--cycles N] [--seed S] [--only NAME]
 *
 * @module
 */

import { chance } from "../support/chance.ts";
import { runOptions } from "../support/run_options.ts";
import { SCENARIOS } from "./scenarios.ts";
import { World } from "./world.ts";

const HELP = `Usage: deno task torture [options]
  --cycles NUMBER   how many times something happens to a server, 100 by default
  --seed NUMBER     repeats the choices of a run, which prints its seed
  --only NAME       only one kind: ${SCENARIOS.map(({ name }) => `"${name}"`).join(", ")}
`;

const options = runOptions(["cycles", "only"], HELP);
const cycles = options.whole("cycles", 100);
const only = options.text("only");
const { seed } = options;
const chosen = SCENARIOS.filter(({ name }) => only === undefined || name === only);
if (chosen.length === 0) options.fail(`--only=${only}: there is no such kind`);

const able = [];
for (const scenario of chosen) {
  const reason = await scenario.cannot?.();
  if (reason === undefined) able.push(scenario);
  else console.log(`not tried: ${scenario.name}: ${reason}`);
}
if (able.length === 0) {
  console.error("nothing can be tried on this machine");
  Deno.exit(1);
}

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
