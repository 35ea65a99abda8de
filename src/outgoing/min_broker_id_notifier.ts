import { parseAddress } from "../address.ts";
import type { Log } from "../log/log.ts";
import { RequestCode } from "../protocol/codes.ts";
import type { RemotingClient } from "../remoting/client.ts";
import type { OutgoingRequest } from "../remoting/wire/command.ts";
import type { MinBrokerIdChange } from "../route/min_broker_id.ts";
import { isOwnPort, type OwnPorts } from "./own_ports.ts";

const TIMEOUT = 300;
const SECOND = 1000;

/** The values that a {@link MinBrokerIdNotifier} reads, each time it needs them. */
export interface NotifierOptions extends OwnPorts {
  maxNotifications: number;
  maxNotificationsPerSecond: number;
}

/** Dependencies of a {@link MinBrokerIdNotifier}. */
export interface NotifierParts {
  options: Readonly<NotifierOptions>;
  client: Pick<RemotingClient, "invokeOneway">;
  /** Whether a broker of this name and address is registered. */
  isLive(brokerName: string, addr: string): boolean;
  log: Log;
}

interface Notification {
  readonly brokerName: string;
  readonly request: OutgoingRequest;
}

/**
 * Tells the brokers of a group, oneway, that its smallest brokerId changed (request code 905).
 *
 * Brokers choose their addresses freely, so that anybody could make this server connect anywhere.
 * Therefore: only to brokers that are registered when the call starts, never to a port of this
 * server, one call at a time to an address, and limits on calls in progress and in a second.
 * Notifications over a limit wait; of several for one address, only the last is sent.
 */
export class MinBrokerIdNotifier {
  readonly #parts: NotifierParts;
  /** By address. Bounded by the number of brokers. */
  readonly #waiting = new Map<string, Notification>();
  readonly #calling = new Set<string>();
  #startedThisSecond = 0;
  #secondTimer: ReturnType<typeof setTimeout> | undefined;
  #sent = 0;
  #failed = 0;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  /** Number of notifications sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Number of notifications that could not be sent. */
  get failed(): number {
    return this.#failed;
  }

  /** Sends a change to the brokers that it names, as soon as the limits allow. */
  notify(change: MinBrokerIdChange): void {
    const { brokerName, minBrokerId, minBrokerAddr, offlineBrokerAddr, haBrokerAddr } = change;
    const { log } = this.#parts;
    log.info("min broker id changed", { broker: brokerName, minBrokerId, minBrokerAddr });
    const extFields: [string, string][] = [
      ["minBrokerId", `${minBrokerId}`],
      ["minBrokerAddr", minBrokerAddr],
    ];
    if (offlineBrokerAddr !== undefined) extFields.push(["offlineBrokerAddr", offlineBrokerAddr]);
    if (haBrokerAddr !== undefined) extFields.push(["haBrokerAddr", haBrokerAddr]);
    const request = { code: RequestCode.NOTIFY_MIN_BROKER_ID_CHANGE, extFields };
    for (const addr of change.notify) {
      // Set anew, so that the last change is sent last, too.
      this.#waiting.delete(addr);
      this.#waiting.set(addr, { brokerName, request });
    }
    this.#send();
  }

  /** Drops the waiting notifications. */
  stop(): void {
    this.#waiting.clear();
    clearTimeout(this.#secondTimer);
    this.#secondTimer = undefined;
  }

  #send(): void {
    const { maxNotifications, maxNotificationsPerSecond } = this.#parts.options;
    for (const [addr, notification] of this.#waiting) {
      if (this.#calling.size >= maxNotifications) return;
      if (this.#startedThisSecond >= maxNotificationsPerSecond) return;
      if (this.#calling.has(addr)) continue;
      this.#waiting.delete(addr);
      void this.#call(addr, notification);
    }
  }

  async #call(addr: string, { brokerName, request }: Notification): Promise<void> {
    const { client, log, isLive } = this.#parts;
    if (!isLive(brokerName, addr)) return;
    this.#calling.add(addr);
    this.#startedThisSecond++;
    this.#secondTimer ??= setTimeout(() => this.#nextSecond(), SECOND);
    try {
      this.#checkPort(addr);
      await client.invokeOneway(addr, request, TIMEOUT);
      this.#sent++;
    } catch (error) {
      this.#failed++;
      log.warn("broker not notified", { broker: brokerName, addr, error });
    }
    this.#calling.delete(addr);
    this.#send();
  }

  #checkPort(addr: string): void {
    const { port } = parseAddress(addr);
    if (isOwnPort(port, this.#parts.options)) {
      throw new Error(`the port ${port} is one of this server's`);
    }
  }

  #nextSecond(): void {
    this.#secondTimer = undefined;
    this.#startedThisSecond = 0;
    this.#send();
  }
}
