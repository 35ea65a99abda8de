import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";
import type { LogRecord } from "./logger.ts";

/** Formats a record as a line, without the line end. */
export type FormatterFunction = (record: LogRecord) => string;

/** Options of every handler. */
export interface BaseHandlerOptions {
  /** Defaults to `LEVEL message`. */
  formatter?: FormatterFunction;
}

/** Writes records somewhere. */
export abstract class BaseHandler {
  #level: LogLevel;
  formatter: FormatterFunction;

  constructor(levelName: LevelName, options: BaseHandlerOptions = {}) {
    this.#level = getLevelByName(levelName);
    this.formatter = options.formatter ?? (({ levelName, msg }) => `${levelName} ${msg}`);
  }

  get level(): LogLevel {
    return this.#level;
  }

  set level(level: LogLevel) {
    this.#level = getLevelByName(getLevelName(level));
  }

  get levelName(): LevelName {
    return getLevelName(this.#level);
  }

  set levelName(name: LevelName) {
    this.#level = getLevelByName(name);
  }

  /** Writes a record whose level is at or above the handler's. */
  handle(record: LogRecord): void {
    if (record.level >= this.#level) this.log(this.format(record));
  }

  format(record: LogRecord): string {
    return this.formatter(record);
  }

  abstract log(msg: string): void;

  /** Called before the first record. */
  setup(): void {}

  /** Called after the last record. */
  destroy(): void {}

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Options of a console handler. */
export interface ConsoleHandlerOptions extends BaseHandlerOptions {
  /** Whether levels from INFO on are coloured; defaults to true. */
  useColors?: boolean;
}

const COLORS: ReadonlyMap<number, readonly [before: string, after: string]> = new Map([
  [LogLevels.INFO, ["\x1b[34m", "\x1b[39m"]],
  [LogLevels.WARN, ["\x1b[33m", "\x1b[39m"]],
  [LogLevels.ERROR, ["\x1b[31m", "\x1b[39m"]],
  [LogLevels.CRITICAL, ["\x1b[1m\x1b[31m", "\x1b[39m\x1b[22m"]],
]);

/** Writes to the console. */
export class ConsoleHandler extends BaseHandler {
  readonly #useColors: boolean;

  constructor(levelName: LevelName, options: ConsoleHandlerOptions = {}) {
    super(levelName, options);
    this.#useColors = (options.useColors ?? true) && !Deno.noColor;
  }

  override format(record: LogRecord): string {
    const line = super.format(record);
    const [before, after] = (this.#useColors && COLORS.get(record.level)) || ["", ""];
    return before + line + after;
  }

  override log(msg: string): void {
    console.log(msg);
  }
}

/** Append to the file, truncate it, or fail if it exists. */
export type LogMode = "a" | "w" | "x";

/** Options of a file handler. */
export interface FileHandlerOptions extends BaseHandlerOptions {
  filename: string;
  /** Defaults to `a`. */
  mode?: LogMode;
  /** Size of the write buffer in bytes; defaults to 4096. */
  bufferSize?: number;
}

/**
 * Writes to a file through a buffer, which is flushed by CRITICAL records and {@linkcode flush}.
 */
export class FileHandler extends BaseHandler {
  protected readonly filename: string;
  protected readonly mode: LogMode;
  readonly #buffer: Uint8Array;
  #used = 0;
  #file: Deno.FsFile | undefined;
  readonly #onUnload = () => this.destroy();

  constructor(levelName: LevelName, options: FileHandlerOptions) {
    super(levelName, options);
    this.filename = options.filename;
    this.mode = options.mode ?? "a";
    this.#buffer = new Uint8Array(options.bufferSize ?? 4096);
  }

  /** Opens the file; throws the system's error. */
  override setup(): void {
    this.openFile();
    this.#used = 0;
    addEventListener("unload", this.#onUnload);
  }

  override handle(record: LogRecord): void {
    super.handle(record);
    if (record.level > LogLevels.ERROR) this.flush();
  }

  override log(msg: string): void {
    const line = new TextEncoder().encode(msg + "\n");
    if (line.length > this.#buffer.length - this.#used) this.flush();
    if (line.length > this.#buffer.length) {
      this.#write(line);
    } else {
      this.#buffer.set(line, this.#used);
      this.#used += line.length;
    }
  }

  /** Writes the buffer to the file. */
  flush(): void {
    if (this.#file === undefined) return;
    this.#write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  /** Flushes the buffer and closes the file. */
  override destroy(): void {
    this.flush();
    this.closeFile();
    removeEventListener("unload", this.#onUnload);
  }

  protected openFile(): void {
    this.#file = Deno.openSync(this.filename, {
      write: true,
      append: this.mode === "a",
      truncate: this.mode !== "a",
      create: this.mode !== "x",
      createNew: this.mode === "x",
    });
  }

  protected closeFile(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += this.#file!.writeSync(bytes.subarray(at));
  }
}

/** Options of a rotating file handler. */
export interface RotatingFileHandlerOptions extends FileHandlerOptions {
  /** Largest size of the file in bytes, unless a single line is longer. */
  maxBytes: number;
  /** Number of older files kept; `<filename>.1` is the newest of them. */
  maxBackupCount: number;
}

/** Writes to a file that is rotated when it is full. */
export class RotatingFileHandler extends FileHandler {
  readonly #maxBytes: number;
  readonly #maxBackupCount: number;
  #size = 0;

  constructor(levelName: LevelName, options: RotatingFileHandlerOptions) {
    super(levelName, options);
    this.#maxBytes = options.maxBytes;
    this.#maxBackupCount = options.maxBackupCount;
  }

  /** Opens the file; mode `w` also removes the older files, mode `x` fails if any exists. */
  override setup(): void {
    if (this.#maxBytes < 1) throw new Error(`"maxBytes" must be >= 1: ${this.#maxBytes}`);
    if (this.#maxBackupCount < 1) {
      throw new Error(`"maxBackupCount" must be >= 1: ${this.#maxBackupCount}`);
    }
    super.setup();
    const backups = Array.from({ length: this.#maxBackupCount }, (_, i) => this.#backup(i + 1));
    if (this.mode === "a") {
      this.#size = Deno.statSync(this.filename).size;
    } else if (this.mode === "w") {
      for (const backup of backups.filter(exists)) Deno.removeSync(backup);
    } else {
      const found = backups.find(exists);
      if (found === undefined) return;
      this.destroy();
      throw new Deno.errors.AlreadyExists(`Log file ${found} exists already`);
    }
  }

  override log(msg: string): void {
    const bytes = new TextEncoder().encode(msg).length + 1;
    if (this.#size + bytes > this.#maxBytes) {
      this.rotateLogFiles();
      this.#size = 0;
    }
    super.log(msg);
    this.#size += bytes;
  }

  /** Renames the file and the older ones, drops the oldest, and starts a new file. */
  rotateLogFiles(): void {
    this.flush();
    this.closeFile();
    for (let i = this.#maxBackupCount - 1; i >= 0; i--) {
      if (exists(this.#backup(i))) Deno.renameSync(this.#backup(i), this.#backup(i + 1));
    }
    this.openFile();
  }

  #backup(number: number): string {
    return number === 0 ? this.filename : `${this.filename}.${number}`;
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
