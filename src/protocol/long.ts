/**
 * A Java `long`: a `number` if it is a safe integer, otherwise a `bigint`. This form is canonical,
 * so `===`, `<` and Map keys work, and no digits are lost.
 */
export type Long = number | bigint;

const MIN_LONG = -(2n ** 63n);
const MAX_LONG = 2n ** 63n - 1n;

/**
 * Parses a decimal Java `long` like `Long.parseLong`: an optional sign and digits, nothing else.
 *
 * @returns the canonical value, or `undefined` when the text is not a 64-bit integer
 */
export function parseLong(text: string): Long | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number === 0 ? 0 : number;
  // Numbers beyond 64 bits are rejected before BigInt spends time on a million digits.
  if (Math.abs(number) > 2 ** 63) return undefined;
  const big = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return big < MIN_LONG || big > MAX_LONG ? undefined : big;
}

/** Parses a decimal Java `int` (32 bits). Returns `undefined` when the text is not one. */
export function parseInt32(text: string): number | undefined {
  const value = parseLong(text);
  return typeof value === "number" && value === (value | 0) ? value : undefined;
}

/** Returns the smallest value, or `undefined` when there are none. */
export function minLong(values: Iterable<Long>): Long | undefined {
  let min: Long | undefined;
  for (const value of values) if (min === undefined || value < min) min = value;
  return min;
}

/** Returns a value for JSON: a string where parsers would lose digits. */
export function showLong(value: Long): number | string {
  return typeof value === "bigint" ? `${value}` : value;
}
