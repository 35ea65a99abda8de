/**
 * A Java `long`. A `number` while it is a safe integer, a `bigint` beyond, so that `===`, `<` and
 * Map keys work on the canonical form and no digit is lost.
 */
export type Long = number | bigint;

const MIN_LONG = -(2n ** 63n);
const MAX_LONG = 2n ** 63n - 1n;

/**
 * Reads a decimal Java `long` as `Long.parseLong` does: optional sign, digits, nothing else.
 *
 * @returns the canonical value, or `undefined` when the text is not a 64-bit integer
 */
export function parseLong(text: string): Long | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number === 0 ? 0 : number;
  // Nothing beyond 64 bits is worth the time that BigInt takes for a million digits.
  if (Math.abs(number) > 2 ** 63) return undefined;
  const big = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return big < MIN_LONG || big > MAX_LONG ? undefined : big;
}

/** Reads a decimal Java `int` (32 bits). Returns `undefined` when the text is not one. */
export function parseInt32(text: string): number | undefined {
  const value = parseLong(text);
  return typeof value === "number" && value === (value | 0) ? value : undefined;
}

/** The smallest of some longs. `undefined` when there are none. */
export function minLong(values: Iterable<Long>): Long | undefined {
  let min: Long | undefined;
  for (const value of values) if (min === undefined || value < min) min = value;
  return min;
}
