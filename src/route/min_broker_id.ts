import { type Long, minLong } from "../protocol/long.ts";
import type { BrokerData } from "../protocol/route_data.ts";

/** The smallest brokerId of a group changed; its brokers must be notified (request code 905). */
export interface MinBrokerIdChange {
  readonly brokerName: string;
  readonly minBrokerId: Long;
  readonly minBrokerAddr: string;
  readonly offlineBrokerAddr?: string;
  readonly haBrokerAddr?: string;
  /** Addresses of the brokers to notify. */
  readonly notify: readonly string[];
}

/**
 * Describes a group's change for its brokers. When a broker left, all remaining ones are notified;
 * when one joined, all others.
 *
 * @returns `undefined` when there are none
 */
export function minBrokerIdChange(
  broker: BrokerData,
  cause: { offlineBrokerAddr?: string; haBrokerAddr?: string },
): MinBrokerIdChange | undefined {
  const { brokerAddrs, brokerName } = broker;
  const minBrokerId = minLong(brokerAddrs.keys());
  const minBrokerAddr = minBrokerId === undefined ? undefined : brokerAddrs.get(minBrokerId);
  if (minBrokerId === undefined || minBrokerAddr === undefined) return undefined;
  const tellAll = cause.offlineBrokerAddr !== undefined || brokerAddrs.size === 1;
  const notify = [...brokerAddrs].filter(([id]) => tellAll || id !== minBrokerId);
  return {
    ...cause,
    brokerName,
    minBrokerId,
    minBrokerAddr,
    notify: notify.map(([, addr]) => addr),
  };
}
