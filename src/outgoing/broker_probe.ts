import { parseAddress } from "../address.ts";
import type { BrokerIdentity } from "../route/tables.ts";

/** Milliseconds for a connection to be accepted or refused. */
const TIMEOUT = 1000;
const SECOND = 1000;

/** The values that a {@link BrokerProbe} reads, each time it needs them. */
export interface ProbeOptions {
  maxNotifications: number;
  maxNotificationsPerSecond: number;
}

/** Dependencies of a {@link BrokerProbe}. */
export interface ProbeParts {
  options: Readonly<ProbeOptions>;
  /** Connects within a number of milliseconds, or rejects. */
  connect(hostname: string, port: number, timeout: number): Promise<{ destroy(): void }>;
  /** Whether a port is one of this server's. */
  isOwnPort(port: number): boolean;
  /** Whether this process may connect to an address, without asking anybody. */
  isPermitted(hostname: string, port: number): boolean;
  /** Whether a broker is still to be probed: it was not heard meanwhile. */
  isWaiting(broker: BrokerIdentity): boolean;
  /** Called for a broker whose address refuses connections. */
  refused(broker: BrokerIdentity): void;
}

/**
 * Asks restored brokers for a TCP connection, to find those that ended while this server was down.
 * Only a refusal tells that; an address that does not answer may be that of a broker all the same.
 *
 * Brokers choose their addresses freely, so that anybody could make this server connect anywhere.
 * Therefore: never to a port of this server, once to an address, and limits on connections in
 * progress and in a second.
 */
export class BrokerProbe {
  readonly #parts: ProbeParts;
  #stopped = false;
  #endSecond: (() => void) | undefined;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  /** Probes brokers; resolves when all are done. */
  async run(brokers: Iterable<BrokerIdentity>): Promise<void> {
    const waiting = [...Map.groupBy(brokers, ({ brokerAddr }) => brokerAddr)];
    while (waiting.length > 0 && !this.#stopped) {
      const { maxNotifications, maxNotificationsPerSecond } = this.#parts.options;
      const ofThisSecond = waiting.splice(0, maxNotificationsPerSecond);
      const others = waiting.length > 0 ? this.#second() : undefined;
      const probeNext = async () => {
        for (let next = ofThisSecond.pop(); next !== undefined; next = ofThisSecond.pop()) {
          if (this.#stopped) return;
          await this.#probe(...next);
        }
      };
      await Promise.all(Array.from({ length: maxNotifications }, probeNext));
      await others;
    }
  }

  /** Begins no further probes, and ignores the results of those in progress. */
  stop(): void {
    this.#stopped = true;
    this.#endSecond?.();
  }

  #second(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, SECOND);
    this.#endSecond = () => {
      clearTimeout(timer);
      resolve();
    };
    return promise;
  }

  async #probe(brokerAddr: string, brokers: readonly BrokerIdentity[]): Promise<void> {
    const { connect, isOwnPort, isPermitted, isWaiting, refused } = this.#parts;
    if (!brokers.some(isWaiting)) return;
    try {
      const { hostname, port } = parseAddress(brokerAddr);
      if (isOwnPort(port)) return;
      if (!isPermitted(hostname, port)) return;
      (await connect(hostname, port, TIMEOUT)).destroy();
    } catch (error) {
      if (isRefusal(error) && !this.#stopped) brokers.forEach((broker) => refused(broker));
    }
  }
}

/** node:net has its own errors. */
function isRefusal(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionRefused ||
    (error instanceof Error && "code" in error && error.code === "ECONNREFUSED");
}
