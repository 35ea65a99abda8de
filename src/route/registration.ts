import { MASTER_ID, Perm } from "../protocol/codes.ts";
import { sameDataVersion } from "../protocol/data_version.ts";
import type { Long } from "../protocol/long.ts";
import type { BrokerData } from "../protocol/route_data.ts";
import type { RegisterBrokerBody } from "../protocol/register_broker_body.ts";
import { type MinBrokerIdChange, minBrokerIdChange } from "./min_broker_id.ts";
import type { OverLimit, TableLimits } from "./table_limits.ts";
import type { BrokerConnection, Heard, RouteTables } from "./tables.ts";
import { unregisterBrokers } from "./unregistration.ts";

const DEFAULT_HEARTBEAT_TIMEOUT = 120_000;
/** Topics after which the generators yield. */
const TOPICS_PER_STEP = 256;

/** A broker's identity in a registration. */
export interface RegistrationHeader {
  clusterName: string;
  brokerName: string;
  brokerAddr: string;
  brokerId: Long;
  /** Some brokers have none. */
  haServerAddr?: string;
  zoneName?: string;
  heartbeatTimeoutMillis?: number;
  /** Absent for brokers older than 5.0. */
  enableActingMaster?: boolean;
  connection: BrokerConnection;
}

/** A broker's registration with its topics. */
export interface Registration extends RegistrationHeader {
  body: RegisterBrokerBody;
  /** Recognises the same body when it is sent again. */
  fingerprint?: string;
}

/** The result of a registration. */
export type RegistrationResult =
  /** A single-topic update arrived before the broker's first full registration. */
  | { kind: "refused" }
  /** The tables would pass a limit. A known broker still counts as alive. */
  | { kind: "over limit"; over: OverLimit }
  /** Another broker holds this id with a newer state; the registering one was removed. */
  | { kind: "stale"; holder: string }
  | {
    kind: "accepted";
    /** Whether the address had no live entry before. */
    newBroker: boolean;
    /** Whether it was restored from a snapshot and is confirmed by this registration. */
    confirmed: boolean;
    /** Number of topics whose routes changed. */
    changedTopics: number;
    /** Sent to slaves whose master is alive. */
    masterAddr?: string;
    haServerAddr?: string;
    minBrokerIdChange?: MinBrokerIdChange;
    handover?: Handover;
  };

/** A brokerId got another address, or an address another id. */
export interface Handover {
  /** The address that had the id before. */
  holder?: string;
  /** Whether the holder still has a live entry. */
  holderAlive: boolean;
  /** The id that the address had before. */
  formerId?: Long;
}

/**
 * Applies a registration by the rules of semantics.md, "registerBroker". It is applied as a whole
 * or not at all. A generator, so that the caller can do other work in between, but nothing that
 * concerns the same broker name; the result is its return value.
 *
 * @param heard the time of the registration
 */
export function* registerBroker(
  tables: RouteTables,
  registration: Registration,
  options: { deleteTopicWithBrokerRegistration: boolean },
  limits: TableLimits,
  heard: Heard,
): Generator<void, RegistrationResult> {
  const { clusterName, brokerName, brokerAddr, brokerId, body } = registration;
  const known = tables.broker(brokerName);
  const oldAddr = known?.brokerAddrs.get(brokerId);

  if (oldAddr !== undefined && oldAddr !== brokerAddr) {
    const rival = tables.liveBroker(clusterName, brokerName, oldAddr);
    if (
      rival !== undefined && rival.dataVersion.stateVersion > body.dataVersion.stateVersion
    ) {
      yield* unregisterBrokers(tables, brokerName, [brokerAddr]);
      return { kind: "stale", holder: oldAddr };
    }
  }
  const registerFirst = oldAddr === undefined;
  if (registerFirst && body.topics.length === 1) return { kind: "refused" };

  const topics = roleOf(registration, tables) === "slave" ? [] : body.topics;
  const growth = yield* limits.growthOf(registration, { ...body, topics });
  const over = limits.refusal(growth);
  if (over !== undefined) {
    const live = tables.liveBroker(clusterName, brokerName, brokerAddr);
    if (live !== undefined) Object.assign(live, heard);
    return { kind: "over limit", over };
  }
  limits.reserve(growth);
  try {
    return yield* apply(tables, registration, options, heard);
  } finally {
    limits.release(growth);
  }
}

/** Applies a registration that is allowed. */
function* apply(
  tables: RouteTables,
  registration: Registration,
  options: { deleteTopicWithBrokerRegistration: boolean },
  heard: Heard,
): Generator<void, RegistrationResult> {
  const { clusterName, brokerName, brokerAddr, brokerId, body } = registration;
  const known = tables.broker(brokerName);
  const registerFirst = known?.brokerAddrs.has(brokerId) !== true;
  const handover = handoverBy(tables, registration, known);
  const minBrokerIdBefore = tables.minBrokerId(brokerName) ?? 0;
  const broker = placeBroker(tables, registration);
  const live = tables.liveBroker(clusterName, brokerName, brokerAddr);
  const versionChanged = live === undefined || !sameDataVersion(live.dataVersion, body.dataVersion);
  const role = roleOf(registration, tables);
  const { masterAddr, haServerAddr } = keepAlive(tables, registration, broker, body, heard);
  let changedTopics = 0;
  const topicsBefore = tables.topicCountOf(brokerName);
  if (role !== "slave") {
    if (options.deleteTopicWithBrokerRegistration && body.mappings.size === 0) {
      changedTopics += yield* dropMissingTopics(tables, brokerName, body);
    }
    const permMask = role === "prime slave" && broker.enableActingMaster ? ~Perm.WRITE : ~0;
    const all = registerFirst || versionChanged;
    changedTopics += yield* putTopics(tables, brokerName, body, all, permMask);
  }
  if (registration.fingerprint !== undefined) {
    const { dataVersion, filterServers } = body;
    tables.putAppliedBody(brokerName, senderOf(registration, role), registration.fingerprint, {
      dataVersion,
      filterServers,
      takesTopics: role !== "slave",
      complete: role !== "slave" && namesAllTopics(tables, brokerName, body, topicsBefore),
    });
  }
  return {
    kind: "accepted",
    newBroker: live === undefined,
    confirmed: live?.restored === true,
    changedTopics,
    masterAddr,
    haServerAddr,
    minBrokerIdChange: brokerId < minBrokerIdBefore
      ? minBrokerIdChange(broker, { haBrokerAddr: registration.haServerAddr })
      : undefined,
    handover,
  };
}

/**
 * Applies a registration whose body was applied before, without the body.
 *
 * @param fingerprint of the body, see {@link Registration}
 * @returns `undefined`, with nothing changed, when the body must be parsed after all
 */
export function registerBrokerAgain(
  tables: RouteTables,
  header: RegistrationHeader,
  fingerprint: string,
  limits: TableLimits,
  heard: Heard,
): (RegistrationResult & { kind: "accepted" }) | undefined {
  const { clusterName, brokerName, brokerAddr, brokerId } = header;
  const known = tables.broker(brokerName);
  const live = tables.liveBroker(clusterName, brokerName, brokerAddr);
  if (live === undefined || known?.brokerAddrs.get(brokerId) !== brokerAddr) return undefined;
  const sender = senderOf(header, roleOf(header, tables));
  const { body, missing } = tables.appliedBody(brokerName, sender, fingerprint) ?? {};
  if (body === undefined || missing === undefined) return undefined;
  if (!sameDataVersion(body.dataVersion, live.dataVersion)) return undefined;
  for (const [topic, data] of missing) {
    if (limits.refusal(limits.growthOfTopic(topic, [data])) !== undefined) return undefined;
  }
  const changedTopics = missing.size === 0 ? 0 : tables.restoreTopics(brokerName, missing);
  const broker = placeBroker(tables, header);
  const master = keepAlive(tables, header, broker, body, heard);
  return { kind: "accepted", newBroker: false, confirmed: live.restored, changedTopics, ...master };
}

function handoverBy(
  tables: RouteTables,
  { clusterName, brokerName, brokerAddr, brokerId }: RegistrationHeader,
  known: BrokerData | undefined,
): Handover | undefined {
  const old = known?.brokerAddrs.get(brokerId);
  if (old === brokerAddr) return undefined;
  const formerId = tables.brokerId(brokerName, brokerAddr);
  if (old === undefined && formerId === undefined) return undefined;
  const holderAlive = old !== undefined &&
    tables.liveBroker(clusterName, brokerName, old) !== undefined;
  return { holder: old, holderAlive, formerId };
}

type Role = "master" | "prime slave" | "slave";

/** Topics are accepted from masters and from acting masters. */
function roleOf(header: RegistrationHeader, tables: RouteTables): Role {
  const { brokerId, brokerName, brokerAddr, enableActingMaster } = header;
  if (brokerId === MASTER_ID) return "master";
  // Brokers older than 5.0 have no acting masters.
  if (enableActingMaster === undefined) return "slave";
  const ids = tables.broker(brokerName)?.brokerAddrs;
  const minId = tables.minBrokerId(brokerName);
  if (ids === undefined || minId === undefined || minId >= brokerId) return "prime slave";
  if (ids.get(minId) !== brokerAddr) return "slave";
  // It gives up its former id.
  const others = [...ids.keys()].filter((id) => id !== minId);
  return others.some((id) => id < brokerId) ? "slave" : "prime slave";
}

/** The effect of a body depends on its sender. No name has a line break. */
function senderOf({ brokerAddr, enableActingMaster }: RegistrationHeader, role: Role): string {
  return `${role}\n${enableActingMaster === true}\n${brokerAddr}\n`;
}

/** Whether the body's topics, without repetitions, are all topics of the broker, and none is static. */
function namesAllTopics(
  tables: RouteTables,
  brokerName: string,
  { topics, mappings }: RegisterBrokerBody,
  topicsBefore: number,
): boolean {
  const count = tables.topicCountOf(brokerName);
  if (topics.length !== count || mappings.size > 0) return false;
  // If all come from this body, as many as it has, none is repeated.
  return topicsBefore === 0 || new Set(topics.map((it) => it.topicName)).size === count;
}

function placeBroker(tables: RouteTables, header: RegistrationHeader): BrokerData {
  const { clusterName, brokerName, brokerId, brokerAddr, zoneName } = header;
  const enableActingMaster = header.enableActingMaster ?? false;
  return tables.putBroker({
    clusterName,
    brokerName,
    brokerId,
    brokerAddr,
    enableActingMaster,
    zoneName,
  });
}

/**
 * Writes the live entry and the filter servers. For a slave whose master is alive, returns the
 * master's addresses.
 */
function keepAlive(
  tables: RouteTables,
  header: RegistrationHeader,
  broker: BrokerData,
  { dataVersion, filterServers }: Pick<RegisterBrokerBody, "dataVersion" | "filterServers">,
  heard: Heard,
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
    restored: false,
    ...heard,
  });
  if (filterServers !== undefined) tables.setFilterServers(brokerName, brokerAddr, filterServers);
  const masterAddr = brokerId === MASTER_ID ? undefined : broker.brokerAddrs.get(MASTER_ID);
  if (masterAddr === undefined) return {};
  const master = tables.liveBroker(clusterName, brokerName, masterAddr);
  return { masterAddr: master?.brokerAddr, haServerAddr: master?.haServerAddr };
}

/** Writes the queue data and static mappings of topics that are new, changed or missing. */
function* putTopics(
  tables: RouteTables,
  brokerName: string,
  body: RegisterBrokerBody,
  all: boolean,
  permMask: number,
): Generator<void, number> {
  let changed = 0;
  let visited = 0;
  for (const topic of body.topics) {
    if (++visited % TOPICS_PER_STEP === 0) yield;
    const { topicName, readQueueNums, writeQueueNums, topicSysFlag } = topic;
    if (!all && tables.queueData(topicName, brokerName) !== undefined) continue;
    const perm = topic.perm & permMask;
    const data = { brokerName, readQueueNums, writeQueueNums, perm, topicSysFlag };
    if (tables.putQueueData(topicName, data)) changed++;
    if (all) continue;
    // If the topic was deleted here but not on its broker, its mapping was deleted, too.
    const mapping = body.mappings.get(topicName);
    if (mapping !== undefined) tables.putMapping(topicName, mapping);
  }
  if (!all) return changed;
  for (const [topic, info] of body.mappings) {
    if (++visited % TOPICS_PER_STEP === 0) yield;
    tables.putMapping(topic, info);
  }
  return changed;
}

function* dropMissingTopics(
  tables: RouteTables,
  brokerName: string,
  body: RegisterBrokerBody,
): Generator<void, number> {
  const kept = new Set(body.topics.map((topic) => topic.topicName));
  let dropped = 0;
  let visited = 0;
  for (const topic of tables.topicsOf(brokerName)) {
    if (++visited % TOPICS_PER_STEP === 0) yield;
    if (!kept.has(topic) && tables.removeQueueData(topic, brokerName)) dropped++;
  }
  return dropped;
}
