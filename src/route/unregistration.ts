import { MASTER_ID, Perm } from "../protocol/codes.ts";
import { type Long, minLong } from "../protocol/long.ts";
import { type MinBrokerIdChange, minBrokerIdChange } from "./min_broker_id.ts";
import type { RouteTables } from "./tables.ts";

/** A broker that is to be forgotten. */
export interface Unregistration {
  clusterName: string;
  brokerName: string;
  brokerAddr: string;
  /** Missing when the broker did not ask itself: then it is the id that its address stands under. */
  brokerId?: Long;
}

/**
 * Forgets a batch of brokers by the rules of semantics.md, "unregisterBroker", going over the
 * topics once.
 *
 * @returns the groups whose smallest brokerId left, for those that are to be told
 */
export function unregisterBrokers(
  tables: RouteTables,
  batch: Iterable<Unregistration>,
): MinBrokerIdChange[] {
  const gone = new Set<string>();
  const reduced = new Set<string>();
  const minIdLeft = new Map<string, string>();
  for (const { clusterName, brokerName, brokerAddr, brokerId } of batch) {
    tables.removeLiveBroker(clusterName, brokerAddr);
    tables.setFilterServers(clusterName, brokerName, brokerAddr, []);
    const addrs = tables.broker(brokerName)?.brokerAddrs ?? new Map<Long, string>();
    const minBrokerId = minLong(addrs.keys());
    const id = brokerId ?? [...addrs].find(([, addr]) => addr === brokerAddr)?.[0];
    const outcome = tables.removeBrokerAddr(brokerName, brokerAddr);
    if (outcome === "gone") {
      gone.add(brokerName);
      reduced.delete(brokerName);
      minIdLeft.delete(brokerName);
    } else {
      reduced.add(brokerName);
      if (id !== undefined && id === minBrokerId) minIdLeft.set(brokerName, brokerAddr);
    }
  }
  cleanTopics(tables, gone, reduced);
  return [...minIdLeft].flatMap(([brokerName, offlineBrokerAddr]) => {
    const broker = tables.broker(brokerName);
    if (!broker?.enableActingMaster) return [];
    return minBrokerIdChange(broker, { offlineBrokerAddr }) ?? [];
  });
}

function cleanTopics(
  tables: RouteTables,
  gone: ReadonlySet<string>,
  reduced: ReadonlySet<string>,
): void {
  const masterless = new Set(
    [...reduced].filter((name) => {
      const broker = tables.broker(name);
      return broker?.enableActingMaster && !broker.brokerAddrs.has(MASTER_ID);
    }),
  );
  if (gone.size === 0 && masterless.size === 0) return;
  for (const topic of tables.topics()) {
    // A copy: what is taken out of the list while going over it would be skipped.
    for (const data of [...tables.queueDatas(topic)!]) {
      if (gone.has(data.brokerName)) tables.removeQueueData(topic, data.brokerName);
      else if (masterless.has(data.brokerName)) {
        tables.putQueueData(topic, { ...data, perm: data.perm & ~Perm.WRITE });
      }
    }
  }
}
