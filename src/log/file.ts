import { LogLevels, type LogRecord, RotatingFileHandler } from "@std/log";
import { join } from "node:path";
import { osReason } from "../os_error.ts";
import { StartupError } from "../startup_error.ts";
import { writeToConsole } from "./console.ts";
import { FORMATS } from "./format.ts";
import type { LogFormat } from "./log.ts";

/** The log folder can't be used. The message is one line. */
export class LogError extends StartupError {
  override name = "LogError";
}

/** Options of the log file. */
export interface LogFileOptions {
  format: LogFormat;
  /** Folder of `namesrv.log`. */
  dir: string;
  /** Bytes after which `namesrv.log` becomes `namesrv.log.1`; at least 1. */
  maxBytes: number;
  /** Number of older files kept; at least 1. */
  fileCount: number;
}

const FILE_NAME = "namesrv.log";
const BUFFER_BYTES = 64 * 1024;
const FLUSH_MS = 1000;
const COMPLAINT_MS = 60_000;

/** A rotating file that drops lines where its base class throws. */
export class LogFile extends RotatingFileHandler {
  readonly #path: string;
  readonly #format: LogFormat;
  #flushing: ReturnType<typeof setInterval> | undefined;
  #complainedAt = -Infinity;
  #isOpen = true;

  constructor(path: string, { maxBytes, fileCount, format }: LogFileOptions) {
    super("DEBUG", {
      filename: path,
      maxBytes,
      maxBackupCount: fileCount,
      bufferSize: BUFFER_BYTES,
      formatter: FORMATS[format].line,
    });
    this.#path = path;
    this.#format = format;
  }

  /** Opens the file. Throws the system's error. */
  override setup(): void {
    super.setup();
    this.#flushing = setInterval(() => this.flush(), FLUSH_MS);
    Deno.unrefTimer(this.#flushing);
  }

  override handle(record: LogRecord): void {
    super.handle(record);
    if (record.level >= LogLevels.WARN) this.flush();
  }

  override log(line: string): void {
    try {
      super.log(line);
    } catch (error) {
      this.#complain(error);
    }
  }

  override flush(): void {
    try {
      super.flush();
    } catch (error) {
      this.#complain(error);
    }
  }

  /** If a rotation fails halfway, no file is open: the next line opens the current one. */
  override rotateLogFiles(): void {
    if (this.#isOpen) {
      try {
        super.rotateLogFiles();
        return;
      } catch (error) {
        this.#isOpen = false;
        this.#complain(error);
      }
    }
    super.setup();
    this.#isOpen = true;
  }

  override destroy(): void {
    clearInterval(this.#flushing);
    super.destroy();
  }

  #complain(error: unknown): void {
    const now = Date.now();
    if (now - this.#complainedAt < COMPLAINT_MS) return;
    this.#complainedAt = now;
    const format = FORMATS[this.#format];
    const msg = format.event("log lines lost", { file: this.#path, error });
    writeToConsole(format.line({ datetime: new Date(now), levelName: "ERROR", msg }));
  }
}

/**
 * Opens `namesrv.log`, and creates its folder if missing.
 *
 * @throws {LogError} naming logDir and the reason, when the file can't be opened
 */
export function openLogFile(options: LogFileOptions): LogFile {
  const { dir } = options;
  const file = new LogFile(join(dir, FILE_NAME), options);
  try {
    Deno.mkdirSync(dir, { recursive: true });
    file.setup();
    return file;
  } catch (error) {
    file.destroy();
    const reason = osReason(error, `--allow-read=${dir} --allow-write=${dir}`);
    throw new LogError(`logDir=${dir}: can't write ${FILE_NAME} there: ${reason}`, {
      cause: error,
    });
  }
}
