import { RequestCode } from "../protocol/codes.ts";
import {
  permText,
  type QueueData,
  type TopicQueueMappingInfo,
  type TopicRouteData,
} from "../protocol/route_data.ts";
import { brokerFields, clusterWith, didYouMean, jsonLong } from "./brokers.ts";
import { ServerFailure } from "./failures.ts";
import type { NameServer } from "./name_server.ts";
import type { ServerOptions } from "./options.ts";
import { type Cell, styled } from "./output.ts";
import { topicNames, topicRoute, topicRoutes } from "./queries.ts";
import type { Registry } from "./registry.ts";
import type { Session } from "./session.ts";
import { printable } from "./text.ts";

interface TopicsOptions extends ServerOptions {
  cluster?: string;
  names?: boolean;
}

interface DeleteOptions extends ServerOptions {
  cluster?: string;
}

/** Adds the commands `topics`, `route` and `topic`. */
export function addTopicCommands(registry: Registry): void {
  registry
    .add<TopicsOptions>("topics", "list topics with their brokers and queues", topics)
    .option("--cluster <name>", "only topics on brokers of this cluster")
    .option("--names", "only names, one per line; takes a single request");
  registry.add("route <topic>", "show the route of a topic as clients see it", route);
  const topic = registry.group("topic", "change topics");
  registry
    .add<DeleteOptions>(
      "delete <topic>",
      "delete a topic's route, on each name server; a broker that still has the topic restores it",
      deleteTopic,
      topic,
    )
    .option("--cluster <name>", "only on the brokers of this cluster");
}

/** A queue data for JSON output. */
export function queueFields({ brokerName, ...queue }: QueueData) {
  return {
    broker: brokerName,
    readQueues: queue.readQueueNums,
    writeQueues: queue.writeQueueNums,
    perm: queue.perm,
    sysFlag: queue.topicSysFlag,
  };
}

async function topics(
  session: Session,
  _: readonly string[],
  { cluster, names }: TopicsOptions,
): Promise<void> {
  const { out, json } = session;
  const { all, routes } = await session.first(async (server) => {
    if (cluster !== undefined) await clusterWith(server, cluster);
    const all = await topicNames(server, cluster);
    return { all, routes: names ? new Map() : await topicRoutes(server, all) };
  });
  if (names) {
    if (json) return await out.json(all);
    return await out.write(all.map((topic) => `${printable(topic)}\n`).join(""));
  }
  const list = all.map((topic) => topicFields(topic, routes.get(topic), cluster));
  if (json) return await out.json(list);
  await out.table(
    ["TOPIC", "CLUSTERS", "BROKERS", "READ", "WRITE", "PERM"],
    list.map(({ topic, clusters, queues }): Cell[] => [
      topic,
      clusters.join(" "),
      queues.map(({ broker }) => broker).join(" "),
      queues.reduce((sum, { readQueues }) => sum + readQueues, 0),
      queues.reduce((sum, { writeQueues }) => sum + writeQueues, 0),
      permCell(queues),
    ]),
  );
}

/** A topic for JSON output. A topic that was just deleted has no route. */
function topicFields(topic: string, route: TopicRouteData | undefined, cluster?: string) {
  const brokers = (route?.brokerDatas ?? [])
    .filter((broker) => broker.cluster === (cluster ?? broker.cluster));
  const names = new Set(brokers.map(({ brokerName }) => brokerName));
  return {
    topic,
    clusters: [...new Set(brokers.map((broker) => broker.cluster))].sort(),
    queues: sortedQueues(route).filter(({ broker }) => names.has(broker)),
  };
}

function sortedQueues(route: TopicRouteData | undefined) {
  return (route?.queueDatas ?? []).map(queueFields).sort((a, b) => a.broker < b.broker ? -1 : 1);
}

function permCell(queues: readonly { perm: number }[]): Cell {
  const perms = [...new Set(queues.map(({ perm }) => permText(perm)))].join(" ");
  return perms === "rw" ? perms : styled("yellow", perms);
}

async function route(session: Session, args: readonly string[]): Promise<void> {
  const { out, json } = session;
  const [topic = ""] = args;
  const route = await session.first((server) => knownRoute(server, topic));
  const brokers = route.brokerDatas.map(brokerFields)
    .sort((a, b) => a.broker < b.broker ? -1 : 1);
  const queues = sortedQueues(route);
  const mappings = [...route.topicQueueMappingByBroker ?? []];
  const filterServers = [...route.filterServerTable]
    .map(([address, servers]) => ({ address, servers: [...servers] }));
  if (json) {
    return await out.json({
      topic,
      brokers,
      queues,
      orderConf: route.orderTopicConf ?? null,
      filterServers,
      staticQueues: mappings.map(([broker, info]) => mappingFields(broker, info)),
    });
  }
  const rows = brokers.flatMap(({ cluster, broker, addresses }) => {
    const queue = queues.find((it) => it.broker === broker);
    return addresses.map(({ id, role, address }): Cell[] => [
      cluster,
      broker,
      id,
      role === "master" ? styled("green", role) : role,
      address,
      queue?.readQueues ?? "-",
      queue?.writeQueues ?? "-",
      queue === undefined ? "-" : permCell([queue]),
    ]);
  });
  await out.table(["CLUSTER", "BROKER", "ID", "ROLE", "ADDRESS", "READ", "WRITE", "PERM"], rows);
  if (route.orderTopicConf !== undefined) {
    await out.line(`order configuration: ${route.orderTopicConf}`);
  }
  for (const { address, servers } of filterServers) {
    await out.line(`filter servers of ${address}: ${servers.join(" ")}`);
  }
  for (const [broker, { totalQueues, currIdMap }] of mappings) {
    const ids = [...currIdMap.keys()].sort((a, b) => a - b).join(" ");
    await out.line(`static queues on ${broker}: ${ids} (of ${totalQueues})`);
  }
}

/** A static topic's queues on one broker, for JSON output. */
function mappingFields(broker: string, info: TopicQueueMappingInfo) {
  return {
    broker,
    totalQueues: info.totalQueues,
    epoch: jsonLong(info.epoch),
    scope: info.scope,
    queues: [...info.currIdMap].sort(([a], [b]) => a - b)
      .map(([global, local]) => ({ global, local })),
  };
}

/**
 * Returns the route of a topic that must exist.
 *
 * @throws {ServerFailure} when it does not
 */
export async function knownRoute(server: NameServer, topic: string): Promise<TopicRouteData> {
  const route = await topicRoute(server, topic);
  if (route !== undefined) return route;
  // A server may refuse to list its topics.
  const hint = await topicNames(server).then((names) => didYouMean(topic, names), () => "");
  throw new ServerFailure(server.address, `unknown topic ${printable(topic)}${hint}`, true);
}

async function deleteTopic(
  session: Session,
  args: readonly string[],
  { cluster }: DeleteOptions,
): Promise<void> {
  const [topic = ""] = args;
  const fields = [["topic", topic], ["clusterName", cluster]]
    .filter((field): field is [string, string] => field[1] !== undefined);
  await session.report(
    async (server) => {
      // Servers report success even when the topic never existed.
      const known = await topicRoute(server, topic) !== undefined;
      await server.ask({ code: RequestCode.DELETE_TOPIC_IN_NAMESRV, extFields: fields });
      return known;
    },
    (known) => known ? `${topic} deleted` : `${topic} did not exist`,
    (known) => ({ topic, deleted: known }),
  );
}
