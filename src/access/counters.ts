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

/** Requests without an account, and those with one that does not exist or was not proven. */
const ANONYMOUS = "(anonymous)";
const UNKNOWN = "(unknown)";

/** Counts decisions and the use of accounts. Made-up accounts are counted together. */
export class AccessCounters {
  /** Most decisions are these. */
  readonly #allowed = new Map<Permission, Counted>();
  readonly #refused = new Map<string, Counted>();
  readonly #accounts = new Map<string, { requests: number; lastSeen: number }>();

  /** Counts a decision. */
  count(permission: Permission, decision: Decision, enforcing: boolean, now: number): void {
    const { reason } = decision;
    if (decision.allowed || reason === undefined) {
      const counted = this.#allowed.get(permission);
      if (counted !== undefined) counted.count++;
      else {
        this.#allowed.set(permission, {
          permission,
          decision: "allowed",
          reason: "granted",
          count: 1,
        });
      }
    } else {
      const result = enforcing ? "denied" : "would_deny";
      const key = `${permission} ${result} ${reason}`;
      const counted = this.#refused.get(key);
      if (counted !== undefined) counted.count++;
      else this.#refused.set(key, { permission, decision: result, reason, count: 1 });
    }
    const { account, authenticated } = decision;
    const name = account === undefined
      ? ANONYMOUS
      : authenticated === "signature" || authenticated === "token" || authenticated === "session"
      ? account
      : UNKNOWN;
    const use = this.#accounts.get(name);
    if (use === undefined) {
      this.#accounts.set(name, { requests: 1, lastSeen: now });
    } else {
      use.requests++;
      use.lastSeen = now;
    }
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
