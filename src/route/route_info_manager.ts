import type { Log, PeerFields } from "../log/log.ts";
import { Perm } from "../protocol/codes.ts";
import type { DataVersion } from "../protocol/data_version.ts";
import type { Long } from "../protocol/long.ts";
import type { QueueData } from "../protocol/route_data.ts";
import { ScanTimer } from "../scan_timer.ts";
import { Job } from "./job.ts";
import type { MinBrokerIdChange } from "./min_broker_id.ts";
import {
  type Handover,
  registerBroker,
  registerBrokerAgain,
  type Registration,
  type RegistrationHeader,
  type RegistrationResult,
} from "./registration.ts";
import type { WorkSlice } from "../work_slice.ts";
import type { OverLimit, TableLimits } from "./table_limits.ts";
import type { BrokerConnection, BrokerIdentity, Heard, LiveBroker, RouteTables } from "./tables.ts";
import { changePerm, unregisterBrokers, type Unregistration } from "./unregistration.ts";

/** Milliseconds from the start to the first scan for silent brokers. */
const FIRST_SCAN_DELAY = 5000;

/** Registrations of up to so many topics are applied at once: in slices they would take longer. */
const FEW_TOPICS = 1000;
/** Brokers of a closed connection that are dealt with in one step. */
const BROKERS_PER_STEP = 64;

/** Options that a {@link RouteInfoManager} reads each time it needs them. */
export interface RouteOptions {
  deleteTopicWithBrokerRegistration: boolean;
  notifyMinBrokerIdChanged: boolean;
  scanNotActiveBrokerInterval: number;
  unRegisterBrokerQueueCapacity: number;
  /** Milliseconds for which a restored broker is kept without any word from it. */
  routeSnapshotGrace: number;
}

/** Dependencies of the manager. */
export interface RouteEnvironment {
  options: Readonly<RouteOptions>;
  log: Log;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a monotonic clock. */
  monotonic(): number;
  limits: TableLimits;
  /** Long work takes turns with everything else. */
  slice: WorkSlice;
  /** Runs a task soon, after the current work. */
  defer(task: () => void): void;
  /** Notifies brokers that the smallest id of their group changed. */
  notify(change: MinBrokerIdChange): void;
  /** Closes a connection whose broker was silent for too long. */
  expire(connection: BrokerConnection): void;
}

/** A registration that is being applied. */
interface Applying {
  readonly registration: Registration;
  readonly job: Job<RegistrationResult>;
}

/** Brokers of one name that are to be removed. */
interface Removal {
  readonly asked: Unregistration[];
  readonly lost: { readonly live: LiveBroker; readonly reason: RemovalReason }[];
}

/** Why a broker was removed, as the log shows it. */
export type RemovalReason =
  | "unregistered"
  | "connection lost"
  | "heartbeat timeout"
  | "not heard since the restart"
  | "restored, but its address refuses connections";

/** Hears what the tables alone do not show. It must not throw. */
export interface RouteActionListener {
  /** A broker is about to be removed. */
  removing(brokerName: string, brokerAddr: string, reason: RemovalReason): void;
  /** The permission of all topics of a broker name was changed by request. */
  permissionChanged(brokerName: string, change: "wiped" | "granted", topics: number): void;
}

/** Counters of a {@link RouteInfoManager}. */
export interface RouteCounters {
  /** Registrations that changed a route. */
  changed: number;
  /** Registrations that changed nothing. */
  unchanged: number;
  /** Registrations refused because another broker holds the id with a newer state. */
  stale: number;
  /** Brokers removed because they sent no heartbeat for too long. */
  expired: number;
  /** Brokers removed because their connection closed. */
  disconnected: number;
  /** Brokers removed at their own request. */
  unregistered: number;
  /** Restored brokers that registered, or sent the same data version. */
  confirmed: number;
  /** Restored brokers removed because nothing was heard of them, or their address refuses connections. */
  unconfirmed: number;
}

/** Applies the changes that brokers and operators request, and removes brokers that are gone. */
export class RouteInfoManager {
  readonly #tables: RouteTables;
  readonly counters: Readonly<RouteCounters>;
  readonly #counters: RouteCounters = {
    changed: 0,
    unchanged: 0,
    stale: 0,
    expired: 0,
    disconnected: 0,
    unregistered: 0,
    confirmed: 0,
    unconfirmed: 0,
  };
  readonly #env: RouteEnvironment;
  /** Removals that have not begun, by broker name. */
  readonly #queued = new Map<string, Removal>();
  /** Number of queued removals that were requested; limited by an option. */
  #asked = 0;
  /**
   * Live entries in the queue whose connection closed or whose time is over; limited by the size of
   * the live table.
   */
  readonly #lost = new Set<LiveBroker>();
  /** Searches for lost brokers in progress, by the connection that closed if one did. */
  readonly #losing = new Map<object, Job<void>>();
  /** Numbers of permission changes in progress, by broker name. */
  readonly #changingPerm = new Map<string, number>();
  /** Work that has begun, by broker name. A name has one of the two at most. */
  readonly #removing = new Map<string, Job<void>>();
  readonly #applying = new Map<string, Applying>();
  #deferred = false;
  readonly #scanTimer: ScanTimer;
  readonly #listeners: RouteActionListener[] = [];

  constructor(tables: RouteTables, env: RouteEnvironment) {
    this.#tables = tables;
    this.counters = this.#counters;
    this.#env = env;
    this.#scanTimer = new ScanTimer({
      interval: () => env.options.scanNotActiveBrokerInterval,
      monotonic: () => env.monotonic(),
      scan: () => this.scan(),
      paused: (millis) => this.#excuse(millis),
    });
  }

  /** Calls the listener from now on. */
  subscribe(listener: RouteActionListener): void {
    this.#listeners.push(listener);
  }

  /** Starts scanning for silent brokers. */
  start(): void {
    this.#scanTimer.start(FIRST_SCAN_DELAY);
  }

  /** Restarts the scan with the option's current interval. */
  reschedule(): void {
    this.#scanTimer.reschedule();
  }

  /** Stops scanning, and removes the brokers that are queued for removal. */
  stop(): void {
    this.#scanTimer.stop();
    this.flush();
  }

  /** Applies a registration (semantics.md, "registerBroker"). */
  register(registration: Registration): RegistrationResult {
    this.#settle(registration.brokerName);
    return new Job(this.#register(registration)).finish();
  }

  /** Like {@link register}, but lets other work have turns when the broker has many topics. */
  registerInSlices(registration: Registration): RegistrationResult | Promise<RegistrationResult> {
    const { brokerName, body } = registration;
    if (body.topics.length + body.mappings.size <= FEW_TOPICS) return this.register(registration);
    this.#settle(brokerName);
    const job = new Job(this.#register(registration));
    const applying = { registration, job };
    this.#applying.set(brokerName, applying);
    return this.#env.slice.drive(job.steps()).finally(() => {
      if (this.#applying.get(brokerName) === applying) this.#applying.delete(brokerName);
    });
  }

  /** Whether a registration, a removal or a change of permissions of a broker name is applied in part. */
  isApplying(brokerName: string): boolean {
    return this.#applying.get(brokerName)?.job.done === false || this.#removing.has(brokerName) ||
      this.#changingPerm.has(brokerName);
  }

  *#register(registration: Registration): Generator<void, RegistrationResult> {
    const { options, limits, log } = this.#env;
    const steps = registerBroker(this.#tables, registration, options, limits, this.#heard());
    const result = yield* steps;
    const broker = { ...shown(registration), id: registration.brokerId };
    switch (result.kind) {
      case "refused":
        log.warn("registration refused: single topic before the first full registration", broker);
        break;
      case "over limit":
        log.warn("registration refused: over a limit", { ...broker, reason: result.over.remark });
        break;
      case "stale":
        this.#counters.stale++;
        log.warn("registration ignored: another broker holds the id with a newer state", {
          ...broker,
          holder: result.holder,
        });
        break;
      case "accepted": {
        const { newBroker, confirmed, changedTopics, minBrokerIdChange } = result;
        if (newBroker || changedTopics > 0) this.#counters.changed++;
        else this.#counters.unchanged++;
        const fields = {
          ...broker,
          topics: registration.body.topics.length,
          changed: changedTopics,
        };
        if (newBroker) log.info("broker registered", fields);
        else if (confirmed) this.#logConfirmed(fields);
        else if (changedTopics > 0) log.info("broker changed topics", fields);
        else if (log.debugEnabled) log.debug("broker registered again", fields);
        if (result.handover !== undefined) this.#logHandover(broker, result.handover);
        if (minBrokerIdChange !== undefined) this.#notify(minBrokerIdChange);
      }
    }
    return result;
  }

  /**
   * Applies a registration whose body was applied before, without the body.
   *
   * @returns `undefined` when the body must be parsed after all
   */
  registerAgain(header: RegistrationHeader, fingerprint: string): RegistrationResult | undefined {
    const { options, limits, log } = this.#env;
    // Only the body tells which topics to remove.
    if (options.deleteTopicWithBrokerRegistration) return undefined;
    this.#settle(header.brokerName);
    const result = registerBrokerAgain(this.#tables, header, fingerprint, limits, this.#heard());
    if (result === undefined) return undefined;
    const { changedTopics, confirmed } = result;
    const broker = { ...shown(header), id: header.brokerId };
    if (changedTopics > 0) this.#counters.changed++;
    else this.#counters.unchanged++;
    if (confirmed || changedTopics > 0) {
      const topics = this.#tables.topicCountOf(header.brokerName);
      const fields = { ...broker, topics, changed: changedTopics };
      if (confirmed) this.#logConfirmed(fields);
      else log.info("broker changed topics", fields);
    } else if (log.debugEnabled) log.debug("broker registered again", broker);
    return result;
  }

  /** Queues an unregistration. Returns false when the queue is full. */
  unregister(request: Unregistration): boolean {
    if (this.#asked >= this.#env.options.unRegisterBrokerQueueCapacity) return false;
    this.#asked++;
    this.#removalOf(request.brokerName).asked.push(request);
    return true;
  }

  /** Removes all brokers that registered over a connection. */
  disconnected(connection: BrokerConnection): void {
    for (const { registration, job } of this.#applying.values()) {
      if (registration.connection !== connection) continue;
      // One that is not in the tables yet would never be removed from them.
      const { clusterName, brokerName, brokerAddr } = registration;
      const live = this.#tables.liveBroker(clusterName, brokerName, brokerAddr);
      if (live?.connection !== connection) job.cancel({ kind: "refused" });
    }
    this.#begin(connection, this.#loseAll(connection));
  }

  *#loseAll(connection: BrokerConnection): Generator<void> {
    let visited = 0;
    for (const live of this.#tables.liveBrokersOf(connection)) {
      this.#loseConnection(live);
      if (++visited % BROKERS_PER_STEP === 0) yield;
    }
  }

  #loseConnection(live: LiveBroker): void {
    if (this.#lose(live, "connection lost")) this.#counters.disconnected++;
  }

  /** Closes the connections of silent brokers, and removes the brokers. */
  scan(): void {
    this.#begin({}, this.#loseSilent());
  }

  *#loseSilent(): Generator<void> {
    const connections = new Set<BrokerConnection>();
    let visited = 0;
    for (const live of this.#tables.liveBrokers()) {
      const { connection } = live;
      const limit = connection === undefined
        ? this.#env.options.routeSnapshotGrace
        : live.heartbeatTimeoutMillis;
      if (live.heardAt + limit >= this.#env.monotonic()) continue;
      if (connection === undefined) this.#loseRestored(live, "not heard since the restart");
      else {
        if (this.#lose(live, "heartbeat timeout")) this.#counters.expired++;
        connections.add(connection);
      }
      if (++visited % BROKERS_PER_STEP === 0) yield;
    }
    for (const connection of connections) {
      // Another broker may live on it, or the same one under another name.
      const brokers = [...this.#tables.liveBrokersOf(connection)];
      if (brokers.every((live) => this.#lost.has(live))) this.#env.expire(connection);
    }
  }

  /** Does the first step at once, and the others in turns. */
  #begin(about: object, steps: Generator<void>): void {
    const job = new Job(steps);
    job.step();
    if (job.done) return job.finish();
    this.#losing.set(about, job);
    this.#flushSoon();
  }

  /** Carries out the queued removals now. */
  flush(): void {
    new Job(this.#removeQueued()).finish();
    for (const job of this.#removing.values()) job.finish();
  }

  /** Finishes whatever was begun or queued for a broker name: later requests must not be undone by it. */
  #settle(brokerName: string): void {
    this.#applying.get(brokerName)?.job.finish();
    if (this.#losing.size > 0) {
      for (const live of this.#tables.liveBrokersNamed(brokerName)) {
        const { connection } = live;
        if (connection && this.#losing.has(connection)) this.#loseConnection(live);
      }
    }
    const removal = this.#queued.get(brokerName);
    if (removal !== undefined) this.#beginRemoval(brokerName, removal);
    this.#removing.get(brokerName)?.finish();
  }

  /** All removals in steps, those that are queued meanwhile included. */
  *#removeQueued(): Generator<void> {
    for (;;) {
      for (const [connection, job] of this.#losing) {
        for (; !job.done; job.step()) yield;
        this.#losing.delete(connection);
      }
      const [brokerName, removal] = this.#queued.entries().next().value ?? [];
      if (brokerName === undefined || removal === undefined) return;
      // A registration of the name goes first, because it was there first.
      const applying = this.#applying.get(brokerName)?.job;
      if (applying?.done === false) applying.step();
      else if (this.#queued.has(brokerName)) {
        const job = this.#beginRemoval(brokerName, removal);
        for (; !job.done; job.step()) yield;
      }
      yield;
    }
  }

  #beginRemoval(brokerName: string, removal: Removal): Job<void> {
    // An earlier one of the name may be in progress.
    this.#removing.get(brokerName)?.finish();
    this.#queued.delete(brokerName);
    this.#asked -= removal.asked.length;
    const job = new Job(this.#remove(brokerName, removal));
    this.#removing.set(brokerName, job);
    return job;
  }

  *#remove(brokerName: string, { asked, lost }: Removal): Generator<void> {
    const { log } = this.#env;
    const addrs = new Set<string>();
    for (const { from, ...broker } of asked) {
      const live = this.#tables.liveBroker(broker.clusterName, brokerName, broker.brokerAddr);
      if (live !== undefined) this.#counters.unregistered++;
      addrs.add(broker.brokerAddr);
      this.#tellRemoval(brokerName, broker.brokerAddr, "unregistered");
      log.info("broker unregistered", { ...shown(broker), ...from });
    }
    for (const { live, reason } of lost) {
      this.#lost.delete(live);
      // A registration over another connection, which was under way, may have replaced it.
      const now = this.#tables.liveBroker(live.clusterName, brokerName, live.brokerAddr);
      if (now !== undefined && now.connection !== live.connection) continue;
      addrs.add(live.brokerAddr);
      this.#tellRemoval(brokerName, live.brokerAddr, reason);
      log.info("broker unregistered", shown(live));
    }
    const change = yield* unregisterBrokers(this.#tables, brokerName, [...addrs]);
    this.#removing.delete(brokerName);
    if (change !== undefined) this.#notify(change);
  }

  #tellRemoval(brokerName: string, brokerAddr: string, reason: RemovalReason): void {
    for (const listener of this.#listeners) listener.removing(brokerName, brokerAddr, reason);
  }

  /**
   * Updates a broker's last heartbeat. Unknown brokers are ignored. For a restored one that has no
   * connection yet, it will be this one.
   *
   * @param connection of the sender, unless it is closed
   */
  heartbeat(
    { clusterName, brokerName, brokerAddr }: BrokerIdentity,
    connection?: BrokerConnection,
  ): void {
    const live = this.#tables.liveBroker(clusterName, brokerName, brokerAddr);
    if (live === undefined) return;
    if (live.connection !== undefined || connection === undefined || this.#lost.has(live)) {
      Object.assign(live, this.#heard());
    } else this.#tables.putLiveBroker({ ...live, connection, ...this.#heard() });
  }

  /**
   * Like {@link heartbeat}, of a broker that has just been told that its topics are known here: if it
   * was restored, it need not register to be confirmed.
   */
  confirm(broker: BrokerIdentity, connection?: BrokerConnection): void {
    this.heartbeat(broker, connection);
    const { clusterName, brokerName, brokerAddr } = broker;
    const live = this.#tables.liveBroker(clusterName, brokerName, brokerAddr);
    if (live?.restored !== true || live.connection === undefined || this.#lost.has(live)) return;
    this.#tables.putLiveBroker({ ...live, restored: false });
    const topics = this.#tables.topicCountOf(brokerName);
    this.#logConfirmed({
      ...shown(live),
      id: this.#tables.brokerId(brokerName, brokerAddr),
      topics,
      changed: 0,
    });
  }

  /**
   * Removes a restored broker whose address refuses connections. Does nothing if it was heard
   * meanwhile.
   */
  refused(broker: BrokerIdentity): void {
    const live = this.#unheard(broker);
    if (live === undefined) return;
    this.#loseRestored(live, "restored, but its address refuses connections");
  }

  /** Whether a broker was restored and not heard since. */
  isUnheard(broker: BrokerIdentity): boolean {
    return this.#unheard(broker) !== undefined;
  }

  #unheard({ clusterName, brokerName, brokerAddr }: BrokerIdentity): LiveBroker | undefined {
    const live = this.#tables.liveBroker(clusterName, brokerName, brokerAddr);
    return live?.restored && live.connection === undefined ? live : undefined;
  }

  #loseRestored(live: LiveBroker, reason: RemovalReason): void {
    if (this.#lose(live, reason)) this.#counters.unconfirmed++;
  }

  /** Returns the data version of a broker's last registration. */
  dataVersion({ clusterName, brokerName, brokerAddr }: BrokerIdentity): DataVersion | undefined {
    return this.#tables.liveBroker(clusterName, brokerName, brokerAddr)?.dataVersion;
  }

  /**
   * Adds queue data to a topic if all of its brokers are known; otherwise changes nothing.
   *
   * @returns the limit that the topic would pass; nothing is changed then
   */
  registerTopic(
    topic: string,
    queueDatas: readonly QueueData[],
    from?: PeerFields,
  ): OverLimit | undefined {
    const { limits, log } = this.#env;
    const unknown = queueDatas.find((data) => this.#tables.broker(data.brokerName) === undefined);
    if (unknown !== undefined) {
      log.warn("topic not registered: unknown broker", {
        topic,
        broker: unknown.brokerName,
        ...from,
      });
      return undefined;
    }
    const over = limits.refusal(limits.growthOfTopic(topic, queueDatas));
    if (over !== undefined) {
      log.warn("topic not registered: over a limit", { topic, ...from, reason: over.remark });
      return over;
    }
    for (const data of queueDatas) this.#tables.putQueueData(topic, data);
    if (queueDatas.length > 0) log.info("topic registered", { topic, ...from });
    return undefined;
  }

  /** Removes a topic, or only its queue data on the brokers of one cluster. */
  deleteTopic(topic: string, clusterName?: string, from?: PeerFields): void {
    let deleted = false;
    if (clusterName === undefined) {
      deleted = this.#tables.removeTopic(topic);
    } else {
      for (const brokerName of this.#tables.cluster(clusterName) ?? []) {
        if (this.#tables.removeQueueData(topic, brokerName)) deleted = true;
      }
    }
    if (deleted) this.#env.log.info("topic deleted", { topic, cluster: clusterName, ...from });
  }

  /** Removes write permission from all topics of a broker name. Resolves to their number. */
  wipeWritePerm(brokerName: string): Promise<number> {
    return this.#changePerm(brokerName, "wiped", (perm) => perm & ~Perm.WRITE);
  }

  /** Grants read and write permission to all topics of a broker name. Resolves to their number. */
  addWritePerm(brokerName: string): Promise<number> {
    return this.#changePerm(brokerName, "granted", () => Perm.READ | Perm.WRITE);
  }

  async #changePerm(
    brokerName: string,
    what: "wiped" | "granted",
    change: (perm: number) => number,
  ): Promise<number> {
    this.#applying.get(brokerName)?.job.finish();
    const changes = this.#changingPerm;
    changes.set(brokerName, (changes.get(brokerName) ?? 0) + 1);
    let topics;
    try {
      topics = await this.#env.slice.drive(changePerm(this.#tables, brokerName, change));
    } finally {
      const others = (changes.get(brokerName) ?? 1) - 1;
      if (others > 0) changes.set(brokerName, others);
      else changes.delete(brokerName);
    }
    if (topics > 0) {
      for (const listener of this.#listeners) listener.permissionChanged(brokerName, what, topics);
    }
    return topics;
  }

  #heard(): Heard {
    return { lastUpdateTimestamp: this.#env.now(), heardAt: this.#env.monotonic() };
  }

  /** Brokers were not silent while the process did not run. */
  #excuse(millis: number): void {
    const now = this.#env.monotonic();
    for (const live of this.#tables.liveBrokers()) {
      live.heardAt = Math.min(now, live.heardAt + millis);
    }
    this.#env.log.warn("process was paused", { millis: Math.round(millis) });
  }

  /** @returns false when it was queued for removal already */
  #lose(live: LiveBroker, reason: RemovalReason): boolean {
    if (this.#lost.has(live)) return false;
    this.#lost.add(live);
    this.#removalOf(live.brokerName).lost.push({ live, reason });
    this.#env.log.warn("broker lost", { ...shown(live), reason });
    return true;
  }

  #logConfirmed(fields: ConfirmedFields): void {
    this.#counters.confirmed++;
    this.#env.log.info("broker confirmed", fields);
  }

  #logHandover(
    broker: ReturnType<typeof shown>,
    { holder, holderAlive, formerId }: Handover,
  ): void {
    const { log } = this.#env;
    // A broker that changes its id follows a controller; its predecessor will get another id.
    if (holderAlive && formerId === undefined) {
      log.warn("broker id taken from a live broker", { ...broker, holder });
    } else log.info("broker id changed hands", { ...broker, formerId, holder });
  }

  #notify(change: MinBrokerIdChange): void {
    if (this.#env.options.notifyMinBrokerIdChanged) this.#env.notify(change);
  }

  #removalOf(brokerName: string): Removal {
    let removal = this.#queued.get(brokerName);
    if (removal === undefined) this.#queued.set(brokerName, removal = { asked: [], lost: [] });
    this.#flushSoon();
    return removal;
  }

  #flushSoon(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    const { defer, slice } = this.#env;
    const steps = this.#removeQueued();
    const goOn = () => {
      for (;;) {
        if (slice.run(() => steps.next()).done) break;
        if (slice.over) return slice.afterTurn(goOn);
      }
      this.#deferred = false;
    };
    defer(goOn);
  }
}

interface ConfirmedFields extends ReturnType<typeof shown> {
  readonly id: Long | undefined;
  readonly topics: number;
  readonly changed: number;
}

/** Fields of a log line about a broker. */
function shown({ clusterName, brokerName, brokerAddr }: BrokerIdentity) {
  return { cluster: clusterName, broker: brokerName, addr: brokerAddr };
}
