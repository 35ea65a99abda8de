import { ANY_IPV4, ANY_IPV6 } from "./address.ts";

/**
 * Opens an address for listening. For the wildcard of either family, all IPv4 and IPv6 addresses of
 * the machine are opened, as Java does.
 *
 * @param hostname without brackets
 * @param open opens one address; throws the runtime's error
 * @param skipped called with a family's wildcard that can't be opened beside the other, and the error
 * @returns what was opened, on one port
 * @throws the error of `open` when `hostname` can't be opened
 */
export async function listenEverywhere<L extends { readonly port: number }>(
  hostname: string,
  port: number,
  open: (hostname: string, port: number) => L | Promise<L>,
  skipped: (hostname: string, error: unknown) => void,
): Promise<readonly [L, ...L[]]> {
  if (hostname !== ANY_IPV4 && hostname !== ANY_IPV6) return [await open(hostname, port)];
  let first: L;
  try {
    first = await open(ANY_IPV6, port);
  } catch (error) {
    if (hostname === ANY_IPV6 || isInUse(error)) throw error;
    // The machine has no IPv6, or Deno does not permit it.
    const only = await open(ANY_IPV4, port);
    skipped(ANY_IPV6, error);
    return [only];
  }
  try {
    return [first, await open(ANY_IPV4, first.port)];
  } catch (error) {
    // On most systems the first one takes IPv4 connections, too.
    if (!isInUse(error)) skipped(ANY_IPV4, error);
    return [first];
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof Deno.errors.AddrInUse ||
    error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
