import type { CertificateConditions } from "./certificates.ts";
import type { Grants } from "./permissions.ts";
import type { SigningKey } from "./signature.ts";
import type { Networks } from "../ip_ranges.ts";

/** Whether requests that the rules do not allow are refused, or only reported. */
export type AccessMode = "audit" | "enforce";

/** An account that signs requests. */
export interface Account {
  readonly accessKey: string;
  /** Its name in records and answers. */
  readonly identity: string;
  /** Each of them is accepted; there are two while a secret is being changed. */
  readonly keys: readonly SigningKey[];
  readonly grants: Grants;
  readonly disabled: boolean;
  /** When it expires, in milliseconds since 1970. */
  readonly expires?: number;
  /** Networks from which it may be used. */
  readonly networks?: Networks;
  readonly requireTls: boolean;
  /** Hashes of bearer tokens, as secret_hash.ts makes them. */
  readonly tokens: readonly string[];
}

/** Peers that are known by their addresses. */
export interface NetworkRule {
  readonly from: Networks;
  readonly grants: Grants;
}

/** Peers that are known by their certificates. */
export interface CertificateRule extends CertificateConditions {
  readonly name: string;
  readonly grants: Grants;
}

/** The rules of a file. Nothing in them changes: a changed file becomes another policy. */
export interface Policy {
  readonly mode: AccessMode;
  /** Proxies whose PROXY headers are believed. */
  readonly trustedProxies: Networks;
  readonly anonymous: Grants;
  readonly networks: readonly NetworkRule[];
  readonly certificates: readonly CertificateRule[];
  /** By access key. */
  readonly accounts: ReadonlyMap<string, Account>;
  /** The account that signs this server's own requests. */
  readonly outgoing?: { readonly accessKey: string; readonly secretKey: string };
}
