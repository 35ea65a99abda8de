import type { BrokerSet } from "../controller/broker_set.ts";
import type { Log } from "../log/log.ts";
import { RequestCode } from "../protocol/codes.ts";
import { encodeSyncStateSet } from "../protocol/controller_bodies.ts";
import { OnewayCalls, type OnewayCallsParts } from "./oneway_calls.ts";

/** As in the reference. */
const TIMEOUT = 3000;

/** Dependencies of a {@link BrokerRoleNotifier}. */
export interface BrokerRoleNotifierParts extends Omit<OnewayCallsParts, "timeout"> {
  log: Log;
}

/** Tells replicas, oneway, who is the master of their set (request code 1008). */
export class BrokerRoleNotifier {
  readonly #calls: OnewayCalls;
  readonly #log: Log;

  constructor(parts: BrokerRoleNotifierParts) {
    this.#log = parts.log;
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

  /** Sends the master of a set to some of its replicas. Does nothing for a set without a master. */
  notify(set: BrokerSet, addresses: readonly string[]): void {
    const { brokerName, masterBrokerId, masterEpoch, syncStateSetEpoch } = set;
    if (masterBrokerId === undefined) return;
    const masterAddress = set.replicas.get(masterBrokerId)?.address ?? "";
    const request = {
      code: RequestCode.NOTIFY_BROKER_ROLE_CHANGED,
      extFields: [
        ["masterAddress", masterAddress],
        ["masterBrokerId", `${masterBrokerId}`],
        ["masterEpoch", `${masterEpoch}`],
        ["syncStateSetEpoch", `${syncStateSetEpoch}`],
      ] as const,
      body: encodeSyncStateSet(set),
    };
    this.#calls.send(addresses, (addr) => ({
      request,
      isWanted: () => true,
      failed: (error) => this.#log.warn("broker not notified", { broker: brokerName, addr, error }),
    }));
  }

  /** Drops the waiting notifications. */
  stop(): void {
    this.#calls.stop();
  }
}
