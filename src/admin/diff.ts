import type { BrokerData, QueueData, TopicRouteData } from "../protocol/route_data.ts";
import type { ClusterInfo } from "../protocol/route_reader.ts";
import { CommandFailure, UsageError } from "./failures.ts";
import type { NameServer } from "./name_server.ts";
import { type NamespaceOptions, namespacesOf, withNamespaces } from "./options.ts";
import { type Cell, styled } from "./output.ts";
import {
  clusterInfo,
  countRestored,
  type KnownBrokers,
  kvTables,
  topicNames,
  topicRoutes,
} from "./queries.ts";
import type { Registry } from "./registry.ts";
import { ExitCode, type Session } from "./session.ts";
import { permText } from "./topics.ts";

interface DiffOptions extends NamespaceOptions {
  /** `false` with --no-restored. */
  restored: boolean;
}

/** The data of one name server, as far as requests can read it. */
export interface Holdings {
  readonly info: ClusterInfo;
  readonly topics: readonly string[];
  readonly routes: ReadonlyMap<string, TopicRouteData>;
  /** The pairs by namespace. */
  readonly kv: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** A difference between two name servers. */
export interface Difference {
  readonly kind: "broker" | "address" | "topic" | "queues" | "static queues" | "kv";
  /** The subject: broker; broker and id; topic; topic and broker; namespace and key. */
  readonly path: readonly string[];
  /** The first server's value; `null` when it has none. */
  readonly left: string | null;
  readonly right: string | null;
}

/** Adds the `diff` command. */
export function addDiff(registry: Registry): void {
  const description = "compare the first name server's data with each of the others";
  const command = registry.add<DiffOptions>("diff", description, diff);
  withNamespaces(command, "compare")
    .option("--no-restored", "leave out brokers that a server knows only from its snapshot")
    .addHelpText("after", DIFF_EXIT_CODES);
}

/** The end of the help of commands that compare. */
export const DIFF_EXIT_CODES = "\nExit codes: 0 equal, 1 different or failed, 2 usage error.";

async function diff(
  session: Session,
  _: readonly string[],
  options: DiffOptions,
): Promise<void> {
  const namespaces = namespacesOf(options);
  const read = async (server: NameServer) => {
    const { known, ...holdings } = await holdingsOf(server, namespaces);
    const restored = countRestored(known);
    if (restored === 0) return holdings;
    if (!options.restored) return withoutRestored(holdings, known);
    await session.err.line(
      `${server.address}: ${restored} brokers are known from its snapshot and have not registered ` +
        "since; --no-restored leaves them out",
    );
    return holdings;
  };
  await compareServers(session, read, compare);
}

function withoutRestored(holdings: Holdings, { isRestored }: KnownBrokers): Holdings {
  const { info, routes } = holdings;
  const brokers = new Map<string, BrokerData>();
  for (const [name, data] of info.brokers) {
    const left = [...data.brokerAddrs].filter(([, address]) => !isRestored(name, address));
    if (left.length > 0) brokers.set(name, { ...data, brokerAddrs: new Map(left) });
  }
  const kept = new Map<string, TopicRouteData>();
  for (const [topic, route] of routes) {
    const queueDatas = route.queueDatas.filter((it) => brokers.has(it.brokerName));
    if (queueDatas.length === 0) continue;
    const mappings = [...route.topicQueueMappingByBroker ?? []].filter(([it]) => brokers.has(it));
    kept.set(topic, { ...route, queueDatas, topicQueueMappingByBroker: new Map(mappings) });
  }
  return {
    ...holdings,
    info: { ...info, brokers },
    topics: holdings.topics.filter((topic) => kept.has(topic)),
    routes: kept,
  };
}

/** Compares KV namespaces alone. */
export async function diffKv(
  session: Session,
  _: readonly string[],
  options: NamespaceOptions,
): Promise<void> {
  const namespaces = namespacesOf(options);
  await compareServers(
    session,
    (server) => kvTables(server, namespaces),
    (left, right) => [...compareKv(left, right)],
  );
}

/** Compares what the first server has with each of the others, and reports the differences. */
async function compareServers<T>(
  session: Session,
  read: (server: NameServer) => Promise<T>,
  compare: (left: T, right: T) => Difference[],
): Promise<void> {
  const { servers, out, err, json } = session;
  if (servers.all.length < 2) {
    throw new UsageError("diff needs at least two name servers: -n 'host:port;host:port'");
  }
  const outcomes = await servers.each(read);
  const [failed, ...alsoFailed] = outcomes.flatMap(({ failure }) => failure ?? []);
  for (const failure of alsoFailed) await err.line(failure.message);
  if (failed !== undefined) throw new CommandFailure(failed.message);

  const [left, ...others] = outcomes.filter((outcome) => outcome.failure === undefined);
  if (left === undefined) return;
  const comparisons = others.map((right) => ({
    left: left.server.address,
    right: right.server.address,
    differences: compare(left.value, right.value),
  }));
  if (comparisons.some(({ differences }) => differences.length > 0)) {
    session.exitCode = ExitCode.FAILED;
  }
  if (json) return await out.json(comparisons);
  for (const { left, right, differences } of comparisons) {
    if (differences.length === 0) {
      await out.line(`${left} and ${right} are equal`);
      continue;
    }
    await out.table(
      ["WHAT", "NAME", left, right],
      differences.map((it): Cell[] => [it.kind, it.path.join(" "), cell(it.left), cell(it.right)]),
    );
  }
}

function cell(value: string | null): Cell {
  return value ?? styled("red", "-");
}

async function holdingsOf(
  server: NameServer,
  namespaces: readonly string[],
): Promise<Holdings & { known: KnownBrokers }> {
  const known = await clusterInfo(server);
  const topics = await topicNames(server);
  const routes = await topicRoutes(server, topics);
  return { known, info: known, topics, routes, kv: await kvTables(server, namespaces) };
}

/** The differences between two name servers, in the order brokers, topics, KV, each by name. */
export function compare(left: Holdings, right: Holdings): Difference[] {
  return [
    ...compareBrokers(left.info, right.info),
    ...compareTopics(left, right),
    ...compareKv(left.kv, right.kv),
  ];
}

function* compareBrokers(left: ClusterInfo, right: ClusterInfo): Generator<Difference> {
  for (const [name, a, b] of both(left.brokers, right.brokers)) {
    yield* different("broker", [name], a && brokerText(a), b && brokerText(b));
    for (const [id, x, y] of both(a?.brokerAddrs, b?.brokerAddrs)) {
      yield* different("address", [name, String(id)], x, y);
    }
  }
}

function* compareTopics(left: Holdings, right: Holdings): Generator<Difference> {
  const present = (topics: readonly string[]) => new Map(topics.map((topic) => [topic, "present"]));
  for (const [topic, a, b] of both(present(left.topics), present(right.topics))) {
    yield* different("topic", [topic], a, b);
    const x = left.routes.get(topic);
    const y = right.routes.get(topic);
    for (const [broker, p, q] of both(queuesByBroker(x), queuesByBroker(y))) {
      yield* different("queues", [topic, broker], p && queueText(p), q && queueText(q));
    }
    const mappings = both(x?.topicQueueMappingByBroker, y?.topicQueueMappingByBroker);
    for (const [broker, p, q] of mappings) {
      yield* different("static queues", [topic, broker], p && mappingText(p), q && mappingText(q));
    }
  }
}

function* compareKv(left: Holdings["kv"], right: Holdings["kv"]): Generator<Difference> {
  for (const [namespace, a, b] of both(left, right)) {
    for (const [key, x, y] of both(a, b)) yield* different("kv", [namespace, key], x, y);
  }
}

function* different(
  kind: Difference["kind"],
  path: readonly string[],
  left: string | undefined,
  right: string | undefined,
): Generator<Difference> {
  if (left !== right) yield { kind, path, left: left ?? null, right: right ?? null };
}

/** The values of two tables by key, sorted by key. */
function both<K extends string | number | bigint, V>(
  left: ReadonlyMap<K, V> = new Map(),
  right: ReadonlyMap<K, V> = new Map(),
): [K, V | undefined, V | undefined][] {
  const keys = [...new Set([...left.keys(), ...right.keys()])].sort((a, b) => a < b ? -1 : 1);
  return keys.map((key) => [key, left.get(key), right.get(key)]);
}

function brokerText({ cluster, enableActingMaster, zoneName }: BrokerData): string {
  return `in ${cluster}${enableActingMaster ? ", acting master enabled" : ""}` +
    (zoneName === undefined ? "" : `, zone ${zoneName}`);
}

function queuesByBroker(route: TopicRouteData | undefined): ReadonlyMap<string, QueueData> {
  return new Map(route?.queueDatas.map((queue) => [queue.brokerName, queue]));
}

function queueText({ readQueueNums, writeQueueNums, perm, topicSysFlag }: QueueData): string {
  return `read ${readQueueNums}, write ${writeQueueNums}, ${permText(perm)}` +
    (topicSysFlag === 0 ? "" : `, sysFlag ${topicSysFlag}`);
}

function mappingText({ currIdMap, epoch, totalQueues }: {
  currIdMap: ReadonlyMap<number, number>;
  epoch: number | bigint;
  totalQueues: number;
}): string {
  const queues = [...currIdMap].sort(([a], [b]) => a - b).map(([global, local]) =>
    `${global}:${local}`
  );
  return `${queues.join(" ")} of ${totalQueues}, epoch ${epoch}`;
}
