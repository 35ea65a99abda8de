import type { PeerFields } from "../log/log.ts";
import { MASTER_ID, Perm } from "../protocol/codes.ts";
import { minLong } from "../protocol/long.ts";
import { type MinBrokerIdChange, minBrokerIdChange } from "./min_broker_id.ts";
import type { RouteTables } from "./tables.ts";

/** A broker to be removed. */
export interface Unregistration {
  clusterName: string;
  brokerName: string;
  brokerAddr: string;
  /** The peer that asked for it. */
  from?: PeerFields;
}

/**
 * Removes brokers by the rules of semantics.md, "unregisterBroker".
 *
 * @returns the groups whose smallest brokerId is gone, for notification
 */
export function unregisterBrokers(
  tables: RouteTables,
  batch: Iterable<Unregistration>,
): MinBrokerIdChange[] {
  const gone = new Set<string>();
  const reduced = new Set<string>();
  const minIdLeft = new Map<string, string>();
  const minBrokerId = (name: string) => minLong(tables.broker(name)?.brokerAddrs.keys() ?? []);
  for (const { brokerName, brokerAddr } of batch) {
    tables.removeLiveBroker(brokerName, brokerAddr);
    tables.setFilterServers(brokerName, brokerAddr, []);
    const before = minBrokerId(brokerName);
    const outcome = tables.removeBrokerAddr(brokerName, brokerAddr);
    if (outcome === "gone") {
      gone.add(brokerName);
      reduced.delete(brokerName);
    } else if (outcome === "reduced") {
      reduced.add(brokerName);
      if (minBrokerId(brokerName) !== before) minIdLeft.set(brokerName, brokerAddr);
    }
  }
  for (const brokerName of gone) {
    for (const topic of tables.topics()) tables.removeQueueData(topic, brokerName);
  }
  for (const brokerName of reduced) {
    const broker = tables.broker(brokerName);
    if (!broker?.enableActingMaster || broker.brokerAddrs.has(MASTER_ID)) continue;
    tables.changePerm(brokerName, (perm) => perm & ~Perm.WRITE);
  }
  return [...minIdLeft].flatMap(([brokerName, offlineBrokerAddr]) => {
    const broker = tables.broker(brokerName);
    if (!broker?.enableActingMaster) return [];
    return minBrokerIdChange(broker, { offlineBrokerAddr }) ?? [];
  });
}
