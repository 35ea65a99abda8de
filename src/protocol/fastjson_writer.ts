import type { Long } from "./long.ts";

/**
 * The two forms of JSON that leave this server. Text is UTF-8 as it is in both.
 * - `fastjson`: maps with numeric keys have them unquoted (`{0:"a"}`);
 * - `standard`: every key is quoted, and keys are sorted.
 */
export type Dialect = "fastjson" | "standard";

// deno-lint-ignore no-control-regex
const PLAIN = /^[^\u0000-\u001f"\\\ud800-\udfff]*$/;

/** A JSON string, with its quotes. */
export function jsonString(text: string): string {
  // The test costs less than what JSON.stringify does for the rare other case.
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/**
 * A 64-bit integer. In the standard dialect those beyond 2^53 are quoted, as the reference does, so
 * that a JavaScript reader keeps their digits.
 */
export function jsonLong(value: Long, dialect: Dialect): string {
  return typeof value === "bigint" && dialect === "standard" ? `"${value}"` : `${value}`;
}

/** A map with integer keys, its values encoded already. The standard dialect sorts its keys. */
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

/** A map with string keys, its values encoded already. The standard dialect sorts its keys. */
export function jsonMap(
  entries: Iterable<readonly [string, string]>,
  dialect: Dialect,
): string {
  const list = Array.from(entries);
  if (dialect === "standard") list.sort(byKey);
  return `{${list.map(([key, value]) => `${jsonString(key)}:${value}`).join(",")}}`;
}

/** An array of strings. */
export function jsonStrings(texts: Iterable<string>): string {
  const parts: string[] = [];
  for (const text of texts) parts.push(jsonString(text));
  return `[${parts.join(",")}]`;
}

function byKey<K extends Long | string>(a: readonly [K, string], b: readonly [K, string]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
