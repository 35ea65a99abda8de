import type { Log } from "../log/log.ts";
import { Perm } from "../protocol/codes.ts";
import type { DataVersion } from "../protocol/data_version.ts";
import type { QueueData } from "../protocol/route_data.ts";
import type { MinBrokerIdChange } from "./min_broker_id.ts";
import {
  registerBroker,
  registerBrokerAgain,
  type Registration,
  type RegistrationHeader,
  type RegistrationResult,
} from "./registration.ts";
import type { BrokerConnection, LiveBroker, RouteTables } from "./tables.ts";
import { unregisterBrokers, type Unregistration } from "./unregistration.ts";

/** The first scan for brokers that fell silent, after the start. */
const FIRST_SCAN_DELAY = 5000;

/** The values that a {@link RouteInfoManager} reads, each time it needs them. */
export interface RouteOptions {
  deleteTopicWithBrokerRegistration: boolean;
  notifyMinBrokerIdChanged: boolean;
  scanNotActiveBrokerInterval: number;
  unRegisterBrokerQueueCapacity: number;
}

/** What the manager needs from outside. */
export interface RouteEnvironment {
  options: Readonly<RouteOptions>;
  log: Log;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs something soon, after what is going on. */
  defer(task: () => void): void;
  /** Tells brokers that the smallest id of their group changed. */
  notify(change: MinBrokerIdChange): void;
}

/** What a {@link RouteInfoManager} counts. */
export interface RouteCounters {
  /** Registrations after which some route shows something else. */
  changed: number;
  /** Registrations that said the same again. */
  unchanged: number;
  /** Registrations whose id is held by a newer state. */
  stale: number;
  /** Brokers that were silent for too long. */
  expired: number;
  /** Brokers whose connection closed. */
  disconnected: number;
  /** Brokers that asked for it. */
  unregistered: number;
}

/** Changes the tables as brokers and operators ask, and forgets brokers that are gone. */
export class RouteInfoManager {
  readonly tables: RouteTables;
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
  /** Asked for by brokers; bounded by an option. */
  #asked: Unregistration[] = [];
  /** Live entries whose connection or time is over; bounded by the live table. */
  #lost = new Set<LiveBroker>();
  #deferred = false;
  #scanTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(tables: RouteTables, env: RouteEnvironment) {
    this.tables = tables;
    this.counters = this.#counters;
    this.#env = env;
  }

  /** Starts to scan for brokers that fell silent. */
  start(): void {
    this.#scheduleScan(FIRST_SCAN_DELAY);
  }

  /** Scans at the interval that the option has now. */
  reschedule(): void {
    if (this.#scanTimer !== undefined) {
      this.#scheduleScan(this.#env.options.scanNotActiveBrokerInterval);
    }
  }

  /** Stops scanning, and forgets the brokers that are still to be forgotten. */
  stop(): void {
    clearTimeout(this.#scanTimer);
    this.#scanTimer = undefined;
    this.flush();
  }

  /** Applies a registration (semantics.md, "registerBroker"). */
  register(registration: Registration): RegistrationResult {
    // What left before this came must not take away what this brings.
    this.flush();
    const { options, log, now } = this.#env;
    const result = registerBroker(this.tables, registration, options, now());
    const broker = { ...shown(registration), id: registration.brokerId };
    switch (result.kind) {
      case "refused":
        log.warn("registration refused: one topic before the first full registration", broker);
        break;
      case "stale":
        this.#counters.stale++;
        log.warn("registration ignored: the id is held by a newer state", {
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
        if (minBrokerIdChange !== undefined) this.#notify(minBrokerIdChange);
      }
    }
    return result;
  }

  /**
   * Applies a registration whose body was applied before, without the body.
   *
   * @returns `undefined` when the body has to be read all the same
   */
  registerAgain(header: RegistrationHeader, fingerprint: string): RegistrationResult | undefined {
    const { options, log, now } = this.#env;
    // Only the body tells which topics are to go.
    if (options.deleteTopicWithBrokerRegistration) return undefined;
    this.flush();
    const result = registerBrokerAgain(this.tables, header, fingerprint, now());
    if (result === undefined) return undefined;
    this.#counters.unchanged++;
    if (log.debugEnabled) {
      log.debug("broker registered again", { ...shown(header), id: header.brokerId });
    }
    return result;
  }

  /** Queues an unregistration. Returns false when too many wait. */
  unregister(request: Unregistration): boolean {
    if (this.#asked.length >= this.#env.options.unRegisterBrokerQueueCapacity) return false;
    this.#asked.push(request);
    this.#flushSoon();
    return true;
  }

  /** Forgets all brokers that a connection stood for. */
  disconnected(connection: BrokerConnection): void {
    for (const live of this.tables.liveBrokersOf(connection)) {
      if (this.#lose(live, "connection lost")) this.#counters.disconnected++;
    }
  }

  /** Closes the connections of brokers that were silent for too long, and forgets them. */
  scan(): void {
    const now = this.#env.now();
    for (const live of this.tables.liveBrokers()) {
      if (live.lastUpdateTimestamp + live.heartbeatTimeoutMillis >= now) continue;
      if (this.#lose(live, "heartbeat timeout")) this.#counters.expired++;
      live.connection.close();
    }
  }

  /** Forgets now what waits to be forgotten. */
  flush(): void {
    if (this.#asked.length === 0 && this.#lost.size === 0) return;
    for (const { clusterName, brokerName, brokerAddr } of this.#asked) {
      const live = this.tables.liveBroker(clusterName, brokerName, brokerAddr);
      if (live !== undefined) this.#counters.unregistered++;
    }
    const batch = [...this.#asked, ...this.#lost];
    this.#asked = [];
    this.#lost.clear();
    for (const broker of batch) this.#env.log.info("broker unregistered", shown(broker));
    for (const change of unregisterBrokers(this.tables, batch)) this.#notify(change);
  }

  /** Refreshes a broker's time of life. An unknown one changes nothing. */
  heartbeat(clusterName: string, brokerName: string, brokerAddr: string): void {
    const live = this.tables.liveBroker(clusterName, brokerName, brokerAddr);
    if (live !== undefined) live.lastUpdateTimestamp = this.#env.now();
  }

  /** The data version that a broker registered last. */
  dataVersion(
    clusterName: string,
    brokerName: string,
    brokerAddr: string,
  ): DataVersion | undefined {
    return this.tables.liveBroker(clusterName, brokerName, brokerAddr)?.dataVersion;
  }

  /** Adds queue data to a topic, if all of its brokers are known; else nothing changes. */
  registerTopic(topic: string, queueDatas: readonly QueueData[]): void {
    const unknown = queueDatas.find((data) => this.tables.broker(data.brokerName) === undefined);
    if (unknown !== undefined) {
      this.#env.log.warn("topic not registered: unknown broker", {
        topic,
        broker: unknown.brokerName,
      });
      return;
    }
    for (const data of queueDatas) this.tables.putQueueData(topic, data);
    if (queueDatas.length > 0) this.#env.log.info("topic registered", { topic });
  }

  /** Forgets a topic, or only what the brokers of one cluster have of it. */
  deleteTopic(topic: string, clusterName?: string): void {
    let deleted = false;
    if (clusterName === undefined) {
      deleted = this.tables.removeTopic(topic);
    } else {
      for (const brokerName of this.tables.cluster(clusterName) ?? []) {
        if (this.tables.removeQueueData(topic, brokerName)) deleted = true;
      }
    }
    if (deleted) this.#env.log.info("topic deleted", { topic, cluster: clusterName });
  }

  /** Takes the right to write from all topics of a broker name. Returns how many it has. */
  wipeWritePerm(brokerName: string): number {
    return this.tables.changePerm(brokerName, (perm) => perm & ~Perm.WRITE);
  }

  /** Gives all topics of a broker name the rights to read and write. Returns how many it has. */
  addWritePerm(brokerName: string): number {
    return this.tables.changePerm(brokerName, () => Perm.READ | Perm.WRITE);
  }

  /** @returns false when it was lost before */
  #lose(live: LiveBroker, reason: string): boolean {
    if (this.#lost.has(live)) return false;
    this.#lost.add(live);
    this.#env.log.warn("broker lost", { ...shown(live), reason });
    this.#flushSoon();
    return true;
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

  #scheduleScan(delay: number): void {
    clearTimeout(this.#scanTimer);
    this.#scanTimer = setTimeout(() => {
      this.#scheduleScan(this.#env.options.scanNotActiveBrokerInterval);
      this.scan();
    }, delay);
  }
}

/** What a line in the log says of a broker. */
function shown({ clusterName, brokerName, brokerAddr }: Unregistration) {
  return { cluster: clusterName, broker: brokerName, addr: brokerAddr };
}
