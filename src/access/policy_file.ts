import { dirname, isAbsolute, join } from "node:path";
import { nearestName } from "../config/nearest.ts";
import { requireRegularFile } from "../regular_file.ts";
import { StartupError } from "../startup_error.ts";
import { osReason } from "../os_error.ts";
import type { CertificateConditions } from "./certificates.ts";
import { Document, DocumentError, type Fault, type Position } from "./document.ts";
import {
  Grants,
  isPermission,
  isRole,
  type Limits,
  type Permission,
  PERMISSIONS,
  type ResourceKind,
  resourceOf,
  type Role,
  ROLES,
  Rule,
  rulesOfRole,
} from "./permissions.ts";
import type { Account, CertificateRule, NetworkRule, Policy } from "./policy.ts";
import { isSecretHash } from "./secret_hash.ts";
import { SigningKey } from "./signature.ts";
import { Networks } from "../ip_ranges.ts";

/** Secrets below this many characters can be guessed offline from one signed request. */
const SHORT_SECRET = 20;
/** Most faults reported for one file. */
const MAX_FAULTS = 20;
/** Milliseconds of reading before other work gets a turn. */
const SLICE = 4;
const OTHERS_MAY = 0o077;

/** The part of Deno that reads the rules. */
export interface AccessFileSystem {
  readTextFile(path: string): Promise<string>;
  stat(path: string): Promise<{ isFile: boolean; mode: number | null }>;
}

/** A file of rules that can't be taken. Each line names file, line and column, and no secret. */
export class AccessFileError extends StartupError {
  override name = "AccessFileError";
  constructor(readonly lines: readonly string[]) {
    super(lines.join("; "));
  }
}

/** The rules in a file, and warnings about them. */
export interface LoadedPolicy {
  readonly policy: Policy;
  /** A line each. */
  readonly warnings: readonly string[];
  /** The file itself, and those of secrets. */
  readonly paths: readonly string[];
}

/**
 * Reads a file of rules, and those of the secrets that it names. Long files are read in slices.
 *
 * @param nextTurn resolves after other work had its turn
 * @throws {AccessFileError}
 */
export async function loadPolicy(
  path: string,
  files: AccessFileSystem,
  nextTurn: () => Promise<void>,
): Promise<LoadedPolicy> {
  const text = await readFile(path, files);
  // Places are needed only to tell of something. What they leave to the garbage collector stops
  // everything else for longer than the reading itself.
  const quick = await readRules(path, text, files, nextTurn, false).catch((error) => {
    if (!(error instanceof AccessFileError)) throw error;
  });
  return quick?.warnings.length === 0 ? quick : await readRules(path, text, files, nextTurn, true);
}

async function readRules(
  path: string,
  text: string,
  files: AccessFileSystem,
  nextTurn: () => Promise<void>,
  placed: boolean,
): Promise<LoadedPolicy> {
  let document: Document;
  try {
    document = await Document.inTurns(text, "accounts", nextTurn, placed);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw new AccessFileError([faultLine(path, error.fault)]);
  }
  const reading = new Reading(path, document, files, nextTurn);
  await reading.checkMode(path);
  const policy = await reading.policy();
  const { warnings, paths } = reading;
  return { policy, warnings, paths };
}

function faultLine(path: string, { line, column, message }: Fault): string {
  return `${path}:${line}:${column}: ${message}`;
}

async function readFile(path: string, files: AccessFileSystem): Promise<string> {
  try {
    await requireRegularFile(path, files);
    return await files.readTextFile(path);
  } catch (error) {
    const reason = osReason(error, `--allow-read=${path}`);
    throw new AccessFileError([`cannot read ${path}: ${reason}`]);
  }
}

type Mapping = Record<string, unknown>;

const TOP_KEYS = [
  "mode",
  "trustedProxies",
  "anonymous",
  "networks",
  "certificates",
  "accounts",
  "outgoing",
] as const;
const ACCOUNT_KEYS = [
  "accessKey",
  "secret",
  "secretFile",
  "tokens",
  "may",
  "networks",
  "requireTls",
  "disabled",
  "expires",
] as const;
const CERTIFICATE_KEYS = ["name", "subjectCN", "san", "fingerprint", "may"] as const;

/** One reading of one file: faults are collected, so that all of them can be mended at once. */
class Reading {
  readonly warnings: string[] = [];
  readonly paths: string[];
  readonly #path: string;
  readonly #document: Document;
  readonly #files: AccessFileSystem;
  readonly #nextTurn: () => Promise<void>;
  readonly #faults: Fault[] = [];
  /** Many accounts have the same rights: parsed once, by their text. */
  readonly #grants = new Map<string, Grants>();
  readonly #networks = new Map<string, Networks>();
  #sliceStart = performance.now();

  constructor(
    path: string,
    document: Document,
    files: AccessFileSystem,
    nextTurn: () => Promise<void>,
  ) {
    this.#path = path;
    this.#document = document;
    this.#files = files;
    this.#nextTurn = nextTurn;
    this.paths = [path];
  }

  async checkMode(path: string): Promise<void> {
    const { mode } = await this.#files.stat(path).catch(() => ({ mode: null }));
    if (mode === null || (mode & OTHERS_MAY) === 0) return;
    const octal = (mode & 0o777).toString(8).padStart(4, "0");
    this.warnings.push(`${path} holds secrets and has mode ${octal}: chmod 600 keeps others out`);
  }

  /** @throws {AccessFileError} */
  async policy(): Promise<Policy> {
    const { root } = this.#document;
    const top = this.#mapping(root, TOP_KEYS, "the file", this.#document.where(root));
    const policy = {
      mode: this.#choice(top, "mode", ["audit", "enforce"] as const) ?? "audit",
      trustedProxies: this.#addresses(top, "trustedProxies") ?? new Networks([]),
      anonymous: "anonymous" in top ? this.#may(top, "anonymous") : new Grants([]),
      networks: this.#items(top, "networks").map((item) => this.#networkRule(item)),
      certificates: this.#items(top, "certificates").map((item) => this.#certificateRule(item)),
      accounts: await this.#accounts(top),
      outgoing: await this.#outgoing(top),
    };
    if (!("mode" in top)) {
      this.#fault(this.#document.where(root), "mode is missing: audit or enforce");
    }
    if (this.#faults.length > 0) {
      this.#faults.sort((a, b) => a.line - b.line || a.column - b.column);
      const lines = this.#faults.slice(0, MAX_FAULTS).map((fault) => faultLine(this.#path, fault));
      const more = this.#faults.length - lines.length;
      if (more > 0) lines.push(`${this.#path}: and ${more} more faults`);
      throw new AccessFileError(lines);
    }
    return policy;
  }

  async #accounts(top: Mapping): Promise<Map<string, Account>> {
    const accounts = new Map<string, Account>();
    for (const item of this.#items(top, "accounts")) {
      if (performance.now() - this.#sliceStart > SLICE) {
        await this.#nextTurn();
        this.#sliceStart = performance.now();
      }
      const account = await this.#account(item);
      if (account === undefined) continue;
      if (accounts.has(account.accessKey)) {
        const where = this.#document.where(item.value, "accessKey");
        this.#fault(where, `accessKey ${account.accessKey} is there twice`);
      }
      accounts.set(account.accessKey, account);
    }
    return accounts;
  }

  async #account({ value, where }: Item): Promise<Account | undefined> {
    const fields = this.#mapping(value, ACCOUNT_KEYS, "an account", where);
    const accessKey = this.#name(fields, "accessKey", where);
    const secrets = await this.#secrets(fields, where, accessKey);
    const tokens = this.#texts(fields, "tokens");
    for (const [i, token] of tokens.entries()) {
      if (isSecretHash(token)) continue;
      const place = this.#document.where(fields.tokens, i);
      this.#fault(place, "not the hash of a token: `access token` makes one");
    }
    if (!("secret" in fields || "secretFile" in fields || "tokens" in fields)) {
      this.#fault(where, "an account needs secret, secretFile or tokens");
    }
    if (!("may" in fields)) this.#fault(where, "may is missing: what this account may do");
    if (accessKey === undefined) return undefined;
    return {
      accessKey,
      identity: `account ${accessKey}`,
      keys: secrets.map((secret) => new SigningKey(secret)),
      tokens,
      grants: "may" in fields ? this.#may(fields, "may") : new Grants([]),
      disabled: this.#boolean(fields, "disabled"),
      requireTls: this.#boolean(fields, "requireTls"),
      expires: this.#time(fields, "expires"),
      networks: this.#addresses(fields, "networks"),
    };
  }

  #networkRule({ value, where }: Item): NetworkRule {
    const fields = this.#mapping(value, ["from", "may"], "a network", where);
    const from = this.#addresses(fields, "from");
    if (!("from" in fields)) this.#fault(where, "from is missing: addresses or blocks of them");
    if (!("may" in fields)) this.#fault(where, "may is missing: what this network may do");
    return {
      from: from ?? new Networks([]),
      grants: "may" in fields ? this.#may(fields, "may") : new Grants([]),
    };
  }

  #certificateRule({ value, where }: Item): CertificateRule {
    const fields = this.#mapping(value, CERTIFICATE_KEYS, "a certificate", where);
    const conditions: CertificateConditions = {
      subjectCN: this.#text(fields, "subjectCN"),
      san: this.#text(fields, "san"),
      fingerprint: this.#text(fields, "fingerprint"),
    };
    const { subjectCN, san, fingerprint } = conditions;
    if (subjectCN === undefined && san === undefined && fingerprint === undefined) {
      this.#fault(where, "a certificate needs subjectCN, san or fingerprint");
    }
    if (san !== undefined && !/^(DNS|URI|IP Address):./.test(san)) {
      const place = this.#document.where(fields, "san");
      this.#fault(place, "must begin with DNS:, URI: or IP Address:");
    }
    if (fingerprint !== undefined && !/^[\da-f]{64}$/i.test(fingerprint.replaceAll(":", ""))) {
      const place = this.#document.where(fields, "fingerprint");
      this.#fault(place, "must be a SHA-256 fingerprint: 64 hexadecimal digits");
    }
    if (!("may" in fields)) this.#fault(where, "may is missing: what this certificate may do");
    return {
      ...conditions,
      name: this.#text(fields, "name") ?? subjectCN ?? san ?? fingerprint ?? "",
      grants: "may" in fields ? this.#may(fields, "may") : new Grants([]),
    };
  }

  async #outgoing(top: Mapping): Promise<Policy["outgoing"]> {
    if (!("outgoing" in top)) return undefined;
    const where = this.#document.where(top, "outgoing");
    const keys = ["accessKey", "secret", "secretFile"] as const;
    const fields = this.#mapping(top.outgoing, keys, "outgoing", where);
    const accessKey = this.#name(fields, "accessKey", where);
    const [secretKey] = await this.#secrets(fields, where, accessKey);
    if (secretKey === undefined) this.#fault(where, "outgoing needs secret or secretFile");
    if (accessKey === undefined || secretKey === undefined) return undefined;
    return { accessKey, secretKey };
  }

  async #secrets(
    fields: Mapping,
    where: Position,
    accessKey = "an account",
  ): Promise<string[]> {
    if ("secret" in fields && "secretFile" in fields) {
      this.#fault(where, "secret and secretFile exclude each other");
    }
    const secrets = this.#texts(fields, "secret");
    for (const [i, name] of this.#texts(fields, "secretFile").entries()) {
      const path = isAbsolute(name) ? name : join(dirname(this.#path), name);
      if (!this.paths.includes(path)) {
        this.paths.push(path);
        await this.checkMode(path);
      }
      const node = fields.secretFile;
      const place = typeof node === "string"
        ? this.#document.where(fields, "secretFile")
        : this.#document.where(node, i);
      try {
        await requireRegularFile(path, this.#files);
        const secret = (await this.#files.readTextFile(path)).replace(/\r?\n$/, "");
        if (secret === "") this.#fault(place, `${path} is empty`);
        else secrets.push(secret);
      } catch (error) {
        this.#fault(place, `cannot read ${path}: ${osReason(error, `--allow-read=${path}`)}`);
      }
    }
    if (secrets.some((secret) => secret.length < SHORT_SECRET)) {
      this.warnings.push(
        `${this.#path}:${where.line}:${where.column}: the secret of ${accessKey} has less than ` +
          `${SHORT_SECRET} characters: who sees one of its requests can guess it offline`,
      );
    }
    return secrets;
  }

  #may(fields: Mapping, key: string): Grants {
    const text = JSON.stringify(fields[key]);
    const known = this.#grants.get(text);
    if (known !== undefined) return known;
    const rules = this.#items(fields, key).flatMap((item) => this.#rules(item));
    const grants = new Grants(rules);
    this.#grants.set(text, grants);
    return grants;
  }

  #rules({ value, where }: Item): Rule[] {
    if (typeof value === "string") return this.#unlimited(value, where);
    if (!isMapping(value)) {
      this.#fault(where, "must be a role or a permission, as in client or kv:write: NAMESPACE");
      return [];
    }
    return Object.keys(value).flatMap((name) => {
      if (!isRole(name) && !isPermission(name)) return this.#unlimited(name, where);
      const limits = this.#limits(value, name);
      if (limits === undefined) return [];
      return isRole(name) ? rulesOfRole(name, limits) : [new Rule(name, limits)];
    });
  }

  #unlimited(name: string, where: Position): Rule[] {
    if (isRole(name)) return rulesOfRole(name);
    if (isPermission(name)) return [new Rule(name)];
    const nearest = nearestName(name, [...ROLES, ...PERMISSIONS]);
    this.#fault(where, `${shown(name)} is no role and no permission; did you mean ${nearest}?`);
    return [];
  }

  /** `undefined` after a fault. */
  #limits(rule: Mapping, name: Role | Permission): Limits | undefined {
    const kind = resourceOfGrant(name);
    const where = this.#document.where(rule, name);
    if (kind === undefined) {
      this.#fault(where, `${name} can't be limited: it is allowed as a whole`);
      return undefined;
    }
    const value = rule[name];
    if (kind !== "broker") {
      const patterns = this.#patterns(rule, name);
      if (patterns === undefined) return undefined;
      return kind === "cluster" ? { cluster: patterns } : { names: patterns };
    }
    if (!isMapping(value)) {
      this.#fault(where, `${name} is limited as in ${name}: {cluster: C, name: [broker-a]}`);
      return undefined;
    }
    const fields = this.#mapping(value, ["cluster", "name"], name, where);
    if (Object.keys(fields).length === 0) {
      this.#fault(where, `${name} needs cluster or name here, or stands without a colon`);
      return undefined;
    }
    return {
      ...("cluster" in fields && { cluster: this.#patterns(fields, "cluster") }),
      ...("name" in fields && { names: this.#patterns(fields, "name") }),
    };
  }

  #patterns(fields: Mapping, key: string): string[] | undefined {
    const patterns = this.#texts(fields, key);
    if (patterns.length === 0) {
      this.#fault(this.#document.where(fields, key), `${key} is empty: it would allow nothing`);
      return undefined;
    }
    for (const [i, pattern] of patterns.entries()) {
      // No name contains a star elsewhere, or blanks and the like.
      if (/^[^\s*]+\*?$|^\*$/.test(pattern)) continue;
      const node = fields[key];
      const where = typeof node === "string"
        ? this.#document.where(fields, key)
        : this.#document.where(node, i);
      this.#fault(where, `${shown(pattern)} can match nothing: a * only stands at the end`);
    }
    return patterns;
  }

  #addresses(fields: Mapping, key: string): Networks | undefined {
    if (!(key in fields)) return undefined;
    const texts = this.#texts(fields, key);
    if (texts.length === 0) {
      this.#fault(this.#document.where(fields, key), `${key} is empty: it would allow nothing`);
    }
    const text = texts.join(" ");
    const known = this.#networks.get(text);
    if (known !== undefined) return known;
    try {
      const networks = new Networks(texts);
      this.#networks.set(text, networks);
      return networks;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#fault(this.#document.where(fields, key), error.message);
      return undefined;
    }
  }

  #time(fields: Mapping, key: string): number | undefined {
    const text = this.#text(fields, key);
    if (text === undefined) return undefined;
    const time = /^\d{4}-\d\d-\d\d(T.*(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : NaN;
    if (Number.isNaN(time)) {
      const where = this.#document.where(fields, key);
      this.#fault(where, `must be as in 2027-03-31 or 2027-03-31T12:00:00Z: ${shown(text)}`);
    }
    return time;
  }

  #boolean(fields: Mapping, key: string): boolean {
    return this.#choice(fields, key, ["true", "false"] as const) === "true";
  }

  #choice<const T extends string>(
    fields: Mapping,
    key: string,
    values: readonly T[],
  ): T | undefined {
    if (!(key in fields)) return undefined;
    const text = fields[key];
    const found = values.find((value) => value === text);
    if (found === undefined) {
      this.#fault(this.#document.where(fields, key), `${key} must be ${values.join(" or ")}`);
    }
    return found;
  }

  #name(fields: Mapping, key: string, where: Position): string | undefined {
    const name = this.#text(fields, key);
    if (name === undefined) {
      this.#fault(where, `${key} is missing`);
    } else if (!/^[\x21-\x7e]{1,128}$/.test(name)) {
      const place = this.#document.where(fields, key);
      this.#fault(place, `${key} must have 1 to 128 printable characters without blanks`);
      return undefined;
    }
    return name;
  }

  #text(fields: Mapping, key: string): string | undefined {
    if (!(key in fields)) return undefined;
    const value = fields[key];
    if (typeof value === "string" && value !== "") return value;
    this.#fault(this.#document.where(fields, key), `${key} must be a single value`);
    return undefined;
  }

  /** One text or a list of them. */
  #texts(fields: Mapping, key: string): string[] {
    const value = fields[key];
    if (value === undefined) return [];
    if (typeof value === "string" && value !== "") return [value];
    if (Array.isArray(value)) {
      return value.flatMap((item, i) => {
        if (typeof item === "string" && item !== "") return [item];
        this.#fault(this.#document.where(value, i), `${key} must hold single values`);
        return [];
      });
    }
    this.#fault(this.#document.where(fields, key), `${key} must be a value or a list of them`);
    return [];
  }

  #items(fields: Mapping, key: string): Item[] {
    const value = fields[key];
    if (value === undefined) return [];
    if (Array.isArray(value)) {
      return value.map((item, i) => ({ value: item, where: this.#document.where(value, i) }));
    }
    if (key === "may" || key === "anonymous") {
      if (typeof value === "string") {
        return [{ value, where: this.#document.where(fields, key) }];
      }
    }
    this.#fault(this.#document.where(fields, key), `${key} must be a list`);
    return [];
  }

  #mapping(value: unknown, keys: readonly string[], what: string, where: Position): Mapping {
    if (!isMapping(value)) {
      this.#fault(where, `${what} must hold keys and values, such as ${keys[0]}`);
      return {};
    }
    for (const key of Object.keys(value)) {
      if (keys.includes(key)) continue;
      const place = this.#document.whereKey(value, key);
      // Without the blank in `secret:…`, the secret becomes a part of the key.
      const name = /^\w{1,40}$/.test(key) ? ` ${key}` : "";
      this.#fault(place, `unknown key${name}; did you mean ${nearestName(key, keys)}?`);
    }
    return value;
  }

  #fault({ line, column }: Position, message: string): void {
    this.#faults.push({ line, column, message });
  }
}

interface Item {
  readonly value: unknown;
  readonly where: Position;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function resourceOfGrant(name: Role | Permission): ResourceKind | undefined {
  if (name === "client") return "topic";
  return isPermission(name) ? resourceOf(name) : undefined;
}

/** Quotes a text of the file, cut to fit a line. The caller must not pass secrets. */
function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
