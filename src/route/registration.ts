import { MASTER_ID, Perm } from "../protocol/codes.ts";
import { sameDataVersion } from "../protocol/data_version.ts";
import { type Long, minLong } from "../protocol/long.ts";
import type { RegisterBrokerBody } from "../protocol/register_broker_body.ts";
import { type MinBrokerIdChange, minBrokerIdChange } from "./min_broker_id.ts";
import type { BrokerConnection, RouteTables } from "./tables.ts";
import { unregisterBrokers } from "./unregistration.ts";

const DEFAULT_HEARTBEAT_TIMEOUT = 120_000;

/** A broker's word about itself and its topics. */
export interface Registration {
  clusterName: string;
  brokerName: string;
  brokerAddr: string;
  brokerId: Long;
  haServerAddr: string;
  zoneName?: string;
  heartbeatTimeoutMillis?: number;
  /** Missing with brokers older than 5.0. */
  enableActingMaster?: boolean;
  body: RegisterBrokerBody;
  connection: BrokerConnection;
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
  const { clusterName, brokerName, brokerAddr, brokerId, haServerAddr, body } = registration;
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
  const enableActingMaster = registration.enableActingMaster ?? false;
  const { zoneName } = registration;
  tables.putBroker({
    clusterName,
    brokerName,
    brokerId,
    brokerAddr,
    enableActingMaster,
    zoneName,
  });
  const broker = tables.broker(brokerName)!;

  const live = tables.liveBroker(clusterName, brokerName, brokerAddr);
  const versionChanged = live === undefined || !sameDataVersion(live.dataVersion, body.dataVersion);
  const isMaster = brokerId === MASTER_ID;
  const isPrimeSlave = !isMaster && registration.enableActingMaster !== undefined &&
    brokerId === minLong(broker.brokerAddrs.keys());
  let changedTopics = 0;
  if (isMaster || isPrimeSlave) {
    if (options.deleteTopicWithBrokerRegistration && body.mappings.size === 0) {
      changedTopics += dropMissingTopics(tables, brokerName, body);
    }
    const permMask = isPrimeSlave && enableActingMaster ? ~Perm.WRITE : ~0;
    changedTopics += putTopics(tables, brokerName, body, registerFirst || versionChanged, permMask);
  }

  tables.putLiveBroker({
    clusterName,
    brokerAddr,
    brokerName,
    haServerAddr,
    dataVersion: body.dataVersion,
    heartbeatTimeoutMillis: registration.heartbeatTimeoutMillis ?? DEFAULT_HEARTBEAT_TIMEOUT,
    connection: registration.connection,
    lastUpdateTimestamp: now,
  });
  if (body.filterServers !== undefined) {
    tables.setFilterServers(brokerName, brokerAddr, body.filterServers);
  }

  const masterAddr = isMaster ? undefined : broker.brokerAddrs.get(MASTER_ID);
  const master = masterAddr === undefined
    ? undefined
    : tables.liveBroker(clusterName, brokerName, masterAddr);
  return {
    kind: "accepted",
    newBroker: live === undefined,
    changedTopics,
    masterAddr: master?.brokerAddr,
    haServerAddr: master?.haServerAddr,
    minBrokerIdChange: brokerId < minBrokerIdBefore
      ? minBrokerIdChange(broker, { haBrokerAddr: haServerAddr })
      : undefined,
  };
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
  if (all) { for (const [topic, info] of body.mappings) tables.putMapping(topic, info); }
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
