import type { Dialect } from "../protocol/fastjson_writer.ts";
import type { RouteListener, RouteTables } from "./tables.ts";

interface Entry {
  bytes: Partial<Record<Dialect, Uint8Array>>;
  size: number;
  /** Asked for since the last time that room was made. */
  used: boolean;
}

/** What an entry takes beside its bytes, roughly. */
const ENTRY_OVERHEAD = 256;

/**
 * Encoded routes by topic and dialect, within a budget of bytes. Each is served until something
 * that it shows changes, and no longer.
 */
export class RouteCache implements RouteListener {
  readonly #limit: () => number;
  readonly #entries = new Map<string, Entry>();
  #size = 0;
  #hits = 0;
  #misses = 0;
  #tables: Pick<RouteTables, "queueData"> | undefined;

  /** @param limit the budget in bytes, asked for each time that something is stored */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Names the tables that tell which topics a broker has. */
  attach(tables: Pick<RouteTables, "queueData">): void {
    this.#tables = tables;
  }

  /** The encoded route of a topic, if it is there. */
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

  /** Stores the encoded route of a topic, if the budget has room for it at all. */
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

  /** Bytes that the entries take. */
  get size(): number {
    return this.#size;
  }

  /** The number of topics with an encoded route. */
  get topics(): number {
    return this.#entries.size;
  }

  /** How often {@link get} had what was asked for. */
  get hits(): number {
    return this.#hits;
  }

  /** How often {@link get} had it not. */
  get misses(): number {
    return this.#misses;
  }

  topicChanged(topic: string): void {
    const entry = this.#entries.get(topic);
    if (entry !== undefined) this.#remove(topic, entry);
  }

  brokerChanged(brokerName: string): void {
    // Rare, and only encoded topics are looked at: cheaper than an index by broker kept for it.
    for (const [topic, entry] of this.#entries) {
      if (this.#tables?.queueData(topic, brokerName) !== undefined) this.#remove(topic, entry);
    }
  }

  /** Forgets everything: an option changed that any route may show. */
  clear(): void {
    this.#entries.clear();
    this.#size = 0;
  }

  #remove(topic: string, entry: Entry): void {
    this.#entries.delete(topic);
    this.#size -= entry.size;
  }

  /** Evicts the entries stored longest ago that nobody asked for since; false if it can't fit. */
  #makeRoom(size: number): boolean {
    const limit = this.#limit();
    const fits = size <= limit;
    const most = fits ? limit - size : limit;
    for (const [topic, entry] of this.#entries) {
      if (this.#size <= most) break;
      this.#remove(topic, entry);
      if (!entry.used) continue;
      // It gets a second chance, at the end of the line that this loop comes to last.
      entry.used = false;
      this.#entries.set(topic, entry);
      this.#size += entry.size;
    }
    return fits;
  }
}
