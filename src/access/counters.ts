import type { Decision, Refused } from "./decision.ts";
import type { Permission } from "./permissions.ts";

/** The result of a decision. */
export type DecisionResult = "allowed" | "denied" | "would_deny";

/** How many requests of an account there were, and when the last came (milliseconds since 1970). */
export interface AccountUse {
  readonly requests: number;
  readonly lastSeen: number;
}

interface Counted {
  readonly permission: Permission;
  readonly decision: DecisionResult;
  readonly reason: Refused | "granted";
  count: number;
}

interface Use {
  requests: number;
  lastSeen: number;
}

/** Counts one decision and the use of its account. */
export class Tally {
  readonly #counted: Counted;
  readonly #use: Use;

  constructor(counted: Counted, use: Use) {
    this.#counted = counted;
    this.#use = use;
  }

  /** @param now milliseconds since 1970 */
  count(now: number): void {
    this.#counted.count++;
    this.#use.requests++;
    this.#use.lastSeen = now;
  }
}

/** Requests without an account, and those with one that does not exist or was not proven. */
const ANONYMOUS = "(anonymous)";
const UNKNOWN = "(unknown)";

/** Counts decisions and the use of accounts. Made-up accounts are counted together. */
export class AccessCounters {
  /** Most decisions are these. */
  readonly #allowed = new Map<Permission, Counted>();
  readonly #refused = new Map<string, Counted>();
  readonly #accounts = new Map<string, Use>();

  /** Counts a decision. */
  count(permission: Permission, decision: Decision, enforcing: boolean, now: number): void {
    this.tally(permission, decision, enforcing).count(now);
  }

  /** The place where a decision is counted, for one that is made again and again. */
  tally(permission: Permission, decision: Decision, enforcing: boolean): Tally {
    return new Tally(this.#countedOf(permission, decision, enforcing), this.#useOf(decision));
  }

  #countedOf(
    permission: Permission,
    { allowed, reason }: Decision,
    enforcing: boolean,
  ): Counted {
    if (allowed || reason === undefined) {
      let counted = this.#allowed.get(permission);
      if (counted === undefined) {
        counted = { permission, decision: "allowed", reason: "granted", count: 0 };
        this.#allowed.set(permission, counted);
      }
      return counted;
    }
    const decision = enforcing ? "denied" : "would_deny";
    const key = `${permission} ${decision} ${reason}`;
    let counted = this.#refused.get(key);
    if (counted === undefined) {
      counted = { permission, decision, reason, count: 0 };
      this.#refused.set(key, counted);
    }
    return counted;
  }

  #useOf({ account, authenticated }: Decision): Use {
    const name = account === undefined
      ? ANONYMOUS
      : authenticated === "signature" || authenticated === "token" || authenticated === "session"
      ? account
      : UNKNOWN;
    let use = this.#accounts.get(name);
    if (use === undefined) this.#accounts.set(name, use = { requests: 0, lastSeen: 0 });
    return use;
  }

  /** All decisions so far. */
  decisions(): Readonly<Counted>[] {
    return [...this.#allowed.values(), ...this.#refused.values()];
  }

  /** The use of each account so far, by access key. */
  accounts(): ReadonlyMap<string, AccountUse> {
    return this.#accounts;
  }
}
