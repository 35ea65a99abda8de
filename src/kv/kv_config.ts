import type { DurableFile } from "../durable_file.ts";
import { errorMessage } from "../error_message.ts";
import { FileWatch, type WatchFileSystem } from "../file_watch.ts";
import type { Histogram } from "../histogram.ts";
import type { Log, PeerFields } from "../log/log.ts";
import { StartupError } from "../startup_error.ts";
import type { WorkSlice } from "../work_slice.ts";
import { EmptyKvFileError, inChunks, type KvContent, KvFileError, parseKvFile } from "./kv_file.ts";
import { type KvLimits, overLimits, whyNotPut } from "./kv_limits.ts";
import type { KvCondition, KvListener, KvStore } from "./kv_store.ts";
import { type KvDraft, type KvNamespace, KvTable } from "./kv_table.ts";

/** A KV table that can't be loaded, or a change that a limit forbids. */
export class KvConfigError extends StartupError {
  override name = "KvConfigError";
}

/** A change whose condition does not hold: the value has changed meanwhile. */
export class KvConflictError extends KvConfigError {
  override name = "KvConflictError";

  constructor() {
    super("the value has changed meanwhile");
  }
}

/** Dependencies of {@link KvConfig}. */
export interface KvConfigParts {
  file: DurableFile;
  /** Tells when other processes change the file. */
  files: WatchFileSystem;
  log: Log;
  /** Read for each change, so that live changes apply. */
  limits: KvLimits;
  /** Work on large tables is cut into slices. */
  slice: WorkSlice;
  /** The file is a copy of what another store holds: changes by other processes are overwritten. */
  isCopy?: boolean;
}

/** A change of one key. Without a value, the key is deleted. */
export interface KvChange {
  readonly namespace: string;
  readonly key: string;
  readonly value: string | undefined;
  /** The peer that asked for it, as the log shows it; absent for the server itself. */
  readonly from?: PeerFields | undefined;
  /** As {@link KvStore.put} takes it. */
  readonly condition?: KvCondition | undefined;
}

/** A change that a limit forbids. */
export interface KvRefusal {
  readonly change: KvChange;
  /** The field or option, and why. */
  readonly reason: string;
}

/** A change that waits for the disk. */
interface Change extends KvChange {
  /** It has no line of its own in the log. */
  readonly quiet?: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

/** Changes that are applied to a draft. */
interface Prepared {
  readonly draft: KvDraft;
  readonly accepted: Change[];
  /** Those of the accepted ones that make a difference. */
  readonly effective: Change[];
  readonly refused: { change: Change; error: KvConfigError }[];
}

/** Foreign differences that become visible at once. */
const BATCH = 500;
/** Values that are compared, or put into a new table, in one step of a slice. */
const VALUES_A_STEP = 64;

/**
 * The KV table, namespace -> key -> value (semantics.md, "KV config"), and its file. Readers see
 * only data that is safely on disk. Other processes may use the same file: their changes are merged
 * before each write.
 */
export class KvConfig implements KvStore {
  readonly #file: DurableFile;
  readonly #log: Log;
  readonly #limits: KvLimits;
  readonly #slice: WorkSlice;
  readonly #listeners: KvListener[] = [];
  readonly #table: KvTable;
  readonly #isCopy: boolean;
  /** The suffix under which the next write keeps the file's current content. */
  #keepAs: ".bak" | ".broken" | ".before-etcd";
  /** Of the file that the table agrees with. */
  #identity: string | undefined;
  /** The file was removed, or others have broken it: the next change writes it in any case. */
  #mustWrite = false;
  #waiting: Change[] = [];
  #lookWanted = false;
  #working: Promise<void> | undefined;
  readonly #watch: FileWatch;
  #failing = false;
  #unreadable = false;
  #unlocked = false;
  #writes = 0;
  #failedWrites = 0;

  private constructor(
    { file, files, log, limits, slice, isCopy = false }: KvConfigParts,
    table: KvTable,
    identity: string | undefined,
    keepAs: ".bak" | ".broken",
  ) {
    this.#file = file;
    this.#log = log;
    this.#limits = limits;
    this.#slice = slice;
    this.#isCopy = isCopy;
    this.#table = table;
    this.#identity = identity;
    this.#keepAs = keepAs;
    this.#watch = new FileWatch(files, () => [file.path], () => this.look());
  }

  /**
   * Loads the table. Without a file it is empty, even if there is a `.bak`: no write ever leaves
   * the file missing, so it was removed on purpose. If the file is broken, the `.bak` is used with
   * a warning, and the next write keeps the broken content as `<path>.broken` instead of replacing
   * the good backup. An empty file without a `.bak` is an empty table, with a warning: it was made
   * for the server to write to. A table over a limit is loaded as it is, with a warning.
   *
   * @throws {KvConfigError} naming the file and the reason, when it can't be read, or when both it
   * and its backup are broken. No file is changed.
   */
  static async load(parts: KvConfigParts): Promise<KvConfig> {
    const { file, log, limits, slice } = parts;
    // Before the content: what is written in between then shows as a change.
    const identity = await file.identity().catch(() => undefined);
    const { content, keepAs } = await readAtStart(parts);
    const table = new KvTable();
    const draft = table.draft();
    await slice.drive(fill(draft, content));
    draft.commit();
    for (const over of overLimits(table, limits)) {
      log.warn("KV table is over a limit", { file: file.path, ...over });
    }
    return new KvConfig(parts, table, identity, keepAs);
  }

  /** Returns the value, or `undefined` when there is none. */
  get(namespace: string, key: string): string | undefined {
    return this.#table.namespace(namespace)?.get(key);
  }

  /** Returns a namespace, or `undefined` when there is none. It follows later changes. */
  list(namespace: string): KvNamespace | undefined {
    return this.#table.namespace(namespace);
  }

  /** Returns the namespaces. They follow later changes. */
  namespaces(): Iterable<readonly [name: string, namespace: KvNamespace]> {
    return this.#table.namespaces();
  }

  /** Every namespace, key and value. */
  *entries(): Generator<[namespace: string, key: string, value: string]> {
    for (const [namespace, values] of this.#table.namespaces()) {
      for (const [key, value] of values) yield [namespace, key, value];
    }
  }

  /** The number of values. */
  get valueCount(): number {
    return this.#table.values;
  }

  /** Bytes of the table as JSON in UTF-8, which maxKvBytes limits. */
  get bytes(): number {
    return this.#table.bytes;
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
   * @param condition asked about the value that the change would replace, unless that is the same
   * @throws {KvConflictError} when the condition does not hold
   * @throws {KvConfigError} naming the field and the option, when a limit forbids it
   * @throws {DurableFileError} when the disk fails; the table is then unchanged
   */
  put(
    namespace: string,
    key: string,
    value: string,
    from?: PeerFields,
    condition?: KvCondition,
  ): Promise<void> {
    return this.#change({ namespace, key, value, from, condition });
  }

  /**
   * Removes a value, if it exists. The namespace stays, even when empty, as in the reference.
   *
   * @param from and the condition as for {@link put}
   * @throws {KvConflictError} when the condition does not hold
   * @throws {DurableFileError} when the disk fails; the table is then unchanged
   */
  delete(
    namespace: string,
    key: string,
    from?: PeerFields,
    condition?: KvCondition,
  ): Promise<void> {
    return this.#change({ namespace, key, value: undefined, from, condition });
  }

  /**
   * Makes several changes together: readers see either none of them or all, except those that a limit
   * forbids.
   *
   * @param quiet the changes have no lines of their own in the log
   * @returns those that a limit forbids
   * @throws {DurableFileError} when the disk fails; the table is then unchanged
   */
  async apply(changes: readonly KvChange[], quiet = false): Promise<KvRefusal[]> {
    const refused: KvRefusal[] = [];
    const done: Promise<void>[] = [];
    const collected: Change[] = [];
    for (const change of changes) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      done.push(promise.catch((error) => {
        if (!(error instanceof KvConfigError)) throw error;
        refused.push({ change, reason: error.message });
      }));
      collected.push({ ...change, quiet, resolve, reject });
      if (this.#slice.over) await this.#slice.turn();
    }
    this.#waiting.push(...collected);
    this.#working ??= this.#work();
    await Promise.all(done);
    return refused;
  }

  /**
   * Returns what has to change so that the table has exactly these values. Deletions come first.
   * Namespaces without values stay.
   */
  async differences(content: KvContent): Promise<KvChange[]> {
    return await this.#slice.drive(differencesOf(this.#table, content));
  }

  /** Returns why a value can't be put now: the field, and the option of the limit. */
  whyNotPut(namespace: string, key: string, value: string): string | undefined {
    return whyNotPut(this.#table.draft(), this.#limits, { namespace, key, value });
  }

  /** The next write keeps the file as it is now as `<path>.before-etcd`, which replaces an older one. */
  keepBeforeEtcd(): void {
    this.#keepAs = ".before-etcd";
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
    while (this.#working !== undefined) await this.#working;
  }

  /**
   * Starts to merge changes of the file by other processes soon after they are made, unless it is a
   * copy.
   */
  watch(): void {
    if (!this.#isCopy) this.#watch.start();
  }

  /** Ends {@link watch}. */
  close(): void {
    this.#watch.close();
  }

  /** Merges what other processes have written into the file, if it has changed. */
  look(): Promise<void> {
    this.#lookWanted = true;
    return this.#working ??= this.#work();
  }

  #change(change: KvChange): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ ...change, resolve, reject });
    this.#working ??= this.#work();
    return promise;
  }

  async #work(): Promise<void> {
    // Lets all requests of one network read share the first write.
    await Promise.resolve();
    while (this.#waiting.length > 0 || this.#lookWanted) {
      if (this.#lookWanted) {
        this.#lookWanted = false;
        await this.#lookNow();
      }
      if (this.#waiting.length > 0) {
        const changes = this.#waiting;
        this.#waiting = [];
        await this.#commit(changes);
      }
    }
    this.#working = undefined;
  }

  async #lookNow(): Promise<void> {
    try {
      if (await this.#file.identity() !== this.#identity) {
        await this.#exclusively(() => this.#takeForeign());
      }
      this.#unreadable = false;
    } catch (error) {
      if (!this.#unreadable) {
        this.#log.warn("KV file can't be read again", { file: this.#file.path, error });
      }
      this.#unreadable = true;
    }
  }

  /** Writes changes to disk together with the table, and then shows them to readers. */
  async #commit(changes: readonly Change[]): Promise<void> {
    try {
      const early = await this.#mayDiffer() ? undefined : await this.#prepare(changes);
      const nothing = early?.effective.length === 0 && !this.#mustWrite;
      const prepared = nothing ? early : await this.#exclusively(() => this.#write(changes, early));
      await this.#slice.drive(this.#settle(prepared));
    } catch (error) {
      this.#reportFailure(error);
      for (const change of changes) change.reject(error);
    }
  }

  /**
   * Whether others may have written the file. The times of a file that is overwritten in place are
   * too coarse to say that they have not.
   */
  async #mayDiffer(): Promise<boolean> {
    if (this.#isCopy) return false;
    return this.#file.isOverwritten || await this.#file.identity() !== this.#identity;
  }

  async #prepare(changes: readonly Change[]): Promise<Prepared> {
    const prepared = { draft: this.#table.draft(), accepted: [], effective: [], refused: [] };
    await this.#slice.drive(apply(changes, prepared, this.#limits));
    return prepared;
  }

  async #write(changes: readonly Change[], early: Prepared | undefined): Promise<Prepared> {
    const differs = await this.#mayDiffer();
    if (differs) await this.#takeForeign();
    const prepared = differs || early === undefined ? await this.#prepare(changes) : early;
    if (prepared.effective.length === 0 && !this.#mustWrite) return prepared;
    const { draft } = prepared;
    await this.#file.write({ [Symbol.iterator]: () => inChunks(draft.file()) }, this.#keepAs);
    this.#identity = await this.#file.identity().catch(() => undefined);
    this.#writes++;
    this.#keepAs = ".bak";
    this.#mustWrite = false;
    draft.commit();
    if (this.#failing) this.#log.info("KV changes can be written again", { file: this.#file.path });
    this.#failing = false;
    return prepared;
  }

  *#settle({ accepted, effective, refused }: Prepared): Generator<void, void> {
    for (const { change, error } of refused) change.reject(error);
    for (const { namespace, key, value, from, quiet } of effective) {
      if (quiet === true) {
        // Told by the caller.
      } else if (value === undefined) this.#log.info("KV deleted", { ...from, namespace, key });
      else this.#log.info("KV put", { ...from, namespace, key, value });
      this.#notify(namespace, key);
      yield;
    }
    for (const change of accepted) {
      change.resolve();
      yield;
    }
  }

  /** Makes the table agree with the file, which other processes have written. */
  async #takeForeign(): Promise<void> {
    const file = this.#file.path;
    const identity = await this.#file.identity();
    if (identity === this.#identity && !this.#file.isOverwritten) return;
    const bytes = await this.#file.readBytes();
    this.#identity = identity;
    this.#mustWrite = true;
    if (bytes === undefined) return;
    let differences: KvChange[];
    try {
      const onNull = (namespace: string, key?: string) => {
        this.#log.warn("null in the KV file ignored", { file, namespace, key });
      };
      const content = await this.#slice.drive(parseKvFile(bytes, onNull));
      differences = await this.#slice.drive(differencesOf(this.#table, content));
    } catch (error) {
      if (!(error instanceof KvFileError)) throw error;
      if (error instanceof EmptyKvFileError) return;
      this.#log.warn("KV file changed and is broken: the change is ignored", {
        file,
        reason: error.message,
      });
      this.#keepAs = ".broken";
      return;
    }
    this.#keepAs = ".bak";
    this.#mustWrite = false;
    if (differences.length === 0) return;
    for (let at = 0; at < differences.length; at += BATCH) {
      const batch = differences.slice(at, at + BATCH);
      const draft = this.#table.draft();
      await this.#slice.drive(applyAll(batch, draft));
      draft.commit();
      for (const { namespace, key } of batch) this.#notify(namespace, key);
    }
    const deleted = differences.filter(({ value }) => value === undefined).length;
    const put = differences.length - deleted;
    this.#log.info("KV changes of another process taken", { file, put, deleted });
  }

  #exclusively<T>(task: () => Promise<T>): Promise<T> {
    return this.#file.exclusively(task, (reason) => {
      if (!this.#unlocked) {
        const { path: file } = this.#file;
        this.#log.warn("KV file can't be locked: no other process may write it", { file, reason });
      }
      this.#unlocked = true;
    });
  }

  #reportFailure(error: unknown): void {
    this.#failedWrites++;
    // Logged once, not for each request that fails on a full disk.
    if (!this.#failing) this.#log.error("KV changes can't be written", { error });
    this.#failing = true;
  }

  #notify(namespace: string, key: string): void {
    for (const listener of this.#listeners) {
      try {
        listener(namespace, key);
      } catch (error) {
        this.#log.error("a KV listener failed", { namespace, key, error });
      }
    }
  }
}

function* fill(draft: KvDraft, content: KvContent): Generator<void, void> {
  let put = 0;
  for (const [namespace, values] of content) {
    draft.add(namespace);
    for (const [key, value] of values) {
      draft.put(namespace, key, value);
      if (++put % VALUES_A_STEP === 0) yield;
    }
  }
  yield* draft.seal();
}

function* apply(
  changes: readonly Change[],
  { draft, accepted, effective, refused }: Prepared,
  limits: KvLimits,
): Generator<void, void> {
  for (const change of changes) {
    const { namespace, key, value, condition } = change;
    const now = draft.get(namespace, key);
    if (value !== now) {
      if (condition?.(now) === false) {
        refused.push({ change, error: new KvConflictError() });
        continue;
      }
      const reason = value === undefined
        ? undefined
        : whyNotPut(draft, limits, { namespace, key, value });
      if (reason !== undefined) {
        refused.push({ change, error: new KvConfigError(reason) });
        continue;
      }
      applyOne(change, draft);
      effective.push(change);
    }
    accepted.push(change);
    yield;
  }
  yield* draft.seal();
}

function* applyAll(differences: readonly KvChange[], draft: KvDraft): Generator<void, void> {
  for (const difference of differences) {
    applyOne(difference, draft);
    yield;
  }
  yield* draft.seal();
}

function applyOne({ namespace, key, value }: KvChange, draft: KvDraft): void {
  if (value === undefined) draft.delete(namespace, key);
  else draft.put(namespace, key, value);
}

/** Finds what makes a table agree with a file. A namespace that is missing there is emptied. */
function* differencesOf(table: KvTable, content: KvContent): Generator<void, KvChange[]> {
  const found: KvChange[] = [];
  let compared = 0;
  for (const [namespace, values] of table.namespaces()) {
    const kept = content.get(namespace);
    for (const [key] of values) {
      if (kept?.has(key) !== true) found.push({ namespace, key, value: undefined });
      if (++compared % VALUES_A_STEP === 0) yield;
    }
  }
  for (const [namespace, values] of content) {
    const known = table.namespace(namespace);
    for (const [key, value] of values) {
      if (known?.get(key) !== value) found.push({ namespace, key, value });
      if (++compared % VALUES_A_STEP === 0) yield;
    }
  }
  return found;
}

/** Reads the file or, when it is broken, its backup. */
async function readAtStart(
  { file, log, slice }: KvConfigParts,
): Promise<{ content: KvContent; keepAs: ".bak" | ".broken" }> {
  const { path } = file;
  const read = async (suffix: string): Promise<KvContent | undefined> => {
    const bytes = await file.readBytes(suffix);
    if (bytes === undefined) return undefined;
    return await slice.drive(parseKvFile(bytes, (namespace, key) => {
      log.warn("null in the KV file ignored", { file: path + suffix, namespace, key });
    }));
  };
  let broken: KvFileError;
  try {
    const content = await read("");
    if (content === undefined) await reportMissing(file, log);
    else log.info("KV table loaded", { file: path, namespaces: content.size });
    return { content: content ?? new Map(), keepAs: ".bak" };
  } catch (error) {
    if (!(error instanceof KvFileError)) {
      throw new KvConfigError(errorMessage(error), { cause: error });
    }
    broken = error;
  }

  let backup: KvContent | undefined;
  let reason: string | undefined;
  try {
    backup = await read(".bak");
  } catch (error) {
    reason = errorMessage(error);
  }
  if (backup === undefined) {
    if (reason === undefined && broken instanceof EmptyKvFileError) {
      log.warn("KV file without content: the KV table is empty", { file: path });
      return { content: new Map(), keepAs: ".bak" };
    }
    throw new KvConfigError(
      `KV file ${path} is broken: ${broken.message}; its backup .bak: ${reason ?? "there is none"}`,
    );
  }
  log.warn("KV FILE IS BROKEN: USING ITS BACKUP, the last changes may be missing", {
    file: path,
    reason: broken.message,
    backup: `${path}.bak`,
    namespaces: backup.size,
  });
  return { content: backup, keepAs: ".broken" };
}

async function reportMissing(file: DurableFile, log: Log): Promise<void> {
  const backup = await file.readBytes(".bak").catch(() => undefined);
  log.info("no KV file: the KV table is empty", {
    file: file.path,
    unusedBackup: backup === undefined ? undefined : `${file.path}.bak`,
  });
}
