/**
 * The oldest Deno that runs this program: the one that it is tested with, as .deno-version pins it.
 * This module is loaded before all others, by any Deno: it imports nothing and uses no new syntax.
 */
export const OLDEST_DENO = "2.9.6";

/**
 * Returns the line to end with when a Deno is too old to run this program.
 *
 * @param version as in `2.9.6`; what follows the three numbers doesn't count
 */
export function refuseOldDeno(version: string): string | undefined {
  // Texts are compared number by number.
  if (version.localeCompare(OLDEST_DENO, "en", { numeric: true }) >= 0) return undefined;
  return `rocketmq-namesrv needs Deno ${OLDEST_DENO} or newer, and this is Deno ${version}`;
}
