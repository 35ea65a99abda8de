import type { DataVersion } from "../protocol/data_version.ts";
import type { Long } from "../protocol/long.ts";
import type { RegisterBrokerBody } from "../protocol/register_broker_body.ts";
import type { BrokerData, QueueData, TopicQueueMappingInfo } from "../protocol/route_data.ts";
import type { RouteView } from "./route_view.ts";

/** Handle of the connection that a broker registered over. It is only compared. */
export type BrokerConnection = object;

/** When a broker was last heard, by two clocks. */
export interface Heard {
  /** Milliseconds since the epoch, to be shown. */
  lastUpdateTimestamp: number;
  /** Milliseconds of a monotonic clock, for the expiry. */
  heardAt: number;
}

/** An entry of the live table. */
export interface LiveBroker extends Heard {
  readonly clusterName: string;
  readonly brokerAddr: string;
  readonly brokerName: string;
  readonly haServerAddr: string | undefined;
  readonly dataVersion: DataVersion;
  readonly heartbeatTimeoutMillis: number;
  readonly connection: BrokerConnection;
}

/** Properties of an applied registration body, apart from its topics. */
export type AppliedBody = Pick<RegisterBrokerBody, "dataVersion" | "filterServers">;

/** Called for every change that affects a route. */
export interface RouteListener {
  topicChanged(topic: string): void;
  /** The addresses, flags or filter servers of the brokers with this name changed. */
  brokerChanged(brokerName: string): void;
}

interface Broker extends BrokerData {
  readonly brokerAddrs: Map<Long, string>;
  enableActingMaster: boolean;
  zoneName: string | undefined;
}

/** Most distinct queue data kept per broker name; a broker has a handful. */
const SHARED_QUEUE_DATA_LIMIT = 4096;
/** Most applied bodies kept per broker name; a broker that splits its registration has several. */
const APPLIED_BODIES_LIMIT = 256;

/**
 * The tables of semantics.md, and the changes that keep their invariants: an address has only one
 * brokerId; no table contains a broker name without addresses, a cluster without broker names or a
 * topic without queue data. Rules about who may change what belong elsewhere.
 *
 * Live entries and filter servers are keyed by broker name and address. If they were keyed by
 * address alone, two names that claim one address would take them from each other, and a name
 * without its live entry would never be removed.
 */
export class RouteTables implements RouteView {
  readonly #topics = new Map<string, QueueData[]>();
  readonly #mappings = new Map<string, Map<string, TopicQueueMappingInfo>>();
  readonly #brokers = new Map<string, Broker>();
  readonly #clusters = new Map<string, Set<string>>();
  readonly #live = new Map<string, LiveBroker>();
  readonly #liveByConnection = new Map<BrokerConnection, Set<LiveBroker>>();
  readonly #filterServers = new Map<string, readonly string[]>();
  /** Equal queue data share one object: a broker has few kinds of it and thousands of topics. */
  readonly #sharedQueueData = new Map<string, Map<string, QueueData>>();
  /** See {@link appliedBody}. */
  readonly #appliedBodies = new Map<string, Map<string, AppliedBody>>();
  /** Number of topics per broker name: visiting all topics to count them would take too long. */
  readonly #topicCounts = new Map<string, number>();
  readonly #listeners: RouteListener[] = [];
  #lastIndex = 0;

  /** Calls the listener for every change that affects a route, from now on. It must not throw. */
  subscribe(listener: RouteListener): void {
    this.#listeners.push(listener);
  }

  /** Names of all topics. */
  topics(): Iterable<string> {
    return this.#topics.keys();
  }

  /** The number of topics. */
  get topicCount(): number {
    return this.#topics.size;
  }

  /** Number of topics on the brokers of a name. */
  topicCountOf(brokerName: string): number {
    return this.#topicCounts.get(brokerName) ?? 0;
  }

  /** Number of queue data entries of all topics. */
  get queueDataCount(): number {
    return this.#topicCounts.values().reduce((sum, count) => sum + count, 0);
  }

  /** Returns the queue data of a topic, one entry per broker name. */
  queueDatas(topic: string): readonly QueueData[] | undefined {
    return this.#topics.get(topic);
  }

  /** Returns the queue data of a topic on the brokers of one name. */
  queueData(topic: string, brokerName: string): QueueData | undefined {
    const datas = this.#topics.get(topic);
    return datas?.[this.#indexOf(datas, brokerName)];
  }

  /** Returns the static mappings of a topic, by the broker name that sent each. */
  mappings(topic: string): ReadonlyMap<string, TopicQueueMappingInfo> | undefined {
    return this.#mappings.get(topic);
  }

  /** Returns all broker groups. */
  brokers(): Iterable<BrokerData> {
    return this.#brokers.values();
  }

  /** Returns the broker group of a name. */
  broker(brokerName: string): BrokerData | undefined {
    return this.#brokers.get(brokerName);
  }

  /** Returns the clusters with their broker names. */
  clusters(): Iterable<readonly [string, ReadonlySet<string>]> {
    return this.#clusters;
  }

  /** Returns the broker names of a cluster. */
  cluster(clusterName: string): ReadonlySet<string> | undefined {
    return this.#clusters.get(clusterName);
  }

  /** Returns all live entries. */
  liveBrokers(): Iterable<LiveBroker> {
    return this.#live.values();
  }

  /** Returns the live entry of a broker if its cluster is this one. */
  liveBroker(
    clusterName: string,
    brokerName: string,
    brokerAddr: string,
  ): LiveBroker | undefined {
    const live = this.#live.get(brokerKey(brokerName, brokerAddr));
    return live?.clusterName === clusterName ? live : undefined;
  }

  /** Whether a broker of this name and address is registered, in whatever cluster. */
  isLive(brokerName: string, brokerAddr: string): boolean {
    return this.#live.has(brokerKey(brokerName, brokerAddr));
  }

  /** Returns the live entries of one connection. */
  liveBrokersOf(connection: BrokerConnection): Iterable<LiveBroker> {
    return this.#liveByConnection.get(connection) ?? [];
  }

  /** Returns the filter servers of a broker. */
  filterServers(brokerName: string, brokerAddr: string): readonly string[] | undefined {
    return this.#filterServers.get(brokerKey(brokerName, brokerAddr));
  }

  /**
   * Adds an address under a broker name and id, removing it from any other id. Creates the name and
   * the cluster if needed.
   *
   * @returns the broker group of the name
   */
  putBroker(broker: {
    clusterName: string;
    brokerName: string;
    brokerId: Long;
    brokerAddr: string;
    enableActingMaster: boolean;
    zoneName: string | undefined;
  }): BrokerData {
    const { clusterName, brokerName, brokerId, brokerAddr, enableActingMaster, zoneName } = broker;
    let names = this.#clusters.get(clusterName);
    if (names === undefined) this.#clusters.set(clusterName, names = new Set());
    names.add(brokerName);
    let data = this.#brokers.get(brokerName);
    let changed = data === undefined;
    if (data === undefined) {
      data = {
        cluster: clusterName,
        brokerName,
        brokerAddrs: new Map(),
        enableActingMaster,
        zoneName,
      };
      this.#brokers.set(brokerName, data);
    }
    changed ||= data.enableActingMaster !== enableActingMaster || data.zoneName !== zoneName;
    data.enableActingMaster = enableActingMaster;
    data.zoneName = zoneName;
    for (const [id, addr] of data.brokerAddrs) {
      if (addr === brokerAddr && id !== brokerId) data.brokerAddrs.delete(id);
    }
    changed ||= data.brokerAddrs.get(brokerId) !== brokerAddr;
    data.brokerAddrs.set(brokerId, brokerAddr);
    if (changed) this.#brokerChanged(brokerName);
    return data;
  }

  /**
   * Removes an address from a broker name, and the name from its clusters when it was the last
   * address.
   *
   * @returns the effect on the name
   */
  removeBrokerAddr(brokerName: string, brokerAddr: string): "gone" | "reduced" | "unchanged" {
    const data = this.#brokers.get(brokerName);
    if (data === undefined) return "unchanged";
    let removed = false;
    for (const [id, addr] of data.brokerAddrs) {
      if (addr === brokerAddr) removed = data.brokerAddrs.delete(id);
    }
    if (!removed) return "unchanged";
    this.#brokerChanged(brokerName);
    if (data.brokerAddrs.size > 0) return "reduced";
    this.#brokers.delete(brokerName);
    this.#sharedQueueData.delete(brokerName);
    this.#appliedBodies.delete(brokerName);
    for (const [clusterName, names] of this.#clusters) {
      if (names.delete(brokerName) && names.size === 0) this.#clusters.delete(clusterName);
    }
    return "gone";
  }

  /** Writes a broker's live entry, replacing any previous one. */
  putLiveBroker(live: LiveBroker): void {
    this.removeLiveBroker(live.brokerName, live.brokerAddr);
    this.#live.set(brokerKey(live.brokerName, live.brokerAddr), live);
    const ofConnection = this.#liveByConnection.get(live.connection);
    if (ofConnection === undefined) this.#liveByConnection.set(live.connection, new Set([live]));
    else ofConnection.add(live);
  }

  /** Removes a live entry. */
  removeLiveBroker(brokerName: string, brokerAddr: string): void {
    const key = brokerKey(brokerName, brokerAddr);
    const live = this.#live.get(key);
    if (live === undefined) return;
    this.#live.delete(key);
    const ofConnection = this.#liveByConnection.get(live.connection);
    ofConnection?.delete(live);
    if (ofConnection?.size === 0) this.#liveByConnection.delete(live.connection);
  }

  /** Sets the filter servers of a broker; an empty list removes them. */
  setFilterServers(brokerName: string, brokerAddr: string, servers: readonly string[]): void {
    const key = brokerKey(brokerName, brokerAddr);
    const known = this.#filterServers.get(key) ?? [];
    if (known.length === servers.length && known.every((it, i) => it === servers[i])) return;
    if (servers.length === 0) this.#filterServers.delete(key);
    else this.#filterServers.set(key, servers);
    this.#brokerChanged(brokerName);
  }

  /** Sets queue data of a topic. Returns whether that changed anything. */
  putQueueData(topic: string, data: QueueData): boolean {
    const datas = this.#topics.get(topic);
    if (datas === undefined) {
      this.#topics.set(topic, [this.#shared(data)]);
      this.#countTopic(data.brokerName, 1);
    } else {
      const at = this.#indexOf(datas, data.brokerName);
      const known = datas[at];
      if (known === undefined) {
        datas.push(this.#shared(data));
        this.#countTopic(data.brokerName, 1);
      } else if (sameQueueData(known, data)) return false;
      else datas[at] = this.#shared(data);
    }
    this.#topicChanged(topic);
    return true;
  }

  /** Removes a broker name's queue data from a topic, and the topic when it was the last. */
  removeQueueData(topic: string, brokerName: string): boolean {
    const datas = this.#topics.get(topic);
    const at = datas === undefined ? -1 : this.#indexOf(datas, brokerName);
    if (datas === undefined || at < 0) return false;
    if (datas.length === 1) return this.removeTopic(topic);
    this.#appliedBodies.delete(brokerName);
    this.#countTopic(brokerName, -1);
    // The order does not matter, and moving one is cheaper than shifting all behind it.
    const last = datas.pop();
    if (last !== undefined && at < datas.length) datas[at] = last;
    this.#topicChanged(topic);
    return true;
  }

  /** Removes a topic. */
  removeTopic(topic: string): boolean {
    this.#mappings.delete(topic);
    const datas = this.#topics.get(topic);
    if (datas === undefined) return false;
    for (const { brokerName } of datas) {
      this.#appliedBodies.delete(brokerName);
      this.#countTopic(brokerName, -1);
    }
    this.#topics.delete(topic);
    this.#topicChanged(topic);
    return true;
  }

  /** Records that a body was applied, so that all its topics are in the tables. */
  putAppliedBody(brokerName: string, key: string, body: AppliedBody): void {
    let applied = this.#appliedBodies.get(brokerName);
    if (applied === undefined) this.#appliedBodies.set(brokerName, applied = new Map());
    if (applied.size >= APPLIED_BODIES_LIMIT) applied.clear();
    applied.set(key, body);
  }

  /**
   * Returns a body that was applied and none of whose topics was removed since; `undefined` when it
   * must be parsed.
   */
  appliedBody(brokerName: string, key: string): AppliedBody | undefined {
    return this.#appliedBodies.get(brokerName)?.get(key);
  }

  /** Changes `perm` of all topics of a broker name. Returns their number. */
  changePerm(brokerName: string, change: (perm: number) => number): number {
    let count = 0;
    for (const topic of this.#topics.keys()) {
      const data = this.queueData(topic, brokerName);
      if (data === undefined) continue;
      count++;
      this.putQueueData(topic, { ...data, perm: change(data.perm) });
    }
    return count;
  }

  /** Stores a static mapping of a topic, if any broker has the topic. */
  putMapping(topic: string, info: TopicQueueMappingInfo): void {
    if (info.bname === null || !this.#topics.has(topic)) return;
    const mappings = this.#mappings.get(topic);
    if (mappings === undefined) this.#mappings.set(topic, new Map([[info.bname, info]]));
    else if (sameMapping(mappings.get(info.bname), info)) return;
    else mappings.set(info.bname, info);
    this.#topicChanged(topic);
  }

  #topicChanged(topic: string): void {
    for (const listener of this.#listeners) listener.topicChanged(topic);
  }

  #brokerChanged(brokerName: string): void {
    for (const listener of this.#listeners) listener.brokerChanged(brokerName);
  }

  #countTopic(brokerName: string, change: 1 | -1): void {
    const count = this.topicCountOf(brokerName) + change;
    if (count === 0) this.#topicCounts.delete(brokerName);
    else this.#topicCounts.set(brokerName, count);
  }

  /**
   * Index of a broker name in a topic's queue data, or -1. In a loop over all topics of a broker,
   * it is at about the same index each time.
   */
  #indexOf(datas: readonly QueueData[], brokerName: string): number {
    if (datas[this.#lastIndex]?.brokerName === brokerName) return this.#lastIndex;
    const at = datas.findIndex((data) => data.brokerName === brokerName);
    if (at >= 0) this.#lastIndex = at;
    return at;
  }

  #shared(data: QueueData): QueueData {
    const { brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag } = data;
    let known = this.#sharedQueueData.get(brokerName);
    if (known === undefined) this.#sharedQueueData.set(brokerName, known = new Map());
    const key = `${readQueueNums},${writeQueueNums},${perm},${topicSysFlag}`;
    let shared = known.get(key);
    if (shared === undefined) {
      // A broker that keeps changing its queue data must not fill the memory.
      if (known.size >= SHARED_QUEUE_DATA_LIMIT) known.clear();
      known.set(key, shared = data);
    }
    return shared;
  }
}

/** The length separates the two parts of the key unambiguously. */
function brokerKey(brokerName: string, brokerAddr: string): string {
  return `${brokerName.length}:${brokerName}${brokerAddr}`;
}

function sameQueueData(a: QueueData, b: QueueData): boolean {
  return a.perm === b.perm && a.readQueueNums === b.readQueueNums &&
    a.writeQueueNums === b.writeQueueNums && a.topicSysFlag === b.topicSysFlag;
}

function sameMapping(a: TopicQueueMappingInfo | undefined, b: TopicQueueMappingInfo): boolean {
  return a !== undefined && a.topic === b.topic && a.scope === b.scope && a.epoch === b.epoch &&
    a.totalQueues === b.totalQueues && a.dirty === b.dirty &&
    a.currIdMap.size === b.currIdMap.size &&
    [...a.currIdMap].every(([id, local]) => b.currIdMap.get(id) === local);
}
