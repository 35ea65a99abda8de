import type { FailedProof, HttpSender } from "./access_control.ts";
import type { Refused } from "./decision.ts";
import type { Account } from "./policy.ts";
import { type Action, type Permission, PERMISSIONS } from "./permissions.ts";
import type { Admitted, Guard, RequestPeer, Rules } from "./guard.ts";
import { ResponseCode } from "../protocol/codes.ts";
import type { LoginLimit } from "./login_limit.ts";
import { failureOf, type TokenLimits, TokenProofs, type Unverified } from "./token_proofs.ts";

/** Most characters of a credential; longer ones are invalid. */
const MAX_CREDENTIAL = 1024;
/** Most characters of an access key in records. */
const MAX_ACCESS_KEY = 128;

/** Why a request to the HTTP port is refused. */
export interface HttpRefusal {
  /**
   * 401: an account might be allowed it. 403: this account is not. 429: the address has shown too many
   * secrets. 503: too many tokens are being verified, or the audit log can't be written.
   */
  readonly status: 401 | 403 | 429 | 503;
  readonly detail: string;
  /** The limit that it is refused for. */
  readonly limit?: Unverified["limit"];
  /** With a limit: seconds until it may try again. */
  readonly wait?: number;
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
  readonly #limit: LoginLimit;
  readonly #tokens: TokenProofs;

  /** @param options how many requests may be open */
  constructor(
    rules: Rules,
    guard: HttpGuard,
    limit: LoginLimit,
    options: TokenLimits["options"],
  ) {
    this.#rules = rules;
    this.#guard = guard;
    this.#limit = limit;
    this.#tokens = new TokenProofs(() => rules.store.policy, { logins: limit, options });
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
   * Verifies the token of a request, which may take long. The decisions about this request are quick then.
   *
   * @param changes whether the request changes something
   * @returns why it is refused, whatever it asks for
   */
  async prove(
    peer: RequestPeer,
    credentials: HttpCredentials,
    changes: boolean,
  ): Promise<HttpRefusal | undefined> {
    const sender = changes
      ? await this.#proveForChange(peer, credentials)
      : await this.#prove(peer, credentials);
    return isRefusal(sender) ? sender : undefined;
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
    const sender = await this.#prove(peer, credentials);
    return isRefusal(sender) ? sender : this.#check(action, peer, sender, request);
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
    const sender = await this.#prove(peer, credentials);
    if (isRefusal(sender)) return sender;
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
    const sender = await this.#proveForChange(peer, credentials);
    if (isRefusal(sender)) return sender;
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
    const sender = await this.#proveForChange(peer, credentials);
    return isRefusal(sender) ? sender : this.#admit(action, peer, sender, request);
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
   * Checks the secrets of a login, and records it. Right or wrong, it is an attempt of its address.
   *
   * @param request as for {@link check}
   */
  async login(
    credentials: LoginCredentials,
    peer: RequestPeer,
    request: string,
  ): Promise<Account | HttpRefusal> {
    const wait = this.#limit.wait(peer.socketAddress);
    if (wait !== undefined) return tooMany("logins", { limit: "logins", wait });
    this.#limit.count(peer.socketAddress);
    const account = "token" in credentials
      ? await this.#tokens.prove(credentials.token)
      : this.#proveKey(credentials);
    if ("wait" in account) return tooMany("logins", account);
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
  ): Promise<{ account: string | undefined; permissions: Permission[] } | HttpRefusal> {
    const { control } = this.#rules;
    const sender = await this.#prove(peer, credentials);
    if (isRefusal(sender)) return sender;
    const account = accountOf(sender);
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

  async #prove(
    { socketAddress }: RequestPeer,
    { authorization, session }: HttpCredentials,
  ): Promise<HttpSender | HttpRefusal> {
    const known = session?.();
    if (known !== undefined) return { account: known, authenticated: "session" };
    if (authorization === null) return undefined;
    const token = tokenOf(authorization);
    if (token === undefined) return { failed: "bad_credentials" };
    const account = await this.#tokens.prove(token, socketAddress);
    if ("wait" in account) return tooMany("wrong tokens", account);
    return "failed" in account ? account : { account, authenticated: "token" };
  }

  /** Browsers send Basic by themselves, so it does not show that their user wants a change. */
  #proveForChange(
    peer: RequestPeer,
    { authorization, session }: HttpCredentials,
  ): Promise<HttpSender | HttpRefusal> {
    const bearer = authorization !== null && BEARER.test(authorization) ? authorization : null;
    return this.#prove(peer, { authorization: bearer, session });
  }

  #proveKey(
    { accessKey, secretKey }: { accessKey: string; secretKey: string },
  ): Account | FailedProof {
    const account = this.#rules.store.policy.accounts.get(accessKey);
    const proves = secretKey.length <= MAX_CREDENTIAL &&
      account?.keys.some((key) => key.isSecret(secretKey));
    return account !== undefined && proves ? account : failureOf(account, accessKey);
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

function isRefusal(sender: HttpSender | HttpRefusal): sender is HttpRefusal {
  return sender !== undefined && "status" in sender;
}

function tooMany(secrets: "logins" | "wrong tokens", { limit, wait }: Unverified): HttpRefusal {
  return limit === "logins"
    ? {
      status: 429,
      detail: `too many ${secrets} from this address (httpMaxLoginsPerMinute)`,
      limit,
      wait,
    }
    : {
      status: 503,
      detail: "too many tokens are being verified (httpMaxOpenRequests)",
      limit,
      wait,
    };
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
