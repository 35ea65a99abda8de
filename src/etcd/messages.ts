/**
 * The messages of etcd's JSON gateway: protobuf messages of its API version 3 as JSON, in which keys and
 * values are base64 and 64-bit numbers are decimal text. A field with the value 0 is left out.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { EtcdError } from "./errors.ts";

/** A key with its value. */
export interface EtcdEntry {
  readonly key: string;
  readonly value: string;
  /** Whether key and value are UTF-8. If not, other bytes are replaced by U+FFFD. */
  readonly utf8: boolean;
  readonly createRevision: number;
  readonly modRevision: number;
  /** The id of its lease; "0" when it has none. */
  readonly lease: string;
}

/** A change that a watch reports. A deletion has an empty value. */
export interface EtcdEvent extends EtcdEntry {
  readonly type: "put" | "delete";
}

/** A condition of a transaction, about one key. The revisions of a key that does not exist are 0. */
export type EtcdCompare =
  & { readonly key: string }
  & ({ readonly modRevision: number } | { readonly createRevision: number } | {
    readonly value: string;
  });

/** A step of a transaction. */
export type EtcdOperation =
  | { readonly type: "get"; readonly key: string }
  | { readonly type: "put"; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly type: "delete"; readonly key: string };

/** A transaction: `success` is carried out if all conditions hold, otherwise `failure`. */
export interface EtcdTransaction {
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly EtcdOperation[];
  readonly failure?: readonly EtcdOperation[];
}

/** The outcome of a transaction. */
export interface EtcdTransactionResult {
  /** Whether all conditions held. */
  readonly succeeded: boolean;
  /** The revision of the store afterwards. Keys that were put have it as their modRevision. */
  readonly revision: number;
  /** For each step that was carried out: what a get found, and nothing for the others. */
  readonly found: readonly (EtcdEntry | undefined)[];
}

/** An object of JSON; what it has is not checked yet. */
export type Json = Readonly<Record<string, unknown>>;

/** Base64 of a text's UTF-8. */
export function encode(text: string | Uint8Array): string {
  return Buffer.from(typeof text === "string" ? new TextEncoder().encode(text) : text).toString(
    "base64",
  );
}

/** The bytes of a field that holds base64. */
export function bytesOf(value: unknown): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(textOf(value), "base64"));
}

/** The end of the range of keys that begin with a prefix: the first key behind it. */
export function endOfPrefix(prefix: string): Uint8Array {
  const bytes = new TextEncoder().encode(prefix);
  // UTF-8 never ends with 0xff.
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) + 1;
  return bytes;
}

/** @throws {EtcdError} when the text is not an object of JSON */
export function parseObject(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Reported below.
  }
  if (isObject(value)) return value;
  throw new EtcdError("unreadable", "the answer is not an object of JSON");
}

/** A field that holds an object; a missing one is empty. */
export function objectOf(value: unknown): Json {
  if (value === undefined || value === null) return {};
  if (isObject(value)) return value;
  throw new EtcdError("unreadable", "the answer has something else where an object belongs");
}

/** A field that holds a list of objects; a missing one is empty. */
export function listOf(value: unknown): readonly Json[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw new EtcdError("unreadable", "the answer has something else where a list belongs");
}

/** A field that holds text; a missing one is empty. */
export function textOf(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  throw new EtcdError("unreadable", "the answer has something else where text belongs");
}

/** A field that holds a whole number; a missing one is 0. */
export function numberOf(value: unknown): number {
  const number = value === undefined ? 0 : typeof value === "string" ? Number(value) : value;
  if (Number.isSafeInteger(number)) return number as number;
  throw new EtcdError("unreadable", "the answer has something else where a number belongs");
}

/** The revision of the store in the header of an answer. */
export function revisionOf(answer: Json): number {
  return numberOf(objectOf(answer.header).revision);
}

/** Reads a KeyValue. */
export function entryOf(kv: Json): EtcdEntry {
  const key = decode(kv.key);
  const value = decode(kv.value);
  return {
    key: key.text,
    value: value.text,
    utf8: key.utf8 && value.utf8,
    createRevision: numberOf(kv.create_revision),
    modRevision: numberOf(kv.mod_revision),
    lease: textOf(kv.lease) || "0",
  };
}

/** Reads an Event. */
export function eventOf(event: Json): EtcdEvent {
  const type = event.type === "DELETE" || event.type === 1 ? "delete" : "put";
  return { type, ...entryOf(objectOf(event.kv)) };
}

/** Writes a TxnRequest. */
export function transactionBody({ compare, success, failure }: EtcdTransaction): Json {
  return {
    compare: compare.map(compareBody),
    success: success.map(operationBody),
    failure: (failure ?? []).map(operationBody),
  };
}

/** Reads a TxnResponse. */
export function transactionResultOf(answer: Json): EtcdTransactionResult {
  return {
    succeeded: answer.succeeded === true,
    revision: revisionOf(answer),
    found: listOf(answer.responses).map((response) => {
      const [first] = listOf(objectOf(response.response_range).kvs);
      return first && entryOf(first);
    }),
  };
}

function compareBody(compare: EtcdCompare): Json {
  const key = encode(compare.key);
  if ("value" in compare) {
    return { key, result: "EQUAL", target: "VALUE", value: encode(compare.value) };
  }
  return "modRevision" in compare
    ? { key, result: "EQUAL", target: "MOD", mod_revision: String(compare.modRevision) }
    : { key, result: "EQUAL", target: "CREATE", create_revision: String(compare.createRevision) };
}

function operationBody(operation: EtcdOperation): Json {
  const key = encode(operation.key);
  switch (operation.type) {
    case "get":
      return { request_range: { key } };
    case "put":
      return {
        request_put: { key, value: encode(operation.value), lease: operation.lease ?? "0" },
      };
    case "delete":
      return { request_delete_range: { key } };
  }
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });

function decode(base64: unknown): { text: string; utf8: boolean } {
  const bytes = bytesOf(base64);
  try {
    return { text: STRICT.decode(bytes), utf8: true };
  } catch {
    return { text: LENIENT.decode(bytes), utf8: false };
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
