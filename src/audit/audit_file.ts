import type { Log } from "../log/log.ts";
import { osReason } from "../os_error.ts";
import { StartupError } from "../startup_error.ts";
import { AppendFile, type AppendFileSystem } from "./append_file.ts";

/** Milliseconds after which a disk that failed is tried again. */
const RETRY_AFTER = 1000;
/** Milliseconds between two log lines about a disk that keeps failing. */
const COMPLAIN_AFTER = 60_000;
/** Bytes that are written at once, unless one line is longer. */
const MAX_BATCH = 256 * 1024;

/** The options of an {@link AuditFile}. */
export interface AuditFileOptions {
  readonly auditFileMaxBytes: number;
  readonly auditFileCount: number;
  /** Whether a request is answered only after its record is on disk. */
  readonly auditSync: boolean;
  /** Most bytes of records that wait while the file can't be written. */
  readonly auditMaxWaitingBytes: number;
}

/** An audit file that can't be opened. */
export class AuditFileError extends StartupError {
  override name = "AuditFileError";
}

interface Line {
  readonly bytes: Uint8Array;
  readonly written: () => void;
}

/**
 * A file of audit records. Lines wait in memory while the disk does not take them. They are lost only
 * when more of them wait than may, and then counted.
 */
export class AuditFile {
  readonly #path: string;
  readonly #options: Readonly<AuditFileOptions>;
  readonly #file: AppendFile;
  readonly #log: Log;
  readonly #now: () => number;
  #waiting: Line[] = [];
  #waitingBytes = 0;
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
   * @param option the name of the option that has the path
   * @param now milliseconds of a clock that never goes back
   * @throws {AuditFileError} naming the option, the file and the reason
   */
  static async open(
    path: string,
    option: string,
    options: Readonly<AuditFileOptions>,
    fs: AppendFileSystem,
    log: Log,
    now: () => number,
  ): Promise<AuditFile> {
    const { auditFileMaxBytes: maxBytes, auditFileCount: count } = options;
    const appended = new AppendFile(path, { maxBytes, count }, fs);
    const file = new AuditFile(path, options, appended, log, now);
    try {
      await appended.prepare(0);
    } catch (error) {
      throw new AuditFileError(`cannot open ${path} (${option}): ${file.#reason(error)}`);
    }
    return file;
  }

  private constructor(
    path: string,
    options: Readonly<AuditFileOptions>,
    file: AppendFile,
    log: Log,
    now: () => number,
  ) {
    this.#path = path;
    this.#options = options;
    this.#file = file;
    this.#log = log;
    this.#now = now;
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

  /**
   * Adds a line, with its end.
   *
   * @returns with auditSync, a promise that resolves when the line is on disk or could not be written
   */
  add(bytes: Uint8Array): Promise<void> | undefined {
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

  /** Opens the file anew before the next record: another program may have moved it away. */
  async reopen(): Promise<void> {
    await this.#working;
    this.#file.close();
  }

  /** Writes the waiting lines, if the disk takes them, and closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#working;
    this.#start();
    await this.#working;
    this.#file.close();
  }

  #start(): void {
    if (this.#waiting.length > 0) this.#working ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    this.#retry = undefined;
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#nextBatch();
        await this.#file.append(joined(batch), this.#options.auditSync);
        this.#waiting = this.#waiting.slice(batch.length);
        for (const { bytes, written } of batch) {
          this.#waitingBytes -= bytes.length;
          written();
        }
        if (this.#failure === undefined || this.#waiting.length > 0) continue;
        this.#failure = undefined;
        this.#lastComplaint = -Infinity;
        this.#log.info("audit file can be written again", { file: this.#path, lost: this.#lost });
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
      this.#log.error("audit file can't be written", {
        file: this.#path,
        reason: this.#failure,
        waitingBytes: this.#waitingBytes,
        lost: this.#lost,
      });
    }
  }

  #reason(error: unknown): string {
    const path = this.#path;
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
