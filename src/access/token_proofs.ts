import { createHash } from "node:crypto";
import type { FailedProof } from "./access_control.ts";
import type { LoginLimit } from "./login_limit.ts";
import type { Account, Policy } from "./policy.ts";
import { verifySecret } from "./secret_hash.ts";

/** Most tokens remembered of either kind, because comparing a hash takes 50 ms. */
const MAX_REMEMBERED = 1000;
/** Most characters of a token; longer ones are invalid. */
const MAX_TOKEN = 1024;

/** Tokens may be verified for this part of the requests that may be open, so that others find a place. */
const SHARE = 1 / 8;

/** A token that is not looked at. */
export interface Unverified {
  /** Why: its sender has shown too many wrong ones, or too many are being verified. */
  readonly limit: "logins" | "tokens";
  /** Seconds until the sender may try again. */
  readonly wait: number;
}

/** The limits of {@link TokenProofs}. */
export interface TokenLimits {
  /** Of the wrong tokens of an address. */
  readonly logins: Pick<LoginLimit, "wait" | "count">;
  readonly options: Readonly<{ httpMaxOpenRequests: number }>;
}

/**
 * Finds the accounts of bearer tokens. A token begins with its account: `AK-ops.secret`. The wrong tokens
 * of an address are limited, and the requests that wait for a verification: over a limit, only tokens that
 * are known already are looked at.
 */
export class TokenProofs {
  readonly #policy: () => Policy;
  readonly #limits: TokenLimits;
  /** The hash that each verified token matches, by the SHA-256 of the token. */
  readonly #proven = new Map<string, string>();
  /** Wrong tokens, with the account that they name: the same one again is no further guess. */
  readonly #failed = new Map<string, Account | undefined>();
  /** Hashes are computed one after another: each takes 16 MiB or more. */
  #line: Promise<unknown> = Promise.resolve();
  /** Tokens in the line. */
  #waiting = 0;

  /** @param policy the rules as they are now */
  constructor(policy: () => Policy, limits: TokenLimits) {
    this.#policy = policy;
    this.#limits = limits;
  }

  /**
   * Finds the account of a token.
   *
   * @param client "address:port" of the sender, whose wrong tokens count; absent: they do not
   */
  async prove(token: string, client?: string): Promise<Account | FailedProof | Unverified> {
    const accessKey = token.slice(0, Math.max(0, token.lastIndexOf(".")));
    if (token.length > MAX_TOKEN) {
      return failureOf(this.#policy().accounts.get(accessKey), accessKey);
    }
    const key = createHash("sha256").update(token).digest("base64");
    const known = this.#known(key, accessKey);
    if (known !== undefined) return known;
    const obstacle = this.#obstacleOf(client) ?? this.#crowd();
    if (obstacle !== undefined) return obstacle;
    this.#waiting++;
    const proof = this.#line.then(() =>
      // A request before it may have shown the same token.
      this.#known(key, accessKey) ?? this.#verify({ token, key, accessKey }, client)
    );
    this.#line = proof.catch(() => {});
    try {
      return await proof;
    } finally {
      this.#waiting--;
    }
  }

  #obstacleOf(client: string | undefined): Unverified | undefined {
    const wait = client === undefined ? undefined : this.#limits.logins.wait(client);
    return wait === undefined ? undefined : { limit: "logins", wait };
  }

  #crowd(): Unverified | undefined {
    const most = Math.max(1, Math.floor(this.#limits.options.httpMaxOpenRequests * SHARE));
    return this.#waiting < most ? undefined : { limit: "tokens", wait: 1 };
  }

  #known(key: string, accessKey: string): Account | FailedProof | undefined {
    const account = this.#policy().accounts.get(accessKey);
    const hash = this.#proven.get(key);
    if (hash !== undefined && account?.tokens.includes(hash)) return account;
    // An account is an object of its policy: one of other rules is another one.
    if (!this.#failed.has(key) || this.#failed.get(key) !== account) return undefined;
    return failureOf(account, accessKey);
  }

  async #verify(
    { token, key, accessKey }: { token: string; key: string; accessKey: string },
    client: string | undefined,
  ): Promise<Account | FailedProof | Unverified> {
    const obstacle = this.#obstacleOf(client);
    if (obstacle !== undefined) return obstacle;
    const account = this.#policy().accounts.get(accessKey);
    const hash = account && await findHash(account, token);
    if (account !== undefined && hash !== undefined) {
      // The rules may have changed while the hash was computed.
      if (this.#policy().accounts.get(accessKey) !== account) return failureOf(account, accessKey);
      remember(this.#proven, key, hash);
      return account;
    }
    if (client !== undefined) this.#limits.logins.count(client);
    remember(this.#failed, key, account);
    return failureOf(account, accessKey);
  }
}

/** The hash of an account that a token matches. */
async function findHash({ tokens }: Account, token: string): Promise<string | undefined> {
  for (const hash of tokens) {
    if (await verifySecret(token, hash)) return hash;
  }
  return undefined;
}

function remember<T>(tokens: Map<string, T>, key: string, proof: T): void {
  tokens.delete(key);
  for (const oldest of tokens.keys()) {
    if (tokens.size < MAX_REMEMBERED) break;
    tokens.delete(oldest);
  }
  tokens.set(key, proof);
}

/** @param account the one that the secret names */
export function failureOf(account: Account | undefined, accessKey: string): FailedProof {
  const named = accessKey === "" ? undefined : { accessKey };
  return { failed: account === undefined ? "unknown_account" : "bad_credentials", ...named };
}
