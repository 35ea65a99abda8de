import {
  ADDRESS_LIST,
  parseAddress,
  parseAddressList,
  parseHost,
  parseHostPatterns,
  parseUnits,
  UNIT_LIST,
} from "../address.ts";
import { ETCD_ENDPOINTS, parseEtcdEndpoints } from "./etcd_endpoints.ts";
import { addressesOption, controllerGroup, ControllerGroupError } from "./controller_group.ts";
import { isOptionName, type Option, type OptionName, optionOf, type Options } from "./options.ts";

/** Shown in place of a secret. */
export const HIDDEN = "******";

/**
 * Parses an option's value; returns undefined when it is not allowed. Surrounding blanks are
 * ignored, as in the reference, except in a secret.
 */
export function parseValue(name: OptionName, text: string): Options[OptionName] | undefined {
  const option: Option = optionOf(name);
  const trimmed = text.trim();
  switch (option.type) {
    case "boolean": {
      const word = trimmed.toLowerCase();
      return word === "true" ? true : word === "false" ? false : undefined;
    }
    case "int": {
      if (!/^[+-]?[0-9]{1,15}$/.test(trimmed)) return undefined;
      const number = Number(trimmed) + 0;
      if (number === 0 && option.orZero) return number;
      return number >= option.min && number <= option.max ? number : undefined;
    }
    case "enum":
      return option.values.find((value) => value.toLowerCase() === trimmed.toLowerCase()) as
        | Options[OptionName]
        | undefined;
    case "string":
    case "path":
      return isLegalText(text) ? (isSecret(option) ? text : trimmed) : undefined;
  }
}

/** Describes the values that an option may have. */
export function allowedValues(option: Option): string {
  switch (option.type) {
    case "boolean":
      return "true or false";
    case "int":
      return `a whole number from ${option.min} to ${option.max}${option.orZero ? ", or 0" : ""}`;
    case "enum":
      return `one of ${option.values.join(", ")}`;
    case "string":
    case "path":
      return LEGAL_TEXT;
  }
}

const MAX_TEXT = 4096;

/** Describes the texts for which isLegalText is true. */
export const LEGAL_TEXT = `at most ${MAX_TEXT} characters, none of them a control character`;

/** Whether a text may be a value: short enough, and without characters that would break a line. */
export function isLegalText(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return text.length <= MAX_TEXT && !/[\x00-\x08\x0a-\x1f\x7f\u0085\u2028\u2029]/.test(text);
}

/** Whether an option's value must never be shown. */
export function isSecret(option: Option): boolean {
  return option.type === "string" && option.secret === true;
}

/** An option's value; a secret is hidden. */
export function showValue(name: OptionName, value: Options[OptionName]): Options[OptionName] {
  return isSecret(optionOf(name)) && value !== "" ? HIDDEN : value;
}

/** An option's value as text; a secret is hidden. */
export function formatValue(name: OptionName, value: Options[OptionName]): string {
  return String(showValue(name, value));
}

/** Formats `key=value` for a message: one line, cut to a readable length, without secrets. */
export function quoteValue(key: string, text: string): string {
  const hidden = isOptionName(key) && isSecret(optionOf(key));
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return `${oneLine(key)}=${oneLine(hidden ? HIDDEN : shown)}`;
}

/** Escapes characters that would break a line. */
function oneLine(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
    (char) => CONTROLS.get(char) ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const CONTROLS: ReadonlyMap<string, string> = new Map([
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\r", "\\r"],
]);

/** Sets an option to a value returned by parseValue. */
export function setValue(options: Options, name: OptionName, value: Options[OptionName]): void {
  (options as Record<OptionName, Options[OptionName]>)[name] = value;
}

/** An option whose value is allowed by itself but conflicts with others. */
export interface Contradiction {
  readonly name: OptionName;
  readonly reason: string;
  /** The option that demands another value: where it is set is told, if `name` is set nowhere. */
  readonly cause?: OptionName;
}

/** Unsent bytes at which reading of a connection stops (high) and resumes (low). */
export interface WaterMarks {
  readonly high: number;
  readonly low: number;
}

/** The water marks in bytes, with zeros replaced by the defaults. */
export function waterMarks(options: Readonly<Options>): WaterMarks {
  const high = options.writeBufferHighWaterMark || 1_048_576;
  const low = options.writeBufferLowWaterMark || Math.floor(high / 2);
  return { high, low };
}

/** Finds options that conflict with each other or are not supported here. */
export function findContradictions(options: Readonly<Options>): Contradiction[] {
  const found: Contradiction[] = [];
  const { high, low } = waterMarks(options);
  if (low > high) {
    found.push({
      name: "writeBufferLowWaterMark",
      reason: `must be at most writeBufferHighWaterMark, which is ${high}`,
    });
  }
  if (options.maxBufferedRequestBytes < options.frameMaxLength) {
    found.push({
      name: "maxBufferedRequestBytes",
      reason: `must be at least frameMaxLength, which is ${options.frameMaxLength}`,
    });
  }
  found.push(...findTlsContradictions(options), ...findHttpTlsContradictions(options));
  found.push(...findControllerContradictions(options));
  found.push(...findWrongAddresses(options), ...findSharedFiles(options));
  found.push(...findEtcdContradictions(options));
  return found;
}

/** Whether anything is kept in etcd, so that its options count. */
export function usesEtcd(options: Readonly<Options>): boolean {
  return options.kvStore === "etcd" ||
    (options.enableControllerInNamesrv && options.controllerStore === "etcd");
}

function findEtcdContradictions(options: Readonly<Options>): Contradiction[] {
  if (!usesEtcd(options)) return [];
  const found: Contradiction[] = [];
  const endpoints = etcdEndpointsOf(options);
  if (endpoints === undefined) {
    found.push({ name: "etcdEndpoints", reason: `must be ${ETCD_ENDPOINTS}` });
  } else if (endpoints.length === 0) {
    const cause = options.kvStore === "etcd" ? "kvStore" : "controllerStore";
    const reason = `must be ${ETCD_ENDPOINTS}, because ${cause}=etcd`;
    found.push({ name: "etcdEndpoints", reason, cause });
  }
  if (!/^[^\s]{1,200}$/u.test(options.etcdPrefix) || options.etcdPrefix.endsWith("/")) {
    const reason = "must have 1 to 200 characters, no blanks, and no slash at its end";
    found.push({ name: "etcdPrefix", reason });
  }
  const needs = (name: OptionName, other: OptionName) => {
    if (options[name] !== "" || options[other] === "") return;
    found.push({ name, reason: `must be set, because ${other} is` });
  };
  needs("etcdUser", "etcdPasswordFile");
  needs("etcdPasswordFile", "etcdUser");
  needs("etcdCertFile", "etcdKeyFile");
  needs("etcdKeyFile", "etcdCertFile");
  const plain = endpoints?.find((endpoint) => endpoint.startsWith("http:"));
  for (const name of ["etcdCaFile", "etcdCertFile"] as const) {
    if (plain === undefined || options[name] === "") continue;
    found.push({ name, reason: `has no effect for ${plain} of etcdEndpoints: use https` });
  }
  return found;
}

function etcdEndpointsOf({ etcdEndpoints }: Readonly<Options>): string[] | undefined {
  try {
    return parseEtcdEndpoints(etcdEndpoints);
  } catch {
    return undefined;
  }
}

function findControllerContradictions(options: Readonly<Options>): Contradiction[] {
  if (!options.enableControllerInNamesrv) return [];
  try {
    const { address } = controllerGroup(options).self;
    const { port } = parseAddress(address);
    const other = (["listenPort", "httpPort"] as const).find((name) => options[name] === port);
    if (other === undefined) return [];
    const reason = `the port of this controller, ${port}, must differ from ${other}`;
    return [{ name: addressesOption(options), reason }];
  } catch (error) {
    if (error instanceof ControllerGroupError) {
      return [{ name: error.option, reason: error.message }];
    }
    throw error;
  }
}

function findSharedFiles(options: Readonly<Options>): Contradiction[] {
  const { routeSnapshotPath } = options;
  if (routeSnapshotPath === "") return [];
  return (["kvConfigPath", "configStorePath"] as const)
    .filter((other) => options[other] === routeSnapshotPath)
    .map((other) => ({ name: "routeSnapshotPath", reason: `must be another file than ${other}` }));
}

function findWrongAddresses(options: Readonly<Options>): Contradiction[] {
  const found: Contradiction[] = [];
  const host = "must be an address or a host name, without a port";
  if (parseHost(options.bindAddress) === undefined) {
    found.push({ name: "bindAddress", reason: host });
  }
  if (options.httpPort !== 0 && parseHost(options.httpBindAddress) === undefined) {
    found.push({ name: "httpBindAddress", reason: `${host}; or set httpPort=0` });
  }
  if (parseHostPatterns(options.httpAllowedHosts) === undefined) {
    const reason = "must be host names, separated by `,`, each also as *.name, or *";
    found.push({ name: "httpAllowedHosts", reason });
  }
  for (
    const name of ["namesrvAddrs", "namesrvAddrsForBrokers", "productEnvNamesrvAddr"] as const
  ) {
    if (!isReadable(() => parseAddressList(options[name], 0))) {
      found.push({ name, reason: `must be ${ADDRESS_LIST}` });
    }
  }
  if (!isReadable(() => parseUnits(options.namesrvAddrsByUnit, 0))) {
    found.push({ name: "namesrvAddrsByUnit", reason: `must be ${UNIT_LIST}` });
  }
  const advertised = options.advertisedAddress;
  if (advertised !== "" && !isReadable(() => parseAddress(advertised, 0))) {
    found.push({ name: "advertisedAddress", reason: "must be host or host:port" });
  }
  const service = options.addressServiceDomain;
  if (service !== "" && !isReadable(() => parseAddress(service, 0))) {
    found.push({ name: "addressServiceDomain", reason: "must be host or host:port" });
  }
  return found;
}

function isReadable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

function findHttpTlsContradictions(options: Readonly<Options>): Contradiction[] {
  if (!options.httpTlsEnable || options.httpPort === 0) return [];
  return (["httpTlsKeyPath", "httpTlsCertPath"] as const)
    .filter((name) => options[name] === "")
    .map((name) => ({ name, reason: "must name a file, because httpTlsEnable=true" }));
}

function findTlsContradictions(options: Readonly<Options>): Contradiction[] {
  if (options["tls.server.mode"] === "disabled" || options["tls.test.mode.enable"]) return [];
  const needed = ["tls.server.keyPath", "tls.server.certPath"] as const;
  const found: Contradiction[] = needed
    .filter((name) => options[name] === "")
    .map((name) => ({
      name,
      reason: "must name a file, unless tls.test.mode.enable=true or tls.server.mode=disabled",
    }));
  const verifies = options["tls.server.authClient"] &&
    options["tls.server.need.client.auth"] !== "none";
  if (verifies && options["tls.server.trustCertPath"] === "") {
    found.push({
      name: "tls.server.trustCertPath",
      reason: "must name a file, because tls.server.authClient=true",
    });
  }
  return found;
}
