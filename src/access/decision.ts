import { type Action, describeResource, type Rule } from "./permissions.ts";

/** The way in which an identity was established. */
export type Authenticated =
  | "signature"
  | "certificate"
  | "network"
  | "token"
  | "session"
  | "no";

/** Why something is not allowed. */
export type Refused =
  | "unsigned"
  | "unknown_account"
  | "bad_signature"
  | "bad_credentials"
  | "disabled"
  | "expired"
  | "network"
  | "tls"
  | "no_grant"
  | "field";

/** The decision of the rules about a request. */
export interface Decision {
  readonly allowed: boolean;
  /** Why not. */
  readonly reason?: Refused;
  readonly authenticated: Authenticated;
  /** The access key; with a `?` before it when nothing has shown that it is the sender's. */
  readonly account?: string;
  /** The identity that is allowed it, in words: `account AK-ops`, `network 10.0.0.0/8`, `anonymous`. */
  readonly identity?: string;
  /** The rule that allows it. */
  readonly rule?: Rule;
}

/** Characters of a remark. */
const MAX_REMARK = 200;

/**
 * Returns the remark of a refusal, which operators read in their tools. It does not say what was wrong
 * with a signature or an account, so that it does not help to guess them.
 */
export function refusalRemark(action: Action, { account, authenticated }: Decision): string {
  const { permission } = action;
  const resource = describeResource(action);
  const remark = authenticated === "signature"
    ? `access denied: ${account} may not ${permission} on ${resource}`
    : `access denied: ${permission} on ${resource} needs an account that may do it`;
  return remark.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, MAX_REMARK);
}
