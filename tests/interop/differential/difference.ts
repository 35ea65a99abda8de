/** Differences between two answers, and whether they are known. */

import type { Json } from "../../support/json.ts";
import type { KnownDifference } from "./known.ts";

/** A difference between two responses. */
export interface Difference {
  /** `scenario / step` */
  where: string;
  /** Index of the step in its scenario, from 1, because names may repeat. */
  at: number;
  /** Where in the answer, as `body.brokerDatas.broker-a.zoneName`. */
  path: string;
  /** The value as text; `(absent)` where there is none. */
  reference: string;
  ours: string;
}

/**
 * The differences between two trees, each at the deepest level at which both have the same shape.
 */
export function differences(where: string, at: number, there: Json, here: Json): Difference[] {
  const found: Difference[] = [];
  const walk = (path: string, a: Json | undefined, b: Json | undefined) => {
    if (a instanceof Map && b instanceof Map) {
      for (const key of new Set([...a.keys(), ...b.keys()])) {
        walk(path === "" ? key : `${path}.${key}`, a.get(key), b.get(key));
      }
    } else if (print(a) !== print(b)) {
      found.push({ where, at, path, reference: print(a), ours: print(b) });
    }
  };
  walk("", there, here);
  return found;
}

/** Returns the row that a difference fits, the first of them. */
export function knownAs(
  table: readonly KnownDifference[],
  it: Difference,
): KnownDifference | undefined {
  return table.find((row) =>
    (row.where?.test(it.where) ?? true) && row.path.test(it.path) &&
    (row.reference?.test(it.reference) ?? true) && (row.ours?.test(it.ours) ?? true)
  );
}

/** A difference as three lines. */
export const describe = (it: Difference): string =>
  `${it.where} (step ${it.at}): ${it.path}\n    reference: ${it.reference.slice(0, 600)}\n` +
  `    ours:      ${it.ours.slice(0, 600)}`;

/** A value as text: longs are numbers and strings are quoted, so that 1 and "1" differ. */
export function print(value: Json | undefined): string {
  if (value === undefined) return "(absent)";
  if (value instanceof Map) {
    return `{${[...value].map(([key, item]) => `${key}:${print(item)}`).sort().join(",")}}`;
  }
  if (Array.isArray(value)) return `[${value.map((item) => print(item)).join(",")}]`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
