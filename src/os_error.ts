/**
 * The one line that says why the system refused something: the system's own words, or, where Deno's
 * permissions stood in the way, the flags that would allow it.
 *
 * @param flags what the server must be started with, e.g. `--allow-read=/etc/x --allow-write=/etc/x`
 */
export function osReason(error: unknown, flags: string): string {
  if (error instanceof Deno.errors.NotCapable) return `not permitted; start Deno with ${flags}`;
  return error instanceof Error ? error.message : String(error);
}
