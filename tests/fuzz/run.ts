/**
 * The fuzzer: `deno task fuzz [--seconds N] [--seed S] [--batches N]`. It runs batches, most of them over a
 * fake transport, each sixteenth over sockets and another one of sixteen with rules and signed frames, with one seed after another, until the time is over or one
 * fails. The last line of a failure is the command that repeats the batch.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { runBatch, runSignedBatch } from "./batch.ts";
import { runSocketBatch } from "./socket_batch.ts";

const FRAMES = 3000;
/** Batches over sockets are those whose seed can be divided by this. */
const SOCKETS_EVERY = 16;
/** Those with rules of access control and signed frames are those whose seed leaves this rest. */
const SIGNED_REST = 3;
/** Batches between two lines that say how far a long run is. */
const SAID_EVERY = 1000;

const { seconds, seed: given, batches } = parseArgs(Deno.args, {
  string: ["seconds", "seed", "batches"],
});
const first = given === undefined ? Date.now() % 1_000_000_000 : whole("seed", given);
const limit = seconds === undefined
  ? (batches === undefined ? 20 : Infinity)
  : whole("seconds", seconds);
const most = batches === undefined ? Infinity : whole("batches", batches);

let seed = first;
let frames = 0;
let overSockets = 0;
for (const kind of ["error", "unhandledrejection"]) {
  globalThis.addEventListener(kind, (event) => {
    event.preventDefault();
    fail(event instanceof PromiseRejectionEvent ? event.reason : (event as ErrorEvent).error);
  });
}

console.log(`seed ${first}`);
const start = performance.now();
const passed = () => (performance.now() - start) / 1000;
for (; passed() < limit && seed - first < most; seed++) {
  if (seed > first && (seed - first) % SAID_EVERY === 0) sayFrames();
  try {
    if (seed % SOCKETS_EVERY === 0) {
      overSockets += await runSocketBatch(seed / SOCKETS_EVERY, FRAMES);
    } else if (seed % SOCKETS_EVERY === SIGNED_REST) frames += await runSignedBatch(seed, FRAMES);
    else frames += await runBatch(seed, FRAMES);
  } catch (error) {
    fail(error);
  }
}
sayFrames();
console.log(`${seed - first} passed, 0 failed`);
Deno.exit();

function sayFrames(): void {
  const rate = Math.round((frames + overSockets) / passed());
  console.log(
    `${frames} frames in process and ${overSockets} over sockets in ${Math.round(passed())} s, ` +
      `${rate} a second`,
  );
}

function fail(error: unknown): never {
  console.error(error);
  console.error(`deno task fuzz --seed ${seed} --batches 1`);
  console.log(`${seed - first} passed, 1 failed`);
  Deno.exit(1);
}

function whole(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  console.error(`--${name}=${text}: must be a whole number`);
  Deno.exit(2);
}
