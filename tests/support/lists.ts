import assert from "node:assert/strict";

/** An element of a list that must have it. */
export function nth<T>(list: readonly T[], at: number): T {
  assert.ok(at in list, `${list.length} elements, and none at ${at}`);
  return list[at] as T;
}

/** The first element of a list that must not be empty. */
export function first<T>(list: readonly T[]): T {
  return nth(list, 0);
}
