import type { Log, PeerFields } from "../log/log.ts";
import { Perm } from "../protocol/codes.ts";
import type { DataVersion } from "../protocol/data_version.ts";
import type { QueueData } from "../protocol/route_data.ts";
import { ScanTimer } from "../scan_timer.ts";
import type { MinBrokerIdChange } from "./min_broker_id.ts";
import {
  type Handover,
  registerBroker,
  registerBrokerAgain,
  type Registration,
  type RegistrationHeader,
  type RegistrationResult,
} from "./registration.ts";
import type { BrokerConnection, Heard, LiveBroker, RouteTables } from "./tables.ts";
import { unregisterBrokers, type Unregistration } from "./unregistration.ts";

/** Milliseconds from the start to the first scan for silent brokers. */
const FIRST_SCAN_DELAY = 5000;

/** Options that a {@link RouteInfoManager} reads each time it needs them. */
export interface RouteOptions {
  deleteTopicWithBrokerRegistration: boolean;
  notifyMinBrokerIdChanged: boolean;
  scanNotActiveBrokerInterval: number;
  unRegisterBrokerQueueCapacity: number;
}

/** Dependencies of the manager. */
export interface RouteEnvironment {
  options: Readonly<RouteOptions>;
  log: Log;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a monotonic clock. */
  monotonic(): number;
  /** Runs a task soon, after the current work. */
  defer(task: () => void): void;
  /** Notifies brokers that the smallest id of their group changed. */
  notify(change: MinBrokerIdChange): void;
  /** Closes a connection whose broker was silent for too long. */
  expire(connection: BrokerConnection): void;
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
  };
  readonly #env: RouteEnvironment;
  /** Requested by brokers; limited by an option. */
  #asked: Unregistration[] = [];
  /**
   * Live entries whose connection closed or whose time is over; limited by the size of the live
   * table.
   */
  #lost = new Set<LiveBroker>();
  #deferred = false;
  readonly #scanTimer: ScanTimer;

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
    // Removals queued earlier must not undo this registration.
    this.flush();
    const { options, log } = this.#env;
    const result = registerBroker(this.#tables, registration, options, this.#heard());
    const broker = { ...shown(registration), id: registration.brokerId };
    switch (result.kind) {
      case "refused":
        log.warn("registration refused: single topic before the first full registration", broker);
        break;
      case "stale":
        this.#counters.stale++;
        log.warn("registration ignored: another broker holds the id with a newer state", {
          ...broker,
          holder: result.holder,
        });
        break;
      case "accepted": {
        const { newBroker, changedTopics, minBrokerIdChange } = result;
        if (newBroker || changedTopics > 0) this.#counters.changed++;
        else this.#counters.unchanged++;
        const fields = {
          ...broker,
          topics: registration.body.topics.length,
          changed: changedTopics,
        };
        if (newBroker) log.info("broker registered", fields);
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
    const { options, log } = this.#env;
    // Only the body tells which topics to remove.
    if (options.deleteTopicWithBrokerRegistration) return undefined;
    this.flush();
    const result = registerBrokerAgain(this.#tables, header, fingerprint, this.#heard());
    if (result === undefined) return undefined;
    this.#counters.unchanged++;
    if (log.debugEnabled) {
      log.debug("broker registered again", { ...shown(header), id: header.brokerId });
    }
    return result;
  }

  /** Queues an unregistration. Returns false when the queue is full. */
  unregister(request: Unregistration): boolean {
    if (this.#asked.length >= this.#env.options.unRegisterBrokerQueueCapacity) return false;
    this.#asked.push(request);
    this.#flushSoon();
    return true;
  }

  /** Removes all brokers that registered over a connection. */
  disconnected(connection: BrokerConnection): void {
    for (const live of this.#tables.liveBrokersOf(connection)) {
      if (this.#lose(live, "connection lost")) this.#counters.disconnected++;
    }
  }

  /** Closes the connections of silent brokers, and removes the brokers. */
  scan(): void {
    const now = this.#env.monotonic();
    const connections = new Set<BrokerConnection>();
    for (const live of this.#tables.liveBrokers()) {
      if (live.heardAt + live.heartbeatTimeoutMillis >= now) continue;
      if (this.#lose(live, "heartbeat timeout")) this.#counters.expired++;
      connections.add(live.connection);
    }
    for (const connection of connections) {
      // Another broker may live on it, or the same one under another name.
      const brokers = [...this.#tables.liveBrokersOf(connection)];
      if (brokers.every((live) => this.#lost.has(live))) this.#env.expire(connection);
    }
  }

  /** Carries out the queued removals now. */
  flush(): void {
    if (this.#asked.length === 0 && this.#lost.size === 0) return;
    for (const { clusterName, brokerName, brokerAddr } of this.#asked) {
      const live = this.#tables.liveBroker(clusterName, brokerName, brokerAddr);
      if (live !== undefined) this.#counters.unregistered++;
    }
    const batch = [...this.#asked, ...this.#lost];
    this.#asked = [];
    this.#lost.clear();
    for (const { from, ...broker } of batch as Unregistration[]) {
      this.#env.log.info("broker unregistered", { ...shown(broker), ...from });
    }
    for (const change of unregisterBrokers(this.#tables, batch)) this.#notify(change);
  }

  /** Updates a broker's last heartbeat. Unknown brokers are ignored. */
  heartbeat(clusterName: string, brokerName: string, brokerAddr: string): void {
    const live = this.#tables.liveBroker(clusterName, brokerName, brokerAddr);
    if (live !== undefined) Object.assign(live, this.#heard());
  }

  /** Returns the data version of a broker's last registration. */
  dataVersion(
    clusterName: string,
    brokerName: string,
    brokerAddr: string,
  ): DataVersion | undefined {
    return this.#tables.liveBroker(clusterName, brokerName, brokerAddr)?.dataVersion;
  }

  /** Adds queue data to a topic if all of its brokers are known; otherwise changes nothing. */
  registerTopic(topic: string, queueDatas: readonly QueueData[], from?: PeerFields): void {
    const unknown = queueDatas.find((data) => this.#tables.broker(data.brokerName) === undefined);
    if (unknown !== undefined) {
      this.#env.log.warn("topic not registered: unknown broker", {
        topic,
        broker: unknown.brokerName,
        ...from,
      });
      return;
    }
    for (const data of queueDatas) this.#tables.putQueueData(topic, data);
    if (queueDatas.length > 0) this.#env.log.info("topic registered", { topic, ...from });
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

  /** Removes write permission from all topics of a broker name. Returns their number. */
  wipeWritePerm(brokerName: string): number {
    return this.#tables.changePerm(brokerName, (perm) => perm & ~Perm.WRITE);
  }

  /** Grants read and write permission to all topics of a broker name. Returns their number. */
  addWritePerm(brokerName: string): number {
    return this.#tables.changePerm(brokerName, () => Perm.READ | Perm.WRITE);
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
  #lose(live: LiveBroker, reason: string): boolean {
    if (this.#lost.has(live)) return false;
    this.#lost.add(live);
    this.#env.log.warn("broker lost", { ...shown(live), reason });
    this.#flushSoon();
    return true;
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

  #flushSoon(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#env.defer(() => {
      this.#deferred = false;
      this.flush();
    });
  }
}

/** Fields of a log line about a broker. */
function shown({ clusterName, brokerName, brokerAddr }: Unregistration) {
  return { cluster: clusterName, broker: brokerName, addr: brokerAddr };
}
