import { createHash } from "node:crypto";
import { HttpProblem } from "./answer.ts";

/** Decides whether a request may change something, from the entity tag of its present state; without a state there is none. */
export type Precondition = (tag: string | undefined) => boolean;

const TAGS = /^(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*$/;

/** The entity tag of a text: the base64url of its SHA-256, in quotes. */
export function entityTag(text: string): string {
  return `"${createHash("sha256").update(text).digest("base64url")}"`;
}

/**
 * Reads the headers If-Match and If-None-Match (RFC 9110). Weak tags count as strong ones: a proxy that compresses
 * answers weakens their tags.
 *
 * @returns `undefined` without these headers
 * @throws {HttpProblem} 400 for a header that has neither tags nor `*`
 */
export function preconditionOf(headers: Pick<Headers, "get">): Precondition | undefined {
  const wanted = tagsOf(headers, "if-match");
  const unwanted = tagsOf(headers, "if-none-match");
  if (wanted === undefined && unwanted === undefined) return undefined;
  return (tag) => wanted?.(tag) !== false && unwanted?.(tag) !== true;
}

/** Returns whether a header names a tag. */
function tagsOf(
  headers: Pick<Headers, "get">,
  name: string,
): ((tag: string | undefined) => boolean) | undefined {
  const text = headers.get(name)?.trim();
  if (text === undefined) return undefined;
  if (text === "*") return (tag) => tag !== undefined;
  if (!TAGS.test(text)) {
    throw new HttpProblem(400, `${name}: must be * or entity tags in quotes`, { parameter: name });
  }
  const tags = new Set(text.match(/"[^"]*"/g));
  return (tag) => tag !== undefined && tags.has(tag);
}
