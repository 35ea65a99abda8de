import type { Log } from "../log/log.ts";
import { RequestCode } from "../protocol/codes.ts";
import type { MinBrokerIdChange } from "../route/min_broker_id.ts";
import { OnewayCalls, type OnewayCallsParts } from "./oneway_calls.ts";

const TIMEOUT = 300;

/** Dependencies of a {@link MinBrokerIdNotifier}. */
export interface NotifierParts extends Omit<OnewayCallsParts, "timeout"> {
  /** Whether a broker of this name and address is registered. */
  isLive(brokerName: string, addr: string): boolean;
  log: Log;
}

/**
 * Tells the brokers of a group, oneway, that its smallest brokerId changed (request code 905): only those that
 * are registered when the call starts.
 */
export class MinBrokerIdNotifier {
  readonly #parts: NotifierParts;
  readonly #calls: OnewayCalls;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
    this.#calls = new OnewayCalls({ ...parts, timeout: TIMEOUT });
  }

  /** Number of notifications sent. */
  get sent(): number {
    return this.#calls.sent;
  }

  /** Number of notifications that could not be sent. */
  get failed(): number {
    return this.#calls.failed;
  }

  /** Sends a change to the brokers that it names, as soon as the limits allow. */
  notify(change: MinBrokerIdChange): void {
    const { brokerName, minBrokerId, minBrokerAddr, offlineBrokerAddr, haBrokerAddr } = change;
    const { log, isLive } = this.#parts;
    log.info("min broker id changed", { broker: brokerName, minBrokerId, minBrokerAddr });
    const extFields: [string, string][] = [
      ["minBrokerId", `${minBrokerId}`],
      ["minBrokerAddr", minBrokerAddr],
    ];
    if (offlineBrokerAddr !== undefined) extFields.push(["offlineBrokerAddr", offlineBrokerAddr]);
    if (haBrokerAddr !== undefined) extFields.push(["haBrokerAddr", haBrokerAddr]);
    const request = { code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE, extFields };
    this.#calls.send(change.notify, (addr) => ({
      request,
      isWanted: () => isLive(brokerName, addr),
      failed: (error) => log.warn("broker not notified", { broker: brokerName, addr, error }),
    }));
  }

  /** Drops the waiting notifications. */
  stop(): void {
    this.#calls.stop();
  }
}
