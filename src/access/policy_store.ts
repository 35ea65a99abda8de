import { createHash } from "node:crypto";
import { FileWatch, type WatchFileSystem } from "../file_watch.ts";
import { requireRegularFile } from "../regular_file.ts";
import type { Log } from "../log/log.ts";
import { loadNamesReader, type NamesReader } from "./certificates.ts";
import type { Policy } from "./policy.ts";
import { AccessFileError, type AccessFileSystem, loadPolicy } from "./policy_file.ts";

/** The part of Deno that a {@link PolicyStore} uses. */
export interface PolicyFileSystem extends Omit<AccessFileSystem, "stat">, WatchFileSystem {
  stat(
    path: string,
  ): Promise<{ isFile: boolean; mode: number | null; dev: number; ino: number | null }>;
}

/** Milliseconds for which changed files must stay the same: a write may still be in progress. */
const SETTLED = 100;
/** How often files that keep changing are read before the result is used as it is. */
const MAX_READS = 20;

/** Keeps a hash of each file that was read, by path: no second copy of a secret. */
class SeenFiles implements AccessFileSystem {
  readonly #files: PolicyFileSystem;
  readonly hashes = new Map<string, string>();

  constructor(files: PolicyFileSystem) {
    this.#files = files;
  }

  async stat(path: string): Promise<{ isFile: boolean; mode: number | null }> {
    const status = await this.#noting(path, () => this.#files.stat(path));
    if (!status.isFile) this.hashes.set(path, "no regular file");
    return status;
  }

  async readTextFile(path: string): Promise<string> {
    await requireRegularFile(path, this);
    const text = await this.#noting(path, () => this.#files.readTextFile(path));
    this.hashes.set(path, createHash("sha256").update(text).digest("base64"));
    return text;
  }

  async #noting<T>(path: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      this.hashes.set(path, String(error));
      throw error;
    }
  }

  /** Whether files have these contents. */
  async same(paths: ReadonlyMap<string, string>): Promise<boolean> {
    for (const path of paths.keys()) await this.readTextFile(path).catch(() => {});
    return [...paths].every(([path, hash]) => this.hashes.get(path) === hash);
  }
}

/** One successful reading of the rules and of all that belongs to them. */
interface Reading {
  readonly policy: Policy;
  readonly warnings: readonly string[];
  /** Reads certificates, if there are rules for them. */
  readonly names: NamesReader | undefined;
}

/** Owns the rules in effect, and replaces them as a whole when their files change. */
export class PolicyStore {
  readonly #path: string;
  readonly #files: PolicyFileSystem;
  readonly #log: Log;
  readonly #nextTurn: () => Promise<void>;
  readonly #watch: FileWatch;
  #current: Reading;
  #generation = 1;
  /** Hashes of the files read last, usable or not, by path. */
  #seen: ReadonlyMap<string, string>;
  #failedReloads = 0;
  #reloading: Promise<void> = Promise.resolve();

  /**
   * Reads the rules.
   *
   * @param nextTurn resolves after other work had its turn
   * @throws {AccessFileError} when they have a fault: a server must not start without its rules
   */
  static async load(
    path: string,
    files: PolicyFileSystem,
    log: Log,
    nextTurn: () => Promise<void>,
  ): Promise<PolicyStore> {
    const seen = new SeenFiles(files);
    const reading = await readPolicy(path, seen, nextTurn);
    return new PolicyStore(path, files, log, nextTurn, reading, seen.hashes);
  }

  private constructor(
    path: string,
    files: PolicyFileSystem,
    log: Log,
    nextTurn: () => Promise<void>,
    reading: Reading,
    seen: ReadonlyMap<string, string>,
  ) {
    this.#path = path;
    this.#files = files;
    this.#log = log;
    this.#nextTurn = nextTurn;
    this.#current = reading;
    this.#seen = seen;
    this.#watch = new FileWatch(files, () => [...this.#seen.keys()], () => this.reload());
    this.#logLoaded();
  }

  /** The rules in effect. */
  get policy(): Policy {
    return this.#current.policy;
  }

  /** Reads certificates, if there are rules for them. */
  get names(): NamesReader | undefined {
    return this.#current.names;
  }

  /** How many times rules were loaded, the start included. */
  get generation(): number {
    return this.#generation;
  }

  /** Number of changed files that could not be used. */
  get failedReloads(): number {
    return this.#failedReloads;
  }

  /** Starts watching the file, and those of secrets. */
  watch(): void {
    this.#watch.start();
  }

  /** Stops watching. */
  close(): void {
    this.#watch.close();
  }

  /**
   * Reads the files again. Rules with a fault change nothing: an error is logged once, and the
   * previous rules stay in effect. Never rejects.
   */
  reload(): Promise<void> {
    return this.#reloading = this.#reloading.then(() => this.#reloadOnce());
  }

  async #reloadOnce(): Promise<void> {
    let seen = new SeenFiles(this.#files);
    if (await seen.same(this.#seen)) return;
    for (let i = 0; i < MAX_READS; i++) {
      await new Promise((resolve) => setTimeout(resolve, SETTLED));
      const again = new SeenFiles(this.#files);
      const settled = await again.same(seen.hashes);
      seen = again;
      if (settled) break;
    }
    const files = new SeenFiles(this.#files);
    // Set before reading: a file with a fault is not read again until it changes.
    this.#seen = files.hashes;
    try {
      const { policy: before } = this.#current;
      this.#current = await readPolicy(this.#path, files, this.#nextTurn);
      this.#generation++;
      this.#logLoaded(before);
    } catch (error) {
      const reason = error instanceof AccessFileError ? error.message : String(error);
      this.#failedReloads++;
      this.#log.error("access rules refused", { file: this.#path, reason });
    }
  }

  /** @param before the previous rules; absent at the start */
  #logLoaded(before?: Policy): void {
    const { policy, warnings } = this.#current;
    for (const warning of warnings) this.#log.warn("access rules could be safer", { warning });
    this.#log.info("access rules loaded", {
      file: this.#path,
      generation: this.#generation,
      mode: policy.mode,
      ...countsOf(policy),
      ...(before !== undefined && changes(before, policy)),
    });
  }
}

async function readPolicy(
  path: string,
  files: AccessFileSystem,
  nextTurn: () => Promise<void>,
): Promise<Reading> {
  const { policy, warnings } = await loadPolicy(path, files, nextTurn);
  const names = policy.certificates.length > 0 ? await loadNamesReader() : undefined;
  return { policy, warnings, names };
}

function countsOf({ accounts, networks, certificates }: Policy) {
  return {
    accounts: accounts.size,
    networks: networks.length,
    certificates: certificates.length,
  };
}

/** Most accounts that the line about a change names. */
const MAX_NAMES = 20;

/** The accounts that were added and removed. */
function changes(before: Policy, after: Policy) {
  const added = [...after.accounts.keys()].filter((key) => !before.accounts.has(key));
  const removed = [...before.accounts.keys()].filter((key) => !after.accounts.has(key));
  return { before: before.mode, added: shown(added), removed: shown(removed) };
}

function shown(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : "";
  return names.slice(0, MAX_NAMES).join(",") + more;
}
