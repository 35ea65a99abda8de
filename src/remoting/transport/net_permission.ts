import { formatAddress } from "../../address.ts";

/**
 * Checks that Deno lets this program listen, without prompting the user.
 *
 * @throws {Deno.errors.NotCapable} when the permission is missing
 */
export function checkListenPermission(hostname: string, port: number): void {
  if (isNetGranted(hostname, port)) return;
  throw new Deno.errors.NotCapable(`--allow-net=${formatAddress(hostname, port)}`);
}

/** Whether this program may listen on an address, or connect to it, without asking the user. */
export function isNetGranted(hostname: string, port: number): boolean {
  const host = formatAddress(hostname, port);
  return Deno.permissions.querySync({ name: "net", host }).state === "granted";
}
