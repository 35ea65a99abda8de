import { type Command, Option } from "commander";
import { ADDRESS_LIST, NAMESRV_PORT, parseAddressList } from "../address.ts";
import { ORDER_TOPIC_CONFIG } from "../protocol/codes.ts";
import { UsageError } from "./failures.ts";

const DEFAULT_SERVER = `127.0.0.1:${NAMESRV_PORT}`;

/** Options shared by all commands that call name servers, unparsed. */
export interface ServerOptions {
  namesrvAddr: string;
  timeout: string;
  json?: boolean;
  tls?: boolean;
  tlsTrust?: string;
  tlsCert?: string;
  tlsKey?: string;
  tlsName?: string;
  tlsInsecure?: boolean;
  credentials?: string;
}

/** Adds the options that select the servers and how to connect to them. */
export function withServers(command: Command): Command {
  const option = (flags: string, description: string, byDefault?: string) =>
    command.addOption(new Option(flags, description).default(byDefault));
  option("-n, --namesrvAddr <host:port[;host:port]>", "the name servers", DEFAULT_SERVER);
  option("--timeout <ms>", "timeout for each server", "3000");
  option("--json", "print JSON");
  option("--tls", "use TLS; implied by the other TLS options");
  option("--tls-trust <file>", "CA certificates to trust (PEM)");
  option("--tls-cert <file>", "client certificate (PEM)");
  option("--tls-key <file>", "key of the client certificate (PEM)");
  option("--tls-name <name>", "the name in the server's certificate");
  option("--tls-insecure", "accept any certificate; for tests only");
  option(
    "--credentials <file>",
    "accessKey and secretKey to sign requests (YAML); default: $ROCKETMQ_HOME/conf/tools.yml",
  );
  return command;
}

/** Options of commands on KV namespaces. */
export interface NamespaceOptions extends ServerOptions {
  namespace: string[];
}

/**
 * Adds the option that selects KV namespaces. Name servers have no request that lists them.
 *
 * @param verb what is done with them
 */
export function withNamespaces(command: Command, verb: string): Command {
  return command.option(
    "--namespace <name>",
    `a KV namespace to ${verb}; may be repeated (default: ${ORDER_TOPIC_CONFIG})`,
    (name: string, names: string[]) => [...names, name],
    [],
  );
}

/** The selected namespaces. */
export function namespacesOf({ namespace }: NamespaceOptions): readonly string[] {
  return namespace.length === 0 ? [ORDER_TOPIC_CONFIG] : [...new Set(namespace)];
}

/**
 * Parses a list of addresses and removes duplicates.
 *
 * @throws {UsageError}
 */
export function parseServers(
  list: string,
  option = "--namesrvAddr",
  defaultPort = NAMESRV_PORT,
): string[] {
  let addresses: string[] = [];
  try {
    addresses = parseAddressList(list, defaultPort);
  } catch {
    // The list is shown below.
  }
  if (addresses.length > 0) return addresses;
  const given = list.trim() === "" ? option : `${option} ${list}`;
  throw new UsageError(`${given}: must be ${ADDRESS_LIST}`);
}

const UNITS: ReadonlyMap<string, number> = new Map([["ms", 1], ["s", 1000], ["m", 60_000]]);

/**
 * Parses "500ms", "3s" or "1m" to milliseconds.
 *
 * @param option name for the error message
 * @param unit of a number without one
 * @throws {UsageError}
 */
export function parseDuration(
  text: string,
  option: string,
  unit: "ms" | "s",
  { min = 1, max = 86_400_000 } = {},
): number {
  const [, number = "", given = unit] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
  const value = Number(number) * (UNITS.get(given) ?? NaN);
  if (number === "" || !(value >= min && value <= max)) {
    throw new UsageError(
      `${option} ${text}: must be from ${min} ms to ${max} ms, as in 500ms, 3s or 1m`,
    );
  }
  return value;
}

/**
 * Parses a non-negative integer.
 *
 * @param option name for the error message
 * @throws {UsageError}
 */
export function parseCount(text: string, option: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) {
    throw new UsageError(`${option} ${text}: must be a whole number from 1 to ${max}`);
  }
  return value;
}
