import type { Decision, Refused } from "./decision.ts";
import { type Action, describeResource } from "./permissions.ts";
import { networkOf } from "../ip_ranges.ts";

/** Something that was refused, or would have been, and how often. */
export interface Refusal {
  /** The account that was named, or the network that it came from. */
  readonly who: string;
  readonly permission: string;
  readonly resource: string;
  readonly reason: Refused;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly first: number;
  readonly last: number;
}

/** Most characters of a resource in the table. */
const MAX_RESOURCE = 256;
/** Each sender may fill at most the table's capacity divided by this with different resources. */
const SHARES = 10;
/** Stands for the resources of a sender that has filled its part. */
const OTHERS = "(others)";

/** Counts refusals by identity, permission and resource: the work that is left before enforcing. */
export class Refusals {
  readonly #capacity: () => number;
  readonly #rows = new Map<string, Refusal>();
  /** Rows of each identity, so that one can't push out those of all others. */
  readonly #rowsOf = new Map<string, number>();
  #forgotten = 0;

  /** @param capacity how many rows are kept; the oldest go first */
  constructor(capacity: () => number) {
    this.#capacity = capacity;
  }

  /** Number of rows that were dropped to make room. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /**
   * Counts a refusal.
   *
   * @param ip the address that the peer is known by
   */
  add(action: Action, decision: Decision, ip: string, now: number): void {
    const { reason } = decision;
    if (reason === undefined) return;
    // Names of accounts that do not exist can be made up without end.
    const known = reason !== "unknown_account" && decision.account;
    const who = known || networkOf(ip);
    this.#count(who, action.permission, describeResource(action).slice(0, MAX_RESOURCE), {
      reason,
      now,
    });
  }

  #count(
    who: string,
    permission: string,
    asked: string,
    { reason, now }: { reason: Refused; now: number },
  ): void {
    const share = Math.max(1, Math.floor(this.#capacity() / SHARES));
    const crowded = (this.#rowsOf.get(who) ?? 0) >= share &&
      !this.#rows.has(keyOf(who, permission, asked));
    const resource = crowded ? OTHERS : asked;
    const key = keyOf(who, permission, resource);
    const known = this.#rows.get(key);
    // Moved to the end: the one that was not seen for the longest time is the first.
    this.#rows.delete(key);
    if (known === undefined) this.#rowsOf.set(who, (this.#rowsOf.get(who) ?? 0) + 1);
    this.#rows.set(key, {
      who,
      permission,
      resource,
      reason,
      count: (known?.count ?? 0) + 1,
      first: known?.first ?? now,
      last: now,
    });
    for (const [oldest, { who }] of this.#rows) {
      if (this.#rows.size <= this.#capacity()) break;
      this.#rows.delete(oldest);
      const left = (this.#rowsOf.get(who) ?? 1) - 1;
      if (left === 0) this.#rowsOf.delete(who);
      else this.#rowsOf.set(who, left);
      this.#forgotten++;
    }
  }

  /** All rows, the latest first. */
  rows(): Refusal[] {
    return [...this.#rows.values()].reverse();
  }
}

function keyOf(who: string, permission: string, resource: string): string {
  return JSON.stringify([who, permission, resource]);
}
