import { Document, DocumentError } from "./document.ts";

/** A plain_acl.yml that can't be read. The message names line and column, and no secret. */
export class PlainAclError extends Error {
  override name = "PlainAclError";
}

/**
 * The rules that do what a broker's plain_acl.yml (RocketMQ 4.x) does, as far as they can: there are
 * only rules that allow, and no address skips the check of signatures.
 *
 * @throws {PlainAclError}
 */
export function importPlainAcl(text: string, source: string): string {
  const root = mapping(readDocument(text, source), source);
  const lines = [
    `# From ${printable(source)}. Each comment is about something that has no equal here.`,
    "mode: audit",
  ];
  const white = texts(root.globalWhiteRemoteAddresses);
  if (white.length > 0) {
    lines.push(
      `# globalWhiteRemoteAddresses skipped every check: ${white.map(printable).join(" ")}`,
    );
    lines.push("# A rule in `networks` can allow what those addresses need.");
  }
  lines.push("accounts:");
  const accounts = Array.isArray(root.accounts) ? root.accounts : [];
  if (accounts.length === 0) throw new PlainAclError(`${source}: there are no accounts in it`);
  for (const item of accounts) lines.push(...accountLines(mapping(item, `${source}, accounts`)));
  return lines.map((line) => `${line}\n`).join("");
}

function readDocument(text: string, source: string): unknown {
  try {
    return new Document(text).root;
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    const { line, column, message } = error.fault;
    throw new PlainAclError(`${source}:${line}:${column}: ${message}`);
  }
}

function accountLines(account: Readonly<Record<string, unknown>>): string[] {
  const { accessKey, secretKey, whiteRemoteAddress } = account;
  if (typeof accessKey !== "string" || typeof secretKey !== "string") {
    throw new PlainAclError("an account without accessKey or secretKey");
  }
  const lines = [`  - accessKey: ${quoted(accessKey)}`, `    secret: ${quoted(secretKey)}`];
  if (typeof whiteRemoteAddress === "string" && whiteRemoteAddress !== "") {
    lines.push(`    # whiteRemoteAddress skipped every check: ${printable(whiteRemoteAddress)}`);
  }
  if (account.admin === "true") return [...lines, "    may: [admin]"];
  const topics = permissions(account.topicPerms);
  const groups = permissions(account.groupPerms);
  const denied = [...topics, ...groups].filter(({ allowed }) => !allowed).map(({ name }) => name);
  if (allows(account.defaultTopicPerm)) {
    if (denied.length > 0) {
      lines.push(`    # Denied there, and allowed here: ${denied.map(printable).join(" ")}`);
    }
    return [...lines, "    may: [client]"];
  }
  const names = topics.filter(({ allowed }) => allowed).map(({ name }) => name);
  const groupNames = allows(account.defaultGroupPerm)
    ? ["*"]
    : groups.filter(({ allowed }) => allowed).map(({ name }) => name);
  // A consumer asks for the routes of its group's own topics.
  for (const group of groupNames) names.push(`%RETRY%${group}`, `%DLQ%${group}`);
  if (names.length === 0) return [...lines, "    # Nothing was allowed to it.", "    may: []"];
  return [...lines, `    may: [{client: [${names.map(quoted).join(", ")}]}]`];
}

/** As the broker reads it: a missing or unknown word means DENY. */
function allows(permission: unknown): boolean {
  return typeof permission === "string" && /^(PUB|SUB|PUB\|SUB|SUB\|PUB)$/.test(permission.trim());
}

function permissions(list: unknown): { name: string; allowed: boolean }[] {
  return texts(list).map((text) => {
    const [name = "", permission] = text.split("=");
    return { name: name.trim(), allowed: allows(permission) };
  });
}

function texts(list: unknown): string[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === "string") : [];
}

function mapping(value: unknown, source: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new PlainAclError(`${source}: must hold keys and values`);
}

/** A double-quoted YAML scalar; every JSON string is one. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

/** For a comment, which a line break would end. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?");
}
