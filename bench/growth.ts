/**
 * How cost grows: what each thing that a cluster does costs the server, measured at three sizes, and a
 * simulated cluster that shows whether the sum of these costs says what a whole one takes. The formula is
 * that of docs/sizing.md.
 */
import type { ClusterOptions, ClusterResult } from "./cluster_load.ts";
import type { HandshakeOptions, HandshakeResult } from "./handshake_load.ts";
import { residentBytes } from "./proc.ts";
import type { Context, Sample, Scenario } from "./scenario.ts";
import { runHelper, Server } from "./servers.ts";

/** The simulated cluster. */
const CLUSTER: Load = {
  brokers: 1000,
  topicsPerBroker: 2000,
  brokersPerTopic: 20,
  registerEvery: 30,
  infoEvery: 5,
  clients: 8000,
  topicsPerPoll: 10,
  pollEvery: 30,
  adminEvery: 60,
  settleSeconds: 5,
  seconds: 60,
};
/** Default of routeCacheMaxBytes. */
const CACHE_MB = 64;
const SETTLE_SECONDS = 2;
const SECONDS = 6;

type Load = Omit<ClusterOptions, "port" | "serverPid" | "idle"> & { idle?: number };

/** Nothing but brokers that have registered once. */
const SILENT: Load = {
  brokers: 20,
  topicsPerBroker: 100,
  brokersPerTopic: 20,
  registerEvery: 0,
  infoEvery: 0,
  clients: 0,
  topicsPerPoll: 10,
  pollEvery: 0,
  adminEvery: 0,
  settleSeconds: SETTLE_SECONDS,
  seconds: SECONDS,
};

/** A cost that grows with a size: `fixed + each * size`. */
interface Line {
  fixed: number;
  each: number;
}

/** CPU in milliseconds, memory in MB. */
interface Costs {
  /** Of the answer to one poll of one topic, by the brokers of the topic. */
  poll: Line;
  /** The same, when the answer is not in the cache. */
  uncached: Line;
  /** Bytes of the answer, by the brokers of the topic. */
  answer: Line;
  /** Of an unchanged registration, by its topics. */
  registration: Line;
  /** Of the answer to a request for the cluster info, by its brokers. */
  info: Line;
  /** Of a connection. */
  connectionMb: number;
  /** Of the tables, by topics and by queue data: the topics of each broker. */
  topicMb: number;
  queueDataMb: number;
  /** Of a server without brokers. */
  emptyMb: number;
}

export const growth: Scenario = {
  name: "growth",
  title: "how cost grows: a simulated cluster, predicted and measured",
  server: "own",
  kinds: ["ours"],
  short: false,
  long: true,
  tls: true,
  run: measureGrowth,
};

async function measureGrowth(server: Server, context: Context): Promise<Sample> {
  const run = async (load: Load) => {
    const own = await Server.start("ours", context.machine);
    try {
      return await simulate(own, context, load);
    } finally {
      await own.stop();
    }
  };
  const costs = await measureCosts(run, server);
  await measureHandshakes(context);
  const predictedCpu = predictCpu(CLUSTER, costs);
  const predictedMb = predictMemory(CLUSTER, costs);
  const measured = await run(CLUSTER);
  const measuredCpu = measured.serverCpu / measured.seconds / 10;
  say(`the cluster: ${JSON.stringify(measured)}`);
  return {
    predictedCpu,
    measuredCpu,
    predictedMb,
    measuredMb: measured.rssMb,
    routeP50: measured.p50,
    routeP99: measured.p99,
    routeMax: measured.max,
    loadPercent: measured.ownCpu / measured.seconds / 10,
  };
}

/** MB of the answers to all polls: those of other clients for the same topic are not counted again. */
function answersMb(load: Load, { answer }: Costs): number {
  const topics = load.brokers * load.topicsPerBroker / load.brokersPerTopic;
  const polled = Math.min(topics, load.clients * load.topicsPerPoll);
  return polled * at(answer, load.brokersPerTopic) / 1_048_576;
}

/** CPU of a server, in percent of a core. */
function predictCpu(load: Load, costs: Costs): number {
  const { poll, uncached, registration, info } = costs;
  const polls = load.clients * load.topicsPerPoll / load.pollEvery;
  // Topics are polled in turn: if not all routes fit, each has left the cache when it is polled again.
  const cost = answersMb(load, costs) > CACHE_MB ? uncached : poll;
  const perSecond = polls * at(cost, load.brokersPerTopic) +
    load.brokers / load.registerEvery * at(registration, load.topicsPerBroker) +
    load.brokers / load.infoEvery * at(info, load.brokers);
  return perSecond / 10;
}

/** Memory of a server, in MB. */
function predictMemory(load: Load, costs: Costs): number {
  const queueData = load.brokers * load.topicsPerBroker;
  return costs.emptyMb + Math.min(CACHE_MB, answersMb(load, costs)) +
    (load.clients + load.brokers) * costs.connectionMb +
    queueData * costs.queueDataMb + queueData / load.brokersPerTopic * costs.topicMb;
}

async function measureCosts(
  run: (load: Load) => Promise<ClusterResult>,
  empty: Server,
): Promise<Costs> {
  const emptyMb = await residentBytes(empty.pid) / 1_048_576;
  const poll = await line(
    "one poll of one topic, by its brokers",
    "us",
    [2, 20, 100],
    async (brokers) => {
      const load = { brokers: 100, topicsPerBroker: 2 * brokers, brokersPerTopic: brokers };
      const result = await run({ ...SILENT, ...load, clients: 2000, pollEvery: 10 });
      return { each: result.serverCpu / result.polls, bytes: result.received / result.polls };
    },
  );
  const answers: [number, number][] = [];
  const uncached = await line(
    "one poll that is not in the cache, by the topic's brokers",
    "us",
    [2, 20, 100],
    async (brokers) => {
      // So many topics that none is asked for twice.
      const load = { brokers: 100, topicsPerBroker: 200 * brokers, brokersPerTopic: brokers };
      const result = await run({ ...SILENT, ...load, clients: 2000, pollEvery: 10 });
      answers.push([brokers, result.received / result.polls]);
      return { each: result.serverCpu / result.polls };
    },
  );
  const first: [number, number][] = [];
  const registration = await line(
    "one broker a period, by its topics",
    "us",
    [500, 2000, 8000],
    async (topicsPerBroker) => {
      const result = await run({ ...SILENT, topicsPerBroker, registerEvery: 1 });
      first.push([topicsPerBroker, result.firstCpu / SILENT.brokers]);
      return {
        each: result.serverCpu / result.registrations,
        bytes: result.sent / result.registrations,
      };
    },
  );
  for (const [topics, ms] of first) {
    say(
      `its first registration, ${topics} topics: ${ms.toFixed(2)} ms, ${
        (ms / topics * 1000).toFixed(2)
      } us each`,
    );
  }
  const info = await line(
    "one request for the cluster info, by brokers",
    "us",
    [50, 200, 800],
    async (brokers) => {
      const load = { brokers, topicsPerBroker: 10, infoEvery: brokers / 100 };
      const result = await run({ ...SILENT, ...load });
      return { each: result.serverCpu / result.infos, bytes: result.received / result.infos };
    },
  );
  const idle = await line("idle connections", "MB", [2000, 5000, 10_000], async (idle) => {
    const result = await run({ ...SILENT, idle, seconds: 5 });
    say(
      `  CPU of ${idle} idle connections: ${(result.serverCpu / result.seconds / 10).toFixed(2)} %`,
    );
    return { each: result.rssMb };
  });
  const tables = { ...SILENT, brokers: 100, settleSeconds: 0, seconds: 1 };
  const topic = await line(
    "topics of one broker each",
    "MB",
    [50_000, 100_000, 200_000],
    async (topics) => {
      const load = { topicsPerBroker: topics / 100, brokersPerTopic: 1 };
      return { each: (await run({ ...tables, ...load })).rssMb };
    },
  );
  const queueData = await line(
    "queue data, 20 for a topic",
    "MB",
    [200_000, 400_000, 800_000],
    async (count) => ({ each: (await run({ ...tables, topicsPerBroker: count / 100 })).rssMb }),
  );
  // A topic of one broker is a topic and a queue datum; 20 queue data are as many and one topic.
  const queueDataMb = Math.max(0, (20 * queueData.each - topic.each) / 19);
  return {
    poll,
    uncached,
    answer: fitLine(answers),
    registration,
    info,
    emptyMb,
    connectionMb: idle.each,
    queueDataMb,
    topicMb: topic.each - queueDataMb,
  };
}

/** Measures a TLS connection. No formula has it, because clients keep their connections. */
async function measureHandshakes(context: Context): Promise<void> {
  for (const connections of [250, 500, 1000]) {
    const server = await Server.start("ours", context.machine, context.tls?.config);
    try {
      const options: HandshakeOptions = { port: server.port, serverPid: server.pid, connections };
      const permissions = ["--allow-net=127.0.0.1", "--allow-ffi", "--allow-run=cat"];
      const { serverCpu, grownMb }: HandshakeResult = JSON.parse(
        await runHelper(context.machine, permissions, "handshake_load.ts", [
          JSON.stringify(options),
        ]),
      );
      const [each, kb] = [serverCpu / connections, grownMb * 1024 / connections];
      say(`${connections} TLS handshakes: ${each.toFixed(2)} ms and ${kb.toFixed(1)} KB each`);
    } finally {
      await server.stop();
    }
  }
}

async function simulate(server: Server, { machine }: Context, load: Load): Promise<ClusterResult> {
  const options: ClusterOptions = { idle: 0, ...load, port: server.port, serverPid: server.pid };
  return JSON.parse(
    await runHelper(machine, ["--allow-ffi", "--allow-run=cat"], "cluster_load.ts", [
      JSON.stringify(options),
    ]),
  );
}

/** Measures at each size, and fits a line. CPU is measured in milliseconds and shown in microseconds. */
async function line(
  what: string,
  unit: "us" | "MB",
  sizes: readonly number[],
  measure: (size: number) => Promise<{ each: number; bytes?: number }>,
): Promise<Line> {
  const points: [number, number][] = [];
  const scale = unit === "us" ? 1000 : 1;
  for (const size of sizes) {
    const { each, bytes } = await measure(size);
    points.push([size, each]);
    const network = bytes === undefined ? "" : `, ${(bytes / 1024).toFixed(1)} KB on the network`;
    say(`${what}, ${size}: ${(each * scale).toFixed(1)} ${unit}${network}`);
  }
  const fit = fitLine(points);
  const each = (fit.each * scale * 1000).toPrecision(3);
  say(`${what}: ${(fit.fixed * scale).toFixed(1)} ${unit} and ${each} ${unit} for each 1 000`);
  return fit;
}

/** The line through the points with the least squares of relative errors: small sizes count as large ones. */
function fitLine(points: readonly [number, number][]): Line {
  let [w, wx, wxx, wy, wxy] = [0, 0, 0, 0, 0];
  for (const [x, y] of points) {
    const weight = 1 / (y * y);
    w += weight;
    wx += weight * x;
    wxx += weight * x * x;
    wy += weight * y;
    wxy += weight * x * y;
  }
  const each = (w * wxy - wx * wy) / (w * wxx - wx * wx);
  return { fixed: (wy - each * wx) / w, each };
}

function at({ fixed, each }: Line, size: number): number {
  return fixed + each * size;
}

function say(text: string): void {
  console.log(text);
}
