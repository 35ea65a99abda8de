/** The scenarios, one entry each, and how each is measured on one running server. */
import { broker, Client, heartbeat, topicNames } from "./brokers.ts";
import { controller } from "./controller.ts";
import { Code, encodeRequest } from "./frames.ts";
import { growth } from "./growth.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import { residentBytes } from "./proc.ts";
import { measureRegistrations } from "./register.ts";
import type { Context, Sample, Scenario } from "./scenario.ts";
import { runHelper, type Server, SERVER_KINDS } from "./servers.ts";
import { STORMS } from "./storms.ts";
import { tlsScenarios } from "./tls.ts";

const ALL = SERVER_KINDS;
const REAL = ["ours", "ours on node:net", "reference"] as const;

/** The small cluster: 2 brokers, one with a slave, 100 topics: responses of about 560 bytes. */
export const SMALL_CLUSTER_TOPICS = topicNames(100);
const WIDE_TOPIC = "WideTopic";
const WIDE_BROKERS = 300;
const VERSION = { counter: 1, timestamp: 1_700_000_000_000 };

/**
 * Registers the cluster for the shared scenarios. @returns the brokers' connection, which the
 * caller must close
 */
export async function registerSmallCluster(server: Server): Promise<Client> {
  const client = await Client.connect(server.port);
  if (server.kind.startsWith("bare")) return client;
  for (const from of [broker(0), broker(0, 1), broker(1)]) {
    await client.register(from, { topics: SMALL_CLUSTER_TOPICS, ...VERSION });
  }
  for (let index = 0; index < WIDE_BROKERS; index++) {
    // Two topics: a broker's first registration must not look like the update of a single topic.
    const topics = [WIDE_TOPIC, "OtherTopic"];
    await client.register(broker(10_000 + index), { topics, ...VERSION });
  }
  client.keepAlive(broker(0));
  return client;
}

/** Warms up a server's just-in-time compilers before anything is measured; a JVM takes longer. */
export async function warmUp(server: Server, context: Context): Promise<void> {
  const { jvmWarmUpSeconds, warmupSeconds } = context.scale;
  const seconds = server.kind === "reference" ? jvmWarmUpSeconds : warmupSeconds;
  await load(server, context, { connections: 50, depth: 8, warmupSeconds: 0, seconds });
}

export const SCENARIOS: readonly Scenario[] = [
  { ...closedLoop(1, 1), short: false },
  closedLoop(50, 1),
  closedLoop(50, 8),
  closedLoop(50, 32),
  closedLoop(300, 1),
  closedLoop(1000, 1),
  newConnections(1000, 3),
  newConnections(10_000, 6),
  openLoop(20_000, 1000),
  { ...openLoop(20_000, 5000), short: false },
  {
    name: "wide",
    title: `route of ${WIDE_BROKERS} brokers, 20 x 1`,
    server: "shared",
    kinds: REAL,
    short: true,
    run: async (server, context) =>
      closedSample(
        await load(server, context, { connections: 20, depth: 1, topics: [WIDE_TOPIC] }),
      ),
  },
  {
    name: "start",
    title: "start",
    server: "own",
    kinds: REAL,
    short: true,
    run: async (server) => ({
      startMs: server.firstAnswerMs,
      rssMb: megabytes(await residentBytes(server.pid)),
    }),
  },
  ...(["plain", "compressed"] as const).map((form): Scenario => ({
    name: `register-${form}`,
    title: `register 10 brokers x 10 000 topics, ${form}`,
    server: "own",
    kinds: REAL,
    short: true,
    run: (server, context) =>
      measureRegistrations(server, context, form, (options) => load(server, context, options)),
  })),
  {
    name: "one-big",
    title: "70 000 topics of one broker (plain body of 12 MB)",
    server: "own",
    kinds: REAL,
    short: false,
    run: registerOneBig,
  },
  {
    name: "topic-list",
    title: "list of 50 000 topics",
    server: "own",
    kinds: REAL,
    short: false,
    run: listTopics,
  },
  {
    name: "memory",
    title: "300 brokers x 10 000 topics",
    server: "own",
    kinds: REAL,
    short: false,
    run: fillMemory,
  },
  {
    name: "idle",
    title: "10 000 idle connections",
    server: "own",
    kinds: ALL,
    short: false,
    run: holdIdle,
  },
  {
    name: "heartbeats",
    title: "1 000 brokers, a heartbeat a second each",
    server: "own",
    kinds: REAL,
    short: false,
    run: beat,
  },
  ...tlsScenarios(SMALL_CLUSTER_TOPICS),
  ...STORMS,
  controller,
  growth,
];

function closedLoop(connections: number, depth: number): Scenario {
  return {
    name: `${connections}x${depth}`,
    title: `routes, ${connections} connections x ${depth} in flight`,
    server: "shared",
    kinds: ALL,
    short: true,
    run: async (server, context) => {
      const result = await load(server, context, { connections, depth });
      const sample = closedSample(result);
      sample.rssMb = megabytes(await residentBytes(server.pid));
      if (connections < 1000) return sample;
      const { min, median, max } = result.perConnection;
      sample.fairness = result.p999 / result.p50;
      sample.fewest = min / median;
      sample.most = max / median;
      return sample;
    },
  };
}

/** All connect at once, as clients do after a restart, and are busy from their first moment. */
function newConnections(connections: number, seconds: number): Scenario {
  return {
    name: `new-${connections}`,
    title: `${connections} new connections, busy from their first moment`,
    server: "shared",
    kinds: ALL,
    short: connections === 1000,
    run: async (server, context) => {
      const result = await load(server, context, { connections, fresh: true, seconds });
      const { min, median, max } = result.perConnection;
      return {
        ...closedSample(result),
        fewest: min / median,
        most: max / median,
        slowestFirst: result.slowestFirst,
        neverServed: result.neverServed,
      };
    },
  };
}

function openLoop(rate: number, connections: number): Scenario {
  return {
    name: `open-${connections}`,
    title: `routes, ${rate / 1000} k/s over ${connections} connections (open loop)`,
    server: "shared",
    kinds: ALL,
    short: true,
    run: async (server, context) =>
      routeSample(await load(server, context, { connections, depth: 1, rate })),
  };
}

function routeSample(result: LoadResult): Sample {
  return {
    throughput: result.throughput,
    cpuUs: result.serverCpu / result.answers * 1e6,
    p50: result.p50,
    p99: result.p99,
    p999: result.p999,
  };
}

function closedSample(result: LoadResult): Sample {
  return {
    ...routeSample(result),
    // If both are below 100 %, something else used the CPU, and only the CPU time per request can
    // be trusted.
    serverPercent: result.serverCpu / result.seconds * 100,
    loadPercent: result.generatorCpu / result.seconds * 100,
  };
}

/** Runs a load in the generator's process; reports errors, and a generator that was the limit. */
export async function load(
  server: Server,
  context: Context,
  options: Partial<LoadOptions>,
): Promise<LoadResult> {
  const all: LoadOptions = {
    host: "127.0.0.1",
    port: server.port,
    connections: 50,
    depth: 1,
    rate: 0,
    topics: SMALL_CLUSTER_TOPICS,
    warmupSeconds: context.scale.warmupSeconds,
    seconds: context.scale.seconds,
    serverPid: server.pid,
    ...options,
  };
  const result: LoadResult = JSON.parse(
    await runHelper(context.machine, ["--allow-ffi"], "load.ts", [JSON.stringify(all)]),
  );
  const what = `${server.kind}, ${all.connections} connections`;
  if (result.errors > 0) {
    context.warn(`${what}: ${result.errors} errors, the first: ${result.firstError}`);
  }
  if (result.lost > 0) context.warn(`${what}: ${result.lost} requests were never answered`);
  if (result.generatorCpu / result.seconds > 0.95 && all.rate === 0) {
    context.warn(`${what}: the generator used its whole CPU and may have been the limit`);
  }
  return result;
}

async function registerOneBig(server: Server, context: Context): Promise<Sample> {
  const client = await Client.connect(server.port);
  await client.register(broker(0), { topics: SMALL_CLUSTER_TOPICS, ...VERSION });
  const topics = topicNames(70_000);
  const register = async () => {
    const cpu = context.libc.cpuOf(server.pid);
    const started = performance.now();
    await client.register(broker(1), { topics, ...VERSION });
    return [performance.now() - started, context.libc.cpuOf(server.pid) - cpu] as const;
  };
  const [firstWallMs, firstCpuMs] = await register();
  const [unchangedWallMs, unchangedCpuMs] = await register();
  await expectRoute(client, topics.at(-1)!);
  client.close();
  return {
    firstWallMs,
    firstCpuMs,
    unchangedWallMs,
    unchangedCpuMs,
    rssMb: megabytes(await residentBytes(server.pid)),
  };
}

async function listTopics(server: Server): Promise<Sample> {
  const client = await Client.connect(server.port);
  await client.register(broker(0), { topics: topicNames(50_000), ...VERSION });
  const times: number[] = [];
  for (let turn = 0; turn < 20; turn++) {
    const code = Code.GET_ALL_TOPIC_LIST_FROM_NAMESERVER;
    const started = performance.now();
    await client.succeed(encodeRequest(code, client.nextOpaque()));
    times.push(performance.now() - started);
  }
  client.close();
  return { firstMs: times[0]!, againMs: median(times.slice(1)) };
}

/** Three million queue data: their memory, and whether registrations stay cheap next to them. */
async function fillMemory(server: Server, context: Context): Promise<Sample> {
  const client = await Client.connect(server.port);
  client.keepAlive(broker(0));
  const topics = topicNames(10_000);
  const cpuStart = context.libc.cpuOf(server.pid);
  const started = performance.now();
  for (let index = 0; index < 300; index++) {
    await client.register(broker(index), { topics, ...VERSION });
  }
  const firstWallMs = (performance.now() - started) / 300;
  const firstCpuMs = (context.libc.cpuOf(server.pid) - cpuStart) / 300;
  const heap = await server.heapBytes();
  // Fills the cache, if there is one: a changed registration must stay cheap with cached routes,
  // too.
  for (const topic of topics.slice(0, 2000)) await expectRoute(client, topic);
  const cpuOfTen = async (counter: number) => {
    const before = context.libc.cpuOf(server.pid);
    for (let index = 0; index < 10; index++) {
      const queues = new Map(counter > 1 ? [[topics[counter]!, 16]] : []);
      await client.register(broker(index), { topics, ...VERSION, counter, queues });
    }
    return (context.libc.cpuOf(server.pid) - before) / 10;
  };
  const unchangedCpuMs = await cpuOfTen(VERSION.counter);
  const changedCpuMs = await cpuOfTen(VERSION.counter + 1);
  await sleep(5_000);
  const rssMb = megabytes(await residentBytes(server.pid));
  client.close();
  return {
    firstWallMs,
    firstCpuMs,
    unchangedCpuMs,
    changedCpuMs,
    rssMb,
    ...(heap === undefined ? {} : { heapMb: megabytes(heap) }),
  };
}

async function holdIdle(server: Server, { libc }: Context): Promise<Sample> {
  const count = 10_000;
  const before = await residentBytes(server.pid);
  const descriptors: number[] = [];
  for (let index = 0; index < count; index++) {
    descriptors.push(libc.connect("127.0.0.1", server.port, index));
    // A few at a time: beyond the listen backlog, a connection waits a second for its retry.
    if (index % 100 === 99) await sleep(10);
  }
  await sleep(2_000);
  const after = await residentBytes(server.pid);
  for (const descriptor of descriptors) libc.close(descriptor);
  return { rssMb: megabytes(after), kbEach: (after - before) / 1024 / count };
}

async function beat(server: Server, { libc }: Context): Promise<Sample> {
  const count = 1_000;
  const seconds = 10;
  const clients: Client[] = [];
  for (let index = 0; index < count; index++) {
    const client = await Client.connect(server.port);
    await client.register(broker(index), { topics: SMALL_CLUSTER_TOPICS, ...VERSION });
    clients.push(client);
  }
  let next = 0;
  // A hundredth of them every 10 ms: real brokers do not send their heartbeats all at once.
  const timer = setInterval(() => {
    for (let turn = 0; turn < count / 100; turn++, next++) {
      const index = next % count;
      const client = clients[index]!;
      client.send(heartbeat(broker(index), client.nextOpaque()));
    }
  }, 10);
  await sleep(2_000);
  const before = libc.cpuOf(server.pid);
  const from = performance.now();
  const sentBefore = next;
  await sleep(seconds * 1000);
  const elapsed = performance.now() - from;
  const cpu = libc.cpuOf(server.pid) - before;
  const sent = next - sentBefore;
  clearInterval(timer);
  for (const client of clients) client.close();
  // Timers are late on a busy machine, so the result is scaled to exactly one heartbeat per second.
  return {
    heartbeatCpu: cpu / elapsed * 100 * (count * elapsed / 1000) / sent,
    rssMb: megabytes(await residentBytes(server.pid)),
  };
}

/** Asks for a route. @throws {Error} when there is none */
async function expectRoute(client: Client, topic: string): Promise<void> {
  await client.succeed(
    encodeRequest(Code.GET_ROUTEINFO_BY_TOPIC, client.nextOpaque(), { topic }),
  );
}

function megabytes(bytes: number): number {
  return bytes / 1024 / 1024;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
