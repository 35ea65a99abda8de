import { errorMessage } from "./error_message.ts";

/**
 * Returns a one-line reason for a system error: the system's message or, if a Deno permission is
 * missing, the flags that grant it.
 *
 * @param flags the flags needed, e.g. `--allow-read=/etc/x --allow-write=/etc/x`
 */
export function osReason(error: unknown, flags: string): string {
  if (error instanceof Deno.errors.NotCapable) return `not permitted; start Deno with ${flags}`;
  return errorMessage(error);
}

/**
 * Like {@linkcode osReason}, but without the paths that the system's words can contain: for clients.
 * Returns `undefined` where nothing is left.
 */
export function osReasonWithoutPaths(error: unknown): string | undefined {
  if (error instanceof Deno.errors.NotCapable) {
    return "not permitted; the log names the flag of Deno";
  }
  // Deno appends ": open '/path'".
  const [reason] = errorMessage(error).split(":", 1);
  return reason === undefined || /^$|[/\\'"]/.test(reason) ? undefined : reason;
}
