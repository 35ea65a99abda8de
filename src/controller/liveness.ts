import type { Long } from "../protocol/long.ts";
import type { BrokerSet } from "./broker_set.ts";
import type { Candidate } from "./election.ts";

/** A BROKER_HEARTBEAT to a controller. */
export interface Heartbeat {
  readonly clusterName: string;
  readonly brokerName: string;
  readonly brokerId: number;
  /** Milliseconds of silence after which the replica counts as dead. */
  readonly timeout: number;
  /** -1 when the broker does not say it, like maxOffset. */
  readonly epoch: number;
  readonly maxOffset: Long;
  readonly electionPriority: number;
}

/** A replica that is not alive any more. */
export interface LostReplica {
  readonly brokerName: string;
  readonly brokerId: number;
  /** How it was noticed. */
  readonly by: "close" | "silence";
}

type SetNames = Pick<BrokerSet, "clusterName" | "brokerName">;

interface Live extends Heartbeat {
  /** When the last heartbeat came (monotonic). */
  readonly heard: number;
  /** Its newest connection. */
  readonly connection: object;
}

/** Dependencies of {@link Liveness}. */
export interface LivenessParts {
  /** Most replicas that are followed, besides those that are always. */
  limit(): number;
  /** Milliseconds of a monotonic clock. */
  monotonic(): number;
}

/**
 * The replicas that send heartbeats. An entry follows the newest connection of its broker: that an older
 * one closes late means nothing.
 */
export class Liveness {
  readonly #parts: LivenessParts;
  readonly #live = new Map<string, Live>();
  /** Keys of the entries that a connection carries. */
  readonly #carried = new Map<object, Set<string>>();
  /** Connections, numbered in the order of their first heartbeats. */
  readonly #numbers = new WeakMap<object, number>();
  /** Keys of the replicas whose connection closed, until they are heard of again. The oldest is first. */
  readonly #closed = new Set<string>();
  #lastNumber = 0;
  #refused = 0;

  constructor(parts: LivenessParts) {
    this.#parts = parts;
  }

  /** Number of living replicas. */
  get size(): number {
    return this.#live.size;
  }

  /** Number of heartbeats of new replicas refused because there are too many. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Takes a heartbeat.
   *
   * @param connection its connection, which is open
   * @param always whether the replica is followed however many there are
   * @returns whether the replica is followed: not when there are too many
   */
  heartbeat(heartbeat: Heartbeat, connection: object, always = false): boolean {
    const key = keyOf(heartbeat.clusterName, heartbeat.brokerName, heartbeat.brokerId);
    const known = this.#live.get(key);
    if (known === undefined && !always && this.#live.size >= this.#parts.limit()) {
      this.#refused++;
      return false;
    }
    const number = this.#numberOf(connection);
    if (known !== undefined && number < this.#numberOf(known.connection)) {
      // Sent before the broker connected again: its data are old.
      this.#live.set(key, { ...known, heard: this.#parts.monotonic() });
      return true;
    }
    this.#closed.delete(key);
    const reconnected = known?.connection !== connection;
    // On one connection they only grow. After a restart the log may be shorter.
    const { epoch, maxOffset } = known === undefined || reconnected || isBeyond(heartbeat, known)
      ? heartbeat
      : known;
    this.#live.set(key, {
      ...heartbeat,
      epoch,
      maxOffset,
      heard: this.#parts.monotonic(),
      connection,
    });
    if (reconnected) {
      if (known !== undefined) this.#uncarry(known.connection, key);
      this.#carry(connection, key);
    }
    return true;
  }

  /** Looks up a living replica. */
  find({ clusterName, brokerName }: SetNames, brokerId: number): Heartbeat | undefined {
    return this.#live.get(keyOf(clusterName, brokerName, brokerId));
  }

  /** Whether the connection of a replica was closed, and it has not been heard of since. */
  isClosed({ clusterName, brokerName }: SetNames, brokerId: number): boolean {
    return this.#closed.has(keyOf(clusterName, brokerName, brokerId));
  }

  /** A connection was closed. Returns the replicas that are not alive any more. */
  disconnected(connection: object): LostReplica[] {
    const keys = this.#carried.get(connection);
    if (keys === undefined) return [];
    for (const key of keys) this.#closed.add(key);
    for (const key of this.#closed) {
      if (this.#closed.size <= this.#parts.limit()) break;
      this.#closed.delete(key);
    }
    return [...keys].map((key) => this.#remove(key, "close")).filter((lost) => lost !== undefined);
  }

  /**
   * Looks for replicas that have been silent for too long.
   *
   * @param close called with each connection that carries no living replica any more
   * @returns the replicas that are not alive any more
   */
  scan(close: (connection: object) => void): LostReplica[] {
    const now = this.#parts.monotonic();
    const lost: LostReplica[] = [];
    for (const [key, { heard, timeout, connection }] of this.#live) {
      if (now - heard <= timeout) continue;
      const found = this.#remove(key, "silence");
      if (found !== undefined) lost.push(found);
      // A connection can carry several brokers.
      if (!this.#carried.has(connection)) close(connection);
    }
    return lost;
  }

  /** The process did not run for so many milliseconds: this is not the silence of a broker. */
  excuse(millis: number): void {
    const now = this.#parts.monotonic();
    for (const [key, live] of this.#live) {
      this.#live.set(key, { ...live, heard: Math.min(now, live.heard + millis) });
    }
  }

  #numberOf(connection: object): number {
    const known = this.#numbers.get(connection);
    if (known !== undefined) return known;
    this.#numbers.set(connection, ++this.#lastNumber);
    return this.#lastNumber;
  }

  #remove(key: string, by: LostReplica["by"]): LostReplica | undefined {
    const live = this.#live.get(key);
    if (live === undefined) return undefined;
    this.#live.delete(key);
    this.#uncarry(live.connection, key);
    return { brokerName: live.brokerName, brokerId: live.brokerId, by };
  }

  #carry(connection: object, key: string): void {
    const keys = this.#carried.get(connection);
    if (keys === undefined) this.#carried.set(connection, new Set([key]));
    else keys.add(key);
  }

  #uncarry(connection: object, key: string): void {
    const keys = this.#carried.get(connection);
    keys?.delete(key);
    if (keys?.size === 0) this.#carried.delete(connection);
  }
}

function isBeyond(a: Candidate, b: Candidate): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.maxOffset > b.maxOffset);
}

/** Names have no control characters. */
function keyOf(clusterName: string, brokerName: string, brokerId: number): string {
  return `${clusterName}\n${brokerName}\n${brokerId}`;
}
