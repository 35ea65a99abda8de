import type { DataVersion } from "../protocol/data_version.ts";
import type { QueueData } from "../protocol/route_data.ts";
import type { TableLimits } from "../route/table_limits.ts";
import type { RouteTables } from "../route/tables.ts";
import { runSteps } from "../run_steps.ts";
import type { SavedBroker, SavedGroup, SavedRoutes } from "./format.ts";

/** Queue data that are restored in one go: what is left out over a limit is left out in such pieces. */
const QUEUE_DATA_PER_PIECE = 65_536;

/** The result of a restore. */
export interface Restored {
  readonly brokers: number;
  readonly topics: number;
  readonly queueDatas: number;
  /** Why a part was left out: the first limit that it would have passed. */
  readonly over: string | undefined;
}

/**
 * Puts saved routes into empty tables, their brokers as restored ones.
 *
 * Data over a limit are left out. Then no data version counts as known, so that each broker's first
 * registration decides.
 *
 * @param heardAt milliseconds of the monotonic clock of the live entries
 * @param oldest milliseconds since the epoch: brokers that were last heard before are left out
 */
export function restoreRoutes(
  tables: RouteTables,
  saved: SavedRoutes,
  limits: TableLimits,
  heardAt: number,
  oldest: number,
): Restored {
  const restore = new Restore(tables, limits, heardAt);
  const groups = saved.groups.map((group) => ({
    ...group,
    brokers: group.brokers.filter((broker) =>
      broker.lastUpdateTimestamp >= oldest && restore.place(group, broker)
    ),
  }));
  for (const { names, datas } of saved.topics) restore.topics(names, datas);
  for (const [topic, info] of saved.mappings) tables.putMapping(topic, info);
  for (const group of groups) restore.complete(group);
  return {
    brokers: tables.restoredBrokerCount,
    topics: tables.topicCount,
    queueDatas: tables.queueDataCount,
    over: restore.over,
  };
}

class Restore {
  readonly #tables: RouteTables;
  readonly #limits: TableLimits;
  readonly #heardAt: number;
  over: string | undefined;

  constructor(tables: RouteTables, limits: TableLimits, heardAt: number) {
    this.#tables = tables;
    this.#limits = limits;
    this.#heardAt = heardAt;
  }

  /** Gives a broker its place in its group, and its live entry. Returns false where a limit forbids it. */
  place(group: SavedGroup, broker: SavedBroker): boolean {
    const { brokerName, enableActingMaster, zoneName, clusters } = group;
    const { filterServers } = broker;
    const header = { ...broker, brokerName, enableActingMaster, zoneName, connection: {} };
    const body = { topics: [], mappings: new Map(), filterServers };
    if (!this.#allows(runSteps(this.#limits.growthOf(header, body)))) return false;
    for (const clusterName of clusters) this.#tables.putBroker({ ...header, clusterName });
    this.#putLive(brokerName, broker, unknownVersion(broker.dataVersion));
    this.#tables.setFilterServers(brokerName, broker.brokerAddr, filterServers);
    return true;
  }

  topics(names: readonly string[], saved: readonly QueueData[]): void {
    const datas = saved.filter((data) => this.#tables.broker(data.brokerName) !== undefined);
    if (datas.length === 0) return;
    const size = Math.max(1, Math.floor(QUEUE_DATA_PER_PIECE / datas.length));
    for (let at = 0; at < names.length; at += size) {
      const piece = names.slice(at, at + size);
      if (this.#allows(this.#limits.growthOfTopics(piece, datas))) {
        this.#tables.addTopics(piece, datas);
      }
    }
  }

  /** Makes the data versions of a group known, once all of its topics are there. */
  complete({ brokerName, brokers, bodies, settled }: SavedGroup): void {
    if (!settled || this.over !== undefined) return;
    for (const broker of brokers) this.#putLive(brokerName, broker, broker.dataVersion);
    for (const body of bodies) this.#tables.restoreBody(brokerName, body);
  }

  #putLive(brokerName: string, broker: SavedBroker, dataVersion: DataVersion): void {
    const { clusterName, brokerAddr, haServerAddr, heartbeatTimeoutMillis, lastUpdateTimestamp } =
      broker;
    this.#tables.putLiveBroker({
      clusterName,
      brokerName,
      brokerAddr,
      haServerAddr,
      heartbeatTimeoutMillis,
      lastUpdateTimestamp,
      dataVersion,
      heardAt: this.#heardAt,
      connection: undefined,
      restored: true,
    });
  }

  #allows(growth: Parameters<TableLimits["refusal"]>[0]): boolean {
    const over = this.#limits.refusal(growth);
    this.over ??= over?.remark;
    return over === undefined;
  }
}

/** A version that no broker has, but with the state version, by which rivals for an id are compared. */
function unknownVersion({ stateVersion }: DataVersion): DataVersion {
  return { stateVersion, timestamp: -1, counter: -1 };
}
