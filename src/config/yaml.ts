import { parse } from "@std/yaml";
import { ConfigSyntaxError } from "./errors.ts";
import { errorMessage } from "../error_message.ts";

/**
 * Parses a YAML document: scalars by key, nested keys joined with dots. Scalars are returned as
 * written, e.g. `1.10` and `010`.
 *
 * @param source name of the text for error messages
 * @throws ConfigSyntaxError when it is not one YAML mapping of scalars
 */
export function parseYaml(text: string, source: string): Map<string, string> {
  let document: unknown;
  try {
    document = parse(text, { schema: "failsafe" });
  } catch (error) {
    const reason = errorMessage(error);
    throw new ConfigSyntaxError(`${source}: ${reason.replace(/:?\s*\n[^]*$/, "")}`);
  }
  const entries = new Map<string, string>();
  if (document === null || document === undefined) return entries;
  if (typeof document !== "object" || Array.isArray(document)) {
    throw new ConfigSyntaxError(`${source}: must contain keys and values (key: value)`);
  }
  flatten(document, "", entries, source);
  return entries;
}

function flatten(node: object, prefix: string, into: Map<string, string>, source: string): void {
  for (const [name, value] of Object.entries(node)) {
    const key = prefix + name;
    if (into.has(key)) throw new ConfigSyntaxError(`${source}: ${key} occurs twice`);
    if (value === null) into.set(key, "");
    else if (typeof value === "string") into.set(key, value);
    else if (typeof value === "object" && !Array.isArray(value)) {
      flatten(value, `${key}.`, into, source);
    } else throw new ConfigSyntaxError(`${source}: ${key} must be a single value`);
  }
}

/**
 * Sets keys in a document. If the change can be made line by line, the other lines are kept; a more
 * complex document is rewritten without its comments.
 *
 * @throws ConfigSyntaxError when `text` is malformed
 */
export function editYaml(
  text: string,
  changes: ReadonlyMap<string, string>,
  source: string,
): string {
  const wanted = new Map([...parseYaml(text, source), ...changes]);
  const edited = editLines(text, changes);
  if (holds(edited, wanted, source)) return edited;
  return [...wanted].map(([key, value]) => formatLine(key, value) + "\n").join("");
}

/** Replaces top-level `key: value` lines and appends missing keys. */
function editLines(text: string, changes: ReadonlyMap<string, string>): string {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.replace(/(?:\r?\n)+$/, "").split(/\r?\n/);
  const missing = new Map(changes);
  const edited = lines.map((line) => {
    const [, key, comment = ""] = /^([\w.-]+):(?:\s[^#]*)?(\s#.*)?$/.exec(line) ?? [];
    const value = key === undefined ? undefined : missing.get(key);
    if (key === undefined || value === undefined) return line;
    missing.delete(key);
    return formatLine(key, value) + comment;
  });
  for (const [key, value] of missing) edited.push(formatLine(key, value));
  if (edited[0] === "") edited.shift();
  return edited.join(newline) + newline;
}

function formatLine(key: string, value: string): string {
  return `${formatScalar(key)}: ${formatScalar(value)}`;
}

/** A plain scalar where all parsers agree on it; otherwise double-quoted, as in JSON. */
function formatScalar(text: string): string {
  return /^[A-Za-z0-9_/][\w./-]*$/.test(text) ? text : JSON.stringify(text);
}

function holds(text: string, wanted: ReadonlyMap<string, string>, source: string): boolean {
  try {
    const found = parseYaml(text, source);
    return found.size === wanted.size &&
      [...wanted].every(([key, value]) => found.get(key) === value);
  } catch (error) {
    if (error instanceof ConfigSyntaxError) return false;
    throw error;
  }
}
