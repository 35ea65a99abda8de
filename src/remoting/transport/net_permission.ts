/**
 * Checks that Deno lets this program listen, without prompting the user.
 *
 * @throws {Deno.errors.NotCapable} when the permission is missing
 */
export function checkListenPermission(hostname: string, port: number): void {
  const host = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  const { state } = Deno.permissions.querySync({ name: "net", host });
  if (state !== "granted") throw new Deno.errors.NotCapable(`--allow-net=${host}`);
}
