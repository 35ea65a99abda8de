import type { DurableFile } from "../durable_file.ts";
import { errorMessage } from "../error_message.ts";
import type { Log } from "../log/log.ts";
import type { TableLimits } from "../route/table_limits.ts";
import type { RouteTables } from "../route/tables.ts";
import type { WorkSlice } from "../work_slice.ts";
import { SnapshotError } from "./bytes.ts";
import { readSnapshot, type SavedRoutes } from "./format.ts";
import { type Restored, restoreRoutes } from "./restore_routes.ts";
import { encodeRoutes } from "./save_routes.ts";

/** Milliseconds by which clocks may differ before a snapshot counts as one from the future. */
const CLOCK_TOLERANCE = 60_000;
/** The part of its greatest age after which a snapshot is written anew although nothing changed. */
const RENEWAL = 1 / 4;

const IN_USE = "another name server uses it";

/** The options of a {@link RouteSnapshot}, in milliseconds, read each time. */
export interface SnapshotOptions {
  routeSnapshotInterval: number;
  routeSnapshotMaxAge: number;
}

/** Dependencies of a {@link RouteSnapshot}. */
export interface SnapshotParts {
  file: DurableFile;
  tables: RouteTables;
  limits: TableLimits;
  /** Whether a registration of a broker name is applied in part. */
  isApplying(brokerName: string): boolean;
  options: Readonly<SnapshotOptions>;
  /** Encoding takes turns with all other work. */
  slice: WorkSlice;
  log: Log;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of a monotonic clock. */
  monotonic(): number;
}

/** Counters of a {@link RouteSnapshot}. */
export interface SnapshotCounters {
  written: number;
  failed: number;
  /** Bytes of the last one that was written. */
  bytes: number;
  /** When that was, in milliseconds since the epoch; 0 before the first. */
  writtenAt: number;
}

/**
 * The file that carries the route tables over a restart: read once at the start, then written when
 * something has changed. Whatever is wrong with it is logged and otherwise ignored.
 */
export class RouteSnapshot {
  readonly #parts: SnapshotParts;
  readonly #counters: SnapshotCounters = { written: 0, failed: 0, bytes: 0, writtenAt: 0 };
  readonly counters: Readonly<SnapshotCounters> = this.#counters;
  /** The state of the tables that the file has. */
  #savedChanges = 0;
  /** When the file was written, by the monotonic clock. */
  #savedAt = -Infinity;
  #release: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving: Promise<void> | undefined;
  #failure: string | undefined;
  /** Why the file can't be locked, until that is logged. */
  #unlocked: string | undefined;
  #stopped = false;

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  /**
   * Puts the routes of the file into the tables, which must be empty.
   *
   * @returns what was restored; `undefined` when there is no file, or it can't be used
   */
  async restore(): Promise<Restored | undefined> {
    const { file, tables, limits, log, now, monotonic, options } = this.#parts;
    const start = performance.now();
    const { routeSnapshotMaxAge } = options;
    let saved: SavedRoutes;
    let restored: Restored;
    try {
      const bytes = await file.readBytes("", limits.maxTableBytes);
      if (bytes === undefined) return undefined;
      if (!await this.#claim()) throw new SnapshotError(IN_USE);
      saved = readSnapshot(bytes);
      checkAge(now() - saved.savedAt, routeSnapshotMaxAge);
      const oldest = saved.savedAt - routeSnapshotMaxAge;
      restored = restoreRoutes(tables, saved, limits, monotonic(), oldest);
    } catch (error) {
      log.warn("route snapshot ignored", { file: file.path, reason: errorMessage(error) });
      return undefined;
    }
    const age = now() - saved.savedAt;
    this.#savedChanges = tables.changes;
    this.#savedAt = monotonic() - age;
    const { brokers, topics, queueDatas, over } = restored;
    const millis = Math.round(performance.now() - start);
    const fields = { file: file.path, brokers, topics, queueDatas, age: seconds(age), millis };
    if (over === undefined) log.info("routes restored", fields);
    else log.warn("routes restored in part: over a limit", { ...fields, reason: over });
    return restored;
  }

  /** Writes the file from now on, when something has changed. */
  start(): void {
    this.#schedule();
  }

  /** Applies a changed interval from now on. */
  reschedule(): void {
    if (this.#timer !== undefined) this.#schedule();
  }

  /** Writes the last changes, and gives the file up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#saving;
    if (this.#changed) await this.#save();
    this.#release?.();
  }

  get #changed(): boolean {
    return this.#parts.tables.changes !== this.#savedChanges;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      this.#saving = this.#saveIfDue();
      await this.#saving;
      if (!this.#stopped) this.#schedule();
    }, this.#parts.options.routeSnapshotInterval);
  }

  async #saveIfDue(): Promise<void> {
    const { tables, options, monotonic } = this.#parts;
    const age = monotonic() - this.#savedAt;
    // Brokers that only show that they are alive change nothing, but the file must not grow old.
    const old = tables.liveBrokerCount > 0 && age > options.routeSnapshotMaxAge * RENEWAL;
    if (this.#changed || old) await this.#save();
  }

  async #save(): Promise<void> {
    const { file, tables, slice, now, monotonic, isApplying } = this.#parts;
    try {
      if (!await this.#claim()) throw new SnapshotError(IN_USE);
      const start = performance.now();
      const { changes } = tables;
      const savedAt = now();
      const at = monotonic();
      const { pieces, bytes } = await slice.drive(encodeRoutes(tables, savedAt, isApplying));
      await file.write(pieces, null);
      this.#savedChanges = changes;
      this.#savedAt = at;
      this.#counters.written++;
      Object.assign(this.#counters, { bytes, writtenAt: savedAt });
      this.#succeeded(bytes, Math.round(performance.now() - start));
    } catch (error) {
      this.#failed(errorMessage(error));
    }
  }

  #succeeded(bytes: number, millis: number): void {
    const { log } = this.#parts;
    const { path } = this.#parts.file;
    if (this.#failure !== undefined) log.info("route snapshot written again", { file: path });
    this.#failure = undefined;
    if (log.debugEnabled) log.debug("route snapshot written", { file: path, bytes, millis });
    if (this.#unlocked === undefined) return;
    log.warn("route snapshot can't be locked: no other process may write it", {
      file: path,
      reason: this.#unlocked,
    });
    this.#unlocked = undefined;
  }

  #failed(reason: string): void {
    this.#counters.failed++;
    const { file, log } = this.#parts;
    if (reason !== this.#failure) {
      log.warn("route snapshot not written", { file: file.path, reason });
    }
    this.#failure = reason;
  }

  /** Whether the file is this server's own. */
  async #claim(): Promise<boolean> {
    // Where the folder can't be written at all, the write says so.
    this.#release ??= await this.#parts.file.claim((reason) => this.#unlocked = reason);
    return this.#release !== undefined;
  }
}

/** @throws {SnapshotError} when the age, in milliseconds, is not one of a file that may be used */
function checkAge(age: number, most: number): void {
  if (age > most) {
    throw new SnapshotError(
      `it is ${seconds(age)} old, more than ${seconds(most)} (routeSnapshotMaxAge)`,
    );
  }
  if (age < -CLOCK_TOLERANCE) throw new SnapshotError(`it is from the future, by ${seconds(-age)}`);
}

function seconds(millis: number): string {
  return `${Math.round(millis / 1000)} s`;
}
