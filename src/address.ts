import { isIPv6 } from "node:net";

/** A host and a port. An IPv6 address has no brackets. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** The default port of a name server. */
export const NAMESRV_PORT = 9876;
/** The address on which the machine listens for all IPv4 connections. */
export const ANY_IPV4 = "0.0.0.0";
/** The address on which the machine listens for all IPv6 connections, and mostly IPv4 ones, too. */
export const ANY_IPV6 = "::";

/** "host:port", with brackets around an IPv6 address. */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Reads an IP address or a host name without a port; returns undefined when the text is neither. An
 * IPv6 address may have brackets, which the result lacks.
 */
export function parseHost(text: string): string | undefined {
  const [, bracketed] = /^\[(.*)\]$/.exec(text) ?? [];
  if (bracketed !== undefined) return isIPv6(bracketed) ? bracketed : undefined;
  return /^[^\s:/@?#[\]]+$/.test(text) || isIPv6(text) ? text : undefined;
}

/**
 * Reads a list of host names, separated by `,` or `;`, for a comparison. `*.` at the beginning of one
 * stands for all names below it, `*` for all names.
 *
 * @returns the names in lower case; undefined when the list has anything else
 */
export function parseHostPatterns(list: string): string[] | undefined {
  const names = list.toLowerCase().split(/[,;]/).map((name) => name.trim()).filter(Boolean);
  const legal = (name: string) => !name.includes("*") && parseHost(name) !== undefined;
  return names.every((name) => name === "*" || legal(name.replace(/^\*\./, "")))
    ? names
    : undefined;
}

/**
 * Reads "host:port" or "[IPv6]:port". An IPv6 address without brackets ends at the last colon, as in
 * the addresses that RocketMQ's brokers register.
 *
 * @param defaultPort port of an address that has none; the text may then also be a bare IPv6 address
 * @throws {TypeError} when the text has another form
 */
export function parseAddress(text: string, defaultPort?: number): Address {
  if (defaultPort !== undefined) {
    const hostname = parseHost(text);
    if (hostname !== undefined) return { hostname, port: defaultPort };
  }
  const [, host = "", digits] = /^(.+):(\d{1,5})$/s.exec(text) ?? [];
  const hostname = parseHost(host);
  const port = Number(digits);
  if (hostname === undefined || port > 65_535) throw new TypeError(`not "host:port": ${text}`);
  return { hostname, port };
}

/** The form of the lists that {@link parseAddressList} reads, for error messages. */
export const ADDRESS_LIST = "host:port[;host:port]";

/**
 * Reads a list of servers, separated by `;` or `,`, each as `host`, `host:port` or
 * `http://host:port`, and removes duplicates.
 *
 * @returns the addresses as "host:port"
 * @throws {TypeError} when one has another form; the message names it
 */
export function parseAddressList(list: string, defaultPort: number): string[] {
  const items = list.split(/[;,]/).map((item) => item.trim()).filter((item) => item !== "");
  return [
    ...new Set(items.map((item) => {
      const { hostname, port } = parseAddress(
        /^http:\/\/([^/]*)\/?$/.exec(item)?.[1] ?? item,
        defaultPort,
      );
      return formatAddress(hostname, port);
    })),
  ];
}

/** The form of the lists that {@link parseUnits} reads, for error messages. */
export const UNIT_LIST = `unit=${ADDRESS_LIST}[,unit=...]`;

/**
 * Reads lists of servers by unit: `unit=host:port;host:port,unit=host:port`.
 *
 * @returns the addresses of each unit as "host:port"
 * @throws {TypeError} when the text has another form, or a unit occurs twice or has no address
 */
export function parseUnits(list: string, defaultPort: number): Map<string, string[]> {
  const units = new Map<string, string[]>();
  for (const item of list.split(",").map((item) => item.trim()).filter((item) => item !== "")) {
    const [, unit = "", addresses = ""] = /^([^\s=;/?#]+)\s*=(.*)$/.exec(item) ?? [];
    const parsed = parseAddressList(addresses, defaultPort);
    if (parsed.length === 0 || units.has(unit)) throw new TypeError(`not ${UNIT_LIST}: ${item}`);
    units.set(unit, parsed);
  }
  return units;
}
