import { createHash } from "node:crypto";
import type { FailedProof } from "./access_control.ts";
import type { LoginLimit } from "./login_limit.ts";
import type { Account, Policy } from "./policy.ts";
import { verifySecret } from "./secret_hash.ts";

/** Most tokens remembered of either kind, because comparing a hash takes 50 ms. */
const MAX_REMEMBERED = 1000;
/** Most characters of a token; longer ones are invalid. */
const MAX_TOKEN = 1024;

/** A token that is not looked at, because its sender has shown too many wrong ones. */
export interface Throttled {
  /** Seconds until the sender may try again. */
  readonly wait: number;
}

/**
 * Finds the accounts of bearer tokens. A token begins with its account: `AK-ops.secret`. The wrong tokens
 * of an address are limited: over the limit, only tokens that are known already are looked at.
 */
export class TokenProofs {
  readonly #policy: () => Policy;
  readonly #limit: Pick<LoginLimit, "wait" | "count">;
  /** The account of each verified token, by the SHA-256 of the token. */
  readonly #proven = new Map<string, Account>();
  /** Wrong tokens, with the account that they name: the same one again is no further guess. */
  readonly #failed = new Map<string, Account | undefined>();
  /** Hashes are computed one after another: each takes 16 MiB or more. */
  #line: Promise<unknown> = Promise.resolve();

  /** @param policy the rules as they are now */
  constructor(policy: () => Policy, limit: Pick<LoginLimit, "wait" | "count">) {
    this.#policy = policy;
    this.#limit = limit;
  }

  /**
   * Finds the account of a token.
   *
   * @param client "address:port" of the sender, whose wrong tokens count; absent: they do not
   */
  prove(token: string): Promise<Account | FailedProof>;
  prove(token: string, client: string): Promise<Account | FailedProof | Throttled>;
  async prove(token: string, client?: string): Promise<Account | FailedProof | Throttled> {
    const accessKey = token.slice(0, Math.max(0, token.lastIndexOf(".")));
    if (token.length > MAX_TOKEN) {
      return failureOf(this.#policy().accounts.get(accessKey), accessKey);
    }
    const key = createHash("sha256").update(token).digest("base64");
    const known = this.#known(key, accessKey);
    if (known !== undefined) return known;
    const proof = this.#line.then(() =>
      // A request before it may have shown the same token.
      this.#known(key, accessKey) ?? this.#verify({ token, key, accessKey }, client)
    );
    this.#line = proof.catch(() => {});
    return await proof;
  }

  #known(key: string, accessKey: string): Account | FailedProof | undefined {
    // An account is an object of its policy: one of other rules is another one.
    const account = this.#policy().accounts.get(accessKey);
    if (account !== undefined && this.#proven.get(key) === account) return account;
    if (!this.#failed.has(key) || this.#failed.get(key) !== account) return undefined;
    return failureOf(account, accessKey);
  }

  async #verify(
    { token, key, accessKey }: { token: string; key: string; accessKey: string },
    client: string | undefined,
  ): Promise<Account | FailedProof | Throttled> {
    const wait = client === undefined ? undefined : this.#limit.wait(client);
    if (wait !== undefined) return { wait };
    const account = this.#policy().accounts.get(accessKey);
    if (account !== undefined && await isTokenOf(account, token)) {
      // The rules may have changed while the hash was computed.
      if (this.#policy().accounts.get(accessKey) !== account) return failureOf(account, accessKey);
      remember(this.#proven, key, account);
      return account;
    }
    if (client !== undefined) this.#limit.count(client);
    remember(this.#failed, key, account);
    return failureOf(account, accessKey);
  }
}

async function isTokenOf({ tokens }: Account, token: string): Promise<boolean> {
  for (const hash of tokens) {
    if (await verifySecret(token, hash)) return true;
  }
  return false;
}

function remember<T>(tokens: Map<string, T>, key: string, account: T): void {
  tokens.delete(key);
  for (const oldest of tokens.keys()) {
    if (tokens.size < MAX_REMEMBERED) break;
    tokens.delete(oldest);
  }
  tokens.set(key, account);
}

/** @param account the one that the secret names */
export function failureOf(account: Account | undefined, accessKey: string): FailedProof {
  const named = accessKey === "" ? undefined : { accessKey };
  return { failed: account === undefined ? "unknown_account" : "bad_credentials", ...named };
}
