import { parseAddress } from "../address.ts";
import type { BrokerIdentity } from "../route/tables.ts";

/** Milliseconds for a connection to be accepted or refused. */
const TIMEOUT = 1000;

/** The values that a {@link BrokerProbe} reads, each time it needs them. */
export interface ProbeOptions {
  maxNotifications: number;
  listenPort: number;
  httpPort: number;
}

/** Dependencies of a {@link BrokerProbe}. */
export interface ProbeParts {
  options: Readonly<ProbeOptions>;
  /** Connects within a number of milliseconds, or rejects. */
  connect(hostname: string, port: number, timeout: number): Promise<{ destroy(): void }>;
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
 * Brokers choose their addresses freely, so the ports of this server are left out, and only a
 * limited number of connections is opened at once.
 */
export class BrokerProbe {
  readonly #parts: ProbeParts;
  #stopped = false;

  constructor(parts: ProbeParts) {
    this.#parts = parts;
  }

  /** Probes brokers; resolves when all are done. */
  async run(brokers: Iterable<BrokerIdentity>): Promise<void> {
    const waiting = [...brokers];
    const probeNext = async () => {
      for (let broker = waiting.pop(); broker !== undefined; broker = waiting.pop()) {
        if (this.#stopped) return;
        await this.#probe(broker);
      }
    };
    const atOnce = Math.min(this.#parts.options.maxNotifications, waiting.length);
    await Promise.all(Array.from({ length: atOnce }, probeNext));
  }

  /** Begins no further probes, and ignores the results of those in progress. */
  stop(): void {
    this.#stopped = true;
  }

  async #probe(broker: BrokerIdentity): Promise<void> {
    const { connect, isPermitted, isWaiting, refused, options } = this.#parts;
    if (!isWaiting(broker)) return;
    try {
      const { hostname, port } = parseAddress(broker.brokerAddr);
      if (port === options.listenPort || port === options.httpPort) return;
      if (!isPermitted(hostname, port)) return;
      (await connect(hostname, port, TIMEOUT)).destroy();
    } catch (error) {
      if (isRefusal(error) && !this.#stopped) refused(broker);
    }
  }
}

/** node:net has its own errors. */
function isRefusal(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionRefused ||
    (error instanceof Error && "code" in error && error.code === "ECONNREFUSED");
}
