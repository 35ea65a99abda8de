import { Buffer } from "node:buffer";
import type { Options } from "../config/options.ts";
import { nameFault } from "../protocol/names.ts";
import { ORDER_TOPIC_CONFIG } from "../protocol/codes.ts";
import { bytesOfEntry, bytesOfName, type KvDraft, type KvTable } from "./kv_table.ts";

/** Options that limit the KV table. */
export type KvLimits = Readonly<
  Pick<
    Options,
    | "maxKvBytes"
    | "maxKvNamespaces"
    | "maxKvKeys"
    | "maxKvNamespaceBytes"
    | "maxKvValueBytes"
    | "maxOrderTopicConfigBytes"
  >
>;

/**
 * Returns why a value can't be put: the field, and the option of the limit; `undefined` when it
 * can. A value that makes the table no larger is never refused, so that a table over a limit can
 * still be used and reduced.
 */
export function whyNotPut(
  draft: KvDraft,
  limits: KvLimits,
  { namespace, key, value }: { namespace: string; key: string; value: string },
): string | undefined {
  const old = draft.get(namespace, key);
  const before = draft.bytesOf(namespace);
  const growth = bytesOfEntry(key, value) - (old === undefined ? 0 : bytesOfEntry(key, old));
  if (old === undefined) {
    const fault = nameFault("key", key) ??
      (before === undefined ? nameFault("namespace", namespace) : undefined);
    if (fault !== undefined) return fault;
    if (draft.values >= limits.maxKvKeys) {
      return `the KV table is full: at most ${limits.maxKvKeys} keys (maxKvKeys)`;
    }
    if (before === undefined && draft.size >= limits.maxKvNamespaces) {
      const limit = limits.maxKvNamespaces;
      return `the KV table is full: at most ${limit} namespaces (maxKvNamespaces)`;
    }
  } else if (growth <= 0) {
    return undefined;
  }
  const length = Buffer.byteLength(value);
  if (length > limits.maxKvValueBytes) {
    return `value has ${length} bytes: at most ${limits.maxKvValueBytes} (maxKvValueBytes)`;
  }
  const name = limitOf(namespace, limits);
  if ((before ?? 0) + growth > limits[name]) {
    return `namespace is full: at most ${limits[name]} bytes of JSON (${name})`;
  }
  const added = growth + (before === undefined ? bytesOfName(namespace) : 0);
  if (draft.bytes + added > limits.maxKvBytes) {
    return `the KV table is full: at most ${limits.maxKvBytes} bytes of JSON (maxKvBytes)`;
  }
  return undefined;
}

/** A limit that a loaded table is over. */
export interface OverLimit {
  readonly option: keyof KvLimits;
  readonly limit: number;
  readonly found: number;
  readonly namespace?: string;
}

/** Lists the limits that a table is over, except those of single values. */
export function overLimits(table: KvTable, limits: KvLimits): OverLimit[] {
  const found: OverLimit[] = [];
  const compare = (option: keyof KvLimits, size: number, namespace?: string) => {
    const limit = limits[option];
    if (size > limit) {
      found.push({ option, limit, found: size, ...(namespace !== undefined && { namespace }) });
    }
  };
  compare("maxKvBytes", table.bytes);
  compare("maxKvKeys", table.values);
  compare("maxKvNamespaces", table.size);
  for (const [name, { bytes }] of table.namespaces()) compare(limitOf(name, limits), bytes, name);
  return found;
}

/** The option that limits a namespace. */
function limitOf(
  namespace: string,
  { maxKvNamespaceBytes, maxOrderTopicConfigBytes }: KvLimits,
): "maxOrderTopicConfigBytes" | "maxKvNamespaceBytes" {
  return namespace === ORDER_TOPIC_CONFIG && maxOrderTopicConfigBytes < maxKvNamespaceBytes
    ? "maxOrderTopicConfigBytes"
    : "maxKvNamespaceBytes";
}
