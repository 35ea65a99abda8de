/**
 * The history of the controllers in etcd, and the invariants of it. It has every change in the order in
 * which etcd made them, independent of the controllers' answers.
 */

import { type Claim, describe } from "./claims.ts";
import type { Violations } from "./violations.ts";

/** A change of a key. */
export interface Change {
  readonly key: string;
  readonly revision: number;
  /** The revision that created the key; of a deletion it means nothing. */
  readonly createRevision: number;
  /** `undefined` when the key was deleted. */
  readonly value: string | undefined;
}

/** A time in which one controller has the key of the leader. */
export interface Term {
  readonly leader: string;
  readonly from: number;
}

/** The change that made a state. */
interface Stored {
  readonly revision: number;
  readonly term: Term | undefined;
}

/** Reads the history in its order, and checks it. */
export class History {
  readonly terms: Term[] = [];
  /** Elections that gave a set another master, or its first one. */
  elections = 0;
  readonly #prefix: string;
  readonly #violations: Violations;
  /** The term at this point of the history. */
  #term: Term | undefined;
  /** The last state of each set. */
  readonly #last = new Map<string, Claim>();
  /** All states of all sets, by their text. */
  readonly #stored = new Map<string, Stored>();

  /** @param prefix the option etcdPrefix of the controllers */
  constructor(prefix: string, violations: Violations) {
    this.#prefix = `${prefix}/controller/`;
    this.#violations = violations;
  }

  /** Number of different states of sets. */
  get states(): number {
    return this.#stored.size;
  }

  /** The last state of a set. */
  last(set: string): Claim | undefined {
    return this.#last.get(set);
  }

  /** Takes the next change. */
  add(change: Change): void {
    if (change.key === `${this.#prefix}leader`) this.#lead(change);
    const sets = `${this.#prefix}sets/`;
    if (change.key.startsWith(sets)) this.#store(change.key.slice(sets.length), change);
  }

  /** Whether a set had this state at some time. */
  has(claim: Claim): boolean {
    return this.#stored.has(describe(claim));
  }

  /** Checks that a state was stored while the controller led that says it has stored it. */
  checkStoredBy(node: string, claim: Claim): void {
    const stored = this.#stored.get(describe(claim));
    if (stored === undefined) {
      this.#violations.add(`${node} says it has stored what etcd never had: ${describe(claim)}`);
    } else if (stored.term?.leader !== node) {
      this.#violations.add(
        `${node} has stored revision ${stored.revision} in the term of ` +
          `${stored.term?.leader ?? "no controller"}: ${describe(claim)}`,
      );
    }
  }

  #lead({ value, revision, createRevision }: Change): void {
    if (value === undefined) {
      this.#term = undefined;
      return;
    }
    const { id } = JSON.parse(value);
    if (this.#term === undefined) this.terms.push(this.#term = { leader: id, from: revision });
    else if (createRevision !== this.#term.from || id !== this.#term.leader) {
      this.#violations.add(
        `${id} took the leadership at revision ${revision} in the term of ${this.#term.leader}`,
      );
    }
  }

  #store(set: string, { value, revision }: Change): void {
    if (this.#term === undefined) {
      this.#violations.add(`${set} was stored at revision ${revision}, when no controller led`);
    }
    if (value === undefined) {
      this.#violations.add(
        `${set} was removed at revision ${revision}, and no administrator had asked for it`,
      );
      return;
    }
    const { masterBrokerId, masterEpoch, syncStateSet, syncStateSetEpoch } = JSON.parse(value);
    const claim: Claim = {
      set,
      masterEpoch,
      master: masterBrokerId ?? undefined,
      setEpoch: syncStateSetEpoch,
      members: syncStateSet,
    };
    const before = this.#last.get(set);
    if (before !== undefined) this.#compare(before, claim, revision);
    if (claim.master !== undefined && claim.masterEpoch !== before?.masterEpoch) this.elections++;
    this.#last.set(set, claim);
    const text = describe(claim);
    // A replica's address can change without the rest.
    if (!this.#stored.has(text)) this.#stored.set(text, { revision, term: this.#term });
  }

  #compare(before: Claim, after: Claim, revision: number): void {
    const fail = (what: string) =>
      this.#violations.add(
        `${what} at revision ${revision}: ${describe(before)}; then ${describe(after)}`,
      );
    if (after.masterEpoch < before.masterEpoch) fail("the epoch of the master goes back");
    if (after.setEpoch < before.setEpoch) fail("the epoch of the sync state set goes back");
    if (after.masterEpoch === before.masterEpoch && after.master !== before.master) {
      fail("two masters in an epoch");
    }
    if (after.setEpoch === before.setEpoch && `${after.members}` !== `${before.members}`) {
      fail("two sync state sets in an epoch");
    }
    const isNew = after.master !== undefined && after.masterEpoch !== before.masterEpoch;
    // The first master of a set needs not be in sync: there are no messages yet.
    if (isNew && before.masterEpoch > 0 && !before.members.includes(after.master)) {
      fail("a new master that was not in sync");
    }
  }
}
