import type { Log } from "../log/log.ts";
import { RequestCode } from "../protocol/codes.ts";
import type { RemotingClient } from "../remoting/client.ts";
import type { MinBrokerIdChange } from "../route/min_broker_id.ts";

const TIMEOUT = 300;

/** Tells the brokers of a group, oneway, that its smallest brokerId changed (request code 905). */
export function notifyMinBrokerIdChange(
  client: Pick<RemotingClient, "invokeOneway">,
  change: MinBrokerIdChange,
  log: Log,
): void {
  const { brokerName, minBrokerId, minBrokerAddr, offlineBrokerAddr, haBrokerAddr } = change;
  log.info("min broker id changed", { broker: brokerName, minBrokerId, minBrokerAddr });
  const extFields: [string, string][] = [
    ["minBrokerId", `${minBrokerId}`],
    ["minBrokerAddr", minBrokerAddr],
  ];
  if (offlineBrokerAddr !== undefined) extFields.push(["offlineBrokerAddr", offlineBrokerAddr]);
  if (haBrokerAddr !== undefined) extFields.push(["haBrokerAddr", haBrokerAddr]);
  const request = { code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE, extFields };
  for (const addr of change.notify) {
    client.invokeOneway(addr, request, TIMEOUT).catch((error) => {
      log.warn("broker not notified", { broker: brokerName, addr, error });
    });
  }
}
