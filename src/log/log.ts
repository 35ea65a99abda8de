import type { EventAt, FieldsOf } from "./events.ts";

/** Details of an event, written as `key=value`; `undefined` fields are omitted. */
export type Fields = Record<string, unknown>;

/** The fields that name a peer. */
export interface PeerFields {
  /** "address:port" of the socket's other end. */
  peer: string;
  /** "address:port" that a PROXY protocol header named. */
  proxied?: string;
}

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

/** A log that takes any text as an event, for events that are only known at run time. */
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
