import { type DataVersion, sameDataVersion } from "../protocol/data_version.ts";
import { type Long, minLong } from "../protocol/long.ts";
import type { BrokerData, QueueData, TopicQueueMappingInfo } from "../protocol/route_data.ts";
import {
  addressBytes,
  clusterBytes,
  filterServerBytes,
  groupBytes,
  mappingBytes,
  queueDataBytes,
  textBytes,
} from "./answer_bytes.ts";
import { AppliedBodies, type AppliedBody, type KeptBody } from "./applied_bodies.ts";
import { arrayBytes, mapBytes, objectBytes, stringBytes } from "./heap_bytes.ts";
import type { RouteView } from "./route_view.ts";

/** Handle of the connection that a broker registered over. It is only compared. */
export type BrokerConnection = object;

/** The identity of a live entry. */
export interface BrokerIdentity {
  readonly clusterName: string;
  readonly brokerName: string;
  readonly brokerAddr: string;
}

/** When a broker was last heard, by two clocks. */
export interface Heard {
  /** Milliseconds since the epoch, to be shown. */
  lastUpdateTimestamp: number;
  /** Milliseconds of a monotonic clock, for the expiry. */
  heardAt: number;
}

/** An entry of the live table. */
export interface LiveBroker extends BrokerIdentity, Heard {
  readonly haServerAddr: string | undefined;
  readonly dataVersion: DataVersion;
  readonly heartbeatTimeoutMillis: number;
  /** Absent for a restored broker that was not heard since. */
  readonly connection: BrokerConnection | undefined;
  /** Whether it comes from a snapshot and was not confirmed since. */
  readonly restored: boolean;
}

/** How queue data of a topic changed, or one of its static mappings (`changed`). */
export type TopicChange = "added" | "changed" | "removed";

/** Called for every change that affects a route. */
export interface RouteListener {
  /** @param brokerName the brokers on which the topic changed */
  topicChanged(topic: string, brokerName: string, change: TopicChange): void;
  /** The addresses, flags, clusters or filter servers of the brokers with this name changed. */
  brokerChanged(brokerName: string): void;
}

/** Called for changes of single brokers. It must not throw. */
export interface BrokerListener {
  /** A broker was restored from a snapshot. */
  brokerRestored(live: LiveBroker): void;
  /** A restored broker has registered, or has said that its topics are those of the snapshot. */
  brokerConfirmed(live: LiveBroker): void;
}

interface Broker extends BrokerData {
  readonly brokerAddrs: Map<Long, string>;
  enableActingMaster: boolean;
  zoneName: string | undefined;
}

/** One broker name and its state. */
interface Group {
  readonly data: Broker;
  /** The id of each address. */
  readonly ids: Map<string, Long>;
  readonly clusters: Set<string>;
  /** The smallest id; `undefined` after its removal, until it is needed again. */
  minId: Long | undefined;
  /** See {@link RouteTables.appliedBody}. */
  readonly applied: AppliedBodies;
  /** The number of its last change, apart from {@link TopicsOfBroker.changedAt}. */
  changedAt: number;
}

/** One topic and its state. */
interface Topic {
  /** The one copy of its name: those of other registrations are not kept. */
  readonly name: string;
  readonly datas: QueueData[];
  mappings: Map<string, TopicQueueMappingInfo> | undefined;
  /** Its own part of its route, in bytes. */
  routeBytes: number;
}

/** The topics of one broker name. They outlive its addresses until they are removed. */
interface TopicsOfBroker {
  /** Where the broker's queue data stands in the list of each topic. */
  readonly positions: Map<string, number>;
  /** Equal queue data share one object: a broker has few kinds of it and thousands of topics. */
  kinds: Map<string, QueueData>;
  /** Most kinds kept before unused ones are dropped. */
  mostKinds: number;
  /** The number of the last change that added or replaced queue data. */
  changedAt: number;
}

/** Fewest distinct queue data of a broker name before unused ones are looked for; most have a handful. */
const LEAST_KINDS = 4096;

const LIVE_BYTES = objectBytes(10) + objectBytes(3);
const GROUP_BYTES = objectBytes(6) + objectBytes(5) + 2 * mapBytes(1) + mapBytes(1);
const KIND_BYTES = objectBytes(5) + 32;
const TOPIC_BYTES = objectBytes(4);
const TOPICS_OF_BROKER_BYTES = objectBytes(4) + mapBytes(0);
const CONNECTION_BYTES = mapBytes(1);

/**
 * The tables of semantics.md, and the changes that keep their invariants: an address has only one
 * brokerId; no table contains a broker name without addresses, a cluster without broker names or a
 * topic without queue data. Rules about who may change what belong elsewhere.
 *
 * Live entries and filter servers are keyed by broker name and address. If they were keyed by
 * address alone, two names that claim one address would take them from each other, and a name
 * without its live entry would never be removed.
 *
 * Each change takes time in proportion to what it changes, whatever else is in the tables.
 */
export class RouteTables implements RouteView {
  readonly #topics = new Map<string, Topic>();
  readonly #topicsOf = new Map<string, TopicsOfBroker>();
  readonly #groups = new Map<string, Group>();
  readonly #clusters = new Map<string, Set<string>>();
  readonly #live = new Map<string, LiveBroker>();
  readonly #liveByConnection = new Map<BrokerConnection, Set<LiveBroker>>();
  readonly #filterServers = new Map<string, readonly string[]>();
  readonly #listeners: RouteListener[] = [];
  readonly #brokerListeners: BrokerListener[] = [];
  #restoredBrokerCount = 0;
  #queueDataCount = 0;
  #topicNamesVersion = 0;
  #changes = 0;
  /** Memory of everything but the seven tables themselves and the applied bodies. */
  #contentBytes = 0;
  #appliedBytes = 0;
  #clusterInfoBytes = 0;
  #filterServerBytes = 0;
  #topicListBytes = 0;

  /** Calls the listener for every change that affects a route, from now on. It must not throw. */
  subscribe(listener: RouteListener): void {
    this.#listeners.push(listener);
  }

  /** Calls the listener for changes of brokers, from now on. */
  subscribeBrokers(listener: BrokerListener): void {
    this.#brokerListeners.push(listener);
  }

  topics(): Iterable<string> {
    return this.#topics.keys();
  }

  get topicCount(): number {
    return this.#topics.size;
  }

  get topicNamesVersion(): number {
    return this.#topicNamesVersion;
  }

  get changes(): number {
    return this.#changes;
  }

  changedAt(brokerName: string): number {
    const ofGroup = this.#groups.get(brokerName)?.changedAt ?? 0;
    return Math.max(ofGroup, this.#topicsOf.get(brokerName)?.changedAt ?? 0);
  }

  clustersOf(brokerName: string): Iterable<string> {
    return this.#groups.get(brokerName)?.clusters ?? [];
  }

  keptBodies(brokerName: string): Iterable<KeptBody> {
    return this.#groups.get(brokerName)?.applied.kept() ?? [];
  }

  topicCountOf(brokerName: string): number {
    return this.#topicsOf.get(brokerName)?.positions.size ?? 0;
  }

  topicsOf(brokerName: string): Iterable<string> {
    return this.#topicsOf.get(brokerName)?.positions.keys() ?? [];
  }

  get queueDataCount(): number {
    return this.#queueDataCount;
  }

  queueDatas(topic: string): readonly QueueData[] | undefined {
    return this.#topics.get(topic)?.datas;
  }

  queueData(topic: string, brokerName: string): QueueData | undefined {
    const at = this.#topicsOf.get(brokerName)?.positions.get(topic);
    return at === undefined ? undefined : this.#topics.get(topic)?.datas[at];
  }

  mappings(topic: string): ReadonlyMap<string, TopicQueueMappingInfo> | undefined {
    return this.#topics.get(topic)?.mappings;
  }

  *brokers(): Generator<BrokerData> {
    for (const { data } of this.#groups.values()) yield data;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  broker(brokerName: string): BrokerData | undefined {
    return this.#groups.get(brokerName)?.data;
  }

  brokerId(brokerName: string, brokerAddr: string): Long | undefined {
    return this.#groups.get(brokerName)?.ids.get(brokerAddr);
  }

  minBrokerId(brokerName: string): Long | undefined {
    const group = this.#groups.get(brokerName);
    return group && (group.minId ??= minLong(group.data.brokerAddrs.keys()));
  }

  clusters(): Iterable<readonly [string, ReadonlySet<string>]> {
    return this.#clusters;
  }

  cluster(clusterName: string): ReadonlySet<string> | undefined {
    return this.#clusters.get(clusterName);
  }

  liveBrokers(): Iterable<LiveBroker> {
    return this.#live.values();
  }

  get liveBrokerCount(): number {
    return this.#live.size;
  }

  get restoredBrokerCount(): number {
    return this.#restoredBrokerCount;
  }

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

  /** Returns the live entries of one broker name. */
  *liveBrokersNamed(brokerName: string): Generator<LiveBroker> {
    for (const addr of this.#groups.get(brokerName)?.ids.keys() ?? []) {
      const live = this.#live.get(brokerKey(brokerName, addr));
      if (live !== undefined) yield live;
    }
  }

  filterServers(brokerName: string, brokerAddr: string): readonly string[] | undefined {
    return this.#filterServers.get(brokerKey(brokerName, brokerAddr));
  }

  get heapBytes(): number {
    const tables = mapBytes(this.#topics.size) + mapBytes(this.#topicsOf.size) +
      mapBytes(this.#groups.size) + mapBytes(this.#clusters.size) + mapBytes(this.#live.size) +
      mapBytes(this.#liveByConnection.size) + mapBytes(this.#filterServers.size);
    return tables + this.#contentBytes + this.#appliedBytes;
  }

  get clusterInfoBytes(): number {
    return this.#clusterInfoBytes;
  }

  get filterServerBytes(): number {
    return this.#filterServerBytes;
  }

  get topicListBytes(): number {
    return this.#topicListBytes;
  }

  routeBytesOf(topic: string): number {
    return this.#topics.get(topic)?.routeBytes ?? 0;
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
    let changed = false;
    let group = this.#groups.get(brokerName);
    if (group === undefined) {
      changed = true;
      const data = {
        cluster: clusterName,
        brokerName,
        brokerAddrs: new Map(),
        enableActingMaster,
        zoneName,
      };
      group = {
        data,
        ids: new Map(),
        clusters: new Set(),
        minId: undefined,
        applied: new AppliedBodies(),
        changedAt: 0,
      };
      this.#groups.set(brokerName, group);
      this.#clusterInfoBytes += groupBytes(brokerName, clusterName, zoneName);
      this.#contentBytes += GROUP_BYTES + stringBytes(brokerName);
      this.#appliedBytes += group.applied.bytes;
    }
    if (!group.clusters.has(clusterName)) {
      changed = true;
      this.#joinCluster(group, clusterName);
    }
    const { data, ids } = group;
    changed ||= data.enableActingMaster !== enableActingMaster || data.zoneName !== zoneName;
    this.#clusterInfoBytes += textBytes(zoneName) - textBytes(data.zoneName);
    data.enableActingMaster = enableActingMaster;
    data.zoneName = zoneName;
    const former = ids.get(brokerAddr);
    if (former !== brokerId) {
      changed = true;
      const replaced = data.brokerAddrs.get(brokerId);
      if (former !== undefined) this.#removeId(group, former, brokerAddr);
      this.#contentBytes -= membersBytes(group);
      if (replaced !== undefined) {
        ids.delete(replaced);
        this.#contentBytes -= stringBytes(replaced);
        this.#clusterInfoBytes -= addressBytes(replaced);
      }
      data.brokerAddrs.set(brokerId, brokerAddr);
      ids.set(brokerAddr, brokerId);
      const isMin = ids.size === 1 || (group.minId !== undefined && brokerId < group.minId);
      if (isMin) group.minId = brokerId;
      this.#contentBytes += membersBytes(group) + stringBytes(brokerAddr);
      this.#clusterInfoBytes += addressBytes(brokerAddr);
    }
    if (changed) this.#brokerChanged(brokerName);
    return data;
  }

  /**
   * Removes brokers of one name: their addresses with their live entries and filter servers. With
   * the last address the name leaves its clusters. Its topics stay; the caller must remove them.
   *
   * @param addrs unknown ones are ignored
   * @returns the ids that had the addresses
   */
  removeBrokers(brokerName: string, addrs: Iterable<string>): Map<Long, string> {
    const removed = new Map<Long, string>();
    const group = this.#groups.get(brokerName);
    let changed = false;
    for (const addr of addrs) {
      this.removeLiveBroker(brokerName, addr);
      if (this.#putFilterServers(brokerName, addr, [])) changed = true;
      const id = group?.ids.get(addr);
      if (group === undefined || id === undefined) continue;
      this.#removeId(group, id, addr);
      removed.delete(id);
      removed.set(id, addr);
      changed = true;
    }
    if (changed) this.#brokerChanged(brokerName);
    if (group !== undefined && group.data.brokerAddrs.size === 0) this.#removeGroup(group);
    return removed;
  }

  #removeGroup(group: Group): void {
    const { brokerName, cluster, zoneName } = group.data;
    this.#groups.delete(brokerName);
    this.#clusterInfoBytes -= groupBytes(brokerName, cluster, zoneName);
    this.#contentBytes -= GROUP_BYTES + stringBytes(brokerName);
    this.#appliedBytes -= group.applied.bytes;
    for (const clusterName of group.clusters) {
      const names = this.#clusters.get(clusterName);
      if (names === undefined) continue;
      this.#contentBytes -= mapBytes(names.size);
      names.delete(brokerName);
      this.#contentBytes += mapBytes(names.size);
      this.#clusterInfoBytes -= textBytes(brokerName);
      if (names.size > 0) continue;
      this.#clusters.delete(clusterName);
      this.#clusterInfoBytes -= clusterBytes(clusterName);
      this.#contentBytes -= mapBytes(0) + stringBytes(clusterName);
    }
  }

  #joinCluster(group: Group, clusterName: string): void {
    let names = this.#clusters.get(clusterName);
    if (names === undefined) {
      this.#clusters.set(clusterName, names = new Set());
      this.#clusterInfoBytes += clusterBytes(clusterName);
      this.#contentBytes += mapBytes(0) + stringBytes(clusterName);
    }
    this.#contentBytes -= mapBytes(names.size);
    names.add(group.data.brokerName);
    this.#contentBytes += mapBytes(names.size);
    group.clusters.add(clusterName);
    this.#clusterInfoBytes += textBytes(group.data.brokerName);
  }

  #removeId(group: Group, id: Long, brokerAddr: string): void {
    this.#contentBytes -= membersBytes(group);
    group.data.brokerAddrs.delete(id);
    group.ids.delete(brokerAddr);
    if (id === group.minId) group.minId = undefined;
    this.#contentBytes += membersBytes(group) - stringBytes(brokerAddr);
    this.#clusterInfoBytes -= addressBytes(brokerAddr);
  }

  /** Writes a broker's live entry, replacing any previous one. */
  putLiveBroker(live: LiveBroker): void {
    const { brokerName, brokerAddr, connection, restored } = live;
    const key = brokerKey(brokerName, brokerAddr);
    const former = this.#live.get(key);
    const wasRestored = former?.restored ?? false;
    if (former !== undefined) this.#removeLiveBroker(key, former);
    if (former === undefined || !sameLiveBroker(former, live)) this.#touch(brokerName);
    this.#live.set(key, live);
    this.#contentBytes += liveBytes(live);
    if (restored) this.#restoredBrokerCount++;
    if (connection !== undefined) this.#addToConnection(live, connection);
    if (restored && !wasRestored) {
      for (const listener of this.#brokerListeners) listener.brokerRestored(live);
    }
    if (!restored && wasRestored) {
      for (const listener of this.#brokerListeners) listener.brokerConfirmed(live);
    }
  }

  #addToConnection(live: LiveBroker, connection: BrokerConnection): void {
    let ofConnection = this.#liveByConnection.get(connection);
    if (ofConnection === undefined) {
      this.#liveByConnection.set(connection, ofConnection = new Set());
      this.#contentBytes += CONNECTION_BYTES;
    }
    ofConnection.add(live);
    this.#contentBytes += 28;
  }

  /** Removes a live entry. */
  removeLiveBroker(brokerName: string, brokerAddr: string): void {
    const key = brokerKey(brokerName, brokerAddr);
    const live = this.#live.get(key);
    if (live === undefined) return;
    this.#removeLiveBroker(key, live);
    this.#touch(brokerName);
  }

  #removeLiveBroker(key: string, live: LiveBroker): void {
    const { connection, restored } = live;
    this.#live.delete(key);
    this.#contentBytes -= liveBytes(live);
    if (restored) this.#restoredBrokerCount--;
    const ofConnection = connection && this.#liveByConnection.get(connection);
    if (connection === undefined || ofConnection === undefined) return;
    ofConnection.delete(live);
    this.#contentBytes -= 28;
    if (ofConnection.size > 0) return;
    this.#liveByConnection.delete(connection);
    this.#contentBytes -= CONNECTION_BYTES;
  }

  /** Sets the filter servers of a broker; an empty list removes them. */
  setFilterServers(brokerName: string, brokerAddr: string, servers: readonly string[]): void {
    if (this.#putFilterServers(brokerName, brokerAddr, servers)) this.#brokerChanged(brokerName);
  }

  #putFilterServers(brokerName: string, brokerAddr: string, servers: readonly string[]): boolean {
    const key = brokerKey(brokerName, brokerAddr);
    const known = this.#filterServers.get(key) ?? [];
    if (known.length === servers.length && known.every((it, i) => it === servers[i])) return false;
    if (servers.length === 0) this.#filterServers.delete(key);
    else this.#filterServers.set(key, servers);
    this.#filterServerBytes += filterServerBytes(brokerAddr, servers) -
      filterServerBytes(brokerAddr, known);
    this.#contentBytes += stringsBytes(servers) - stringsBytes(known);
    return true;
  }

  /** Sets queue data of a topic. Returns whether that changed anything. */
  putQueueData(topic: string, data: QueueData): boolean {
    if (!this.#putQueueData(topic, data)) return false;
    const group = this.#groups.get(data.brokerName);
    if (group !== undefined) this.#changeApplied(group, (applied) => applied.changed());
    return true;
  }

  #putQueueData(name: string, data: QueueData): boolean {
    const of = this.#topicsOfBroker(data.brokerName);
    const at = of.positions.get(name);
    let topic = this.#topics.get(name);
    const change = at === undefined ? "added" : "changed";
    if (at !== undefined && topic !== undefined) {
      const known = topic.datas[at];
      if (known !== undefined && sameQueueData(known, data)) return false;
      topic.datas[at] = this.#shared(of, data);
    } else if (topic === undefined) {
      topic = {
        name,
        datas: [this.#shared(of, data)],
        mappings: undefined,
        routeBytes: queueDataBytes(data),
      };
      this.#topics.set(name, topic);
      this.#topicNamesVersion++;
      this.#topicListBytes += textBytes(name);
      this.#contentBytes += TOPIC_BYTES + stringBytes(name) + arrayBytes(1);
      this.#place(of, topic, 0);
    } else {
      this.#contentBytes -= arrayBytes(topic.datas.length);
      topic.datas.push(this.#shared(of, data));
      this.#contentBytes += arrayBytes(topic.datas.length);
      topic.routeBytes += queueDataBytes(data);
      this.#place(of, topic, topic.datas.length - 1);
    }
    of.changedAt = ++this.#changes;
    this.#topicChanged(name, data.brokerName, change);
    return true;
  }

  #topicsOfBroker(brokerName: string): TopicsOfBroker {
    let of = this.#topicsOf.get(brokerName);
    if (of === undefined) {
      of = { positions: new Map(), kinds: new Map(), mostKinds: LEAST_KINDS, changedAt: 0 };
      this.#topicsOf.set(brokerName, of);
      this.#contentBytes += TOPICS_OF_BROKER_BYTES + kindsBytes(of);
    }
    return of;
  }

  /**
   * Adds topics that have the same queue data, as {@link putQueueData} would one by one. A snapshot
   * has millions of queue data, but few different lists of them.
   *
   * @param names topics that are not in the tables
   * @param datas at least one, each of another broker name
   */
  addTopics(names: readonly string[], datas: readonly QueueData[]): void {
    const ofBrokers = datas.map(({ brokerName }) => this.#topicsOfBroker(brokerName));
    const shared = ofBrokers.map((of, i) => this.#shared(of, datas[i] as QueueData));
    const routeBytes = shared.reduce((sum, data) => sum + queueDataBytes(data), 0);
    for (const name of names) {
      this.#topics.set(name, { name, datas: shared.slice(), mappings: undefined, routeBytes });
      this.#topicListBytes += textBytes(name);
      this.#contentBytes += TOPIC_BYTES + stringBytes(name) + arrayBytes(shared.length);
    }
    this.#topicNamesVersion++;
    this.#queueDataCount += names.length * shared.length;
    this.#changes++;
    // Broker by broker: what is changed lies close together in memory.
    for (const [at, of] of ofBrokers.entries()) {
      this.#contentBytes -= mapBytes(of.positions.size);
      for (const name of names) of.positions.set(name, at);
      this.#contentBytes += mapBytes(of.positions.size);
      of.changedAt = this.#changes;
    }
    for (const { brokerName } of datas) {
      for (const name of names) this.#topicChanged(name, brokerName, "added");
    }
  }

  #place({ positions }: TopicsOfBroker, { name }: Topic, at: number): void {
    this.#contentBytes -= mapBytes(positions.size);
    positions.set(name, at);
    this.#contentBytes += mapBytes(positions.size);
    this.#queueDataCount++;
  }

  /** Removes a broker name's queue data from a topic, and the topic when it was the last. */
  removeQueueData(name: string, brokerName: string): boolean {
    const topic = this.#topics.get(name);
    const at = this.#topicsOf.get(brokerName)?.positions.get(name);
    const data = topic === undefined || at === undefined ? undefined : topic.datas[at];
    if (topic === undefined || at === undefined || data === undefined) return false;
    if (topic.datas.length === 1) return this.removeTopic(name);
    this.#displace(topic, data);
    this.#contentBytes -= arrayBytes(topic.datas.length);
    // The order does not matter, and moving one is cheaper than shifting all behind it.
    const last = topic.datas.pop();
    this.#contentBytes += arrayBytes(topic.datas.length);
    topic.routeBytes -= queueDataBytes(data);
    if (last !== undefined && at < topic.datas.length) {
      topic.datas[at] = last;
      this.#topicsOf.get(last.brokerName)?.positions.set(name, at);
    }
    this.#topicChanged(name, brokerName, "removed");
    return true;
  }

  /** Removes a topic. */
  removeTopic(name: string): boolean {
    const topic = this.#topics.get(name);
    if (topic === undefined) return false;
    for (const data of topic.datas) this.#displace(topic, data);
    this.#topics.delete(name);
    this.#topicNamesVersion++;
    this.#topicListBytes -= textBytes(name);
    this.#contentBytes -= TOPIC_BYTES + stringBytes(name) + arrayBytes(topic.datas.length) +
      mappingsBytes(topic.mappings);
    for (const { brokerName } of topic.datas) this.#topicChanged(name, brokerName, "removed");
    return true;
  }

  /** Removes a topic from those of a broker. */
  #displace({ name, mappings }: Topic, data: QueueData): void {
    const { brokerName } = data;
    const of = this.#topicsOf.get(brokerName);
    if (of === undefined) return;
    this.#contentBytes -= mapBytes(of.positions.size);
    of.positions.delete(name);
    this.#contentBytes += mapBytes(of.positions.size);
    this.#queueDataCount--;
    if (of.positions.size === 0) {
      this.#topicsOf.delete(brokerName);
      this.#contentBytes -= TOPICS_OF_BROKER_BYTES + kindsBytes(of);
    }
    const group = this.#groups.get(brokerName);
    this.#touch(brokerName);
    if (group === undefined) return;
    const restorable = mappings === undefined ? data : undefined;
    this.#changeApplied(group, (applied) => applied.removed(name, restorable));
  }

  /** Records that a body was applied. For the parameters see {@link AppliedBodies.put}. */
  putAppliedBody(
    brokerName: string,
    sender: string,
    fingerprint: string,
    body: AppliedBody,
  ): void {
    const group = this.#groups.get(brokerName);
    if (group === undefined) return;
    this.#changeApplied(group, (applied) => applied.put(sender, fingerprint, body));
  }

  /** Records a body of {@link keptBodies}, for queue data that are again what it left behind. */
  restoreBody(brokerName: string, kept: KeptBody): void {
    const group = this.#groups.get(brokerName);
    if (group !== undefined) this.#changeApplied(group, (applied) => applied.restore(kept));
  }

  /**
   * Returns a body that was applied; `undefined` when it must be parsed.
   *
   * @returns with it, the topics that it brings back because they were removed since
   */
  appliedBody(
    brokerName: string,
    sender: string,
    fingerprint: string,
  ): { body: AppliedBody; missing: ReadonlyMap<string, QueueData> } | undefined {
    const applied = this.#groups.get(brokerName)?.applied;
    const body = applied?.get(sender, fingerprint);
    if (applied === undefined || body === undefined) return undefined;
    return { body, missing: applied.missing(body) };
  }

  /** Puts back the missing topics of an applied body. Returns their number. */
  restoreTopics(brokerName: string, missing: ReadonlyMap<string, QueueData>): number {
    const group = this.#groups.get(brokerName);
    if (group === undefined) return 0;
    const { size } = missing;
    for (const [topic, data] of missing) this.#putQueueData(topic, data);
    this.#changeApplied(group, (applied) => applied.restored());
    return size;
  }

  #changeApplied({ applied }: Group, change: (applied: AppliedBodies) => void): void {
    this.#appliedBytes -= applied.bytes;
    change(applied);
    this.#appliedBytes += applied.bytes;
  }

  /** Stores a static mapping of a topic, if any broker has the topic. */
  putMapping(name: string, info: TopicQueueMappingInfo): void {
    const topic = this.#topics.get(name);
    if (info.bname === null || topic === undefined) return;
    topic.mappings ??= new Map();
    const known = topic.mappings.get(info.bname);
    if (sameMapping(known, info)) return;
    const { size } = topic.mappings;
    topic.mappings.set(info.bname, info);
    this.#contentBytes += mapBytes(topic.mappings.size) + infoBytes(info) -
      (size === 0 ? 0 : mapBytes(size)) - (known === undefined ? 0 : infoBytes(known));
    topic.routeBytes += mappingBytes(info) - (known === undefined ? 0 : mappingBytes(known));
    this.#touch(info.bname);
    this.#topicChanged(name, info.bname, "changed");
  }

  #topicChanged(topic: string, brokerName: string, change: TopicChange): void {
    for (const listener of this.#listeners) listener.topicChanged(topic, brokerName, change);
  }

  #touch(brokerName: string): void {
    this.#changes++;
    const group = this.#groups.get(brokerName);
    if (group !== undefined) group.changedAt = this.#changes;
  }

  #brokerChanged(brokerName: string): void {
    this.#touch(brokerName);
    for (const listener of this.#listeners) listener.brokerChanged(brokerName);
  }

  #shared(of: TopicsOfBroker, data: QueueData): QueueData {
    const kind = kindOf(data);
    const known = of.kinds.get(kind);
    if (known !== undefined) return known;
    this.#contentBytes -= kindsBytes(of);
    if (of.kinds.size >= of.mostKinds) this.#dropUnusedKinds(of);
    of.kinds.set(kind, data);
    this.#contentBytes += kindsBytes(of);
    return data;
  }

  /** A broker that keeps changing its queue data must not fill the memory. */
  #dropUnusedKinds(of: TopicsOfBroker): void {
    const used = new Map<string, QueueData>();
    for (const [name, at] of of.positions) {
      const data = this.#topics.get(name)?.datas[at];
      if (data !== undefined) used.set(kindOf(data), data);
    }
    of.kinds = used;
    of.mostKinds = Math.max(LEAST_KINDS, 2 * used.size);
  }
}

function membersBytes({ ids }: Group): number {
  return 2 * mapBytes(ids.size);
}

function kindsBytes({ kinds }: TopicsOfBroker): number {
  return mapBytes(kinds.size) + KIND_BYTES * kinds.size;
}

function liveBytes({ clusterName, brokerName, brokerAddr, haServerAddr }: LiveBroker): number {
  const names = stringBytes(clusterName) + stringBytes(brokerName) + stringBytes(brokerAddr);
  const key = 16 + brokerName.length + brokerAddr.length + 8;
  return LIVE_BYTES + names + key + (haServerAddr === undefined ? 0 : stringBytes(haServerAddr));
}

function stringsBytes(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + 8 + stringBytes(text), texts.length === 0 ? 0 : 64);
}

function mappingsBytes(mappings: ReadonlyMap<string, TopicQueueMappingInfo> | undefined): number {
  let bytes = mappings === undefined ? 0 : mapBytes(mappings.size);
  for (const info of mappings?.values() ?? []) bytes += infoBytes(info);
  return bytes;
}

function infoBytes({ bname, topic, scope, currIdMap }: TopicQueueMappingInfo): number {
  const texts = [bname, topic, scope].filter((text) => text !== null);
  return texts.reduce((sum, text) => sum + stringBytes(text), objectBytes(7)) +
    mapBytes(currIdMap.size);
}

/** The length separates the two parts of the key unambiguously. */
function brokerKey(brokerName: string, brokerAddr: string): string {
  return `${brokerName.length}:${brokerName}${brokerAddr}`;
}

/** Whether two entries differ in nothing but their times and connections. */
function sameLiveBroker(a: LiveBroker, b: LiveBroker): boolean {
  return a.clusterName === b.clusterName && a.haServerAddr === b.haServerAddr &&
    a.heartbeatTimeoutMillis === b.heartbeatTimeoutMillis && a.restored === b.restored &&
    sameDataVersion(a.dataVersion, b.dataVersion);
}

function sameQueueData(a: QueueData, b: QueueData): boolean {
  return a.perm === b.perm && a.readQueueNums === b.readQueueNums &&
    a.writeQueueNums === b.writeQueueNums && a.topicSysFlag === b.topicSysFlag;
}

function kindOf({ readQueueNums, writeQueueNums, perm, topicSysFlag }: QueueData): string {
  return `${readQueueNums},${writeQueueNums},${perm},${topicSysFlag}`;
}

function sameMapping(a: TopicQueueMappingInfo | undefined, b: TopicQueueMappingInfo): boolean {
  return a !== undefined && a.topic === b.topic && a.scope === b.scope && a.epoch === b.epoch &&
    a.totalQueues === b.totalQueues && a.dirty === b.dirty &&
    a.currIdMap.size === b.currIdMap.size &&
    [...a.currIdMap].every(([id, local]) => b.currIdMap.get(id) === local);
}
