import { type BaseHandler, ConsoleHandler } from "./handlers.ts";
import { Logger, type LoggerConfig } from "./logger.ts";

/** Configuration of handlers and loggers by name. */
export interface LogConfig {
  handlers?: Record<string, BaseHandler>;
  loggers?: Record<string, LoggerConfig>;
}

const DEFAULTS = {
  handlers: { default: new ConsoleHandler("INFO") },
  loggers: { default: { level: "INFO", handlers: ["default"] } },
} as const satisfies LogConfig;

const handlers = new Map<string, BaseHandler>();
const loggers = new Map<string, Logger>();

/** Destroys all handlers, sets up the given ones and recreates the loggers. */
export function setup(config: LogConfig): void {
  for (const handler of handlers.values()) handler.destroy();
  handlers.clear();
  for (const [name, handler] of Object.entries({ ...DEFAULTS.handlers, ...config.handlers })) {
    handler.setup();
    handlers.set(name, handler);
  }
  loggers.clear();
  const all: Record<string, LoggerConfig> = { ...DEFAULTS.loggers, ...config.loggers };
  for (const [name, { level = "INFO", handlers: names = [] }] of Object.entries(all)) {
    const found = names.map((each) => handlers.get(each)).filter((each) => each !== undefined);
    loggers.set(name, new Logger(name, level, { handlers: found }));
  }
}

/** Returns the logger of that name, creating one without handlers if needed. */
export function getLogger(name = "default"): Logger {
  const logger = loggers.get(name) ?? new Logger(name, "NOTSET");
  loggers.set(name, logger);
  return logger;
}

setup({});
