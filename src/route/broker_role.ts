import { MASTER_ID } from "../protocol/codes.ts";
import { type Long, minLong } from "../protocol/long.ts";
import type { BrokerData } from "../protocol/route_data.ts";

/** The part that a broker has in its group, as clients see it. */
export type BrokerRole = "master" | "actingMaster" | "slave";

/** Returns the role of the broker with an id. A slave acts for a missing master only by option. */
export function roleOf(
  broker: BrokerData,
  id: Long,
  options: { readonly supportActingMaster: boolean },
): BrokerRole {
  if (id === MASTER_ID) return "master";
  const acts = options.supportActingMaster && broker.enableActingMaster &&
    id === minLong(broker.brokerAddrs.keys());
  return acts ? "actingMaster" : "slave";
}
