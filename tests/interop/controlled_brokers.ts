/** The brokers of a set whose master is elected by a controller. */

import type { Broker } from "./cluster.ts";
import { SOON_MS } from "./controller_observer.ts";
import type { Observer } from "./observer.ts";
import type { Cluster } from "./setup.ts";
import { check, eventually } from "./suite.ts";

/** The name of the set. */
export const NAME = "broker-c";

/**
 * Starts a broker in controller mode and returns without waiting for it.
 *
 * @param config options of the broker; controllerAddr is needed
 */
export async function startBroker(
  { launcher, version }: Cluster,
  namesrv: string,
  config: Record<string, string>,
): Promise<Broker> {
  return await launcher.broker({
    version,
    namesrv,
    name: NAME,
    config: {
      enableControllerMode: "true",
      allAckInSyncStateSet: "true",
      // Brokers find the controller, their master and the way back into the set sooner than with the defaults.
      syncControllerMetadataPeriod: "1000",
      syncBrokerMetadataPeriod: "1000",
      checkSyncStateSetPeriod: "2000",
      ...config,
    },
  });
}

/** Waits until the route has this broker as the master. Resolves with the milliseconds it took. */
export async function isMasterInRoute(
  observer: Observer,
  broker: Broker | undefined,
): Promise<number> {
  const { after } = await eventually(SOON_MS, async () => {
    const master = (await observer.brokers()).get(NAME)?.get("0");
    check(
      master === broker?.address,
      `the master in the route is ${master}, not ${broker?.address}`,
    );
  });
  return after;
}
