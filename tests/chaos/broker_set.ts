/** Three brokers with one name, and a sender whose messages they keep. */

import { Broker, type BrokerParts } from "./broker.ts";
import { Messages } from "./messages.ts";

const BROKERS = 3;
/** Milliseconds between two looks of the slaves for messages. */
const COPY = 20;
/** Milliseconds between two messages. */
const SEND = 100;

/** A set of brokers. */
export class BrokerSet {
  readonly brokers: readonly Broker[];
  readonly messages: Messages;
  readonly #timers: ReturnType<typeof setInterval>[];

  constructor(readonly name: string, parts: Omit<BrokerParts, "set" | "tookOver">) {
    this.brokers = Array.from({ length: BROKERS }, () => {
      const tookOver = (broker: Broker) => this.messages.tookOver(broker);
      const broker = new Broker({ ...parts, set: name, tookOver });
      // At once, so that its port is not free for the next one.
      broker.start();
      return broker;
    });
    this.messages = new Messages(name, this.brokers, parts.violations);
    this.#timers = [
      setInterval(() => this.messages.copy(performance.now()), COPY),
      setInterval(() => this.messages.send(), SEND),
    ];
  }

  /** Ends all of it. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.brokers.map((broker) => broker.kill()));
  }
}
