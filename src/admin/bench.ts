import { createHistogram } from "node:perf_hooks";
import { RequestCode } from "../protocol/codes.ts";
import { CommandFailure } from "./failures.ts";
import { LoadConnection, type LoadPlan } from "./load.ts";
import { failureWith } from "./name_server.ts";
import { parseCount, parseDuration, type ServerOptions } from "./options.ts";
import type { Output } from "./output.ts";
import { millis } from "./ping.ts";
import { topicNames } from "./queries.ts";
import type { Registry } from "./registry.ts";
import { ExitCode, type Session } from "./session.ts";
import { printable } from "./text.ts";
import { knownRoute } from "./topics.ts";

interface BenchOptions extends ServerOptions {
  connections: string;
  inFlight: string;
  duration: string;
  topic?: string;
}

/** Load settings. */
interface Load {
  readonly server: string;
  readonly topic: string;
  readonly connections: number;
  /** Requests in flight on each connection. */
  readonly inFlight: number;
  /** Milliseconds. */
  readonly duration: number;
}

const MAX_CONNECTIONS = 1000;
const MAX_IN_FLIGHT = 1000;
/** Longer latencies all count as this one: microseconds. */
const MAX_LATENCY = 600_000_000;
const PROGRESS_INTERVAL = 200;
const BAR_WIDTH = 30;

/** Adds the `bench` command. */
export function addBench(registry: Registry): void {
  registry
    .add<BenchOptions>("bench", "load-test one name server with route queries", bench)
    .option("--connections <n>", "number of connections", "8")
    .option("--in-flight <n>", "requests in flight on each connection", "8")
    .option("--duration <s>", "how long", "10")
    .option("--topic <name>", "the topic to query (default: the first one)");
}

async function bench(
  session: Session,
  _: readonly string[],
  options: BenchOptions,
): Promise<void> {
  const connections = parseCount(options.connections, "--connections", MAX_CONNECTIONS);
  const inFlight = parseCount(options.inFlight, "--in-flight", MAX_IN_FLIGHT);
  const duration = parseDuration(options.duration, "--duration", "s", { max: 3_600_000 });
  const { server, topic } = await session.first(async (server) => {
    const topic = options.topic ?? (await topicNames(server))[0];
    if (topic === undefined) {
      throw new CommandFailure(`${server.address}: has no topics, so there is no route to query`);
    }
    await knownRoute(server, topic);
    return { server: server.address, topic };
  });
  const load = { server, topic, connections, inFlight, duration };
  const result = await run(session, load);
  if (result.codes.some(({ code }) => code !== 0)) session.exitCode = ExitCode.FAILED;
  if (session.json) await session.out.json(result);
  else await print(session.out, result);
}

type Result = Awaited<ReturnType<typeof run>>;

async function run({ access, err, json, runtime }: Session, load: Load) {
  const { server, topic, connections, inFlight, duration } = load;
  const histogram = createHistogram({ lowest: 1, highest: MAX_LATENCY, figures: 3 });
  const codes = new Map<number, number>();
  let requests = 0;
  const plan: LoadPlan = {
    request: { code: RequestCode.GET_ROUTEINFO_BY_TOPIC, extFields: [["topic", topic]] },
    inFlight,
    timeout: access.timeout,
    answered: (code, millis) => {
      histogram.record(Math.max(1, Math.round(millis * 1000)));
      codes.set(code, (codes.get(code) ?? 0) + 1);
      requests++;
    },
  };
  let clients: LoadConnection[] = [];
  const stop = () => clients.forEach((client) => client.stop());
  try {
    clients = await Promise.all(
      Array.from({ length: connections }, () => LoadConnection.open(server, access, plan)),
    );
    const bar = err.terminal && !json ? new ProgressBar(err) : undefined;
    const start = performance.now();
    const progress = setInterval(() => {
      const elapsed = performance.now() - start;
      void bar?.show(elapsed / duration, requests, elapsed / 1000);
    }, PROGRESS_INTERVAL);
    const end = setTimeout(stop, duration);
    runtime.addSignalListener("SIGINT", stop);
    try {
      await Promise.all(clients.map((client) => client.run()));
    } finally {
      clearTimeout(end);
      clearInterval(progress);
      runtime.removeSignalListener("SIGINT", stop);
      await bar?.clear();
    }
    const seconds = (performance.now() - start) / 1000;
    const latency = (percent: number) => histogram.percentile(percent) / 1000;
    return {
      server,
      topic,
      connections,
      inFlight,
      seconds: Math.round(seconds * 1000) / 1000,
      requests,
      requestsPerSecond: Math.round(requests / seconds),
      latencyMillis: {
        p50: latency(50),
        p99: latency(99),
        p999: latency(99.9),
        max: histogram.max / 1000,
      },
      codes: [...codes].sort(([a], [b]) => a - b).map(([code, count]) => ({ code, count })),
    };
  } catch (error) {
    throw failureWith(server, error, access);
  } finally {
    stop();
  }
}

async function print(out: Output, result: Result): Promise<void> {
  const { latencyMillis: { p50, p99, p999, max }, codes } = result;
  const answers = codes.map(({ code, count }) =>
    code === 0 ? `${count} ok` : `${count} code ${code}`
  );
  const rows: [name: string, value: string][] = [
    ["server", result.server],
    ["topic", printable(result.topic)],
    ["load", `${result.connections} connections, ${result.inFlight} requests in flight on each`],
    ["time", `${result.seconds.toFixed(1)} s`],
    ["answers", answers.join(", ")],
    ["throughput", `${result.requestsPerSecond} a second`],
    [
      "latency",
      `p50 ${millis(p50)}, p99 ${millis(p99)}, p99.9 ${millis(p999)}, max ${millis(max)}`,
    ],
  ];
  await out.write(rows.map(([name, value]) => `${name.padEnd(12)}${value}\n`).join(""));
}

/** A progress bar on one terminal line. */
class ProgressBar {
  readonly #out: Output;

  constructor(out: Output) {
    this.#out = out;
  }

  /** @param part from 0 to 1 */
  async show(part: number, requests: number, seconds: number): Promise<void> {
    const full = Math.round(Math.min(1, part) * BAR_WIDTH);
    const bar = "#".repeat(full) + "-".repeat(BAR_WIDTH - full);
    const rate = seconds > 0 ? Math.round(requests / seconds) : 0;
    const text = `[${bar}] ${seconds.toFixed(1)} s, ${requests} answers, ${rate} a second`;
    // If the error stream is closed, there is no bar.
    await this.#out.write(`\r${text}\x1b[K`).catch(() => {});
  }

  async clear(): Promise<void> {
    await this.#out.write("\r\x1b[K").catch(() => {});
  }
}
