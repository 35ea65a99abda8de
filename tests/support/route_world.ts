import { Perm } from "../../src/protocol/codes.ts";
import type { DataVersion } from "../../src/protocol/data_version.ts";
import type { Long } from "../../src/protocol/long.ts";
import type { TopicConfig } from "../../src/protocol/register_broker_body.ts";
import type { TopicQueueMappingInfo } from "../../src/protocol/route_data.ts";
import type { MinBrokerIdChange } from "../../src/route/min_broker_id.ts";
import type { Registration, RegistrationResult } from "../../src/route/registration.ts";
import { RouteCache } from "../../src/route/route_cache.ts";
import { RouteInfoManager } from "../../src/route/route_info_manager.ts";
import { TableLimits } from "../../src/route/table_limits.ts";
import { type BrokerConnection, type BrokerIdentity, RouteTables } from "../../src/route/tables.ts";
import { WorkSlice } from "../../src/work_slice.ts";
import { RecordedLog } from "./recorded_log.ts";
import { TestClock } from "./test_clock.ts";

/** A connection that records whether it was closed. */
export class FakeConnection {
  closed = false;
  /** Called when it is closed. */
  onClose: () => void = () => {};

  close(): void {
    this.closed = true;
    this.onClose();
  }
}

/** Fields of a broker's registration; all have defaults. */
export interface BrokerSays {
  name?: string;
  cluster?: string;
  id?: Long;
  addr?: string;
  /** A name stands for a readable and writable topic of 8 queues. */
  topics?: readonly (string | TopicConfig)[];
  /** A number stands for a counter. */
  version?: number | DataVersion;
  acting?: boolean;
  zone?: string;
  ha?: string;
  timeout?: number;
  filterServers?: string[];
  mappings?: readonly TopicQueueMappingInfo[];
  connection?: BrokerConnection;
}

/** A readable and writable topic of 8 queues in a registration. */
export function topic(topicName: string, more: Partial<TopicConfig> = {}): TopicConfig {
  return {
    topicName,
    readQueueNums: 8,
    writeQueueNums: 8,
    perm: Perm.READ | Perm.WRITE,
    topicSysFlag: 0,
    ...more,
  };
}

/** A data version; equal arguments give equal versions. */
export function version(counter: Long, stateVersion: Long = 0, timestamp: Long = 1): DataVersion {
  return { counter, stateVersion, timestamp };
}

/** The identity of a broker. */
export function identity(
  clusterName: string,
  brokerName: string,
  brokerAddr: string,
): BrokerIdentity {
  return { clusterName, brokerName, brokerAddr };
}

/** A static mapping as sent by the broker `bname`. */
export function mapping(
  topic: string,
  bname: string | null,
  epoch: Long = 1,
): TopicQueueMappingInfo {
  return {
    topic,
    bname,
    scope: "__global__",
    totalQueues: 4,
    epoch,
    dirty: false,
    currIdMap: new Map([[0, 0]]),
  };
}

/** Puts a broker into the tables as a snapshot does. */
export function restoreBroker(world: RouteWorld, broker: BrokerSays = {}): void {
  const { body, ...header } = world.registration(broker);
  const { brokerName, brokerAddr, heartbeatTimeoutMillis = 120_000 } = header;
  world.tables.putBroker({ ...header, enableActingMaster: false, zoneName: header.zoneName });
  for (const { topicName, ...queues } of body.topics) {
    world.tables.putQueueData(topicName, { brokerName, ...queues });
  }
  world.tables.putLiveBroker({
    ...header,
    brokerAddr,
    haServerAddr: header.haServerAddr,
    dataVersion: body.dataVersion,
    heartbeatTimeoutMillis,
    connection: undefined,
    restored: true,
    lastUpdateTimestamp: 0,
    heardAt: world.clock.monotonic(),
  });
}

/** The route tables with their rules, a listening cache, and recorded notifications. */
export class RouteWorld {
  readonly options = {
    deleteTopicWithBrokerRegistration: false,
    notifyMinBrokerIdChanged: true,
    scanNotActiveBrokerInterval: 5000,
    unRegisterBrokerQueueCapacity: 3000,
    routeSnapshotGrace: 60_000,
    maxBrokers: 1000,
    maxBrokersPerGroup: 100,
    maxTopics: 10_000,
    maxTopicsPerBroker: 10_000,
    maxTableBytes: 0,
    maxAnswerBytes: 16 * 1024 * 1024,
  };
  readonly log = new RecordedLog(false);
  readonly clock = new TestClock();
  readonly notified: MinBrokerIdChange[] = [];
  readonly tables = new RouteTables();
  readonly cache = new RouteCache(this.tables, () => 1_000_000);
  readonly limits = new TableLimits(this.tables, this.options, () => 1e9);
  readonly routes: RouteInfoManager;
  readonly #deferred: (() => void)[] = [];
  /** Milliseconds that a step of long work seems to take. */
  stepMillis = 0;
  #worked = 0;

  constructor() {
    this.tables.subscribe(this.cache);
    this.routes = new RouteInfoManager(this.tables, {
      options: this.options,
      log: this.log,
      now: this.clock.now,
      monotonic: this.clock.monotonic,
      limits: this.limits,
      slice: new WorkSlice(
        (task) => void this.#deferred.push(task),
        () => this.#worked += this.stepMillis,
      ),
      defer: (task) => void this.#deferred.push(task),
      notify: (change) => void this.notified.push(change),
      expire: (connection) => (connection as FakeConnection).close(),
    });
  }

  /** Number of deferred tasks. */
  get deferred(): number {
    return this.#deferred.length;
  }

  /** Runs the next deferred task, as a turn of the event loop would. Returns false without one. */
  turn(): boolean {
    const task = this.#deferred.shift();
    task?.();
    return task !== undefined;
  }

  /** Runs deferred tasks. */
  settle(): void {
    while (this.turn());
  }

  register(broker: BrokerSays = {}): RegistrationResult {
    return this.routes.register(this.registration(broker));
  }

  /** A registration as the manager takes it. */
  registration(broker: BrokerSays = {}): Registration {
    const { name = "a", cluster = "C", id = 0, addr = `${name}:${id}`, version: said = 1 } = broker;
    return {
      clusterName: cluster,
      brokerName: name,
      brokerAddr: addr,
      brokerId: id,
      haServerAddr: broker.ha ?? `${addr}/ha`,
      zoneName: broker.zone,
      heartbeatTimeoutMillis: broker.timeout,
      enableActingMaster: broker.acting,
      body: {
        dataVersion: typeof said === "number" ? version(said) : said,
        topics: (broker.topics ?? ["T1", "T2"]).map((it) =>
          typeof it === "string" ? topic(it) : it
        ),
        filterServers: broker.filterServers,
        mappings: new Map(broker.mappings?.map((it) => [it.topic!, it])),
      },
      connection: broker.connection ?? new FakeConnection(),
    };
  }

  /** Queues an unregistration; returns `false` when it was refused. */
  unregister(broker: BrokerSays = {}): boolean {
    const { name = "a", cluster = "C", id = 0, addr = `${name}:${id}` } = broker;
    return this.routes.unregister({ clusterName: cluster, brokerName: name, brokerAddr: addr });
  }

  /** brokerId -> address of a group, as an object. */
  addrs(name = "a"): Record<string, string> {
    return Object.fromEntries(
      [...this.tables.broker(name)?.brokerAddrs ?? []].map(([id, addr]) => [`${id}`, addr]),
    );
  }

  /** perm of a topic on the brokers with a name. */
  perm(topic: string, name = "a"): number | undefined {
    return this.tables.queueData(topic, name)?.perm;
  }

  topics(): string[] {
    return [...this.tables.topics()].sort();
  }

  /** The contents of the tables in a comparable form. */
  snapshot() {
    const { tables } = this;
    return structuredClone({
      topics: this.topics().map((name) => ({
        name,
        queueDatas: [...tables.queueDatas(name)!].sort(byBrokerName),
        mappings: tables.mappings(name),
      })),
      brokers: [...tables.brokers()].map((broker) => ({
        ...broker,
        filterServers: [...broker.brokerAddrs.values()].map((addr) =>
          tables.filterServers(broker.brokerName, addr)
        ),
      })),
      clusters: [...tables.clusters()],
      live: [...tables.liveBrokers()].map((it) => ({ ...it, connection: undefined })),
    });
  }
}

function byBrokerName(a: { brokerName: string }, b: { brokerName: string }): number {
  return a.brokerName < b.brokerName ? -1 : 1;
}
