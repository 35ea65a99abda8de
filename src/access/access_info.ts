import type { AccessCounters } from "./counters.ts";
import type { AccessPeer } from "./access_control.ts";
import type { Rules } from "./guard.ts";
import type { Refusal, Refusals } from "./refusals.ts";
import type { Signed } from "./signature.ts";

/** An identity and what it may do, in words. */
export interface IdentityView {
  readonly identity: string;
  readonly may: readonly string[];
}

/** An account without its secrets. */
export interface AccountView {
  readonly accessKey: string;
  readonly may: readonly string[];
  readonly disabled: boolean;
  readonly requireTls: boolean;
  /** ISO 8601. */
  readonly expires?: string;
  readonly networks?: string;
  /** Since the start of the server. */
  readonly requests: number;
  /** ISO 8601; absent before its first request. */
  readonly lastSeen?: string;
}

/** Describes access control to the admin commands, without secrets. */
export class AccessInfo {
  readonly #rules: Rules | undefined;
  readonly #refusals: Refusals;
  readonly #counters: AccessCounters;

  constructor(
    parts: { rules?: Rules; refusals: Refusals; counters: AccessCounters },
  ) {
    this.#rules = parts.rules;
    this.#refusals = parts.refusals;
    this.#counters = parts.counters;
  }

  /** "off" without accessFile. */
  get mode(): "off" | "audit" | "enforce" {
    return this.#rules?.store.policy.mode ?? "off";
  }

  /** The identities of a request's sender, and what they may do. */
  whoAmI(request: Signed, peer: AccessPeer): { mode: string; identities: IdentityView[] } {
    const identities = this.#rules?.control.describe(request, peer) ?? [];
    return { mode: this.mode, identities };
  }

  /** All accounts, in the order of the file. */
  accounts(): { mode: string; accounts: AccountView[] } {
    const used = this.#counters.accounts();
    const accounts = [...this.#rules?.store.policy.accounts.values() ?? []];
    return {
      mode: this.mode,
      accounts: accounts.map(({ accessKey, grants, disabled, requireTls, expires, networks }) => {
        const use = used.get(accessKey);
        return {
          accessKey,
          may: grants.describe(),
          disabled,
          requireTls,
          ...(expires !== undefined && { expires: new Date(expires).toISOString() }),
          ...(networks !== undefined && { networks: `${networks}` }),
          requests: use?.requests ?? 0,
          ...(use !== undefined && { lastSeen: new Date(use.lastSeen).toISOString() }),
        };
      }),
    };
  }

  /** Refused requests, and those that enforcing would refuse, the latest first. */
  refusals(): { mode: string; refusals: Refusal[]; forgotten: number } {
    const { forgotten } = this.#refusals;
    return { mode: this.mode, refusals: this.#refusals.rows(), forgotten };
  }
}
