import type { PeerFields } from "../log/log.ts";
import { MASTER_ID, Perm } from "../protocol/codes.ts";
import { type MinBrokerIdChange, minBrokerIdChange } from "./min_broker_id.ts";
import type { BrokerIdentity, RouteTables } from "./tables.ts";

/** A broker to be removed. */
export interface Unregistration extends BrokerIdentity {
  /** The peer that asked for it. */
  from?: PeerFields;
}

/** Topics after which the generators yield. */
const TOPICS_PER_STEP = 256;

/**
 * Removes brokers of one name by the rules of semantics.md, "unregisterBroker". A generator, so that
 * the caller can do other work in between, but nothing that concerns the same broker name.
 *
 * @param addrs in the order of their removal
 * @returns the notification that is due when the group's smallest brokerId is gone
 */
export function* unregisterBrokers(
  tables: RouteTables,
  brokerName: string,
  addrs: readonly string[],
): Generator<void, MinBrokerIdChange | undefined> {
  const removed = tables.removeBrokers(brokerName, addrs);
  if (removed.size === 0) return undefined;
  const broker = tables.broker(brokerName);
  if (broker === undefined) {
    yield* removeTopics(tables, brokerName);
    return undefined;
  }
  if (!broker.enableActingMaster) return undefined;
  if (!broker.brokerAddrs.has(MASTER_ID)) {
    yield* changePerm(tables, brokerName, (perm) => perm & ~Perm.WRITE);
  }
  const minBrokerId = tables.minBrokerId(brokerName) ?? 0;
  // The broker whose removal changed the group's smallest id.
  const smaller = [...removed].filter(([id]) => id < minBrokerId);
  const offlineBrokerAddr = smaller.at(-1)?.[1];
  return offlineBrokerAddr === undefined
    ? undefined
    : minBrokerIdChange(broker, { offlineBrokerAddr });
}

function* removeTopics(tables: RouteTables, brokerName: string): Generator<void> {
  let visited = 0;
  for (const topic of tables.topicsOf(brokerName)) {
    tables.removeQueueData(topic, brokerName);
    if (++visited % TOPICS_PER_STEP === 0) yield;
  }
}

/** Changes `perm` of all topics of a broker name in steps. Returns their number. */
export function* changePerm(
  tables: RouteTables,
  brokerName: string,
  change: (perm: number) => number,
): Generator<void, number> {
  let count = 0;
  for (const topic of tables.topicsOf(brokerName)) {
    const data = tables.queueData(topic, brokerName);
    if (data === undefined) continue;
    tables.putQueueData(topic, { ...data, perm: change(data.perm) });
    if (++count % TOPICS_PER_STEP === 0) yield;
  }
  return count;
}
