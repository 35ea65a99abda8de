/** Of IPv4 peers, as a listener on "::" sees them. */
const MAPPED = /^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i;

/** An address as it is written without sockets that serve both families: `::ffff:10.0.0.1` is 10.0.0.1. */
export function unmapped(hostname: string): string {
  return hostname.replace(MAPPED, "");
}

/** "address:port" of a peer; IPv6 addresses stand in brackets. */
export function peerAddress(hostname: string | undefined, port: number | undefined): string {
  const host = hostname && unmapped(hostname);
  return host?.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
