import { createHash } from "node:crypto";
import type { FailedProof, HttpSender } from "./access_control.ts";
import type { Refused } from "./decision.ts";
import type { Account } from "./policy.ts";
import { type Action, type Permission, PERMISSIONS } from "./permissions.ts";
import type { Admitted, Guard, RequestPeer, Rules } from "./guard.ts";
import { ResponseCode } from "../protocol/codes.ts";
import { verifySecret } from "./secret_hash.ts";

/** Most verified tokens remembered, because comparing a hash takes 50 ms. */
const MAX_PROVEN = 1000;
/** Most characters of a credential; longer ones are invalid. */
const MAX_CREDENTIAL = 1024;
/** Most characters of an access key in records. */
const MAX_ACCESS_KEY = 128;

/** Why a request to the HTTP port is refused. */
export interface HttpRefusal {
  /** 401: an account might be allowed it. 403: this account is not. 503: the audit log can't be written. */
  readonly status: 401 | 403 | 503;
  readonly detail: string;
}

/** The facts that a request to the HTTP port has about its sender. */
export interface HttpCredentials {
  /** The Authorization header. */
  readonly authorization: string | null;
  /** The account of the session, as long as that is open. It counts more than the header. */
  session?(): Account | undefined;
}

/** The secrets that a login shows: a bearer token, or an account's key. */
export type LoginCredentials =
  | { readonly token: string }
  | { readonly accessKey: string; readonly secretKey: string };

/** The rights of a client of the HTTP port. */
export interface Viewer {
  /** False once the rules have changed, its session has ended, or it is allowed nothing any more. */
  readonly current: boolean;
  may(action: Action): boolean;
  /** Whether it has a permission for any resource. */
  mayAny(permission: Permission): boolean;
}

/** Sees everything. */
export const ALL_SEEING: Viewer = { current: true, may: () => true, mayAny: () => true };

/** The part of the guard that the HTTP port needs. */
type HttpGuard = Pick<Guard, "checkHttp" | "checkHttpChange" | "record" | "recordLogin">;

/** Why an account that has shown its secret may not log in. */
const OBSTACLES: Readonly<Partial<Record<Refused, string>>> = {
  disabled: "it is disabled",
  expired: "it has expired",
  network: "not from this address",
  tls: "only over TLS (httpTlsEnable)",
};

/**
 * Decides about requests to the HTTP port by the same rules: anonymous, networks, and the accounts of
 * bearer tokens and of sessions. A token begins with its account: `AK-ops.secret`. Browsers send account
 * and token as name and password.
 */
export class HttpAuthorization {
  readonly #rules: Rules;
  readonly #guard: HttpGuard;
  /** The account of each verified token, by the SHA-256 of the token. */
  readonly #proven = new Map<string, Account>();
  /** Hashes are computed one after another: each takes 16 MiB or more. */
  #hashing: Promise<unknown> = Promise.resolve();

  constructor(rules: Rules, guard: HttpGuard) {
    this.#rules = rules;
    this.#guard = guard;
  }

  /** Whether the rules refuse, or only report. */
  get mode(): "audit" | "enforce" {
    return this.#rules.store.policy.mode;
  }

  /** Whether an account is one of the rules in effect, and has not expired. */
  isCurrent(account: Account, now: number): boolean {
    // An account is an object of its policy: one of other rules is another one.
    return this.#rules.store.policy.accounts.get(account.accessKey) === account &&
      (account.expires === undefined || now < account.expires);
  }

  /**
   * Decides about a request that changes nothing.
   *
   * @param request method and path, for the audit log
   * @returns why it is refused; `undefined` when it is allowed, or the rules only audit
   */
  async check(
    action: Action,
    peer: RequestPeer,
    credentials: HttpCredentials,
    request: string,
  ): Promise<HttpRefusal | undefined> {
    return this.#check(action, peer, await this.#prove(credentials), request);
  }

  /**
   * Decides about a request whose answer has parts that need different permissions.
   *
   * @param permissions those of the parts; without any of them, the request is refused
   * @param request as for {@link check}
   */
  async viewerOf(
    permissions: readonly Permission[],
    peer: RequestPeer,
    credentials: HttpCredentials,
    request: string,
  ): Promise<Viewer | HttpRefusal> {
    const { store, control } = this.#rules;
    // Taken first: if the rules change while a token is verified, the view is not current.
    const { policy } = store;
    const sender = await this.#prove(credentials);
    const account = accountOf(sender);
    const mayAny = (permission: Permission) => control.mayAny(permission, peer, account);
    const [first = "cluster:read"] = permissions;
    if (!permissions.some(mayAny)) {
      const refusal = this.#check({ permission: first }, peer, sender, request);
      if (refusal !== undefined) return refusal;
    }
    const all = policy.mode === "audit";
    const isOpen = () => !isOfSession(sender) || credentials.session?.() === account;
    return {
      get current() {
        return store.policy === policy && isOpen() && (all || permissions.some(mayAny));
      },
      may: (action) => all || control.decideHttp(action, peer, sender).allowed,
      mayAny: (permission) => all || mayAny(permission),
    };
  }

  /**
   * Decides whether a client may change anything of a kind, before the request is read as a whole.
   *
   * @param request as for {@link check}
   * @returns why not
   */
  async checkChanger(
    permission: Permission,
    peer: RequestPeer,
    credentials: HttpCredentials,
    request: string,
  ): Promise<HttpRefusal | undefined> {
    const sender = await this.#proveForChange(credentials);
    if (this.#rules.control.accountMayAny(permission, peer, accountOf(sender))) return undefined;
    const admitted = this.#admit({ permission }, peer, sender, request);
    return "status" in admitted ? admitted : undefined;
  }

  /**
   * Decides about a change.
   *
   * @param request as for {@link check}
   * @returns why it is refused, or the facts for the guard's record
   */
  async admitChange(
    action: Action,
    peer: RequestPeer,
    credentials: HttpCredentials,
    request: string,
  ): Promise<HttpRefusal | Admitted> {
    return this.#admit(action, peer, await this.#proveForChange(credentials), request);
  }

  /**
   * Records the outcome of an admitted change.
   *
   * @returns the write that the answer must wait for (auditSync), if there is one
   */
  recordChange(
    admitted: Admitted,
    { change, failure }: { change?: object; failure?: string },
  ): Promise<void> | undefined {
    const code = failure === undefined ? ResponseCode.SUCCESS : ResponseCode.SYSTEM_ERROR;
    return this.#guard.record(admitted, { code, remark: failure, change });
  }

  /**
   * Checks the secrets of a login, and records it.
   *
   * @param request as for {@link check}
   */
  async login(
    credentials: LoginCredentials,
    peer: RequestPeer,
    request: string,
  ): Promise<Account | HttpRefusal> {
    const account = "token" in credentials
      ? await this.#proveToken(credentials.token)
      : this.#proveKey(credentials);
    if ("failed" in account) {
      const { failed: reason, accessKey = "" } = account;
      const claimed = `?${accessKey.slice(0, MAX_ACCESS_KEY)}`;
      this.#guard.recordLogin({ account: claimed, reason }, peer, request);
      return { status: 401, detail: "there is no account with this secret" };
    }
    const { accessKey } = account;
    const reason = this.#rules.control.obstacleOf(account, peer);
    this.#guard.recordLogin({ account: accessKey, reason }, peer, request);
    if (reason === undefined) return account;
    return { status: 403, detail: `${accessKey} may not log in: ${OBSTACLES[reason] ?? reason}` };
  }

  /** The account of a client, and the permissions that it has for any resource. */
  async describe(
    peer: RequestPeer,
    credentials: HttpCredentials,
  ): Promise<{ account: string | undefined; permissions: Permission[] }> {
    const { control } = this.#rules;
    const account = accountOf(await this.#prove(credentials));
    const permissions = PERMISSIONS.filter((permission) =>
      permission.endsWith(":write")
        ? control.accountMayAny(permission, peer, account)
        : this.mode === "audit" || control.mayAny(permission, peer, account)
    );
    return { account: account?.accessKey, permissions };
  }

  #check(
    action: Action,
    peer: RequestPeer,
    sender: HttpSender,
    request: string,
  ): HttpRefusal | undefined {
    const decision = this.#guard.checkHttp(action, peer, sender, request);
    return decision && refusalOf(action, sender);
  }

  #admit(
    action: Action,
    peer: RequestPeer,
    sender: HttpSender,
    request: string,
  ): HttpRefusal | Admitted {
    const checked = this.#guard.checkHttpChange(action, peer, sender, request);
    if ("refused" in checked) return refusalOf(action, sender);
    if ("obstacle" in checked) return { status: 503, detail: checked.obstacle };
    return checked;
  }

  async #prove({ authorization, session }: HttpCredentials): Promise<HttpSender> {
    const known = session?.();
    if (known !== undefined) return { account: known, authenticated: "session" };
    if (authorization === null) return undefined;
    const token = tokenOf(authorization);
    if (token === undefined) return { failed: "bad_credentials" };
    const account = await this.#proveToken(token);
    return "failed" in account ? account : { account, authenticated: "token" };
  }

  /** Browsers send Basic by themselves, so it does not show that their user wants a change. */
  #proveForChange({ authorization, session }: HttpCredentials): Promise<HttpSender> {
    const bearer = authorization !== null && BEARER.test(authorization) ? authorization : null;
    return this.#prove({ authorization: bearer, session });
  }

  async #proveToken(token: string): Promise<Account | FailedProof> {
    const accessKey = token.slice(0, Math.max(0, token.lastIndexOf(".")));
    const account = this.#rules.store.policy.accounts.get(accessKey);
    if (account === undefined) return unknownAccount(accessKey);
    if (token.length > MAX_CREDENTIAL) return { failed: "bad_credentials", accessKey };
    const key = createHash("sha256").update(token).digest("base64");
    // An account is an object of its policy: one of other rules is another one.
    if (this.#proven.get(key) === account) return account;
    for (const hash of account.tokens) {
      if (!await this.#isHashOf(token, hash)) continue;
      for (const oldest of this.#proven.keys()) {
        if (this.#proven.size < MAX_PROVEN) break;
        this.#proven.delete(oldest);
      }
      // The rules may have changed while the hash was computed.
      if (this.#rules.store.policy.accounts.get(accessKey) !== account) break;
      this.#proven.set(key, account);
      return account;
    }
    return { failed: "bad_credentials", accessKey };
  }

  #proveKey(
    { accessKey, secretKey }: { accessKey: string; secretKey: string },
  ): Account | FailedProof {
    const account = this.#rules.store.policy.accounts.get(accessKey);
    if (account === undefined) return unknownAccount(accessKey);
    const proves = secretKey.length <= MAX_CREDENTIAL &&
      account.keys.some((key) => key.isSecret(secretKey));
    return proves ? account : { failed: "bad_credentials", accessKey };
  }

  #isHashOf(token: string, hash: string): Promise<boolean> {
    const verified = this.#hashing.then(() => verifySecret(token, hash));
    this.#hashing = verified.catch(() => {});
    return verified;
  }
}

const BEARER = /^bearer /i;

function refusalOf(
  { permission }: Pick<Action, "permission">,
  sender: HttpSender,
): HttpRefusal {
  const account = accountOf(sender);
  return account === undefined
    ? { status: 401, detail: `${permission} needs an account that may do it` }
    : { status: 403, detail: `${account.accessKey} may not ${permission}` };
}

/** The account that a sender has proven. */
function accountOf(sender: HttpSender): Account | undefined {
  return sender === undefined || "failed" in sender ? undefined : sender.account;
}

function isOfSession(sender: HttpSender): boolean {
  return sender !== undefined && "account" in sender && sender.authenticated === "session";
}

function unknownAccount(accessKey: string): FailedProof {
  return { failed: "unknown_account", ...(accessKey !== "" && { accessKey }) };
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
