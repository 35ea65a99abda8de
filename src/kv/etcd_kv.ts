import type { Options } from "../config/options.ts";
import type { DurableFile } from "../durable_file.ts";
import { DurableFileError } from "../durable_file.ts";
import { errorMessage } from "../error_message.ts";
import type { EtcdClient, EtcdEntry, EtcdEvent, EtcdOperation } from "../etcd/client.ts";
import { EtcdError, publicReason } from "../etcd/client.ts";
import type { Histogram } from "../histogram.ts";
import type { Log, PeerFields } from "../log/log.ts";
import { sleep } from "../sleep.ts";
import { type KvChange, type KvConfig, KvConfigError, KvConflictError } from "./kv_config.ts";
import { EtcdKvKeys } from "./etcd_kv_keys.ts";
import type { KvLimits } from "./kv_limits.ts";
import type { KvCondition, KvEtcdState, KvListener, KvStore } from "./kv_store.ts";
import { bytesOfEntry, type KvNamespace } from "./kv_table.ts";

/** Dependencies of {@link EtcdKv}. */
export interface EtcdKvParts {
  /** The copy of the table in memory and on disk. */
  copy: KvConfig;
  /** Holds the name of the table of which the copy is one. */
  origin: DurableFile;
  client: EtcdClient;
  options: Readonly<
    & KvLimits
    & Pick<Options, "etcdPrefix" | "etcdRequestTimeoutMillis" | "maxKvWaitingWrites">
  >;
  log: Log;
}

/** A change that was asked of this server. */
interface Wanted extends KvChange {
  /** The table that it belongs to. */
  readonly table: string;
  /** Its key in etcd. */
  readonly at: string;
  resolve(): void;
  reject(error: unknown): void;
}

/** A change that etcd has, and that the copy does not have yet. */
interface Awaited {
  readonly wanted: Wanted;
  /** The revision that has it; Infinity for a key that etcd already lacked. */
  readonly revision: number;
  /** Takes the change back; absent when etcd had the value already, or already lacked it. */
  readonly undo: EtcdOperation | undefined;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** An entry of etcd that the copy does not take. */
interface Refusal {
  /** Its key in etcd. */
  readonly at: string;
  readonly revision: number;
  readonly reason: string;
}

/** The refusals of one synchronisation: of all of them, one line is logged. */
class Refusals {
  count = 0;
  first: Refusal | undefined;
  readonly #note: (refusal: Refusal) => void;

  constructor(note: (refusal: Refusal) => void) {
    this.#note = note;
  }

  add(refusal: Refusal): void {
    this.count++;
    this.first ??= refusal;
    this.#note(refusal);
  }
}

const NO_NAME = "it is not a namespace, a slash and a key in UTF-8";
/** etcd allows 128 conditions and steps in a transaction by default, and 1.5 MiB. */
const MOST_STEPS = 100;
const MOST_CHARACTERS = 256 * 1024;
/** How often a change is tried again when others have changed the same keys. */
const MOST_TRIES = 5;
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 5000;
/** Milliseconds until a copy that could not be written is tried again. */
const DISK_PAUSE = 1000;

/**
 * The KV table in etcd, the same one for all name servers with the same etcdPrefix. This server has a
 * copy in memory and in its KV file, which follows etcd by a watch and by nothing else. Reads are
 * answered from the copy, also while etcd is out of reach. A change is made in etcd and is complete when
 * the copy has it.
 */
export class EtcdKv implements KvStore {
  readonly #copy: KvConfig;
  readonly #origin: DurableFile;
  readonly #client: EtcdClient;
  readonly #options: EtcdKvParts["options"];
  readonly #log: Log;
  readonly #keys: EtcdKvKeys;
  readonly #closed = new AbortController();
  /** Name of the table; `undefined` while the copy does not follow it. */
  #table: string | undefined;
  /** The name under which the copy is put into etcd, until that has succeeded. */
  #candidate: string | undefined;
  /** The copy has all changes up to this revision. */
  #revision = 0;
  #problem: string | undefined = "the name server has just started";
  #diskProblem: string | undefined;
  /** The state that the log reported last; `undefined` before its first line about it. */
  #follows: boolean | undefined;
  #refused = 0;
  #refusedWrites = 0;
  /** Changes that were asked of this server and have not been answered. */
  #unanswered = 0;
  #waiting: Wanted[] = [];
  #working = false;
  #awaited: Awaited[] = [];
  /** Changes that are being made in etcd, by their keys there. */
  readonly #own = new Map<string, Wanted>();
  /** Refused changes since the last synchronisation, by key in etcd: the last ones only. */
  readonly #refusals = new Map<string, { revision: number; reason: string }>();

  constructor({ copy, origin, client, options, log }: EtcdKvParts) {
    this.#copy = copy;
    this.#origin = origin;
    this.#client = client;
    this.#options = options;
    this.#log = log;
    this.#keys = new EtcdKvKeys(options.etcdPrefix);
  }

  get valueCount(): number {
    return this.#copy.valueCount;
  }

  get bytes(): number {
    return this.#copy.bytes;
  }

  get writes(): number {
    return this.#copy.writes;
  }

  get failedWrites(): number {
    return this.#copy.failedWrites;
  }

  get syncSeconds(): Histogram {
    return this.#copy.syncSeconds;
  }

  get etcd(): KvEtcdState {
    return {
      problem: this.#diskProblem ?? this.#problem,
      refused: this.#refused,
      refusedWrites: this.#refusedWrites,
    };
  }

  get(namespace: string, key: string): string | undefined {
    return this.#copy.get(namespace, key);
  }

  list(namespace: string): KvNamespace | undefined {
    return this.#copy.list(namespace);
  }

  namespaces(): Iterable<readonly [name: string, namespace: KvNamespace]> {
    return this.#copy.namespaces();
  }

  entries(): Iterable<readonly [namespace: string, key: string, value: string]> {
    return this.#copy.entries();
  }

  subscribe(listener: KvListener): void {
    this.#copy.subscribe(listener);
  }

  checkWritable(): Promise<void> {
    return this.#copy.checkWritable();
  }

  flush(): Promise<void> {
    return this.#copy.flush();
  }

  /** Starts to follow etcd. It may be out of reach. */
  watch(): void {
    void this.#follow();
  }

  close(): void {
    this.#closed.abort();
    this.#table = undefined;
    const error = new KvConfigError("the name server is stopping");
    for (const { wanted, timer } of this.#awaited) {
      clearTimeout(timer);
      wanted.reject(error);
    }
    this.#awaited = [];
  }

  /**
   * Sets a value. Resolves when etcd has it and the copy is on disk.
   *
   * @param condition asked about etcd's value
   * @throws {KvConflictError} when the condition does not hold
   * @throws {KvConfigError} when a limit forbids it, or etcd is out of reach
   * @throws {DurableFileError} when etcd has it, but the copy can't be written
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

  /** Removes a value, if it exists, like {@link put}. */
  delete(
    namespace: string,
    key: string,
    from?: PeerFields,
    condition?: KvCondition,
  ): Promise<void> {
    return this.#change({ namespace, key, value: undefined, from, condition });
  }

  async #change(change: KvChange): Promise<void> {
    const { namespace, key, value } = change;
    const table = this.#usable();
    if (![namespace, key, value ?? ""].every((text) => text.isWellFormed())) {
      throw new KvConfigError("etcd takes only text that is valid Unicode (kvStore=etcd)");
    }
    const fault = value === undefined ? undefined : this.#copy.whyNotPut(namespace, key, value);
    if (fault !== undefined) throw new KvConfigError(fault);
    const { maxKvWaitingWrites: most } = this.#options;
    if (this.#unanswered >= most) {
      this.#refusedWrites++;
      throw new KvConfigError(`${most} changes wait for etcd already (maxKvWaitingWrites)`);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const at = this.#keys.keyOf(table, namespace, key);
    this.#waiting.push({ ...change, table, at, resolve, reject });
    void this.#work();
    this.#unanswered++;
    try {
      await promise;
    } finally {
      this.#unanswered--;
    }
  }

  /** @throws {KvConfigError} when the copy does not follow etcd */
  #usable(): string {
    if (this.#table !== undefined) return this.#table;
    throw new KvConfigError(
      `the KV table can't be changed: ${
        this.#problem ?? "it is read from etcd again"
      } (kvStore=etcd)`,
    );
  }

  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      for (const wanted of batch) this.#own.set(wanted.at, wanted);
      try {
        const table = this.#usable();
        if (batch.some((wanted) => wanted.table !== table)) {
          throw new KvConfigError("the KV table was replaced meanwhile (kvStore=etcd)");
        }
        await this.#make(table, batch);
      } catch (error) {
        for (const wanted of batch) wanted.reject(asKvError(error));
        // The others need not wait for the same time limits one after another.
        if (error instanceof EtcdError && error.fault === "unavailable") this.#refuseWaiting();
      }
      for (const wanted of batch) this.#own.delete(wanted.at);
    }
    this.#working = false;
  }

  /** Refuses the changes that wait: etcd does not answer. */
  #refuseWaiting(): void {
    for (const { reject } of this.#waiting.splice(0)) {
      reject(asKvError(new EtcdError("unavailable", "")));
    }
  }

  /** Changes for one transaction: of different keys, and not too many. */
  #takeBatch(): Wanted[] {
    const keys = new Set<string>();
    let characters = 0;
    const end = this.#waiting.findIndex(({ at, value }) => {
      characters += at.length + (value?.length ?? 0);
      const isFull = keys.size > 0 && (keys.size === MOST_STEPS || characters > MOST_CHARACTERS);
      if (isFull || keys.has(at)) return true;
      keys.add(at);
      return false;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  /**
   * Makes changes in etcd. The keys are read first and must not have changed since, so that a
   * change whose outcome is unknown can be tried again, and never comes late.
   */
  async #make(table: string, batch: readonly Wanted[]): Promise<void> {
    const { signal } = this.#closed;
    const isTable = { key: this.#keys.table, value: table };
    let unknown: EtcdError | undefined;
    let wished = batch;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const now = await this.#client.transact({
        compare: [isTable],
        success: wished.map(({ at }) => ({ type: "get", key: at })),
      }, { signal }).catch((error) => Promise.reject(unknown ?? error));
      if (!now.succeeded) throw new KvConfigError("etcd's KV table was replaced: try again");
      const steps: EtcdOperation[] = [];
      const made: { wanted: Wanted; before: EtcdEntry | undefined }[] = [];
      for (const [i, wanted] of wished.entries()) {
        const before = now.found[i];
        const { at, value, condition } = wanted;
        if (value !== before?.value) {
          if (condition?.(before?.value) === false) {
            wanted.reject(new KvConflictError());
            continue;
          }
          steps.push(
            value === undefined ? { type: "delete", key: at } : { type: "put", key: at, value },
          );
        }
        made.push({ wanted, before });
      }
      wished = made.map(({ wanted }) => wanted);
      let revision = 0;
      if (steps.length > 0) {
        const compare = made.map(({ wanted, before }) => ({
          key: wanted.at,
          modRevision: before?.modRevision ?? 0,
        }));
        try {
          const done = await this.#client.transact(
            { compare: [isTable, ...compare], success: steps },
            { signal },
          );
          if (!done.succeeded) continue;
          revision = done.revision;
        } catch (error) {
          if (!(error instanceof EtcdError) || !error.maybeDone || signal.aborted) throw error;
          unknown = error;
          continue;
        }
      }
      for (const { wanted, before } of made) {
        // Of a key that etcd lacks, only the copy tells whether its deletion has come here.
        if (wanted.value === before?.value) this.#await(wanted, before?.modRevision ?? Infinity);
        else this.#await(wanted, revision, undoOf(wanted.at, before));
      }
      return;
    }
    throw unknown ?? new KvConfigError("others change the same keys in etcd: try again");
  }

  /** Completes a change that etcd has when the copy has it, too. */
  #await(wanted: Wanted, revision: number, undo?: EtcdOperation): void {
    if (this.#closed.signal.aborted) {
      wanted.reject(new KvConfigError("the name server is stopping"));
      return;
    }
    const timer = setTimeout(() => {
      this.#awaited = this.#awaited.filter((other) => other.wanted !== wanted);
      wanted.reject(
        new KvConfigError("etcd has the change, but its watch has not brought it here yet"),
      );
    }, this.#options.etcdRequestTimeoutMillis);
    this.#awaited.push({ wanted, revision, undo, timer });
    this.#complete();
  }

  /** Answers the changes that the copy has. */
  #complete(): void {
    const due = new Set(this.#awaited.filter((awaited) => this.#has(awaited)));
    this.#awaited = this.#awaited.filter((awaited) => !due.has(awaited));
    for (const { wanted, revision, undo, timer } of due) {
      clearTimeout(timer);
      const refusal = this.#refusals.get(wanted.at);
      if (refusal === undefined || refusal.revision !== revision) wanted.resolve();
      else void this.#takeBack(wanted, revision, undo, refusal.reason);
    }
  }

  #has({ wanted: { namespace, key }, revision }: Awaited): boolean {
    return revision === Infinity
      ? this.#copy.get(namespace, key) === undefined
      : revision <= this.#revision;
  }

  /** Others have filled the table meanwhile, so that a limit forbids a change that etcd has. */
  async #takeBack(
    { at, reject }: Wanted,
    revision: number,
    undo: EtcdOperation | undefined,
    reason: string,
  ): Promise<void> {
    if (undo !== undefined) {
      const compare = [{ key: at, modRevision: revision }];
      // If this fails, the log still names the key as one that is not taken.
      await this.#client.transact({ compare, success: [undo] }).catch(() => {});
    }
    reject(new KvConfigError(reason));
  }

  /** Synchronises the copy, and then follows the changes. */
  async #follow(): Promise<void> {
    const { signal } = this.#closed;
    let pause = FIRST_PAUSE;
    while (!signal.aborted) {
      try {
        const { table, revision } = await this.#synchronise();
        this.#revision = revision;
        this.#table = table;
        this.#complete();
        this.#report(undefined);
        pause = FIRST_PAUSE;
        await this.#takeChanges(table, revision);
      } catch (error) {
        // Then it is read again, and changes can go on meanwhile.
        const isCompacted = error instanceof EtcdError && error.fault === "compacted";
        if (!isCompacted || signal.aborted) this.#table = undefined;
        if (signal.aborted) return;
        if (!isCompacted) this.#report(error);
      }
      await sleep(pause, signal);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    }
  }

  /** Takes what the watch brings, until another table takes the place of this one. */
  async #takeChanges(table: string, revision: number): Promise<void> {
    const { signal } = this.#closed;
    const watch = this.#client.watch({
      prefix: this.#keys.all,
      fromRevision: revision + 1,
      signal,
      onState: (failure) => this.#report(failure),
    });
    for await (const { revision, events } of watch) {
      if (events.some(({ key }) => key === this.#keys.table)) {
        this.#table = undefined;
        return;
      }
      await this.#take(events.filter(({ key }) => this.#keys.isOf(table, key)));
      this.#revision = revision;
      this.#complete();
    }
  }

  async #take(events: readonly EtcdEvent[]): Promise<void> {
    const changes: (KvChange & { at: string; revision: number })[] = [];
    for (const event of events) {
      const name = event.utf8 ? this.#keys.parse(event.key) : undefined;
      if (name === undefined) {
        this.#refuse({ at: event.key, revision: event.modRevision, reason: NO_NAME });
        continue;
      }
      const value = event.type === "put" ? event.value : undefined;
      const own = this.#own.get(event.key) ??
        this.#awaited.find(({ wanted }) => wanted.at === event.key)?.wanted;
      const from = own?.value === value ? own?.from : undefined;
      changes.push({ ...name, value, from, at: event.key, revision: event.modRevision });
    }
    for (const { change, reason } of await this.#written(changes)) {
      const { at, revision } = change as typeof changes[number];
      this.#refuse({ at, revision, reason });
    }
  }

  /** Applies changes to the copy, and tries again while the disk fails: none may be left out. */
  async #written(changes: readonly KvChange[], quiet = false) {
    const { signal } = this.#closed;
    for (;;) {
      try {
        const refused = await this.#copy.apply(changes, quiet);
        this.#diskProblem = undefined;
        return refused;
      } catch (error) {
        if (!(error instanceof DurableFileError) || signal.aborted) throw error;
        for (const { wanted, timer } of this.#awaited.splice(0)) {
          clearTimeout(timer);
          wanted.reject(error);
        }
        this.#diskProblem = `the copy can't be written: ${error.summary}`;
        await sleep(DISK_PAUSE, signal);
        if (signal.aborted) throw error;
      }
    }
  }

  #refuse(refusal: Refusal): void {
    this.#log.warn("KV entry of etcd not taken", { key: refusal.at, reason: refusal.reason });
    this.#note(refusal);
  }

  /** Remembers a refusal: it is the answer to those who wait for that change. */
  #note({ at, revision, reason }: Refusal): void {
    this.#refused++;
    this.#refusals.delete(at);
    this.#refusals.set(at, { revision, reason });
    const [oldest] = this.#refusals.keys();
    if (this.#refusals.size > MOST_STEPS * 10 && oldest !== undefined) {
      this.#refusals.delete(oldest);
    }
  }

  /** Makes the copy agree with etcd, or puts it into etcd if that has no table yet. */
  async #synchronise(): Promise<{ table: string; revision: number }> {
    const { signal } = this.#closed;
    const origin = (await this.#origin.read())?.trim();
    const found = await this.#client.get(this.#keys.table, { signal });
    const table = found?.value ?? await this.#import();
    this.#candidate = undefined;
    const content = new Map<string, Map<string, string>>();
    const revisions = new Map<string, number>();
    const refusals = new Refusals((refusal) => this.#note(refusal));
    let revision = 0;
    let bytes = 0;
    let count = 0;
    for await (const page of this.#client.scan(this.#keys.folderOf(table), { signal })) {
      revision = page.revision;
      for (const { key: at, value, utf8, modRevision } of page.entries) {
        const name = utf8 ? this.#keys.parse(at) : undefined;
        if (name === undefined) {
          refusals.add({ at, revision: modRevision, reason: NO_NAME });
          continue;
        }
        // More than this is refused in any case, and need not be kept until then.
        bytes += bytesOfEntry(name.key, value);
        if (++count > this.#options.maxKvKeys || bytes > this.#options.maxKvBytes) {
          const reason = "the KV table is full (maxKvKeys, maxKvBytes)";
          refusals.add({ at, revision: modRevision, reason });
          continue;
        }
        revisions.set(at, modRevision);
        const values = content.get(name.namespace) ?? new Map<string, string>();
        values.set(name.key, value);
        content.set(name.namespace, values);
      }
    }
    for (const { at, reason } of await this.#agree(content, table, origin)) {
      refusals.add({ at, revision: revisions.get(at) ?? 0, reason });
    }
    if (refusals.first !== undefined) {
      const { at, reason } = refusals.first;
      this.#log.warn("KV entries of etcd not taken", { entries: refusals.count, key: at, reason });
    }
    if (origin !== table) await this.#origin.write(`${table}\n`, null);
    return { table, revision };
  }

  /** Makes the copy have this content. Returns what a limit forbids. */
  async #agree(
    content: ReadonlyMap<string, ReadonlyMap<string, string>>,
    table: string,
    origin: string | undefined,
  ): Promise<Pick<Refusal, "at" | "reason">[]> {
    const changes = await this.#copy.differences(content);
    if (changes.length === 0) return [];
    const isFirst = origin !== table && this.#copy.valueCount > 0;
    if (isFirst) this.#copy.keepBeforeEtcd();
    const refusals = await this.#written(changes, true);
    const deleted = changes.filter(({ value }) => value === undefined).length;
    const fields = { put: changes.length - deleted - refusals.length, deleted };
    if (isFirst) this.#log.warn("KV table of etcd taken, it differs from this server's", fields);
    else this.#log.info("KV changes of etcd taken", fields);
    return refusals.map(({ change: { namespace, key }, reason }) => {
      return { at: this.#keys.keyOf(table, namespace, key), reason };
    });
  }

  /**
   * Puts the copy into etcd under a new name, and then makes this the table, unless another name
   * server was faster.
   *
   * @returns the name of the table
   */
  async #import(): Promise<string> {
    const { signal } = this.#closed;
    // A try that failed is written over by the next one, instead of filling etcd.
    const table = this.#candidate ??= crypto.randomUUID().slice(0, 8);
    let steps: EtcdOperation[] = [];
    let characters = 0;
    let values = 0;
    // Once there is a table, its values are not touched: it may be this one, made by an earlier try.
    const noTable = [{ key: this.#keys.table, createRevision: 0 }];
    const flush = async () => {
      if (steps.length > 0) {
        await this.#client.transact({ compare: noTable, success: steps }, { signal });
      }
      values += steps.length;
      steps = [];
      characters = 0;
    };
    let winner = "";
    try {
      for (const [namespace, key, value] of this.#copy.entries()) {
        const at = this.#keys.keyOf(table, namespace, key);
        characters += at.length + value.length;
        if (steps.length === MOST_STEPS || characters > MOST_CHARACTERS) await flush();
        steps.push({ type: "put", key: at, value });
      }
      await flush();
      const { succeeded, found } = await this.#client.transact({
        compare: noTable,
        success: [{ type: "put", key: this.#keys.table, value: table }],
        failure: [{ type: "get", key: this.#keys.table }],
      }, { signal });
      winner = succeeded ? table : found[0]?.value ?? "";
    } finally {
      // A transaction of unknown outcome may have made it the table: it is then found at the next try.
      if (winner !== "" && winner !== table) {
        await this.#client.deletePrefix(this.#keys.folderOf(table)).catch(() => {});
      }
    }
    if (winner === table) this.#log.info("KV table put into etcd", { values });
    return winner;
  }

  /** Notes how etcd stands, and logs when this has changed. */
  #report(failure: unknown): void {
    if (this.#closed.signal.aborted) return;
    this.#problem = failure === undefined ? undefined : reasonOf(failure);
    const follows = failure === undefined;
    if (follows === this.#follows) return;
    this.#follows = follows;
    if (follows) this.#log.info("KV table follows etcd");
    else this.#log.warn("KV table does not follow etcd", { reason: errorMessage(failure) });
  }
}

function undoOf(at: string, before: EtcdEntry | undefined): EtcdOperation {
  return before === undefined
    ? { type: "delete", key: at }
    : { type: "put", key: at, value: before.value };
}

/** The reason of a failure, without addresses: it goes to clients, too. */
function reasonOf(error: unknown): string {
  return error instanceof DurableFileError ? error.summary : publicReason(error);
}

function asKvError(error: unknown): unknown {
  if (!(error instanceof EtcdError)) return error;
  const outcome = error.maybeDone
    ? "it is not known whether the change was made, read the value"
    : "nothing was changed";
  return new KvConfigError(`the KV table can't be changed: ${reasonOf(error)}; ${outcome}`);
}
