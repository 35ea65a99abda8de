/**
 * The ordinal of V4_0_0. From there on, each version has two ordinals: x.y.z-SNAPSHOT, then x.y.z.
 */
const V4_0_0 = 213;
/** Versions are counted as digits: ten patches per minor, ten minors per major version. */
const FIRST = 400;
/** The last version that the protocol names: V5_9_9. */
const LAST = 599;

/**
 * Returns the MQVersion name of an ordinal, e.g. "V5_3_1" for 475.
 *
 * @returns `undefined` for ordinals without a name, and for versions before Apache's first
 */
export function mqVersionName(ordinal: number): string | undefined {
  const steps = ordinal - V4_0_0 + 1;
  const number = FIRST + Math.floor(steps / 2);
  if (!Number.isInteger(ordinal) || number < FIRST || number > LAST) return undefined;
  return `V${[...`${number}`].join("_")}${steps % 2 === 0 ? "_SNAPSHOT" : ""}`;
}

/**
 * Parses a version: its MQVersion name, its number ("5.3.1") or its ordinal.
 *
 * @returns `undefined` for anything else
 */
export function parseMqVersion(text: string): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const [, major, minor, patch] = /^V?(\d)[._](\d)[._](\d)$/i.exec(text) ?? [];
  const number = Number(`${major}${minor}${patch}`);
  return number >= FIRST && number <= LAST ? V4_0_0 + 2 * (number - FIRST) : undefined;
}
