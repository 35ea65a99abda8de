/** The states that brokers and tools hear of from controllers, and the invariants of them. */

import { type Claim, describe } from "./claims.ts";
import type { History } from "./history.ts";
import type { Violations } from "./violations.ts";

/** The greatest epochs that anybody had heard of at a time. */
export interface Floor {
  readonly masterEpoch: number;
  readonly setEpoch: number;
}

/** Collects and checks what all peers hear. */
export class Observations {
  readonly #violations: Violations;
  readonly #floors = new Map<string, Floor>();
  /** The master of each epoch of each set. */
  readonly #masters = new Map<string, number | undefined>();
  /** Not yet compared with the history of etcd. */
  #heard: { claim: Claim; storedBy?: string }[] = [];
  /** The controller that answered last as a leader. */
  leader: string | undefined;

  constructor(violations: Violations) {
    this.#violations = violations;
  }

  /** The epochs that an answer to a request sent now may not be behind. */
  floor(set: string): Floor {
    return this.#floors.get(set) ?? { masterEpoch: 0, setEpoch: 0 };
  }

  /**
   * A controller has answered.
   *
   * @param floor the one at the time of the request: no answer may be older
   * @param stored whether the answer says that the request has changed the state to this one
   */
  answered(node: string, claim: Claim, floor: Floor, stored = false): void {
    this.leader = node;
    if (claim.masterEpoch < floor.masterEpoch || claim.setEpoch < floor.setEpoch) {
      this.#violations.add(
        `${node} answers with an old state: ${describe(claim)}. When it was asked, the epochs ` +
          `${floor.masterEpoch} and ${floor.setEpoch} were known`,
      );
    }
    this.#hear(claim, stored ? node : undefined);
    const known = this.floor(claim.set);
    this.#floors.set(claim.set, {
      masterEpoch: Math.max(known.masterEpoch, claim.masterEpoch),
      setEpoch: Math.max(known.setEpoch, claim.setEpoch),
    });
  }

  /** A controller has sent NOTIFY_BROKER_ROLE_CHANGED. It may come late. */
  notified(claim: Claim): void {
    this.#hear(claim);
  }

  /** Number of states that were heard since the last call of {@link compare}. */
  get waiting(): number {
    return this.#heard.length;
  }

  /**
   * Compares with the history of etcd.
   *
   * @param count how many of the waiting ones were heard before the history was read
   */
  compare(history: History, count: number): void {
    for (const { claim, storedBy } of this.#heard.splice(0, count)) {
      if (storedBy !== undefined) history.checkStoredBy(storedBy, claim);
      else if (!history.has(claim)) {
        this.#violations.add(`a controller tells what etcd never had: ${describe(claim)}`);
      }
    }
  }

  #hear(claim: Claim, storedBy?: string): void {
    const epoch = `${claim.set} ${claim.masterEpoch}`;
    if (!this.#masters.has(epoch)) this.#masters.set(epoch, claim.master);
    else if (this.#masters.get(epoch) !== claim.master) {
      const other = this.#masters.get(epoch) ?? "none";
      this.#violations.add(`two masters in an epoch: ${other}, and ${describe(claim)}`);
    }
    this.#heard.push(storedBy === undefined ? { claim } : { claim, storedBy });
  }
}
