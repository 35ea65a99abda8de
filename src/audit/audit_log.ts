import type { Log } from "../log/log.ts";
import { osReason } from "../os_error.ts";
import { StartupError } from "../startup_error.ts";
import { AppendFile, type AppendFileSystem } from "./append_file.ts";
import { type AuditFilter, type AuditRecord, passes } from "./record.ts";

/** Milliseconds after which a disk that failed is tried again. */
const RETRY_AFTER = 1000;
/** Milliseconds between two log lines about a disk that keeps failing. */
const COMPLAIN_AFTER = 60_000;
/** Bytes that are written at once, unless one line is longer. */
const MAX_BATCH = 256 * 1024;
const utf8 = new TextEncoder();

/** The options of an {@link AuditLog}. */
export interface AuditOptions {
  /** If empty, there is no file, and only the last records are kept, in memory. */
  readonly auditFile: string;
  readonly auditFileMaxBytes: number;
  readonly auditFileCount: number;
  /** Whether a request is answered only after its record is on disk. */
  readonly auditSync: boolean;
  /** Whether nothing may be changed while the file can't be written. */
  readonly auditRequired: boolean;
  /** Most bytes of records that wait while the file can't be written. */
  readonly auditMaxWaitingBytes: number;
  /** How many of the last records are kept for queries. */
  readonly auditRecentRecords: number;
  /** Characters of JSON that they may have together. */
  readonly auditRecentMaxBytes: number;
}

/** An audit file that can't be opened. */
export class AuditFileError extends StartupError {
  override name = "AuditFileError";
}

/** A record kept in memory, and the characters of its JSON. */
interface Kept {
  readonly record: AuditRecord;
  readonly size: number;
}

interface Line {
  readonly bytes: Uint8Array;
  readonly written: () => void;
}

/**
 * The record of every change and every refusal: one JSON object on a line. Lines wait in memory while
 * the disk does not take them. They are lost only when more of them wait than may, and then counted.
 */
export class AuditLog {
  readonly #options: Readonly<AuditOptions>;
  readonly #file: AppendFile | undefined;
  readonly #log: Log;
  readonly #now: () => number;
  #waiting: Line[] = [];
  #waitingBytes = 0;
  #recent: Kept[] = [];
  #recentBytes = 0;
  #records = 0;
  #lost = 0;
  #failures = 0;
  #failure: string | undefined;
  #lastComplaint = -Infinity;
  #working: Promise<void> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /**
   * Opens the file.
   *
   * @param now milliseconds of a clock that never goes back
   * @throws {AuditFileError} naming the option, the file and the reason
   */
  static async open(
    options: Readonly<AuditOptions>,
    fs: AppendFileSystem,
    log: Log,
    now: () => number,
  ): Promise<AuditLog> {
    const { auditFile: path, auditFileMaxBytes: maxBytes, auditFileCount: count } = options;
    const file = path === "" ? undefined : new AppendFile(path, { maxBytes, count }, fs);
    const audit = new AuditLog(options, file, log, now);
    try {
      await file?.prepare(0);
    } catch (error) {
      throw new AuditFileError(`cannot open ${path} (auditFile): ${audit.#reason(error)}`);
    }
    return audit;
  }

  private constructor(
    options: Readonly<AuditOptions>,
    file: AppendFile | undefined,
    log: Log,
    now: () => number,
  ) {
    this.#options = options;
    this.#file = file;
    this.#log = log;
    this.#now = now;
  }

  /** Number of records so far. */
  get records(): number {
    return this.#records;
  }

  /** Number of records lost, because the file could not be written for too long. */
  get lost(): number {
    return this.#lost;
  }

  /** How often the file could not be written. */
  get failures(): number {
    return this.#failures;
  }

  /** Bytes that wait to be written. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Why the file can't be written now; `undefined` when it can. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Why nothing may be changed now (auditRequired). */
  get obstacle(): string | undefined {
    return this.#options.auditRequired ? this.#failure : undefined;
  }

  /**
   * Adds a record.
   *
   * @returns with auditSync, a promise that resolves when the record is on disk or could not be
   *   written: the response must wait for it
   */
  add(record: AuditRecord): Promise<void> | undefined {
    this.#records++;
    const text = JSON.stringify(record);
    this.#keep(record, text.length);
    if (this.#file === undefined) return undefined;
    const bytes = utf8.encode(`${text}\n`);
    if (this.#waitingBytes + bytes.length > this.#options.auditMaxWaitingBytes) {
      this.#lost++;
      // Nothing else tells of a disk that hangs, or is too slow.
      this.#block("more records wait for the disk than auditMaxWaitingBytes allows");
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ bytes, written: resolve });
    this.#waitingBytes += bytes.length;
    if (this.#retry === undefined) this.#start();
    return this.#options.auditSync && this.#failure === undefined ? promise : undefined;
  }

  /** The last records that pass a filter, the latest first. */
  recent(filter: AuditFilter, limit: number): AuditRecord[] {
    return this.#recent.slice(this.#firstKept()).reverse()
      .map(({ record }) => record)
      .filter((record) => passes(record, filter))
      .slice(0, limit);
  }

  #keep(record: AuditRecord, size: number): void {
    const { auditRecentRecords: most, auditRecentMaxBytes: mostBytes } = this.#options;
    this.#recent.push({ record, size });
    this.#recentBytes += size;
    // Cut rarely: it moves what stays.
    if (this.#recent.length <= 2 * most && this.#recentBytes <= 2 * mostBytes) return;
    this.#recent = this.#recent.slice(this.#firstKept());
    this.#recentBytes = this.#recent.reduce((sum, { size }) => sum + size, 0);
  }

  /** Position of the oldest record that the limits allow. */
  #firstKept(): number {
    const { auditRecentRecords: most, auditRecentMaxBytes: mostBytes } = this.#options;
    let first = this.#recent.length;
    const end = Math.max(0, first - most);
    for (let bytes = 0; first > end; first--) {
      bytes += this.#recent[first - 1]?.size ?? 0;
      if (bytes > mostBytes) break;
    }
    return first;
  }

  /** Opens the file anew before the next record: another program may have moved it away. */
  async reopen(): Promise<void> {
    await this.#working;
    this.#file?.close();
  }

  /** Writes the waiting lines, if the disk takes them, and closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#working;
    this.#start();
    await this.#working;
    this.#file?.close();
  }

  #start(): void {
    const file = this.#file;
    if (file !== undefined && this.#waiting.length > 0) this.#working ??= this.#writeAll(file);
  }

  async #writeAll(file: AppendFile): Promise<void> {
    this.#retry = undefined;
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#nextBatch();
        await file.append(joined(batch), this.#options.auditSync);
        this.#waiting = this.#waiting.slice(batch.length);
        for (const { bytes, written } of batch) {
          this.#waitingBytes -= bytes.length;
          written();
        }
        if (this.#failure === undefined || this.#waiting.length > 0) continue;
        this.#failure = undefined;
        this.#lastComplaint = -Infinity;
        this.#log.info("audit file can be written again", { lost: this.#lost });
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      // At once: what is added from now on starts the work anew.
      this.#working = undefined;
    }
  }

  #nextBatch(): Line[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((line) => (bytes += line.bytes.length) > MAX_BATCH);
    return this.#waiting.slice(0, end < 0 ? undefined : Math.max(1, end));
  }

  #fail(error: unknown): void {
    this.#failures++;
    // Requests do not wait for a disk that does not work.
    for (const { written } of this.#waiting) written();
    this.#block(this.#reason(error));
    if (!this.#closed) this.#retry = setTimeout(() => this.#start(), RETRY_AFTER);
  }

  /** From now on nothing may be changed (auditRequired); the log says why, but not each time. */
  #block(reason: string): void {
    this.#failure = reason;
    const now = this.#now();
    if (now - this.#lastComplaint >= COMPLAIN_AFTER) {
      this.#lastComplaint = now;
      const { auditFile: file } = this.#options;
      this.#log.error("audit file can't be written", {
        file,
        reason: this.#failure,
        waitingBytes: this.#waitingBytes,
        lost: this.#lost,
      });
    }
  }

  #reason(error: unknown): string {
    const { auditFile: path } = this.#options;
    return osReason(error, `--allow-read=${path} --allow-write=${path}`);
  }
}

function joined(lines: readonly Line[]): Uint8Array {
  const bytes = new Uint8Array(lines.reduce((sum, line) => sum + line.bytes.length, 0));
  let at = 0;
  for (const line of lines) {
    bytes.set(line.bytes, at);
    at += line.bytes.length;
  }
  return bytes;
}
