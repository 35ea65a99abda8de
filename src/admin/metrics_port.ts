import { formatAddress, parseAddress } from "../address.ts";
import { ServerFailure } from "./failures.ts";
import type { NameServer } from "./name_server.ts";
import { reportedOptions } from "./queries.ts";
import { printable } from "./text.ts";

const WITH_HTTP = "name its HTTP port with --http";

/** Where a name server's metrics are, as "http://host:port", or why that is unknown and what to do. */
export type MetricsPort = { readonly origin: string } | { readonly reason: string };

/** Asks a server for its HTTP port. */
export async function findMetricsPort(server: NameServer): Promise<MetricsPort> {
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
