import { createHash } from "node:crypto";
import type { Account } from "./policy.ts";
import type { Action, Permission } from "./permissions.ts";
import type { Guard, RequestPeer, Rules } from "./guard.ts";
import { verifySecret } from "./secret_hash.ts";

/** Most verified tokens remembered, because comparing a hash takes 50 ms. */
const MAX_PROVEN = 1000;
/** Most characters of a credential; longer ones are invalid. */
const MAX_CREDENTIAL = 1024;

/** Why a request to the HTTP port is refused. */
export interface HttpRefusal {
  /** 401: an account might be allowed it. 403: this account is not. */
  readonly status: 401 | 403;
  readonly detail: string;
}

/** The rights of a client of the HTTP port. */
export interface Viewer {
  /** False once the rules have changed, or allow it nothing any more. */
  readonly current: boolean;
  may(action: Action): boolean;
  /** Whether it has a permission for any resource. */
  mayAny(permission: Permission): boolean;
}

/** Sees everything. */
export const ALL_SEEING: Viewer = { current: true, may: () => true, mayAny: () => true };

/**
 * Decides about requests to the HTTP port by the same rules: anonymous, networks, and the accounts of
 * bearer tokens. A token begins with its account: `AK-ops.secret`. Browsers send account and token as
 * name and password.
 */
export class HttpAuthorization {
  readonly #rules: Rules;
  readonly #guard: Pick<Guard, "checkHttp">;
  /** The account of each verified token, by the SHA-256 of the token. */
  readonly #proven = new Map<string, Account>();

  constructor(rules: Rules, guard: Pick<Guard, "checkHttp">) {
    this.#rules = rules;
    this.#guard = guard;
  }

  /**
   * Decides about a request.
   *
   * @param authorization the header, if there is one
   * @param request method and path, for the audit log
   * @returns why it is refused; `undefined` when it is allowed, or the rules only audit
   */
  async check(
    action: Action,
    peer: RequestPeer,
    authorization: string | null,
    request: string,
  ): Promise<HttpRefusal | undefined> {
    return this.#check(action, peer, await this.#accountOf(authorization), request);
  }

  /**
   * Decides about a request whose answer has parts that need different permissions.
   *
   * @param permissions those of the parts; without any of them, the request is refused
   * @param authorization as for {@link check}
   * @param request as for {@link check}
   */
  async viewerOf(
    permissions: readonly Permission[],
    peer: RequestPeer,
    authorization: string | null,
    request: string,
  ): Promise<Viewer | HttpRefusal> {
    const { store, control } = this.#rules;
    // Taken first: if the rules change while a token is verified, the view is not current.
    const { policy } = store;
    const account = await this.#accountOf(authorization);
    const mayAny = (permission: Permission) => control.mayAny(permission, peer, account);
    const [first = "cluster:read"] = permissions;
    if (!permissions.some(mayAny)) {
      const refusal = this.#check({ permission: first }, peer, account, request);
      if (refusal !== undefined) return refusal;
    }
    const all = policy.mode === "audit";
    return {
      get current() {
        return store.policy === policy && (all || permissions.some(mayAny));
      },
      may: (action) => all || control.decideHttp(action, peer, account).allowed,
      mayAny: (permission) => all || mayAny(permission),
    };
  }

  #check(
    action: Action,
    peer: RequestPeer,
    account: Account | undefined,
    request: string,
  ): HttpRefusal | undefined {
    const decision = this.#guard.checkHttp(action, peer, account, request);
    if (decision === undefined) return undefined;
    return account === undefined
      ? { status: 401, detail: `${action.permission} needs an account that may do it` }
      : { status: 403, detail: `${account.accessKey} may not ${action.permission}` };
  }

  async #accountOf(authorization: string | null): Promise<Account | undefined> {
    return authorization === null ? undefined : await this.#prove(authorization);
  }

  async #prove(authorization: string): Promise<Account | undefined> {
    const token = tokenOf(authorization);
    if (token === undefined) return undefined;
    const accessKey = token.slice(0, token.lastIndexOf("."));
    const account = this.#rules.store.policy.accounts.get(accessKey);
    if (account === undefined) return undefined;
    const key = createHash("sha256").update(token).digest("base64");
    // An account is an object of its policy: one of other rules is another one.
    if (this.#proven.get(key) === account) return account;
    for (const hash of account.tokens) {
      if (!await verifySecret(token, hash)) continue;
      for (const oldest of this.#proven.keys()) {
        if (this.#proven.size < MAX_PROVEN) break;
        this.#proven.delete(oldest);
      }
      // The rules may have changed while the hash was computed.
      if (this.#rules.store.policy.accounts.get(accessKey) !== account) break;
      this.#proven.set(key, account);
      return account;
    }
    return undefined;
  }
}

function tokenOf(authorization: string): string | undefined {
  const [, scheme = "", credential = ""] = /^(\w+) +(\S+)$/.exec(authorization) ?? [];
  if (credential === "" || credential.length > MAX_CREDENTIAL) return undefined;
  if (scheme.toLowerCase() === "bearer") return credential;
  if (scheme.toLowerCase() !== "basic") return undefined;
  try {
    const text = new TextDecoder().decode(Uint8Array.fromBase64(credential));
    const [name, password] = text.split(/:(.*)/s);
    return password !== undefined && password.startsWith(`${name}.`) ? password : undefined;
  } catch {
    return undefined;
  }
}
