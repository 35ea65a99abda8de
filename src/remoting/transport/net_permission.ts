/**
 * Makes sure that Deno lets this program listen, without asking the user: a server's terminal, where
 * it has one, is no place for questions.
 *
 * @throws {Deno.errors.NotCapable} when it does not
 */
export function checkListenPermission(hostname: string, port: number): void {
  const host = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  const { state } = Deno.permissions.querySync({ name: "net", host });
  if (state !== "granted") throw new Deno.errors.NotCapable(`--allow-net=${host}`);
}
