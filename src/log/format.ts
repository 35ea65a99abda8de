import type { LogRecord } from "@std/log";
import type { Fields } from "./log.ts";

const MAX_VALUE_LENGTH = 1024;
const MAX_STACK_LENGTH = 8192;

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
export const FORMATS = {
  text: { event: formatEvent, line: formatLine },
  json: { event: formatJsonEvent, line: formatJsonLine },
};

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
  const end = (text.codePointAt(length - 1) ?? 0) > 0xffff ? length - 1 : length;
  return `${text.slice(0, end)}…(${text.length - end} more)`;
}
