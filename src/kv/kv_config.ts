import type { Histogram } from "../histogram.ts";
import type { DurableFile } from "../durable_file.ts";
import type { Log, PeerFields } from "../log/log.ts";
import {
  EmptyKvFileError,
  formatKvFile,
  KvFileError,
  type KvTable,
  parseKvFile,
} from "./kv_file.ts";
import { StartupError } from "../startup_error.ts";
import { errorMessage } from "../error_message.ts";

/** A KV table that can't be loaded or is full. */
export class KvConfigError extends StartupError {
  override name = "KvConfigError";
}

/** Called for each changed or deleted value, once it is on disk. */
export type KvListener = (namespace: string, key: string) => void;

/** A change that waits for the disk. `undefined` as value deletes the key. */
interface Change {
  namespace: string;
  key: string;
  value: string | undefined;
  /** The peer that asked for it, as the log shows it; `undefined` for the server itself. */
  from: PeerFields | undefined;
  resolve(): void;
  reject(error: unknown): void;
}

/** Limit for the data that clients can store, in characters of the file's JSON. */
const MAX_SIZE = 16 * 1024 * 1024;

/**
 * The KV table, namespace -> key -> value (semantics.md, "KV config"), and its file. Readers see
 * only data that is safely on disk. Any string is a valid namespace, key and value.
 */
export class KvConfig {
  readonly #file: DurableFile;
  readonly #log: Log;
  readonly #maxSize: number;
  readonly #listeners: KvListener[] = [];
  /** Never changed in place: each commit replaces it. */
  #table: KvTable;
  #size: number;
  /** The suffix under which the next write keeps the file's current content. */
  #keepAs: ".bak" | ".broken";
  #waiting: Change[] = [];
  #writing: Promise<void> | undefined;
  #failing = false;
  #writes = 0;
  #failedWrites = 0;

  private constructor(
    file: DurableFile,
    log: Log,
    maxSize: number,
    table: KvTable,
    keepAs: ".bak" | ".broken",
  ) {
    this.#file = file;
    this.#log = log;
    this.#maxSize = maxSize;
    this.#table = table;
    this.#size = sizeOfTable(table);
    this.#keepAs = keepAs;
  }

  /**
   * Loads the table. Without a file it is empty, even if there is a `.bak`: no write ever leaves
   * the file missing, so it was removed on purpose. If the file is broken, the `.bak` is used with
   * a warning, and the next write keeps the broken content as `<path>.broken` instead of replacing
   * the good backup. An empty file without a `.bak` is an empty table, with a warning: somebody made
   * it for the server to write to.
   *
   * @param maxSize the table's maximum size, in characters of its JSON
   * @throws {KvConfigError} naming the file and the reason, when it can't be read, or when both it
   * and its backup are broken. No file is changed.
   */
  static async load(file: DurableFile, log: Log, maxSize = MAX_SIZE): Promise<KvConfig> {
    const { path } = file;
    let broken: KvFileError;
    try {
      const table = await readTable(file, "", log);
      if (table === undefined) await reportMissing(file, log);
      else log.info("KV table loaded", { file: path, namespaces: table.size });
      return new KvConfig(file, log, maxSize, table ?? new Map(), ".bak");
    } catch (error) {
      if (!(error instanceof KvFileError)) {
        throw new KvConfigError(errorMessage(error), { cause: error });
      }
      broken = error;
    }

    let backup: KvTable | undefined;
    let reason: string | undefined;
    try {
      backup = await readTable(file, ".bak", log);
    } catch (error) {
      reason = errorMessage(error);
    }
    if (backup === undefined) {
      if (reason === undefined && broken instanceof EmptyKvFileError) {
        log.warn("KV file without content: the KV table is empty", { file: path });
        return new KvConfig(file, log, maxSize, new Map(), ".bak");
      }
      throw new KvConfigError(
        `KV file ${path} is broken: ${broken.message}; its backup .bak: ${
          reason ?? "there is none"
        }`,
      );
    }
    log.warn("KV FILE IS BROKEN: USING ITS BACKUP, the last changes may be missing", {
      file: path,
      reason: broken.message,
      backup: `${path}.bak`,
      namespaces: backup.size,
    });
    return new KvConfig(file, log, maxSize, backup, ".broken");
  }

  /** Returns the value, or `undefined` when there is none. */
  get(namespace: string, key: string): string | undefined {
    return this.#table.get(namespace)?.get(key);
  }

  /** Returns an immutable snapshot of a namespace, or `undefined` when there is none. */
  list(namespace: string): ReadonlyMap<string, string> | undefined {
    return this.#table.get(namespace);
  }

  /** Returns the namespaces as immutable snapshots. */
  namespaces(): Iterable<readonly [namespace: string, values: ReadonlyMap<string, string>]> {
    return this.#table;
  }

  /** Every namespace, key and value. */
  *entries(): Generator<[namespace: string, key: string, value: string]> {
    for (const [namespace, values] of this.#table) {
      for (const [key, value] of values) yield [namespace, key, value];
    }
  }

  /** The number of values. */
  get valueCount(): number {
    return this.#table.values().reduce((sum, values) => sum + values.size, 0);
  }

  /** Number of writes of the file; changes that wait at the same time share one. */
  get writes(): number {
    return this.#writes;
  }

  /** Number of failed writes. */
  get failedWrites(): number {
    return this.#failedWrites;
  }

  /** Duration of each sync. */
  get syncSeconds(): Histogram {
    return this.#file.syncSeconds;
  }

  /**
   * Sets a value. Resolves when it is on disk; changes that wait at the same time share one write.
   *
   * @param from the peer that asks for it, as the log shows it
   * @throws {KvConfigError} when the table is full
   * @throws {DurableFileError} when the disk fails; the table is then unchanged
   */
  put(namespace: string, key: string, value: string, from?: PeerFields): Promise<void> {
    return this.#change(namespace, key, value, from);
  }

  /**
   * Removes a value, if it exists. The namespace stays, even when empty, as in the reference.
   *
   * @param from as for {@link put}
   * @throws {DurableFileError} when the disk fails; the table is then unchanged
   */
  delete(namespace: string, key: string, from?: PeerFields): Promise<void> {
    return this.#change(namespace, key, undefined, from);
  }

  /**
   * Resolves when a change could be written now.
   *
   * @throws {DurableFileError} with the reason why it could not
   */
  checkWritable(): Promise<void> {
    return this.#file.probe();
  }

  /** Calls `listener` after each change that has taken effect. */
  subscribe(listener: KvListener): void {
    this.#listeners.push(listener);
  }

  /** Resolves when no changes are waiting, whether their writes succeeded or not. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #change(
    namespace: string,
    key: string,
    value: string | undefined,
    from: PeerFields | undefined,
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ namespace, key, value, from, resolve, reject });
    this.#writing ??= this.#writeWaiting();
    return promise;
  }

  async #writeWaiting(): Promise<void> {
    // Lets all requests of one network read share the first write.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const changes = this.#waiting;
      this.#waiting = [];
      await this.#commit(changes);
    }
    this.#writing = undefined;
  }

  /**
   * Applies changes to a copy of the table, writes it to disk, and then makes it the current table.
   */
  async #commit(changes: Change[]): Promise<void> {
    const draft = new Draft(this.#table, this.#size, this.#maxSize);
    const accepted: Change[] = [];
    const effective: Change[] = [];
    for (const change of changes) {
      try {
        if (draft.apply(change)) effective.push(change);
        accepted.push(change);
      } catch (error) {
        change.reject(error);
      }
    }
    if (effective.length > 0) {
      try {
        await this.#file.write(formatKvFile(draft.table), this.#keepAs);
      } catch (error) {
        this.#reportFailure(error);
        for (const change of accepted) change.reject(error);
        return;
      }
      this.#writes++;
      this.#keepAs = ".bak";
      this.#table = draft.table;
      this.#size = draft.size;
      this.#reportSuccess(effective);
    }
    for (const change of accepted) change.resolve();
  }

  #reportFailure(error: unknown): void {
    this.#failedWrites++;
    // Logged once, not for each request that fails on a full disk.
    if (!this.#failing) this.#log.error("KV changes can't be written", { error });
    this.#failing = true;
  }

  #reportSuccess(changes: Change[]): void {
    if (this.#failing) this.#log.info("KV changes can be written again", { file: this.#file.path });
    this.#failing = false;
    for (const { namespace, key, value, from } of changes) {
      if (value === undefined) this.#log.info("KV deleted", { ...from, namespace, key });
      else this.#log.info("KV put", { ...from, namespace, key, value });
      for (const listener of this.#listeners) {
        try {
          listener(namespace, key);
        } catch (error) {
          this.#log.error("a KV listener failed", { namespace, key, error });
        }
      }
    }
  }
}

/** A copy of a table that copies only the namespaces that change. */
class Draft {
  readonly table: Map<string, ReadonlyMap<string, string>>;
  size: number;
  readonly #maxSize: number;
  readonly #copied = new Map<string, Map<string, string>>();

  constructor(table: KvTable, size: number, maxSize: number) {
    this.table = new Map(table);
    this.size = size;
    this.#maxSize = maxSize;
  }

  /**
   * Returns whether the change made a difference. Throws {@link KvConfigError} when the table is
   * full.
   */
  apply({ namespace, key, value }: Change): boolean {
    const old = this.table.get(namespace)?.get(key);
    if (value === old) return false;
    const isNew = !this.table.has(namespace);
    const growth = sizeOfEntry(key, value) - sizeOfEntry(key, old) +
      (isNew ? sizeOfText(namespace) : 0);
    if (growth > 0 && this.size + growth > this.#maxSize) {
      throw new KvConfigError(`the KV table is full: ${this.#maxSize} characters of JSON at most`);
    }
    this.size += growth;
    const values = this.#writable(namespace);
    if (value === undefined) values.delete(key);
    else values.set(key, value);
    return true;
  }

  #writable(namespace: string): Map<string, string> {
    let values = this.#copied.get(namespace);
    if (values === undefined) {
      values = new Map(this.table.get(namespace));
      this.#copied.set(namespace, values);
      this.table.set(namespace, values);
    }
    return values;
  }
}

/**
 * Returns `undefined` if there is no file. Throws `KvFileError` when its content is not a KV table.
 */
async function readTable(
  file: DurableFile,
  suffix: string,
  log: Log,
): Promise<KvTable | undefined> {
  const bytes = await file.readBytes(suffix);
  if (bytes === undefined) return undefined;
  return parseKvFile(bytes, (namespace, key) => {
    log.warn("null in the KV file ignored", { file: file.path + suffix, namespace, key });
  });
}

async function reportMissing(file: DurableFile, log: Log): Promise<void> {
  const backup = await file.readBytes(".bak").catch(() => undefined);
  log.info("no KV file: the KV table is empty", {
    file: file.path,
    unusedBackup: backup === undefined ? undefined : `${file.path}.bak`,
  });
}

function sizeOfTable(table: KvTable): number {
  let size = 0;
  for (const [namespace, values] of table) {
    size += sizeOfText(namespace);
    for (const [key, value] of values) size += sizeOfEntry(key, value);
  }
  return size;
}

function sizeOfEntry(key: string, value: string | undefined): number {
  return value === undefined ? 0 : sizeOfText(key) + sizeOfText(value);
}

/** Including the quotes and the colon or comma after it. */
function sizeOfText(text: string): number {
  return JSON.stringify(text).length + 1;
}
