/**
 * Registration load: brokers that register many topics for the first time, repeat an unchanged
 * registration, and change one topic; and the effect on route queries.
 */
import {
  type BodyForm,
  type Broker,
  broker,
  Client,
  registration,
  registrationBody,
  topicNames,
  type TopicTable,
} from "./brokers.ts";
import type { LoadOptions, LoadResult } from "./load.ts";
import type { Context, Sample } from "./scenario.ts";
import type { Server } from "./servers.ts";

const BROKERS = 10;
const TOPICS = 10_000;
/** How often every broker repeats its registration, and how often it changes a topic. */
const UNCHANGED_TURNS = 25;
const CHANGED_TURNS = 3;
const ROUTE_QUERIES_A_SECOND = 2_000;
const TIMESTAMP = 1_700_000_000_000;

/** A broker on its own connection, with a prepared frame. */
interface Sender {
  client: Client;
  from: Broker;
}

/**
 * Registers the same 10 000 topics from ten brokers.
 * @param load runs route queries against the server and resolves with the result
 * @throws {Error} when a registration is refused
 */
export async function measureRegistrations(
  server: Server,
  context: Context,
  form: BodyForm,
  load: (options: Partial<LoadOptions>) => Promise<LoadResult>,
): Promise<Sample> {
  const topics = topicNames(TOPICS);
  const senders = await connect(server, 0);
  await warmUp(server, form);

  const first = await measure(server, context, prepare(senders, { topics, ...version(1) }, form));
  const unchanged = await measure(
    server,
    context,
    times(UNCHANGED_TURNS).flatMap(() => prepare(senders, { topics, ...version(1) }, form)),
  );
  const changed = await measure(
    server,
    context,
    times(CHANGED_TURNS).flatMap((turn) => prepare(senders, changedTable(topics, turn + 2), form)),
  );

  // Now with concurrent route queries. Everything is prepared in advance, so that nothing else is
  // measured.
  const storm = times(CHANGED_TURNS).flatMap((turn) =>
    prepare(senders, changedTable(topics, turn + 2 + CHANGED_TURNS), form)
  );
  const seconds = Math.max(2, context.scale.seconds);
  const routes = load({
    connections: 20,
    rate: ROUTE_QUERIES_A_SECOND,
    topics: topics.slice(0, 100),
    seconds,
  });
  const until = performance.now() + (context.scale.warmupSeconds + seconds) * 1000;
  for (let index = 0; performance.now() < until; index++) await storm[index % storm.length]!();
  const { p99, max } = await routes;

  for (const { client } of senders) client.close();
  return {
    firstWallMs: first.wallMs,
    firstCpuMs: first.cpuMs,
    unchangedWallMs: unchanged.wallMs,
    unchangedCpuMs: unchanged.cpuMs,
    changedWallMs: changed.wallMs,
    changedCpuMs: changed.cpuMs,
    routeP99: p99,
    routeMax: max,
  };
}

/**
 * Small registrations of brokers that are not used otherwise, to warm up just-in-time compilers.
 */
async function warmUp(server: Server, form: BodyForm): Promise<void> {
  const senders = await connect(server, BROKERS);
  const topics = topicNames(1_000, "WarmUp");
  for (let turn = 1; turn <= 10; turn++) {
    for (const send of prepare(senders, { topics, ...version(turn) }, form)) await send();
  }
  for (const { client } of senders) client.close();
}

function connect(server: Server, firstIndex: number): Promise<Sender[]> {
  return Promise.all(
    times(BROKERS).map(async (index) => ({
      client: await Client.connect(server.port),
      from: broker(firstIndex + index),
    })),
  );
}

/** Encodes one registration of each broker; each returned function sends one. */
function prepare(senders: Sender[], table: TopicTable, form: BodyForm): (() => Promise<void>)[] {
  return senders.map(({ client, from }) => {
    const saidAt = TIMESTAMP + client.nextOpaque();
    const frame = registration(from, registrationBody(table, form, saidAt), form, 0);
    return async () => void await client.succeed(frame);
  });
}

/** Mean wall and CPU milliseconds of a registration. */
async function measure(
  server: Server,
  { libc }: Context,
  registrations: (() => Promise<void>)[],
): Promise<{ wallMs: number; cpuMs: number }> {
  const cpuBefore = libc.cpuOf(server.pid);
  const started = performance.now();
  for (const send of registrations) await send();
  const wall = performance.now() - started;
  // Work that a server postpones, such as garbage collection, is part of the cost.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const cpu = libc.cpuOf(server.pid) - cpuBefore;
  return { wallMs: wall / registrations.length, cpuMs: cpu / registrations.length };
}

function version(counter: number): { counter: number; timestamp: number } {
  return { counter, timestamp: TIMESTAMP + counter };
}

function changedTable(topics: readonly string[], counter: number): TopicTable {
  return { topics, ...version(counter), queues: new Map([[topics[counter]!, 16]]) };
}

function times(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
