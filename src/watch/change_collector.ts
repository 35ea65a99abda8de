import type { ConfigChange } from "../config/live_config.ts";
import { type Long, showLong } from "../protocol/long.ts";
import { type BrokerRole, roleOf } from "../route/broker_role.ts";
import type { RemovalReason, RouteActionListener } from "../route/route_info_manager.ts";
import type { RouteView } from "../route/route_view.ts";
import type { BrokerListener, LiveBroker, RouteListener, TopicChange } from "../route/tables.ts";
import type { ChangeEvent } from "./events.ts";

/** Dependencies of a {@link ChangeCollector}. */
export interface ChangeCollectorParts {
  readonly tables: RouteView;
  readonly kv: { get(namespace: string, key: string): string | undefined };
  readonly options: { readonly supportActingMaster: boolean; readonly watchNamedTopics: number };
  /** Called for the first change after {@link ChangeCollector.take} has returned all others. */
  changed(): void;
}

/** A broker as the events so far have it. */
interface KnownBroker {
  readonly cluster: string;
  readonly id: Long;
  readonly role: BrokerRole;
  /** Whether it was restored from a snapshot and was not heard since. */
  readonly restored: boolean;
}

/** Whether a topic was there before the changes, and whether it is there after them. */
interface Existence {
  readonly before: boolean;
  after: boolean;
}

/** The changes of one broker name that have no events yet. */
interface BrokerChanges {
  /** Whether its brokers may have changed. */
  brokers: boolean;
  /** Why brokers were removed, by address. */
  readonly reasons: Map<string, RemovalReason>;
  /** `undefined` when there are too many for events of their own. */
  topics: Map<string, Existence> | undefined;
  readonly counts: Record<TopicChange, number>;
  readonly permissions: { readonly change: "wiped" | "granted"; readonly topics: number }[];
}

/** Notes that wait for their events, however often they repeat, until the oldest are left out. */
const MAX_PERMISSION_CHANGES = 100;

/**
 * Collects changes, and joins those that come together: to note one costs a look into a map. A
 * change that was undone before its event was made leaves no trace.
 */
export class ChangeCollector implements RouteListener, BrokerListener, RouteActionListener {
  readonly #parts: ChangeCollectorParts;
  /** By broker name. */
  readonly #changes = new Map<string, BrokerChanges>();
  /** The one that changed last: registrations change thousands of topics of one broker. */
  #latest: { readonly brokerName: string; readonly changes: BrokerChanges } | undefined;
  /** Brokers by name and address, as the events so far have them. */
  readonly #known = new Map<string, Map<string, KnownBroker>>();
  /** Clusters of broker names that are gone, while their topics are being removed. */
  readonly #goneFrom = new Map<string, string>();
  /** Changed keys by namespace; a number when there are too many for events of their own. */
  readonly #kv = new Map<string, Set<string> | number>();
  #config: ConfigChange[] = [];

  constructor(parts: ChangeCollectorParts) {
    this.#parts = parts;
  }

  /** Whether changes wait for their events. */
  get waiting(): boolean {
    return this.#changes.size > 0 || this.#kv.size > 0 || this.#config.length > 0;
  }

  topicChanged(topic: string, brokerName: string, change: TopicChange): void {
    const changes = this.#latest?.brokerName === brokerName
      ? this.#latest.changes
      : this.#changesOf(brokerName);
    changes.counts[change]++;
    const { topics } = changes;
    if (topics === undefined) return;
    const existence = topics.get(topic);
    const after = change !== "removed";
    if (existence !== undefined) existence.after = after;
    else if (topics.size < this.#parts.options.watchNamedTopics) {
      topics.set(topic, { before: change !== "added", after });
    } else changes.topics = undefined;
  }

  brokerChanged(brokerName: string): void {
    this.#changesOf(brokerName).brokers = true;
  }

  brokerRestored({ brokerName }: LiveBroker): void {
    this.brokerChanged(brokerName);
  }

  brokerConfirmed({ brokerName }: LiveBroker): void {
    this.brokerChanged(brokerName);
  }

  removing(brokerName: string, brokerAddr: string, reason: RemovalReason): void {
    // Those of unknown addresses are not kept.
    if (!this.#known.get(brokerName)?.has(brokerAddr)) return;
    this.#changesOf(brokerName).reasons.set(brokerAddr, reason);
  }

  permissionChanged(brokerName: string, change: "wiped" | "granted", topics: number): void {
    const { permissions } = this.#changesOf(brokerName);
    if (permissions.length >= MAX_PERMISSION_CHANGES) permissions.shift();
    permissions.push({ change, topics });
  }

  /** Any broker may have another role. */
  rolesChanged(): void {
    for (const { brokerName } of this.#parts.tables.brokers()) this.brokerChanged(brokerName);
  }

  /** A value was changed or deleted. */
  kvChanged(namespace: string, key: string): void {
    this.#noting();
    const keys = this.#kv.get(namespace) ?? new Set();
    if (typeof keys === "number") this.#kv.set(namespace, keys + 1);
    else if (keys.has(key) || keys.size < this.#parts.options.watchNamedTopics) {
      this.#kv.set(namespace, keys.add(key));
    } else this.#kv.set(namespace, keys.size + 1);
  }

  /** An update of the configuration is in effect. */
  configChanged(changes: readonly ConfigChange[]): void {
    const real = changes.filter(({ before, after }) => before !== after);
    if (real.length === 0) return;
    this.#noting();
    this.#config.push(...real);
  }

  /** Takes the changes that are there when it begins, in steps, as events. */
  *take(): Generator<ChangeEvent> {
    const config = this.#config;
    this.#config = [];
    for (const { key, before, after } of config) {
      yield {
        name: "configChanged",
        subject: {},
        readers: [{ permission: "config:read" }],
        fields: { name: key, before, after },
      };
    }
    for (const namespace of [...this.#kv.keys()]) yield* this.#kvEvents(namespace);
    // Those of one broker name are taken in one step: what follows has events of its own.
    for (const brokerName of [...this.#changes.keys()]) yield* this.#brokerEvents(brokerName);
  }

  *#kvEvents(namespace: string): Generator<ChangeEvent> {
    const keys = this.#kv.get(namespace);
    this.#kv.delete(namespace);
    if (keys === undefined) return;
    const readers = [{ permission: "kv:read", names: [namespace] }] as const;
    if (typeof keys === "number") {
      yield { name: "kvNamespaceChanged", subject: {}, readers, fields: { namespace, keys } };
      return;
    }
    for (const key of keys) {
      const deleted = this.#parts.kv.get(namespace, key) === undefined;
      yield { name: "kvChanged", subject: {}, readers, fields: { namespace, key, deleted } };
    }
  }

  #brokerEvents(brokerName: string): ChangeEvent[] {
    const changes = this.#changes.get(brokerName);
    if (changes === undefined) return [];
    this.#changes.delete(brokerName);
    this.#latest = undefined;
    const cluster = this.#clusterOf(brokerName);
    const readers = [{ permission: "cluster:read", cluster, names: [brokerName] }] as const;
    const subject = { cluster, brokerName };
    const events: ChangeEvent[] = changes.permissions.map(({ change, topics }) => ({
      name: change === "wiped" ? "permissionWiped" : "permissionGranted",
      subject,
      readers,
      fields: { topics },
    }));
    if (changes.brokers) {
      for (const event of this.#brokerDifferences(brokerName, changes)) {
        events.push({ ...event, subject, readers });
      }
    }
    const isGoing = this.#parts.tables.broker(brokerName) === undefined &&
      this.#parts.tables.topicCountOf(brokerName) > 0;
    if (isGoing && cluster !== undefined) this.#goneFrom.set(brokerName, cluster);
    else this.#goneFrom.delete(brokerName);
    const list = { permission: "topic:list", cluster } as const;
    if (changes.topics === undefined) {
      return [
        ...events,
        { name: "topicsChanged", subject, readers: [list], fields: changes.counts },
      ];
    }
    for (const [topic, { before, after }] of changes.topics) {
      if (!before && !after) continue;
      events.push({
        name: before ? after ? "topicChanged" : "topicRemoved" : "topicAdded",
        subject: { ...subject, topic },
        readers: [list, { permission: "route:read", names: [topic] }],
        fields: after ? this.#queues(topic, brokerName) : {},
      });
    }
    return events;
  }

  /** Compares the brokers of a name with those of the events so far. */
  #brokerDifferences(
    brokerName: string,
    { reasons }: BrokerChanges,
  ): Pick<ChangeEvent, "name" | "fields">[] {
    const { tables, options } = this.#parts;
    const group = tables.broker(brokerName);
    const known = this.#known.get(brokerName);
    const now = new Map<string, KnownBroker>();
    for (const [id, address] of group?.brokerAddrs ?? []) {
      if (group === undefined) break;
      const { cluster } = group;
      const restored = tables.liveBroker(cluster, brokerName, address)?.restored ?? false;
      now.set(address, { cluster, id, role: roleOf(group, id, options), restored });
    }
    if (now.size === 0) this.#known.delete(brokerName);
    else this.#known.set(brokerName, now);
    const events: Pick<ChangeEvent, "name" | "fields">[] = [];
    for (const [address, broker] of known ?? []) {
      if (now.has(address)) continue;
      const reason = reasons.get(address) ?? null;
      events.push({ name: "brokerDown", fields: { ...shown(address, broker), reason } });
    }
    for (const [address, broker] of now) {
      const before = known?.get(address);
      const fields = shown(address, broker);
      if (before === undefined) {
        events.push({ name: broker.restored ? "brokerRestored" : "brokerUp", fields });
        continue;
      }
      if (before.restored && !broker.restored) events.push({ name: "brokerConfirmed", fields });
      if (before.id === broker.id && before.role === broker.role) continue;
      const former = { brokerId: showLong(before.id), role: before.role };
      events.push({ name: "roleChanged", fields: { ...fields, before: former } });
    }
    return events;
  }

  /** Of brokers that are gone, too. */
  #clusterOf(brokerName: string): string | undefined {
    const group = this.#parts.tables.broker(brokerName);
    if (group !== undefined) return group.cluster;
    const [known] = this.#known.get(brokerName)?.values() ?? [];
    return known?.cluster ?? this.#goneFrom.get(brokerName);
  }

  #queues(topic: string, brokerName: string): Record<string, number> {
    const data = this.#parts.tables.queueData(topic, brokerName);
    if (data === undefined) return {};
    const { readQueueNums, writeQueueNums, perm, topicSysFlag } = data;
    return { readQueueNums, writeQueueNums, perm, topicSysFlag };
  }

  #changesOf(brokerName: string): BrokerChanges {
    let changes = this.#changes.get(brokerName);
    if (changes === undefined) {
      this.#noting();
      changes = {
        brokers: false,
        reasons: new Map(),
        topics: new Map(),
        counts: { added: 0, changed: 0, removed: 0 },
        permissions: [],
      };
      this.#changes.set(brokerName, changes);
    }
    this.#latest = { brokerName, changes };
    return changes;
  }

  #noting(): void {
    if (!this.waiting) this.#parts.changed();
  }
}

function shown(address: string, { id, role }: KnownBroker) {
  return { address, brokerId: showLong(id), role };
}
