/** Ordinals of MQVersion: each patch has a snapshot (even) and a release (odd). */
const V4_0_0 = 213;
const V5_9_9 = 611;

/**
 * The name of a version of the protocol by its ordinal in MQVersion, e.g. "V5_5_0" for 513. Those
 * before 4.0, whose numbers follow no rule, come as "version 37".
 */
export function versionName(ordinal: number): string {
  if (ordinal > V5_9_9) return "HIGHER_VERSION";
  if (ordinal < V4_0_0 - 1) return `version ${ordinal}`;
  const patches = Math.floor((ordinal - V4_0_0 + 1) / 2);
  const name = `V${4 + Math.floor(patches / 100)}_${Math.floor(patches / 10) % 10}_${patches % 10}`;
  return ordinal % 2 === 1 ? name : `${name}_SNAPSHOT`;
}
