import { BaseHandler, Logger, LogLevels, type LogRecord, RotatingFileHandler } from "@std/log";
import { join } from "node:path";
import type { EventAt, FieldsOf } from "./events.ts";
import { RepeatLimit } from "./repeats.ts";
import { osReason } from "../os_error.ts";
import { StartupError } from "../startup_error.ts";

/** Details of an event, written as `key=value`; `undefined` fields are omitted. */
export type Fields = Record<string, unknown>;

/**
 * Takes the events of the table in events.ts, each at its levels and with its fields: add a row there
 * for a new event. None of its methods ever throws.
 */
export interface Log {
  /** Whether debug events are written: check it before collecting costly fields. */
  readonly debugEnabled: boolean;
  debug<E extends EventAt<"DEBUG">>(event: E, fields?: FieldsOf<E>): void;
  info<E extends EventAt<"INFO">>(event: E, fields?: FieldsOf<E>): void;
  warn<E extends EventAt<"WARN">>(event: E, fields?: FieldsOf<E>): void;
  error<E extends EventAt<"ERROR">>(event: E, fields?: FieldsOf<E>): void;
}

/** A log that takes any text as an event: for what is not known when this is compiled. */
export interface UncheckedLog {
  readonly debugEnabled: boolean;
  debug(event: string, fields?: Fields): void;
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
}

/** The lowest level that is written. */
export type LogLevel = "DEBUG" | "INFO" | "WARN" | "ERROR";

/** Format of a line: `time LEVEL event key=value ...`, or a JSON object. */
export type LogFormat = "text" | "json";

/** Options of {@linkcode createLog}. */
export interface LogOptions {
  level: LogLevel;
  format: LogFormat;
  /** Most lines per minute for each kind of event; 0 for no limit. */
  repeatLimit: number;
  /** Whether events go to stderr. */
  console: boolean;
  /** Folder of `namesrv.log`, created if missing; empty for no file. */
  dir: string;
  /** Bytes after which `namesrv.log` becomes `namesrv.log.1`; at least 1. */
  maxBytes: number;
  /** Number of older files kept; at least 1. */
  fileCount: number;
}

/** The log folder can't be used. The message is one line. */
export class LogError extends StartupError {
  override name = "LogError";
}

const FILE_NAME = "namesrv.log";
const BUFFER_BYTES = 64 * 1024;
const FLUSH_MS = 1000;
const COMPLAINT_MS = 60_000;
const MAX_VALUE_LENGTH = 1024;
const MAX_STACK_LENGTH = 8192;

/**
 * Opens the server's log: one line per event on stderr and in a rotating file. Repeated events
 * beyond repeatLimit are only counted, and reported at the end of the minute. The file is at most a
 * second behind, and up to date after WARN and above. If the disk fails later, lines are lost but
 * the server goes on; stderr then reports it once a minute.
 *
 * @throws {LogError} naming logDir and the reason, when the file can't be opened
 *
 * @example
 * ```ts
 * const options = { level: "INFO", format: "text", repeatLimit: 1000, console: true } as const;
 * const { log, close } = createLog({ ...options, dir: "", maxBytes: 1e8, fileCount: 10 });
 * log.info("broker registered", { broker: "broker-a", id: 0 });
 * close();
 * ```
 */
export function createLog(options: LogOptions): {
  log: UncheckedLog;
  setLevel(level: LogLevel): void;
  setRepeatLimit(limit: number): void;
  close(): void;
} {
  const handlers: BaseHandler[] = [];
  const { line: formatter } = FORMATS[options.format];
  if (options.console) handlers.push(new ConsoleLog("DEBUG", { formatter }));
  const file = options.dir === "" ? undefined : openLogFile(options);
  if (file !== undefined) handlers.push(file);

  const logger = new Logger("namesrv", options.level, { handlers });
  const log = new EventLog(logger, options);
  return {
    log,
    setLevel: (level) => log.setLevel(level),
    setRepeatLimit: (limit) => log.setRepeatLimit(limit),
    close() {
      log.close();
      logger.handlers = handlers.filter((handler) => handler !== file);
      file?.destroy();
    },
  };
}

/**
 * Formats an event as one line of printable characters. Values with blanks, quotes, `=` or
 * unprintable characters are quoted like JSON strings, so that data from the network can't end the
 * line or pose as another field. Long values are cut.
 *
 * @param withStacks whether errors are followed by their stack
 */
export function formatEvent(event: string, fields: Fields = {}, withStacks = false): string {
  let line = escapeUnprintable(event);
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    line += ` ${quote(name)}=${quote(cut(textOf(value), MAX_VALUE_LENGTH))}`;
    if (withStacks && value instanceof Error && value.stack !== undefined) {
      line += ` ${quote(name + ".stack")}=${quote(cut(value.stack, MAX_STACK_LENGTH))}`;
    }
  }
  return line;
}

/**
 * Formats an event as the members of a JSON object, without the braces. Texts are cut as in
 * {@linkcode formatEvent}, and unprintable characters are escaped. Fields whose names the line
 * itself uses get an underscore as prefix.
 *
 * @param withStacks whether errors are followed by their stack
 */
export function formatJsonEvent(event: string, fields: Fields = {}, withStacks = false): string {
  let members = `"event":${jsonOf(event)}`;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    members += `,${jsonOf(OWN_MEMBERS.has(name) ? `_${name}` : name)}:${jsonValueOf(value)}`;
    if (withStacks && value instanceof Error && value.stack !== undefined) {
      members += `,${jsonOf(`${name}.stack`)}:${jsonOf(cut(value.stack, MAX_STACK_LENGTH))}`;
    }
  }
  return members;
}

const OWN_MEMBERS: ReadonlySet<string> = new Set(["time", "level", "event"]);

/** For each format, how to write an event and the record that carries it. */
const FORMATS = {
  text: { event: formatEvent, line: formatLine },
  json: { event: formatJsonEvent, line: formatJsonLine },
};

class EventLog implements UncheckedLog {
  debugEnabled: boolean;
  readonly #logger: Logger;
  readonly #format: typeof formatEvent;
  readonly #repeats: RepeatLimit;

  constructor(logger: Logger, { format, repeatLimit }: LogOptions) {
    this.#logger = logger;
    this.#format = FORMATS[format].event;
    this.debugEnabled = logger.levelName === "DEBUG";
    this.#repeats = new RepeatLimit(repeatLimit, ({ level, event, count, seconds }) => {
      this.#write(level as LogLevel, "log lines left out", { of: event, count, seconds });
    });
  }

  setLevel(level: LogLevel): void {
    this.#logger.levelName = level;
    this.debugEnabled = level === "DEBUG";
  }

  setRepeatLimit(limit: number): void {
    this.#repeats.limit = limit;
  }

  close(): void {
    this.#repeats.close();
  }

  debug(event: string, fields?: Fields): void {
    this.#tell("DEBUG", event, fields);
  }

  info(event: string, fields?: Fields): void {
    this.#tell("INFO", event, fields);
  }

  warn(event: string, fields?: Fields): void {
    this.#tell("WARN", event, fields);
  }

  error(event: string, fields?: Fields): void {
    this.#tell("ERROR", event, fields);
  }

  #tell(level: LogLevel, event: string, fields?: Fields): void {
    if (this.#logger.level > LogLevels[level] || !this.#repeats.passes(level, event)) return;
    this.#write(level, event, fields);
  }

  #write(level: LogLevel, event: string, fields?: Fields): void {
    const text = this.#format(event, fields, this.debugEnabled);
    switch (level) {
      case "DEBUG":
        return void this.#logger.debug(text);
      case "INFO":
        return void this.#logger.info(text);
      case "WARN":
        return void this.#logger.warn(text);
      case "ERROR":
        return void this.#logger.error(text);
    }
  }
}

/** Standard output is reserved for the boot line, which scripts wait for. */
class ConsoleLog extends BaseHandler {
  override log(line: string): void {
    writeToConsole(line);
  }
}

/** A rotating file that drops lines where its base class throws. */
class LogFile extends RotatingFileHandler {
  readonly #path: string;
  readonly #format: LogFormat;
  #flushing: ReturnType<typeof setInterval> | undefined;
  #complainedAt = -Infinity;
  #isOpen = true;

  constructor(path: string, { maxBytes, fileCount, format }: LogOptions) {
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

function openLogFile(options: LogOptions): LogFile {
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

function writeToConsole(line: string): void {
  try {
    console.error(line);
  } catch {
    // stderr can be a file on a full disk, and there is no other place to report it.
  }
}

type Line = Pick<LogRecord, "datetime" | "levelName" | "msg">;

function formatLine({ datetime, levelName, msg }: Line): string {
  return `${datetime.toISOString()} ${levelName} ${msg}`;
}

function formatJsonLine({ datetime, levelName, msg }: Line): string {
  return `{"time":"${datetime.toISOString()}","level":"${levelName}",${msg}}`;
}

/** Numbers, booleans and short objects are kept as JSON values. */
function jsonValueOf(value: unknown): string {
  if (typeof value === "boolean" || value === null) return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return String(value);
  const text = textOf(value);
  const isObject = typeof value === "object" && !(value instanceof Error);
  if (isObject && text.length <= MAX_VALUE_LENGTH && isJson(text)) return escapeUnprintable(text);
  return jsonOf(cut(text, MAX_VALUE_LENGTH));
}

/** An object may not be representable in JSON, or its toJSON may throw. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function jsonOf(text: string): string {
  return escapeUnprintable(JSON.stringify(text));
}

function textOf(value: unknown): string {
  try {
    if (value instanceof Error) return value.message || value.name;
    if (typeof value !== "object" || value === null) return String(value);
    return JSON.stringify(value, (_, inner) => {
      if (inner instanceof Map || inner instanceof Set) return [...inner];
      return typeof inner === "bigint" ? String(inner) : inner;
    }) ?? String(value);
  } catch {
    return "(unprintable)";
  }
}

/** Control, format and unassigned characters, lone surrogates, line and paragraph separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const NEEDS_QUOTES = /^$|["=\p{C}\p{Z}]/u;

function quote(text: string): string {
  return NEEDS_QUOTES.test(text) ? escapeUnprintable(JSON.stringify(text)) : text;
}

function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    let escaped = "";
    for (let i = 0; i < character.length; i++) {
      escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  // Does not split a surrogate pair.
  const end = text.codePointAt(length - 1)! > 0xffff ? length - 1 : length;
  return `${text.slice(0, end)}…(${text.length - end} more)`;
}
