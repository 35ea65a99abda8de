import type { Long } from "./long.ts";

/**
 * The two JSON dialects that this server writes. Both leave non-ASCII text unescaped, as UTF-8.
 * - `fastjson`: numeric keys of maps are unquoted (`{0:"a"}`);
 * - `standard`: every key is quoted, and keys are sorted.
 */
export type Dialect = "fastjson" | "standard";

// deno-lint-ignore no-control-regex
const PLAIN = /^[^\u0000-\u001f"\\\ud800-\udfff]*$/;

/** Returns a JSON string, including its quotes. */
export function jsonString(text: string): string {
  // The test is cheaper than JSON.stringify, which is rarely needed.
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * Formats a 64-bit integer. The standard dialect quotes those beyond 2^53, like the reference, so
 * that a JavaScript reader keeps their digits.
 */
export function jsonLong(value: Long, dialect: Dialect): string {
  return typeof value === "bigint" && dialect === "standard" ? `"${value}"` : `${value}`;
}

/** Formats a map with integer keys and encoded values. The standard dialect sorts the keys. */
export function jsonNumericMap(
  entries: Iterable<readonly [Long, string]>,
  dialect: Dialect,
): string {
  if (dialect === "fastjson") {
    return `{${Array.from(entries, ([key, value]) => `${key}:${value}`).join(",")}}`;
  }
  const sorted = Array.from(entries).sort(byKey);
  return `{${sorted.map(([key, value]) => `"${key}":${value}`).join(",")}}`;
}

/** Formats a map with string keys and encoded values. The standard dialect sorts the keys. */
export function jsonMap(
  entries: Iterable<readonly [string, string]>,
  dialect: Dialect,
): string {
  const list = Array.from(entries);
  if (dialect === "standard") list.sort(byKey);
  return `{${list.map(([key, value]) => `${jsonString(key)}:${value}`).join(",")}}`;
}

/** Formats an array of strings. */
export function jsonStrings(texts: Iterable<string>): string {
  const parts: string[] = [];
  for (const text of texts) parts.push(jsonString(text));
  return `[${parts.join(",")}]`;
}

function byKey<K extends Long | string>(a: readonly [K, string], b: readonly [K, string]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
