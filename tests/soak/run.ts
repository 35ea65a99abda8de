/**
 * A soak: `deno task soak [--minutes N] [--seed S]`. A server lives for an hour with brokers that come and
 * go, 1,000 clients, administration, scrapes and noise. Each minute prints its figures. When all have left,
 * nothing of them may be left in it.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { chance } from "../support/chance.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { pause } from "../support/wait.ts";
import { type Figures, Gauge } from "./figures.ts";
import { noise } from "./noise.ts";
import { Soak } from "./soak.ts";
import { admin, broker, client, scraper } from "./traffic.ts";

const BROKERS = 40;
const CLIENTS = 1000;
const NOISE = 60;
/** Minutes that the server has to forget brokers whose connections broke. */
const FORGET_MINUTES = 3;

const options = parseArgs(Deno.args, { string: ["minutes", "seed"] });
const minutes = whole("minutes", 60);
const seed = whole("seed", Date.now() % 1_000_000_000);

console.log(`seed ${seed}, ${minutes} minutes`);
const soak = new Soak(chance(seed));
await using http = await HttpServerProcess.start();
const { port } = http.server;
const gauge = new Gauge(http);
const all: Figures[] = [];
const print = async () => {
  const figures = await gauge.read();
  all.push(figures);
  console.log(JSON.stringify(figures));
};

await print();
for (let i = 0; i < BROKERS; i++) soak.add("broker", () => broker(soak, port, i));
for (let i = 0; i < CLIENTS; i++) soak.add("client", () => client(soak, port));
for (let i = 0; i < NOISE; i++) soak.add("noise", () => noise(soak, port, http.httpPort));
soak.add("admin", () => admin(soak, port));
soak.add("scraper", () => scraper(soak, http));
for (let minute = 1; minute <= minutes; minute++) {
  await pause(60_000);
  await print();
}
await soak.end();
console.log("all have left");
for (let minute = 1; minute <= FORGET_MINUTES; minute++) {
  await pause(60_000);
  await print();
}

const last = all.at(-1);
console.log("start, middle, end, and after all have left");
for (const at of [1, Math.ceil(minutes / 2), minutes, all.length - 1]) {
  console.log(JSON.stringify(all[at]));
}
console.log("troubles", Object.fromEntries(soak.troubles));
const errors = http.server.err.all.filter((line) => / ERROR /.test(line));
for (const line of errors) console.log(line);
const left = [last?.connections, last?.topics, last?.bufferedBytes].some((value) => value !== 0);
const failed = left || errors.length > 0 || soak.troubles.size > 0;
console.log(`${minutes} minutes, ${failed ? "failed" : "passed"}`);
Deno.exitCode = failed ? 1 : 0;

function whole(name: "minutes" | "seed", otherwise: number): number {
  const text = options[name];
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  console.error(`--${name}=${text}: must be a whole number from 1 on`);
  Deno.exit(2);
}
