/**
 * The price of the route snapshot, and what it saves: with 300 brokers of 10 000 topics each, the
 * longest wait of a route query and the CPU time while nothing is written and while a snapshot is
 * written every second; then a kill and a restart.
 *
 *     deno run --allow-net --allow-read --allow-write --allow-run --allow-ffi bench/restart.ts \
 *       [--seconds N] [--mixed]
 *
 * With `--mixed`, each topic is missing on a tenth of the brokers, not the same for any two topics
 * that follow each other, and has one of four numbers of queues.
 */
import { parseArgs } from "@std/cli/parse-args";
import denoJson from "../deno.json" with { type: "json" };
import { broker, Client, topicNames } from "./brokers.ts";
import { Code, encodeRequest } from "./frames.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { type Machine, runHelper } from "./servers.ts";

const BROKERS = 300;
const TOPICS = topicNames(10_000);
const SMALL_TOPICS = topicNames(100);
const VERSION = { counter: 1, timestamp: 1_700_000_000_000 };
const MAIN = new URL("../main.ts", import.meta.url).pathname;
const FLAGS = denoJson.tasks.start.command.replaceAll("'", "").split(" ").slice(1, -1);

const flags = parseArgs(Deno.args, { string: ["seconds"], boolean: ["mixed"] });
const seconds = Number(flags.seconds ?? 20);
const machine: Machine = { serverCpus: "0", loadCpu: "1", heap: "1g" };
// Brokers whose addresses refuse connections would be dropped after the restart.
const ears = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const home = await Deno.makeTempDir({ prefix: "namesrv-bench-" });
const [port, httpPort] = [freePort(), freePort()];

let server = await start();
try {
  const client = await Client.connect(port);
  for (let index = 0; index < BROKERS; index++) {
    await client.register(brokerOf(index), { ...tableOf(index), ...VERSION });
  }
  await client.register(brokerOf(BROKERS), { topics: SMALL_TOPICS, ...VERSION });
  const alone = await load();
  print("nothing written", alone);

  await configure(client, "routeSnapshotInterval=1000");
  const before = await snapshots();
  let counter = 1;
  const changes = setInterval(() => {
    const queues = new Map([["BenchTopic00", 8 + counter]]);
    const table = { topics: SMALL_TOPICS, ...VERSION, counter: ++counter, queues };
    client.register(brokerOf(BROKERS), table);
  }, 500);
  const written = await load();
  clearInterval(changes);
  const after = await snapshots();
  const count = after.written - before.written;
  print("written every second", written);
  const share = (it: LoadResult) => it.serverCpu / it.seconds;
  const cpuMs = 1000 * (share(written) - share(alone)) * written.seconds / count;
  console.log(
    `${count} snapshots of ${after.bytes} bytes, ${cpuMs.toFixed(0)} ms of CPU each, ` +
      "changes and garbage collection included",
  );

  server.kill("SIGKILL");
  await server.status;
  const began = performance.now();
  server = await start();
  const again = await Client.connect(port);
  const request = encodeRequest(Code.GET_ROUTEINFO_BY_TOPIC, 1, { topic: "BenchTopic0000" });
  const { body } = await again.succeed(request);
  const ms = performance.now() - began;
  console.log(
    `first route (${body.length} bytes) ${ms.toFixed(0)} ms after the start of the process`,
  );
  const output = await Deno.readTextFile(`${home}/output`);
  console.log(/routes restored.*/.exec(output)?.[0] ?? output);
  again.close();
  client.close();
} finally {
  server.kill("SIGKILL");
  await server.status;
  ears.close();
  await Deno.remove(home, { recursive: true });
}

function brokerOf(index: number) {
  return { ...broker(index), address: `127.0.0.1:${ears.addr.port}` };
}

function tableOf(index: number) {
  if (!flags.mixed) return { topics: TOPICS };
  const topics = TOPICS.filter((_, i) => (7 * i + 31 * index + (i >> 3)) % 10 !== 0);
  return { topics, queues: new Map(topics.map((topic, i) => [topic, 4 + i % 4])) };
}

/** Starts the server on the same home and ports each time, and waits until it listens. */
async function start(): Promise<Deno.ChildProcess> {
  const options = [`--listenPort=${port}`, `--httpPort=${httpPort}`, "--httpBindAddress=127.0.0.1"];
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      `exec taskset -c ${machine.serverCpus} "$@" >${home}/output 2>&1`,
      "sh",
      ...[Deno.execPath(), ...FLAGS, MAIN, ...options],
      ...[
        "--bindAddress=127.0.0.1",
        "--routeSnapshotInterval=3600000",
        "--routeSnapshotMaxAge=86400000",
      ],
    ],
    env: { HOME: home },
    stdin: "null",
  }).spawn();
  for (let waited = 0; waited < 60_000; waited += 5) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return child;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  throw new Error(await Deno.readTextFile(`${home}/output`));
}

async function load(): Promise<LoadResult> {
  const options: LoadOptions = {
    host: "127.0.0.1",
    port,
    connections: 20,
    depth: 1,
    rate: 2000,
    topics: SMALL_TOPICS,
    warmupSeconds: 2,
    seconds,
    serverPid: server.pid,
  };
  return JSON.parse(
    await runHelper(machine, ["--allow-ffi"], "load.ts", [JSON.stringify(options)]),
  );
}

function print(
  what: string,
  { p50, p99, p999, max, serverCpu, seconds, errors, lost }: LoadResult,
) {
  console.log(
    `${what.padEnd(21)} p50 ${p50.toFixed(2)}  p99 ${p99.toFixed(2)}  p99.9 ${p999.toFixed(2)}  ` +
      `longest ${max.toFixed(1)} ms  server ${
        (100 * serverCpu / seconds).toFixed(1)
      } % of a CPU  ` +
      `errors ${errors + lost}`,
  );
}

async function configure(client: Client, text: string): Promise<void> {
  const body = new TextEncoder().encode(text);
  await client.succeed(encodeRequest(Code.UPDATE_NAMESRV_CONFIG, client.nextOpaque(), {}, body));
}

async function snapshots(): Promise<{ written: number; bytes: number }> {
  const text = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  const value = (name: string) =>
    Number(new RegExp(`^rocketmq_namesrv_${name} (.*)$`, "m").exec(text)?.[1] ?? NaN);
  return {
    written: value('route_snapshots_total\\{result="written"\\}'),
    bytes: value("route_snapshot_bytes"),
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
