import { type BaseHandler, Logger, LogLevels } from "@std/log";
import { ConsoleLog } from "./console.ts";
import { type LogFileOptions, openLogFile } from "./file.ts";
import { APART, OF_PEERS } from "./events.ts";
import { type formatEvent, FORMATS } from "./format.ts";
import type { Fields, LogLevel, UncheckedLog } from "./log.ts";
import { RepeatLimit, type RepeatLimits } from "./repeats.ts";

/** Options of {@linkcode createLog}. */
export interface LogOptions extends LogFileOptions {
  level: LogLevel;
  /** Most lines per minute. */
  limits: Readonly<RepeatLimits>;
  /** Whether events go to stderr. */
  console: boolean;
  /** Folder of `namesrv.log`, created if missing; empty for no file. */
  dir: string;
}

/**
 * Opens the server's log: one line per event on stderr and in a rotating file. Repeated events
 * beyond the limits are only counted, and reported at the end of the minute. The file is at most a
 * second behind, and up to date after WARN and above. If the disk fails later, lines are lost but
 * the server goes on; stderr then reports it once a minute.
 *
 * @throws {LogError} naming logDir and the reason, when the file can't be opened
 *
 * @example
 * ```ts
 * const options = { level: "INFO", format: "text", console: true, dir: "" } as const;
 * const limits = { kind: 1000, peers: 10_000 };
 * const { log, close } = createLog({ ...options, limits, maxBytes: 1e8, fileCount: 10 });
 * log.info("broker registered", { broker: "broker-a", id: 0 });
 * close();
 * ```
 */
export function createLog(options: LogOptions): {
  log: UncheckedLog;
  setLevel(level: LogLevel): void;
  setLimits(limits: Readonly<Partial<RepeatLimits>>): void;
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
    setLimits: (limits) => log.setLimits(limits),
    close() {
      log.close();
      logger.handlers = handlers.filter((handler) => handler !== file);
      file?.destroy();
    },
  };
}

class EventLog implements UncheckedLog {
  debugEnabled: boolean;
  readonly #logger: Logger;
  readonly #format: typeof formatEvent;
  readonly #repeats: RepeatLimit;

  constructor(logger: Logger, { format, limits }: LogOptions) {
    this.#logger = logger;
    this.#format = FORMATS[format].event;
    this.debugEnabled = logger.levelName === "DEBUG";
    this.#repeats = new RepeatLimit(limits, ({ level, event, count, seconds }) => {
      this.#write(level as LogLevel, "log lines omitted", { of: event, count, seconds });
    });
  }

  setLevel(level: LogLevel): void {
    const from = this.#logger.levelName as LogLevel;
    // At the level so far: the line is written whether the new one is higher or lower.
    if (level !== from) this.#write(from, "log level changed", { from, to: level });
    this.#logger.levelName = level;
    this.debugEnabled = level === "DEBUG";
  }

  setLimits(limits: Readonly<Partial<RepeatLimits>>): void {
    Object.assign(this.#repeats.limits, limits);
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
    if (
      this.#logger.level > LogLevels[level] ||
      !this.#repeats.passes(level, event, OF_PEERS.has(event), apart(event, fields))
    ) return;
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

/** The values by which repeats of an event are counted apart from each other. */
function apart(event: string, fields: Fields = {}): string {
  const names = APART.get(event);
  return names === undefined ? "" : names.map((name) => String(fields[name])).join(" ");
}
