import { MASTER_ID, Perm } from "../protocol/codes.ts";
import { sameDataVersion } from "../protocol/data_version.ts";
import { type Long, minLong } from "../protocol/long.ts";
import type { BrokerData } from "../protocol/route_data.ts";
import type { RegisterBrokerBody } from "../protocol/register_broker_body.ts";
import { type MinBrokerIdChange, minBrokerIdChange } from "./min_broker_id.ts";
import type { AppliedBody, BrokerConnection, RouteTables } from "./tables.ts";
import { unregisterBrokers } from "./unregistration.ts";

const DEFAULT_HEARTBEAT_TIMEOUT = 120_000;

/** A broker's word about itself. */
export interface RegistrationHeader {
  clusterName: string;
  brokerName: string;
  brokerAddr: string;
  brokerId: Long;
  haServerAddr: string;
  zoneName?: string;
  heartbeatTimeoutMillis?: number;
  /** Missing with brokers older than 5.0. */
  enableActingMaster?: boolean;
  connection: BrokerConnection;
}

/** A broker's word about itself and its topics. */
export interface Registration extends RegistrationHeader {
  body: RegisterBrokerBody;
  /** What the same body will be known by when it comes again. */
  fingerprint?: string;
}

/** What a registration came to. */
export type RegistrationResult =
  /** A single-topic update came before the broker's first full registration. */
  | { kind: "refused" }
  /** Another broker holds this id with a newer state; the one that registered is forgotten. */
  | { kind: "stale"; holder: string }
  | {
    kind: "accepted";
    /** The address had no live entry before. */
    newBroker: boolean;
    /** Topics that show something else now. */
    changedTopics: number;
    /** Told to slaves, when their master lives. */
    masterAddr?: string;
    haServerAddr?: string;
    minBrokerIdChange?: MinBrokerIdChange;
  };

/**
 * Applies a registration by the rules of semantics.md, "registerBroker". What it says is taken over
 * whole or not at all.
 *
 * @param now milliseconds since the epoch
 */
export function registerBroker(
  tables: RouteTables,
  registration: Registration,
  options: { deleteTopicWithBrokerRegistration: boolean },
  now: number,
): RegistrationResult {
  const { clusterName, brokerName, brokerAddr, brokerId, body } = registration;
  const known = tables.broker(brokerName);
  const oldAddr = known?.brokerAddrs.get(brokerId);

  if (oldAddr !== undefined && oldAddr !== brokerAddr) {
    const rival = tables.liveBroker(clusterName, brokerName, oldAddr);
    if (
      rival !== undefined && rival.dataVersion.stateVersion > body.dataVersion.stateVersion
    ) {
      unregisterBrokers(tables, [registration]);
      return { kind: "stale", holder: oldAddr };
    }
  }
  const registerFirst = oldAddr === undefined;
  if (registerFirst && body.topics.length === 1) return { kind: "refused" };

  const minBrokerIdBefore = minLong(known?.brokerAddrs.keys() ?? []) ?? 0;
  const broker = placeBroker(tables, registration);
  const live = tables.liveBroker(clusterName, brokerName, brokerAddr);
  const versionChanged = live === undefined || !sameDataVersion(live.dataVersion, body.dataVersion);
  const role = roleOf(registration, broker);
  let changedTopics = 0;
  if (role !== "slave") {
    if (options.deleteTopicWithBrokerRegistration && body.mappings.size === 0) {
      changedTopics += dropMissingTopics(tables, brokerName, body);
    }
    const permMask = role === "prime slave" && broker.enableActingMaster ? ~Perm.WRITE : ~0;
    changedTopics += putTopics(tables, brokerName, body, registerFirst || versionChanged, permMask);
  }
  if (registration.fingerprint !== undefined) {
    const { dataVersion, filterServers } = body;
    const key = appliedKey(registration, role, registration.fingerprint);
    tables.putAppliedBody(brokerName, key, { dataVersion, filterServers });
  }
  const { masterAddr, haServerAddr } = keepAlive(tables, registration, broker, body, now);
  return {
    kind: "accepted",
    newBroker: live === undefined,
    changedTopics,
    masterAddr,
    haServerAddr,
    minBrokerIdChange: brokerId < minBrokerIdBefore
      ? minBrokerIdChange(broker, { haBrokerAddr: registration.haServerAddr })
      : undefined,
  };
}

/**
 * Applies a registration whose body was applied before, without the body.
 *
 * @param fingerprint of the body, see {@link Registration}
 * @returns `undefined`, and nothing is changed, when the body has to be read all the same
 */
export function registerBrokerAgain(
  tables: RouteTables,
  header: RegistrationHeader,
  fingerprint: string,
  now: number,
): RegistrationResult | undefined {
  const { clusterName, brokerName, brokerAddr, brokerId } = header;
  const known = tables.broker(brokerName);
  const live = tables.liveBroker(clusterName, brokerName, brokerAddr);
  if (live === undefined || known?.brokerAddrs.get(brokerId) !== brokerAddr) return undefined;
  const key = appliedKey(header, roleOf(header, known), fingerprint);
  const body = tables.appliedBody(brokerName, key);
  if (body === undefined || !sameDataVersion(body.dataVersion, live.dataVersion)) return undefined;
  const broker = placeBroker(tables, header);
  const master = keepAlive(tables, header, broker, body, now);
  return { kind: "accepted", newBroker: false, changedTopics: 0, ...master };
}

type Role = "master" | "prime slave" | "slave";

/** Topics are taken from masters, and from the slaves that stand in for one. */
function roleOf(header: RegistrationHeader, broker: BrokerData): Role {
  if (header.brokerId === MASTER_ID) return "master";
  // Brokers older than 5.0 know of no acting masters.
  if (header.enableActingMaster === undefined) return "slave";
  return header.brokerId === minLong(broker.brokerAddrs.keys()) ? "prime slave" : "slave";
}

/** What a body did depends on who sent it. */
function appliedKey(header: RegistrationHeader, role: Role, fingerprint: string): string {
  return `${role} ${fingerprint} ${header.brokerAddr}`;
}

function placeBroker(tables: RouteTables, header: RegistrationHeader): BrokerData {
  const { clusterName, brokerName, brokerId, brokerAddr, zoneName } = header;
  const enableActingMaster = header.enableActingMaster ?? false;
  tables.putBroker({
    clusterName,
    brokerName,
    brokerId,
    brokerAddr,
    enableActingMaster,
    zoneName,
  });
  return tables.broker(brokerName)!;
}

/**
 * Writes the live entry and the filter servers. Returns what a slave is to know of its master, when
 * that lives.
 */
function keepAlive(
  tables: RouteTables,
  header: RegistrationHeader,
  broker: BrokerData,
  { dataVersion, filterServers }: AppliedBody,
  now: number,
): { masterAddr?: string; haServerAddr?: string } {
  const { clusterName, brokerName, brokerAddr, brokerId, haServerAddr, connection } = header;
  tables.putLiveBroker({
    clusterName,
    brokerAddr,
    brokerName,
    haServerAddr,
    dataVersion,
    heartbeatTimeoutMillis: header.heartbeatTimeoutMillis ?? DEFAULT_HEARTBEAT_TIMEOUT,
    connection,
    lastUpdateTimestamp: now,
  });
  if (filterServers !== undefined) tables.setFilterServers(brokerName, brokerAddr, filterServers);
  const masterAddr = brokerId === MASTER_ID ? undefined : broker.brokerAddrs.get(MASTER_ID);
  if (masterAddr === undefined) return {};
  const master = tables.liveBroker(clusterName, brokerName, masterAddr);
  return { masterAddr: master?.brokerAddr, haServerAddr: master?.haServerAddr };
}

/** Queue data, and static mappings, of the topics that are new, changed or missing. */
function putTopics(
  tables: RouteTables,
  brokerName: string,
  body: RegisterBrokerBody,
  all: boolean,
  permMask: number,
): number {
  let changed = 0;
  for (const topic of body.topics) {
    const { topicName, readQueueNums, writeQueueNums, topicSysFlag } = topic;
    if (!all && tables.queueData(topicName, brokerName) !== undefined) continue;
    const perm = topic.perm & permMask;
    const data = { brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag };
    if (tables.putQueueData(topicName, data)) changed++;
    if (all) continue;
    // The topic was deleted here while its broker kept it: its mapping went, too.
    const mapping = body.mappings.get(topicName);
    if (mapping !== undefined) tables.putMapping(topicName, mapping);
  }
  if (all) {
    for (const [topic, info] of body.mappings) tables.putMapping(topic, info);
  }
  return changed;
}

function dropMissingTopics(
  tables: RouteTables,
  brokerName: string,
  body: RegisterBrokerBody,
): number {
  const kept = new Set(body.topics.map((topic) => topic.topicName));
  let dropped = 0;
  for (const topic of tables.topics()) {
    if (!kept.has(topic) && tables.removeQueueData(topic, brokerName)) dropped++;
  }
  return dropped;
}
