import type { BaseHandler } from "./handlers.ts";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";

/** Fields of a record. */
export interface LogRecordOptions {
  msg: string;
  args: unknown[];
  level: LogLevel;
  loggerName: string;
}

/** A message passed to the handlers. */
export class LogRecord {
  readonly msg: string;
  readonly level: number;
  readonly levelName: string;
  readonly loggerName: string;
  readonly args: unknown[];
  readonly datetime: Date = new Date();

  constructor({ msg, args, level, loggerName }: LogRecordOptions) {
    this.msg = msg;
    this.args = [...args];
    this.level = level;
    this.levelName = getLevelName(level);
    this.loggerName = loggerName;
  }
}

/** Configuration of a logger for {@linkcode setup}. */
export interface LoggerConfig {
  level?: LevelName;
  /** Names of handlers. */
  handlers?: string[];
}

/** Passes messages to handlers. */
export class Logger {
  #level: LogLevel;
  readonly loggerName: string;
  handlers: BaseHandler[];

  constructor(
    loggerName: string,
    levelName: LevelName,
    options: { handlers?: BaseHandler[] } = {},
  ) {
    this.loggerName = loggerName;
    this.#level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
  }

  /** Messages below this level are ignored. */
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

  /** A function instead of a message is only called if the level is enabled. */
  debug<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  info<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.INFO, msg, args);
  }

  warn<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.WARN, msg, args);
  }

  error<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  critical<T>(msg: T | (() => T), ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }

  #log<T>(level: LogLevel, msg: T | (() => T), args: unknown[]): T | undefined {
    if (this.#level > level) return msg instanceof Function ? undefined : msg;
    const value = msg instanceof Function ? msg() : msg;
    const { loggerName } = this;
    const record = new LogRecord({ msg: asText(value), args, level, loggerName });
    for (const handler of this.handlers) handler.handle(record);
    return value;
  }
}

function asText(value: unknown): string {
  if (typeof value === "function") return "undefined";
  if (typeof value !== "object" || value === null) return String(value);
  if (value instanceof Error) return value.stack ?? String(value);
  const fields = Object.entries(value).map(([key, field]) =>
    `"${key}":${typeof field === "string" ? `"${field}"` : asText(field)}`
  );
  return `{${fields.join(",")}}`;
}
