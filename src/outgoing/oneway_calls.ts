import { parseAddress } from "../address.ts";
import type { RemotingClient } from "../remoting/client.ts";
import type { OutgoingRequest } from "../remoting/wire/command.ts";

const SECOND = 1000;

/** The values that {@link OnewayCalls} reads, each time it needs them. */
export interface CallLimits {
  maxNotifications: number;
  maxNotificationsPerSecond: number;
}

/** Dependencies of {@link OnewayCalls}. */
export interface OnewayCallsParts {
  options: Readonly<CallLimits>;
  client: Pick<RemotingClient, "invokeOneway">;
  /** Whether a port is one of this server's. */
  isOwnPort(port: number): boolean;
  /** Milliseconds for connecting and sending. */
  timeout: number;
}

/** A oneway request to an address. */
export interface OnewayCall {
  readonly request: OutgoingRequest;
  /** Asked when its turn comes: whether it should still be sent. */
  isWanted(): boolean;
  failed(error: unknown): void;
}

/**
 * Sends oneway requests to addresses that brokers choose freely, so that anybody could make this server
 * connect anywhere. Therefore: never to a port of this server, one call at a time to an address, and limits on
 * calls in progress and in a second. Calls over a limit wait; of several for one address, only the last is
 * sent.
 */
export class OnewayCalls {
  readonly #parts: OnewayCallsParts;
  /** By address. Bounded by the number of brokers. */
  readonly #waiting = new Map<string, OnewayCall>();
  readonly #calling = new Set<string>();
  #startedThisSecond = 0;
  #secondTimer: ReturnType<typeof setTimeout> | undefined;
  #sent = 0;
  #failed = 0;

  constructor(parts: OnewayCallsParts) {
    this.#parts = parts;
  }

  /** Number of requests sent. */
  get sent(): number {
    return this.#sent;
  }

  /** Number of requests that could not be sent. */
  get failed(): number {
    return this.#failed;
  }

  /** Sends a call to each address, as soon as the limits allow. */
  send(addresses: Iterable<string>, callOf: (address: string) => OnewayCall): void {
    for (const address of addresses) {
      // Set anew, so that the last call is sent last, too.
      this.#waiting.delete(address);
      this.#waiting.set(address, callOf(address));
    }
    this.#send();
  }

  /** Drops the waiting calls. */
  stop(): void {
    this.#waiting.clear();
    clearTimeout(this.#secondTimer);
    this.#secondTimer = undefined;
  }

  #send(): void {
    const { maxNotifications, maxNotificationsPerSecond } = this.#parts.options;
    for (const [address, call] of this.#waiting) {
      if (this.#calling.size >= maxNotifications) return;
      if (this.#startedThisSecond >= maxNotificationsPerSecond) return;
      if (this.#calling.has(address)) continue;
      this.#waiting.delete(address);
      void this.#call(address, call);
    }
  }

  async #call(address: string, { request, isWanted, failed }: OnewayCall): Promise<void> {
    const { client, timeout } = this.#parts;
    if (!isWanted()) return;
    this.#calling.add(address);
    this.#startedThisSecond++;
    this.#secondTimer ??= setTimeout(() => this.#nextSecond(), SECOND);
    try {
      this.#checkPort(address);
      await client.invokeOneway(address, request, timeout);
      this.#sent++;
    } catch (error) {
      this.#failed++;
      failed(error);
    }
    this.#calling.delete(address);
    this.#send();
  }

  #checkPort(address: string): void {
    const { port } = parseAddress(address);
    if (this.#parts.isOwnPort(port)) {
      throw new Error(`the port ${port} is one of this server's`);
    }
  }

  #nextSecond(): void {
    this.#secondTimer = undefined;
    this.#startedThisSecond = 0;
    this.#send();
  }
}
