import { nearestName } from "../config/nearest.ts";
import { MASTER_ID, RequestCode } from "../protocol/codes.ts";
import type { Long } from "../protocol/long.ts";
import type { BrokerData } from "../protocol/route_data.ts";
import { ServerFailure } from "./failures.ts";
import type { NameServer } from "./name_server.ts";
import type { ServerOptions } from "./options.ts";
import { type Cell, styled } from "./output.ts";
import { clusterInfo, type KnownBrokers } from "./queries.ts";
import type { Registry } from "./registry.ts";
import type { Session } from "./session.ts";
import { printable } from "./text.ts";

interface ClusterOption extends ServerOptions {
  cluster?: string;
}

/** Adds the commands `clusters`, `brokers` and `perm`. */
export function addBrokerCommands(registry: Registry): void {
  registry.add("clusters", "list clusters", clusters);
  registry
    .add<ClusterOption>("brokers", "list brokers and their addresses", brokers)
    .option("--cluster <name>", "only brokers of this cluster");
  const perm = registry.group("perm", "stop or resume writes to a broker");
  registry.add(
    "wipe <broker>",
    "remove write permission from all topics of a broker, on each name server",
    (session, [broker = ""]) => changePerm(session, broker, WIPE),
    perm,
  );
  registry.add(
    "add <broker>",
    "restore write permission for all topics of a broker, on each name server",
    (session, [broker = ""]) => changePerm(session, broker, ADD),
    perm,
  );
}

/** A long for JSON output: a number, or a string where JavaScript would lose digits. */
export function jsonLong(value: Long): number | string {
  return typeof value === "bigint" ? String(value) : value;
}

async function clusters(session: Session): Promise<void> {
  const { out, json } = session;
  const { brokers, clusters } = await session.first(clusterInfo);
  const list = [...clusters].map(([cluster, names]) => {
    const ids = names.flatMap((name) => [...brokers.get(name)?.brokerAddrs.keys() ?? []]);
    const masters = ids.filter((id) => id === MASTER_ID).length;
    return {
      cluster,
      brokerNames: names.toSorted(),
      masters,
      slaves: ids.length - masters,
    };
  }).sort((a, b) => a.cluster < b.cluster ? -1 : 1);
  if (json) return await out.json(list);
  await out.table(
    ["CLUSTER", "BROKER NAMES", "MASTERS", "SLAVES", "NAMES"],
    list.map(({ cluster, brokerNames, masters, slaves }) => [
      cluster,
      brokerNames.length,
      masters,
      slaves,
      brokerNames.join(" "),
    ]),
  );
}

async function brokers(
  session: Session,
  _: readonly string[],
  { cluster }: ClusterOption,
): Promise<void> {
  const { out, json } = session;
  const info = await session.first((server) => clusterWith(server, cluster));
  const list = brokerList(info).filter((broker) => broker.cluster === (cluster ?? broker.cluster));
  if (json) return await out.json(list);
  await out.table(
    ["CLUSTER", "BROKER", "ID", "ROLE", "ADDRESS", "ACTING MASTER", "ZONE", "STATE"],
    list.flatMap(({ cluster, broker, addresses, enableActingMaster, zone }) =>
      addresses.map(({ id, role, address, restored }): Cell[] => [
        cluster,
        broker,
        id,
        role === "master" ? styled("green", role) : role,
        address,
        enableActingMaster ? "allowed" : "no",
        zone ?? "-",
        restored ? styled("yellow", "restored") : "confirmed",
      ])
    ),
  );
}

/**
 * Returns the clusters and brokers that a server knows.
 *
 * @param cluster a cluster that must exist
 * @throws {ServerFailure} when it does not
 */
export async function clusterWith(server: NameServer, cluster?: string): Promise<KnownBrokers> {
  const info = await clusterInfo(server);
  if (cluster === undefined || info.clusters.has(cluster)) return info;
  const hint = didYouMean(cluster, info.clusters.keys());
  throw new ServerFailure(server.address, `unknown cluster ${printable(cluster)}${hint}`, true);
}

/** A broker group for JSON output. */
export function brokerFields(data: BrokerData) {
  return {
    cluster: data.cluster,
    broker: data.brokerName,
    enableActingMaster: data.enableActingMaster,
    zone: data.zoneName ?? null,
    addresses: [...data.brokerAddrs].sort(([a], [b]) => a < b ? -1 : 1).map(([id, address]) => ({
      id: jsonLong(id),
      role: id === MASTER_ID ? "master" : "slave",
      address,
    })),
  };
}

/** The broker groups for JSON output, by cluster and name. */
function brokerList({ brokers, isRestored }: KnownBrokers) {
  const key = ({ cluster, brokerName }: BrokerData) => `${cluster}\0${brokerName}`;
  return [...brokers.values()].sort((a, b) => key(a) < key(b) ? -1 : 1).map((data) => {
    const { addresses, ...fields } = brokerFields(data);
    return {
      ...fields,
      addresses: addresses.map((it) => ({
        ...it,
        restored: isRestored(data.brokerName, it.address),
      })),
    };
  });
}

interface PermChange {
  readonly code: number;
  /** Name of the response field with the number of topics. */
  readonly count: string;
  readonly done: string;
  /** A consequence that is easily missed, said when it is done. */
  readonly warning?: string;
}

const WIPE: PermChange = {
  code: RequestCode.WIPE_WRITE_PERM_OF_BROKER,
  count: "wipeTopicCount",
  done: "taken from",
};
const ADD: PermChange = {
  code: RequestCode.ADD_WRITE_PERM_OF_BROKER,
  count: "addTopicCount",
  done: "given to",
  warning: "all its topics are now rw, even those that were read-only, and system topics lost x; " +
    "its next registration with changed topics restores its own settings",
};

async function changePerm(session: Session, broker: string, change: PermChange): Promise<void> {
  let changed = false;
  await session.report(
    async (server) => {
      const { code } = change;
      const { extFields } = await server.ask({ code, extFields: [["brokerName", broker]] });
      const topics = Number(extFields.get(change.count) ?? 0);
      // Servers report zero changes for unknown brokers, too.
      if (topics === 0) await checkBroker(server, broker);
      else changed = true;
      return topics;
    },
    (topics) => `write permission ${change.done} ${topics} topics of ${broker}`,
    (topics) => ({ broker, topics }),
  );
  if (changed && change.warning !== undefined) {
    await session.err.line(`${broker}: ${change.warning}`);
  }
}

async function checkBroker(server: NameServer, broker: string): Promise<void> {
  const { brokers } = await clusterInfo(server);
  if (brokers.has(broker)) return;
  const hint = didYouMean(broker, brokers.keys());
  throw new ServerFailure(server.address, `unknown broker ${printable(broker)}${hint}`, true);
}

/** Suggests the closest of the existing names, or says that there are none. */
export function didYouMean(name: string, names: Iterable<string>): string {
  const known = [...names];
  if (known.length === 0) return ": the server has none";
  const nearest = nearestName(name, known);
  return nearest === undefined ? "" : `; did you mean ${printable(nearest)}?`;
}
