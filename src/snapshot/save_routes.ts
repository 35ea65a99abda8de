import type { QueueData } from "../protocol/route_data.ts";
import type { RouteView } from "../route/route_view.ts";
import { ByteWriter } from "./bytes.ts";
import {
  type EncodedRoutes,
  type SavedBroker,
  withHeader,
  writeGroup,
  writeMapping,
} from "./format.ts";

/** Queue data after which the generator yields. */
const QUEUE_DATA_PER_STEP = 8192;
const GROUPS_PER_STEP = 64;
/** Lists that are recognised by their objects, without looking up any number. */
const RECENT_LISTS = 16;
/** Most numbers kept to recognise lists of queue data that came before. */
const KEPT_NUMBERS = 1_000_000;

/**
 * Encodes the route tables. A generator, so that the caller can do other work in between. What
 * changes meanwhile may be missing; the groups that it concerns say so, and their brokers' first
 * registrations then decide.
 *
 * @param now milliseconds since the epoch
 * @param isApplying whether a change of a broker name is applied in part
 */
export function* encodeRoutes(
  tables: RouteView,
  now: number,
  isApplying: (brokerName: string) => boolean,
): Generator<void, EncodedRoutes> {
  const { changes } = tables;
  const to = new ByteWriter();
  to.number(now);
  const queueDatas = new QueueDataLists();
  const mapped: string[] = [];
  let visited = 0;
  // A topic that is removed and comes back meanwhile would be visited again.
  for (const topic of Array.from(tables.topics())) {
    if (visited >= QUEUE_DATA_PER_STEP) {
      visited = 0;
      yield;
    }
    const datas = tables.queueDatas(topic);
    visited += 1 + (datas?.length ?? 0);
    // It was removed while others had their turn.
    if (datas === undefined) continue;
    if (tables.mappings(topic) !== undefined) mapped.push(topic);
    to.flag(true);
    to.text(topic);
    queueDatas.write(to, datas);
  }
  to.flag(false);
  yield* writeMappings(to, tables, mapped);
  yield* queueDatas.writeKinds(to);
  // The last, because their data versions must not be newer than their topics.
  yield* writeGroups(to, tables, changes, isApplying);
  return withHeader(to);
}

function* writeMappings(
  to: ByteWriter,
  tables: RouteView,
  topics: readonly string[],
): Generator<void> {
  const all = topics.flatMap((topic) =>
    Array.from(tables.mappings(topic)?.values() ?? [], (info) => [topic, info] as const)
  );
  to.number(all.length);
  let visited = 0;
  for (const [topic, info] of all) {
    if (++visited % GROUPS_PER_STEP === 0) yield;
    to.text(topic);
    writeMapping(to, info);
  }
}

function* writeGroups(
  to: ByteWriter,
  tables: RouteView,
  changes: number,
  isApplying: (brokerName: string) => boolean,
): Generator<void> {
  const names = Array.from(tables.brokers(), ({ brokerName }) => brokerName);
  to.number(names.length);
  let visited = 0;
  for (const brokerName of names) {
    if (++visited % GROUPS_PER_STEP === 0) yield;
    const group = tables.broker(brokerName);
    writeGroup(to, {
      brokerName,
      clusters: [...tables.clustersOf(brokerName)],
      enableActingMaster: group?.enableActingMaster ?? false,
      zoneName: group?.zoneName,
      settled: tables.changedAt(brokerName) <= changes && !isApplying(brokerName),
      brokers: savedBrokers(tables, brokerName),
      bodies: [...tables.keptBodies(brokerName)],
    });
  }
}

function savedBrokers(tables: RouteView, brokerName: string): SavedBroker[] {
  const brokers: SavedBroker[] = [];
  for (const live of tables.liveBrokersNamed(brokerName)) {
    const brokerId = tables.brokerId(brokerName, live.brokerAddr);
    if (brokerId === undefined) continue;
    const filterServers = tables.filterServers(brokerName, live.brokerAddr) ?? [];
    brokers.push({ ...live, brokerId, filterServers });
  }
  return brokers;
}

/** A list of queue data that was written. */
interface List {
  /** From 1. */
  readonly index: number;
  readonly kinds: Uint32Array;
}

/** Writes each queue data, and each list of them, once. */
class QueueDataLists {
  /** Brokers share objects among their topics. */
  readonly #kinds = new Map<QueueData, number>();
  readonly #lists = new Map<number, List[]>();
  #kept = 0;
  #count = 0;
  readonly #recent: { readonly datas: readonly QueueData[]; readonly index: number }[] = [];

  /** Writes the queue data of a topic: the number of their list, or 0 and the list. */
  write(to: ByteWriter, datas: readonly QueueData[]): void {
    // Nearly always, one of the topics before is on the same brokers.
    const recent = this.#recent.find((list) => sameElements(list.datas, datas));
    if (recent !== undefined) return to.number(recent.index);
    const kinds = Uint32Array.from(datas, (data) => this.#kindOf(data));
    const alike = this.#alike(kinds);
    const known = alike.find((list) => sameElements(list.kinds, kinds));
    if (known === undefined) this.#writeNew(to, { index: ++this.#count, kinds }, alike);
    else to.number(known.index);
    this.#recent.unshift({ datas: datas.slice(), index: known?.index ?? this.#count });
    if (this.#recent.length > RECENT_LISTS) this.#recent.pop();
  }

  #kindOf(data: QueueData): number {
    let kind = this.#kinds.get(data);
    if (kind === undefined) this.#kinds.set(data, kind = this.#kinds.size);
    return kind;
  }

  /** Returns the lists that may be the same. */
  #alike(kinds: Uint32Array): List[] {
    let hash = kinds.length;
    for (const kind of kinds) hash = Math.imul(hash ^ kind, 0x01000193);
    let alike = this.#lists.get(hash);
    if (alike === undefined && this.#kept < KEPT_NUMBERS) this.#lists.set(hash, alike = []);
    return alike ?? [];
  }

  #writeNew(to: ByteWriter, list: List, alike: List[]): void {
    to.number(0);
    to.number(list.kinds.length);
    for (const kind of list.kinds) to.number(kind);
    if (this.#kept >= KEPT_NUMBERS) return;
    this.#kept += list.kinds.length;
    alike.push(list);
  }

  /** Writes the queue data by their numbers, and the names of their brokers. */
  *writeKinds(to: ByteWriter): Generator<void> {
    const names = new Map<string, number>();
    to.number(this.#kinds.size);
    let visited = 0;
    for (
      const { brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag } of this.#kinds.keys()
    ) {
      if (++visited % QUEUE_DATA_PER_STEP === 0) yield;
      let name = names.get(brokerName);
      if (name === undefined) names.set(brokerName, name = names.size);
      for (const value of [name, readQueueNums, writeQueueNums, perm, topicSysFlag]) {
        to.number(value);
      }
    }
    to.number(names.size);
    for (const name of names.keys()) to.text(name);
  }
}

function sameElements<T>(a: ArrayLike<T>, b: ArrayLike<T>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
