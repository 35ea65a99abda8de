import { formatAddress, parseAddress } from "../address.ts";
import { ServerFailure, UsageError } from "./failures.ts";
import { httpsGet } from "./https_get.ts";
import type { NameServer } from "./name_server.ts";
import { parseServers } from "./options.ts";
import { reportedOptions } from "./queries.ts";
import type { Fetch } from "./request_counter.ts";
import { printable } from "./text.ts";
import type { TlsConnect } from "../remoting/transport/transport.ts";

const WITH_HTTP = "name its HTTP port with --http";

/** The HTTP port of a name server, as "http://host:port", or why it is unknown and what to do. */
export type HttpPort = { readonly origin: string } | { readonly reason: string };

/**
 * Parses `--http`.
 *
 * @returns for each server "http://host:port" or "https://host:port"
 * @throws {UsageError}
 */
export function parseOrigins(list: string, servers: readonly NameServer[]): string[] {
  const items = list.split(/[;,]/).map((item) => item.trim()).filter((item) => item !== "");
  if (items.length === 0) parseServers(list, "--http");
  const origins = items.map((item) => {
    const [address] = parseServers(item.replace(/^https:/, "http:"), "--http");
    return `${item.startsWith("https:") ? "https" : "http"}://${address}`;
  });
  if (origins.length === servers.length) return origins;
  throw new UsageError(`--http ${list}: needs one address for each in -n, in the same order`);
}

/** Returns a function like `fetch` that connects to https URLs by the TLS options of commands. */
export function fetchWith(tls: TlsConnect = { rejectUnauthorized: true }): Fetch {
  return (url, init) => url.startsWith("https:") ? httpsGet(url, init, tls) : fetch(url, init);
}

/** Asks a server for its HTTP port. */
export async function findHttpPort(server: NameServer): Promise<HttpPort> {
  let port: string | undefined;
  let tls: boolean;
  try {
    const options = await reportedOptions(server);
    port = options.get("httpPort");
    tls = options.get("httpTlsEnable") === "true";
  } catch (error) {
    if (!(error instanceof ServerFailure)) throw error;
    return { reason: `the server does not report its configuration (${error.what}); ${WITH_HTTP}` };
  }
  if (port === undefined) return { reason: "this kind of name server has none" };
  if (port === "0") return { reason: "the server has no HTTP port (httpPort=0)" };
  if (!/^[1-9]\d{0,4}$/.test(port)) {
    return { reason: `the server reports httpPort=${printable(port)}; ${WITH_HTTP}` };
  }
  const address = formatAddress(parseAddress(server.address).hostname, Number(port));
  return { origin: `${tls ? "https" : "http"}://${address}` };
}

/** The reason for a port that does not answer. */
export function silentPort(origin: string): string {
  const certificate = origin.startsWith("https:")
    ? "pass the authority of its certificate with --tls-trust, "
    : "";
  return `${origin} does not answer: ${certificate}check httpBindAddress, or name another address with --http`;
}
