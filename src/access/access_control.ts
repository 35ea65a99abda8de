import type { ActionOfCode } from "./actions.ts";
import type { Authenticated, Decision, Refused } from "./decision.ts";
import { matchesCertificate, type NamesReader } from "./certificates.ts";
import type { Tally } from "./counters.ts";
import type { Action, Grants, Permission } from "./permissions.ts";
import type { Account, Policy } from "./policy.ts";
import { SignatureField, Signatures, type Signed, ZONE_FIELDS } from "./signature.ts";
import { SHORT_CONTENT } from "./sha1.ts";
import { ipOf, type Networks } from "../ip_ranges.ts";

/** The facts about a peer that its connection shows. They do not change between requests. */
export interface AccessPeer {
  /** "address:port" of the socket. */
  readonly socketAddress: string;
  /** "address:port" that a PROXY header names. Anybody can send one. */
  readonly proxiedAddress?: string;
  readonly tls?: {
    readonly certificate?: {
      /** SHA-256, in hexadecimal with colons. */
      readonly fingerprint: string;
      /** Whether a trusted authority has signed it; any other certificate proves nothing. */
      readonly verified: boolean;
      /** DER. */
      readonly raw: Uint8Array<ArrayBuffer>;
    };
  };
}

/** The facts about a peer that are known before its first request. */
interface PeerIdentity {
  readonly policy: Policy;
  readonly ip: string;
  readonly secure: boolean;
  readonly identities: readonly Identity[];
  /** Networks of accounts that the peer was looked for in. */
  readonly inside: Map<Networks, boolean>;
}

interface Identity {
  readonly authenticated: Authenticated;
  readonly text: string;
  readonly grants: Grants;
}

/** An account that the sender of a request to the HTTP port has proven, and how. */
export interface ProvenAccount {
  readonly account: Account;
  readonly authenticated: "token" | "session";
}

/** A secret that proves no account. */
export interface FailedProof {
  readonly failed: "unknown_account" | "bad_credentials";
  /** The one that it names. */
  readonly accessKey?: string;
}

/** The sender of a request to the HTTP port; undefined when it names no account. */
export type HttpSender = ProvenAccount | FailedProof | undefined;

/** Most characters of an access key; no account has a longer one. */
const MAX_ACCESS_KEY = 128;

/** The part of an action's row that {@link AccessControl} reads. */
export type RowOfAction = Pick<ActionOfCode, "fields">;

/** A decision that holds for each request with the same header, as long as the account's conditions do. */
export interface Remembered {
  /** The row of the action: a controller finds out anew which cluster a broker set belongs to. */
  readonly row: RowOfAction | undefined;
  /** Stands for the rules that it was made by. */
  readonly era: object;
  readonly decision: Decision;
  /** Where the guard counts it. */
  tally?: Tally;
}

/** A header with a valid signature. */
class Verified {
  /** The fields of its request, if it has no others. */
  known?: ReadonlySet<string>;
  /** That the account may send it. */
  allowed?: Remembered;

  constructor(readonly account: Account) {}
}

/** Fields that any request may carry: signatures, zones, and those of RocketMQ's RpcRequestHeader. */
export const COMMON_FIELDS: ReadonlySet<string> = new Set([
  ...Object.values(SignatureField),
  ...ZONE_FIELDS,
  "acceptStandardJsonOnly",
  "ns",
  "nsd",
  "bname",
  "oway",
  "lo",
]);

/**
 * Decides whether a request is allowed: it is if any identity of its sender is allowed it. The
 * cheapest checks come first, so that requests of strangers cost little.
 */
export class AccessControl {
  readonly #policy: () => Policy;
  readonly #now: () => number;
  readonly #names: NamesReader | undefined;
  readonly #signatures: Signatures;
  #latest: Policy | undefined;
  /** Stands for the rules: a reference to them would keep old ones in memory. */
  #era = {};
  readonly #peers = new WeakMap<AccessPeer, PeerIdentity>();

  /**
   * @param parts.policy the rules as they are now
   * @param parts.names reads certificates, when there are rules for them
   * @param parts.now milliseconds since 1970
   */
  constructor(parts: {
    policy: () => Policy;
    names?: NamesReader;
    signatures?: Signatures;
    now(): number;
  }) {
    this.#policy = parts.policy;
    this.#names = parts.names;
    this.#now = parts.now;
    this.#signatures = parts.signatures ?? new Signatures();
  }

  /**
   * Decides about a request.
   *
   * @param row the row of the action. Its fields are those that such a request has, besides {@link COMMON_FIELDS}
   */
  decide(
    action: Action,
    request: Signed,
    peer: AccessPeer,
    row?: RowOfAction,
  ): Decision {
    const remembered = this.recall(request, peer, row);
    if (remembered !== undefined) return remembered.decision;
    const policy = this.#policy();
    const sender = this.#identify(peer, policy);
    const accessKey = request.extFields.get(SignatureField.ACCESS_KEY);
    const known = allowedByPeer(action, sender, accessKey);
    if (known !== undefined) return known;
    if (accessKey === undefined) return { allowed: false, reason: "unsigned", authenticated: "no" };
    const account = policy.accounts.get(accessKey);
    if (account === undefined) return unproven("unknown_account", accessKey);
    const condition = this.#condition(account, sender);
    if (condition !== undefined) return unproven(condition, accessKey);
    const rule = account.grants.find(action);
    if (rule === undefined) {
      // Only a sender that proves its account learns what the account may not do, and only if
      // checking its signature is cheap.
      const short = (request.body?.length ?? 0) < SHORT_CONTENT;
      return short && this.#isSignedBy(account, request)
        ? { allowed: false, reason: "no_grant", authenticated: "signature", account: accessKey }
        : unproven("no_grant", accessKey);
    }
    if (!this.#isSignedBy(account, request)) return unproven("bad_signature", accessKey);
    if (row !== undefined && !this.#knowsAll(request, row.fields)) {
      return { allowed: false, reason: "field", authenticated: "signature", account: accessKey };
    }
    const decision: Decision = {
      allowed: true,
      authenticated: "signature",
      account: accessKey,
      identity: account.identity,
      rule,
    };
    const verified = verifiedBefore(request);
    if (verified?.account === account) {
      verified.allowed = { row, era: this.#eraOf(policy), decision };
    }
    return decision;
  }

  /**
   * The decision about a request, if one with the same header was allowed to an account: the same header has
   * the same code, fields and signature, and so, with the same row, the same action. Only the account's
   * conditions, which look at the peer and the time, are checked again.
   *
   * @param row as for {@link decide}
   */
  recall(request: Signed, peer: AccessPeer, row?: RowOfAction): Remembered | undefined {
    const verified = verifiedBefore(request);
    const allowed = verified?.allowed;
    if (verified === undefined || allowed === undefined || allowed.row !== row) return undefined;
    const policy = this.#policy();
    if (allowed.era !== this.#eraOf(policy)) return undefined;
    return this.#holds(verified.account, peer, policy) ? allowed : undefined;
  }

  #eraOf(policy: Policy): object {
    if (policy !== this.#latest) {
      this.#latest = policy;
      this.#era = {};
    }
    return this.#era;
  }

  /** Whether the conditions of an account hold for a peer. */
  #holds(account: Account, peer: AccessPeer, policy: Policy): boolean {
    const { disabled, expires, networks, requireTls } = account;
    if (!disabled && expires === undefined && networks === undefined && !requireTls) return true;
    return this.#condition(account, this.#identify(peer, policy)) === undefined;
  }

  /**
   * Decides about a request to the HTTP port that changes nothing.
   *
   * @param sender what it has shown
   */
  decideHttp(action: Action, peer: AccessPeer, sender: HttpSender): Decision {
    const accessKey = sender && ("failed" in sender ? sender : sender.account).accessKey;
    return allowedByPeer(action, this.#identify(peer, this.#policy()), accessKey) ??
      this.decideAccount(action, peer, sender);
  }

  /** Decides by the account alone, as a change that is asked for over HTTP needs one. */
  decideAccount(action: Action, peer: AccessPeer, sender: HttpSender): Decision {
    if (sender === undefined) return { allowed: false, reason: "unsigned", authenticated: "no" };
    if ("failed" in sender) return unproven(sender.failed, sender.accessKey);
    const { account: { accessKey, identity, grants }, authenticated } = sender;
    const known = { account: accessKey, authenticated };
    const condition = this.obstacleOf(sender.account, peer);
    if (condition !== undefined) return { ...known, allowed: false, reason: condition };
    const rule = grants.find(action);
    if (rule === undefined) return { ...known, allowed: false, reason: "no_grant" };
    return { ...known, allowed: true, identity, rule };
  }

  /**
   * Whether a client of the HTTP port has a permission for any resource.
   *
   * @param account the one that it has proven
   */
  mayAny(permission: Permission, peer: AccessPeer, account: Account | undefined): boolean {
    const sender = this.#identify(peer, this.#policy());
    return sender.identities.some(({ grants }) => grants.has(permission)) ||
      this.accountMayAny(permission, peer, account);
  }

  /** Whether an account has a permission for any resource, and may be used by this peer. */
  accountMayAny(permission: Permission, peer: AccessPeer, account: Account | undefined): boolean {
    return account !== undefined && account.grants.has(permission) &&
      this.obstacleOf(account, peer) === undefined;
  }

  /** Why an account may not be used by a peer. */
  obstacleOf(account: Account, peer: AccessPeer): Refused | undefined {
    return this.#condition(account, this.#identify(peer, this.#policy()));
  }

  /** The identities of a request's sender and their rules, in words. */
  describe(request: Signed, peer: AccessPeer): { identity: string; may: string[] }[] {
    const policy = this.#policy();
    const sender = this.#identify(peer, policy);
    const known = sender.identities.map(({ text, grants }) => ({
      identity: text,
      may: grants.describe(),
    }));
    const accessKey = request.extFields.get(SignatureField.ACCESS_KEY);
    const account = accessKey === undefined ? undefined : policy.accounts.get(accessKey);
    if (account === undefined || this.#condition(account, sender) !== undefined) return known;
    if (!this.#isSignedBy(account, request)) return known;
    return [...known, { identity: account.identity, may: account.grants.describe() }];
  }

  /** The address that a peer is known by. */
  addressOf(peer: AccessPeer): string {
    return this.#identify(peer, this.#policy()).ip;
  }

  #condition(account: Account, { ip, secure, inside }: PeerIdentity): Refused | undefined {
    if (account.disabled) return "disabled";
    if (account.expires !== undefined && account.expires <= this.#now()) return "expired";
    const { networks } = account;
    if (networks !== undefined) {
      let has = inside.get(networks);
      if (has === undefined) inside.set(networks, has = networks.has(ip));
      if (!has) return "network";
    }
    if (account.requireTls && !secure) return "tls";
    return undefined;
  }

  #isSignedBy(account: Account, request: Signed): boolean {
    // Each policy has account objects of its own, so a reload invalidates this entry.
    if (verifiedBefore(request)?.account === account) return true;
    if (!this.#signatures.verify(request, account.keys)) return false;
    const { notes, body } = request;
    if (notes !== undefined && body === null) notes.access = new Verified(account);
    return true;
  }

  /** The fields of a cached header are checked only once. */
  #knowsAll(request: Signed, fields: ReadonlySet<string>): boolean {
    const verified = verifiedBefore(request);
    if (verified?.known === fields) return true;
    for (const name of request.extFields.keys()) {
      if (!fields.has(name) && !COMMON_FIELDS.has(name)) return false;
    }
    if (verified !== undefined) verified.known = fields;
    return true;
  }

  #identify(peer: AccessPeer, policy: Policy): PeerIdentity {
    const known = this.#peers.get(peer);
    if (known?.policy === policy) return known;
    const { socketAddress, proxiedAddress, tls } = peer;
    const own = ipOf(socketAddress);
    const ip = proxiedAddress !== undefined && policy.trustedProxies.has(own)
      ? ipOf(proxiedAddress)
      : own;
    const identities: Identity[] = [
      { authenticated: "no", text: "anonymous", grants: policy.anonymous },
    ];
    for (const { from, grants } of policy.networks) {
      if (!from.has(ip)) continue;
      identities.push({ authenticated: "network", text: `network ${from}`, grants });
    }
    const certificate = tls?.certificate;
    if (certificate?.verified && this.#names !== undefined && policy.certificates.length > 0) {
      const { fingerprint, raw } = certificate;
      const names = { ...this.#names(raw), fingerprint };
      for (const rule of policy.certificates) {
        if (!matchesCertificate(rule, names)) continue;
        const text = `certificate ${rule.name}`;
        identities.push({ authenticated: "certificate", text, grants: rule.grants });
      }
    }
    const identity = { policy, ip, secure: tls !== undefined, identities, inside: new Map() };
    this.#peers.set(peer, identity);
    return identity;
  }
}

/** Decides by the connection alone: certificate, network, anonymous. */
function allowedByPeer(
  action: Action,
  { identities }: PeerIdentity,
  accessKey: string | undefined,
): Decision | undefined {
  for (const { authenticated, text, grants } of identities) {
    const rule = grants.find(action);
    if (rule === undefined) continue;
    const account = accessKey === undefined ? undefined : claimed(accessKey);
    return { allowed: true, authenticated, identity: text, rule, account };
  }
  return undefined;
}

/**
 * The note about a request without a body whose header repeats: all that is signed is in the header. Headers that
 * come once have none, because keeping one costs as much as a verification.
 */
function verifiedBefore({ notes, body }: Signed): Verified | undefined {
  const note = body === null ? notes?.access : undefined;
  return note instanceof Verified ? note : undefined;
}

/** A refusal of a sender that has not proven its account. */
function unproven(reason: Refused, accessKey: string | undefined): Decision {
  const account = accessKey === undefined ? undefined : claimed(accessKey);
  return { allowed: false, reason, authenticated: "no", account };
}

/** An account that the sender has not proven. */
function claimed(accessKey: string): string {
  return accessKey.length > MAX_ACCESS_KEY
    ? `?${accessKey.slice(0, MAX_ACCESS_KEY)}`
    : `?${accessKey}`;
}
