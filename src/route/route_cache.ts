import type { Dialect } from "../protocol/fastjson_writer.ts";
import type { RouteView } from "./route_view.ts";
import type { RouteListener } from "./tables.ts";

interface Entry {
  bytes: Partial<Record<Dialect, Uint8Array>>;
  size: number;
  /** Whether the entry was read since the last eviction passed it. */
  used: boolean;
}

type BrokersTopics = Pick<RouteView, "queueData" | "topicsOf" | "topicCountOf">;

/** Approximate memory of an entry besides its bytes. */
const ENTRY_OVERHEAD = 256;

/**
 * Encoded routes by topic and dialect, within a memory budget. An entry is served exactly until
 * something that it contains changes.
 */
export class RouteCache implements RouteListener {
  readonly #limit: () => number;
  readonly #entries = new Map<string, Entry>();
  #size = 0;
  #hits = 0;
  #misses = 0;
  readonly #tables: BrokersTopics;

  /**
   * @param tables tell which topics a broker has; the cache must subscribe to them
   * @param limit returns the budget in bytes; called at each store
   */
  constructor(tables: BrokersTopics, limit: () => number) {
    this.#tables = tables;
    this.#limit = limit;
  }

  /** Returns the encoded route of a topic, if it is cached. */
  get(topic: string, dialect: Dialect): Uint8Array | undefined {
    const entry = this.#entries.get(topic);
    if (entry === undefined) {
      this.#misses++;
      return undefined;
    }
    entry.used = true;
    const bytes = entry.bytes[dialect];
    if (bytes === undefined) this.#misses++;
    else this.#hits++;
    return bytes;
  }

  /** Caches the encoded route of a topic, if it fits into the budget at all. */
  set(topic: string, dialect: Dialect, bytes: Uint8Array): void {
    let entry = this.#entries.get(topic);
    if (entry === undefined) {
      entry = { bytes: {}, size: ENTRY_OVERHEAD + 2 * topic.length, used: false };
    } else {
      this.#remove(topic, entry);
    }
    entry.size += bytes.length - (entry.bytes[dialect]?.length ?? 0);
    entry.bytes[dialect] = bytes;
    if (!this.#makeRoom(entry.size)) return;
    this.#entries.set(topic, entry);
    this.#size += entry.size;
  }

  /** Size of all entries in bytes. */
  get size(): number {
    return this.#size;
  }

  /** The number of topics with an encoded route. */
  get topics(): number {
    return this.#entries.size;
  }

  /** Number of {@link get} calls that found an entry. */
  get hits(): number {
    return this.#hits;
  }

  /** Number of {@link get} calls that found none. */
  get misses(): number {
    return this.#misses;
  }

  topicChanged(topic: string): void {
    const entry = this.#entries.get(topic);
    if (entry !== undefined) this.#remove(topic, entry);
  }

  brokerChanged(brokerName: string): void {
    if (this.#tables.topicCountOf(brokerName) < this.#entries.size) {
      for (const topic of this.#tables.topicsOf(brokerName)) this.topicChanged(topic);
      return;
    }
    for (const [topic, entry] of this.#entries) {
      if (this.#tables.queueData(topic, brokerName) !== undefined) this.#remove(topic, entry);
    }
  }

  /** Drops all entries, because an option that affects every route has changed. */
  clear(): void {
    this.#entries.clear();
    this.#size = 0;
  }

  #remove(topic: string, entry: Entry): void {
    this.#entries.delete(topic);
    this.#size -= entry.size;
  }

  /**
   * Evicts the oldest entries that were not read since the last pass; returns false if it can't
   * fit.
   */
  #makeRoom(size: number): boolean {
    const limit = this.#limit();
    const fits = size <= limit;
    const most = fits ? limit - size : limit;
    for (const [topic, entry] of this.#entries) {
      if (this.#size <= most) break;
      this.#remove(topic, entry);
      if (!entry.used) continue;
      // A second chance: the entry moves to the end, where this loop arrives last.
      entry.used = false;
      this.#entries.set(topic, entry);
      this.#size += entry.size;
    }
    return fits;
  }
}
