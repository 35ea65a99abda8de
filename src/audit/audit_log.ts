import type { Log } from "../log/log.ts";
import type { AppendFileSystem } from "./append_file.ts";
import { AuditFile, AuditFileError, type AuditFileOptions } from "./audit_file.ts";
import { RecentRecords, type RecentRecordsOptions } from "./recent_records.ts";
import { type AuditFilter, type AuditRecord, passes } from "./record.ts";

const utf8 = new TextEncoder();

/** The options of an {@link AuditLog}. */
export interface AuditOptions extends AuditFileOptions, RecentRecordsOptions {
  /** If empty, there is no file, and only the last records are kept, in memory. */
  readonly auditFile: string;
  /** If empty, {@link refusalsFileOf} says where it is. */
  readonly auditRefusalsFile: string;
  /** Whether nothing may be changed while the file can't be written. */
  readonly auditRequired: boolean;
}

/** Returns the path of the file with the refusals. */
export function refusalsFileOf(
  { auditFile, auditRefusalsFile }: Pick<AuditOptions, "auditFile" | "auditRefusalsFile">,
): string {
  return auditRefusalsFile || `${auditFile}.refused`;
}

/**
 * The record of every change and every refusal: one JSON object on a line. Refusals have a file of
 * their own, and their own part of the memory: strangers can cause as many as they like, and must not
 * push out what tells of changes.
 */
export class AuditLog {
  readonly #options: Readonly<AuditOptions>;
  readonly #files: { readonly changes: AuditFile; readonly refusals: AuditFile } | undefined;
  readonly #recent: { readonly changes: RecentRecords; readonly refusals: RecentRecords };
  #records = 0;

  /**
   * Opens the files.
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
    const { auditFile } = options;
    if (auditFile === "") return new AuditLog(options, undefined);
    const open = (path: string, option: keyof AuditOptions) =>
      AuditFile.open(path, option, options, fs, log, now);
    const refusalsFile = refusalsFileOf(options);
    if (refusalsFile === auditFile) {
      throw new AuditFileError("auditRefusalsFile must not be the file of auditFile");
    }
    const changes = await open(auditFile, "auditFile");
    const refusals = await open(refusalsFile, "auditRefusalsFile");
    return new AuditLog(options, { changes, refusals });
  }

  private constructor(
    options: Readonly<AuditOptions>,
    files: { readonly changes: AuditFile; readonly refusals: AuditFile } | undefined,
  ) {
    this.#options = options;
    this.#files = files;
    this.#recent = { changes: new RecentRecords(options), refusals: new RecentRecords(options) };
  }

  /** Number of records so far. */
  get records(): number {
    return this.#records;
  }

  /** Number of records lost, because a file could not be written for too long. */
  get lost(): number {
    return this.#sum(({ lost }) => lost);
  }

  /** How often a file could not be written. */
  get failures(): number {
    return this.#sum(({ failures }) => failures);
  }

  /** Bytes that wait to be written. */
  get waitingBytes(): number {
    return this.#sum(({ waitingBytes }) => waitingBytes);
  }

  /** Why a file can't be written now; `undefined` when both can. */
  get failure(): string | undefined {
    return this.#files?.changes.failure ?? this.#files?.refusals.failure;
  }

  /** Why nothing may be changed now (auditRequired). */
  get obstacle(): string | undefined {
    return this.#options.auditRequired ? this.#files?.changes.failure : undefined;
  }

  /**
   * Adds a record.
   *
   * @returns with auditSync, a promise that resolves when the record is on disk or could not be
   *   written: the response must wait for it
   */
  add(record: AuditRecord): Promise<void> | undefined {
    const kind = record.outcome === "denied" ? "refusals" : "changes";
    const text = JSON.stringify(record);
    this.#recent[kind].add(record, ++this.#records, text.length);
    return this.#files?.[kind].add(utf8.encode(`${text}\n`));
  }

  /** The last records that pass a filter, the latest first. */
  recent(filter: AuditFilter, limit: number): AuditRecord[] {
    const { changes, refusals } = this.#recent;
    return [...changes.all(), ...refusals.all()]
      .filter(({ record }) => passes(record, filter))
      .sort((one, other) => other.number - one.number)
      .slice(0, limit)
      .map(({ record }) => record);
  }

  /** Opens the files anew before the next record: another program may have moved them away. */
  async reopen(): Promise<void> {
    await Promise.all(this.#all().map((file) => file.reopen()));
  }

  /** Writes the waiting lines, if the disk takes them, and closes the files. */
  async close(): Promise<void> {
    await Promise.all(this.#all().map((file) => file.close()));
  }

  #all(): AuditFile[] {
    return this.#files === undefined ? [] : [this.#files.changes, this.#files.refusals];
  }

  #sum(read: (file: AuditFile) => number): number {
    return this.#all().reduce((sum, file) => sum + read(file), 0);
  }
}
