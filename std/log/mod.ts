/**
 * Stand-in for `@std/log`, used through `links` where JSR cannot be reached.
 *
 * @module
 */
export * from "./levels.ts";
export { Logger, type LoggerConfig, type LogRecord, type LogRecordOptions } from "./logger.ts";
export * from "./handlers.ts";
export * from "./setup.ts";
