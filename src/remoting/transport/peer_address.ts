/** Of IPv4 peers, as a listener on "::" sees them. */
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** "address:port" of a peer; IPv6 addresses stand in brackets. */
export function peerAddress(hostname: string | undefined, port: number | undefined): string {
  const host = hostname?.replace(MAPPED, "");
  return host?.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
