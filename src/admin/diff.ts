import {
  compareBrokers,
  compareNamespace,
  compareRoutes,
  compareTopicNames,
  type Difference,
  type Differences,
  sorted,
} from "../compare/differences.ts";
import type { BrokerData, TopicRouteData } from "../protocol/route_data.ts";
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

interface DiffOptions extends NamespaceOptions {
  /** `false` with --no-restored. */
  restored: boolean;
}

/** The data of one name server, as far as requests can read it. */
interface Holdings {
  readonly info: ClusterInfo;
  readonly topics: readonly string[];
  readonly routes: ReadonlyMap<string, TopicRouteData>;
  /** The pairs by namespace. */
  readonly kv: ReadonlyMap<string, ReadonlyMap<string, string>>;
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

/** Leaves out what is equal. */
function* only(differences: Differences): Generator<Difference> {
  for (const it of differences) if (it !== undefined) yield it;
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
    (left, right) => sorted([...only(compareKv(left, right))]),
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
function compare(left: Holdings, right: Holdings): Difference[] {
  return sorted([
    ...only(compareBrokers(left.info.brokers, right.info.brokers)),
    ...only(compareTopicNames(new Set(left.topics), new Set(right.topics))),
    ...only(compareAllRoutes(left.routes, right.routes)),
    ...only(compareKv(left.kv, right.kv)),
  ]);
}

function* compareAllRoutes(left: Holdings["routes"], right: Holdings["routes"]): Differences {
  for (const topic of new Set([...left.keys(), ...right.keys()])) {
    yield* compareRoutes(topic, left.get(topic), right.get(topic));
  }
}

function* compareKv(left: Holdings["kv"], right: Holdings["kv"]): Differences {
  for (const namespace of new Set([...left.keys(), ...right.keys()])) {
    yield* compareNamespace(namespace, left.get(namespace), right.get(namespace));
  }
}
