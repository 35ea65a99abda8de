/**
 * Estimates of the memory that V8 takes on a 64-bit machine, so that the tables know their size
 * without asking the engine. tests/system/table_bytes_test.ts compares them with real heaps.
 * @module
 */

/** Bytes of an object with this many fields, as a literal makes it. */
export function objectBytes(fields: number): number {
  return 24 + 8 * fields;
}

/** Bytes of a string's characters and its head. */
export function stringBytes(text: string): number {
  // deno-lint-ignore no-control-regex
  const width = /[^\u0000-\u00ff]/.test(text) ? 2 : 1;
  return 16 + ((width * text.length + 7) & ~7);
}

/** Bytes of a Map, or a little more than those of a Set, without its keys and values. */
export function mapBytes(size: number): number {
  // Its table doubles, and has three words an entry and one for two buckets.
  const capacity = size <= 4 ? 4 : 2 ** (32 - Math.clz32(size - 1));
  return 72 + 28 * capacity;
}

/** Bytes of an array that began with one element and has grown by push. */
export function arrayBytes(length: number): number {
  let capacity = 1;
  while (capacity < length) capacity = capacity + 1 + ((capacity + 1) >> 1) + 16;
  return 48 + 8 * capacity;
}
