import type { BrokerSet } from "../controller/broker_set.ts";

/** A change of a broker set for the audit log; `undefined` where the set is new or gone. */
export function brokerSetChange(
  before: BrokerSet | undefined,
  after: BrokerSet | undefined,
): object {
  return { before: summaryOf(before), after: summaryOf(after) };
}

function summaryOf(set: BrokerSet | undefined): object | undefined {
  return set && {
    master: set.masterBrokerId,
    masterEpoch: set.masterEpoch,
    inSync: set.syncStateSet,
    replicas: Object.fromEntries(set.replicas.entries().map(([id, { address }]) => [id, address])),
  };
}
