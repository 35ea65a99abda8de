import { type Command, Option } from "commander";
import { parseAddress } from "../remoting/client_connection.ts";
import { UsageError } from "./failures.ts";

const DEFAULT_PORT = 9876;
const DEFAULT_SERVER = `127.0.0.1:${DEFAULT_PORT}`;

/** The options of every command that asks name servers, as they are given. */
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
}

/** Gives a command the options that say which servers are asked, and how. */
export function withServers(command: Command): Command {
  const option = (flags: string, description: string, byDefault?: string) =>
    command.addOption(new Option(flags, description).default(byDefault));
  option("-n, --namesrvAddr <host:port[;host:port]>", "the name servers", DEFAULT_SERVER);
  option("--timeout <ms>", "how long a server may take to answer", "3000");
  option("--json", "write JSON, for programs");
  option("--tls", "speak TLS; the other options of TLS imply it");
  option("--tls-trust <file>", "certificates (PEM) of the authorities to trust");
  option("--tls-cert <file>", "the certificate (PEM) to show to the server");
  option("--tls-key <file>", "its key (PEM)");
  option("--tls-name <name>", "the name that the server's certificate is for");
  option("--tls-insecure", "trust any certificate: for tests only");
  return command;
}

/**
 * The addresses of a list "host:port;host:port", each one once. A host alone has port 9876.
 *
 * @throws {UsageError}
 */
export function parseServers(list: string, option = "--namesrvAddr"): string[] {
  const items = list.split(";").map((item) => item.trim()).filter((item) => item !== "");
  if (items.length === 0) throw new UsageError(`${option}: must be host:port[;host:port]`);
  const addresses = items.map((item) => {
    const address = /:\d+$/.test(item) || item.includes("/") ? item : `${item}:${DEFAULT_PORT}`;
    try {
      parseAddress(address);
    } catch {
      throw new UsageError(`${option} ${item}: must be host:port[;host:port]`);
    }
    return address;
  });
  return [...new Set(addresses)];
}

const UNITS: ReadonlyMap<string, number> = new Map([["ms", 1], ["s", 1000], ["m", 60_000]]);

/**
 * Milliseconds of "500ms", "3s" or "1m".
 *
 * @param option for the error's text
 * @param unit of a number alone
 * @throws {UsageError}
 */
export function parseDuration(
  text: string,
  option: string,
  unit: "ms" | "s",
  { min = 1, max = 86_400_000 } = {},
): number {
  const [, number = "", given = unit] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
  const value = Number(number) * UNITS.get(given)!;
  if (number === "" || !(value >= min && value <= max)) {
    throw new UsageError(
      `${option} ${text}: must be from ${min} ms to ${max} ms, as in 500ms, 3s or 1m`,
    );
  }
  return value;
}

/**
 * A whole number.
 *
 * @param option for the error's text
 * @throws {UsageError}
 */
export function parseCount(text: string, option: string, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) {
    throw new UsageError(`${option} ${text}: must be a whole number from 1 to ${max}`);
  }
  return value;
}
