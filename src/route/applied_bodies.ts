import { sameDataVersion } from "../protocol/data_version.ts";
import type { RegisterBrokerBody } from "../protocol/register_broker_body.ts";
import type { QueueData } from "../protocol/route_data.ts";
import { mapBytes, objectBytes, stringBytes } from "./heap_bytes.ts";

/** Properties of an applied registration body, apart from its topics. */
export interface AppliedBody extends Pick<RegisterBrokerBody, "dataVersion" | "filterServers"> {
  /** Whether its topics were written to the tables; those of a slave are not. */
  readonly takesTopics: boolean;
  /** Whether it names all topics that the broker has, and no other. */
  readonly complete: boolean;
}

/** An applied body as it is kept across a restart. */
export interface KeptBody {
  /** Of the sender and the fingerprint. */
  readonly key: string;
  readonly body: AppliedBody;
  /** Whether the broker's queue data are what the body left behind. */
  readonly current: boolean;
}

/** Most bodies kept; a broker that splits its registration has several. */
const MOST_BODIES = 256;
/** Most removed topics kept. With more, reading the bodies again is no worse. */
const MOST_REMOVED = 1000;

interface Entry extends AppliedBody {
  /** The generation of the broker's queue data that it left behind. */
  readonly generation: number;
  readonly bytes: number;
}

/** No generation of queue data. */
const NEVER = -1;

const NOTHING: ReadonlyMap<string, QueueData> = new Map();

/**
 * The registration bodies that were applied for one broker name, by a key that includes their
 * fingerprints: when one is sent again, it need not be parsed. Topics that were removed meanwhile
 * are kept, because the same body brings them back.
 */
export class AppliedBodies {
  readonly #entries = new Map<string, Entry>();
  readonly #removed = new Map<string, QueueData>();
  /** Counts the changes of the broker's queue data other than removals. */
  #generation = 0;
  #bytes = 0;

  /** Estimated memory. */
  get bytes(): number {
    return this.#bytes + mapBytes(this.#entries.size) + mapBytes(this.#removed.size) +
      100 * this.#removed.size + objectBytes(5);
  }

  /**
   * Records that a body was applied.
   *
   * @param sender begins the key of all bodies from the same place; bodies of another version are
   *   dropped
   */
  put(sender: string, fingerprint: string, body: AppliedBody): void {
    if (this.#removed.size > 0 && body.takesTopics) this.#forget();
    for (const [key, { dataVersion }] of this.#entries) {
      const old = key.startsWith(sender) && !sameDataVersion(dataVersion, body.dataVersion);
      if (old || this.#entries.size >= MOST_BODIES) this.#drop(key);
    }
    this.#set(sender + fingerprint, body, this.#generation);
  }

  #set(key: string, body: AppliedBody, generation: number): void {
    this.#drop(key);
    let bytes = objectBytes(6) + objectBytes(3) + stringBytes(key) + 32;
    for (const server of body.filterServers ?? []) bytes += 8 + stringBytes(server);
    this.#entries.set(key, { ...body, generation, bytes });
    this.#bytes += bytes;
  }

  /** The bodies that need not be parsed after a restart either. */
  *kept(): Generator<KeptBody> {
    for (const [key, entry] of this.#entries) {
      const { dataVersion, filterServers, takesTopics, complete, generation } = entry;
      // The topics that it would bring back are not saved.
      if (takesTopics && this.#removed.size > 0) continue;
      const body = { dataVersion, filterServers, takesTopics, complete };
      yield { key, body, current: generation === this.#generation };
    }
  }

  /** Records a kept body again, once the queue data are restored. */
  restore({ key, body, current }: KeptBody): void {
    if (this.#entries.size < MOST_BODIES) this.#set(key, body, current ? this.#generation : NEVER);
  }

  /** Returns a body that was applied; `undefined` when it must be parsed. */
  get(sender: string, fingerprint: string): AppliedBody | undefined {
    return this.#entries.get(sender + fingerprint);
  }

  /** The topics that a body of {@link get} brings back. */
  missing(body: AppliedBody): ReadonlyMap<string, QueueData> {
    return body.takesTopics ? this.#removed : NOTHING;
  }

  /** The missing topics are back. */
  restored(): void {
    this.#removed.clear();
  }

  /** Queue data of the broker was added or changed. */
  changed(): void {
    this.#generation++;
    if (this.#removed.size > 0) this.#forget();
  }

  /**
   * A topic of the broker was removed.
   *
   * @param data its queue data; `undefined` when restoring that would not be enough
   */
  removed(topic: string, data: QueueData | undefined): void {
    if (data === undefined || this.#removed.size >= MOST_REMOVED) return this.#forget();
    let kept = false;
    for (const [key, { takesTopics, complete, generation }] of this.#entries) {
      if (!takesTopics) continue;
      if (complete && generation === this.#generation) kept = true;
      else this.#drop(key);
    }
    if (kept) this.#removed.set(topic, data);
  }

  /** Other bodies must be parsed when they come again. */
  #forget(): void {
    for (const [key, { takesTopics }] of this.#entries) if (takesTopics) this.#drop(key);
    this.#removed.clear();
  }

  #drop(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }
}
