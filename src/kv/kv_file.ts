import { FastjsonError, FastjsonReader } from "../protocol/fastjson_reader.ts";

/** namespace -> key -> value. */
export type KvTable = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Content that is not a KV table; the message gives the reason. */
export class KvFileError extends Error {
  override name = "KvFileError";
}

/** A file without content. */
export class EmptyKvFileError extends KvFileError {
  override name = "EmptyKvFileError";
}

/**
 * Parses a KV file, `{"configTable":{"ns":{"key":"value"}}}`, as the reference does: in fastjson's
 * dialect, with numbers and booleans as text and other members ignored.
 *
 * @param onNull called for each namespace or value that is null; these are omitted
 * @throws {KvFileError} when the content has another form
 */
export function parseKvFile(
  bytes: Uint8Array,
  onNull: (namespace: string, key?: string) => void,
): KvTable {
  const text = decode(bytes);
  if (text.trim() === "") throw new EmptyKvFileError("it is empty");
  try {
    return readFile(new FastjsonReader(new TextEncoder().encode(text)), onNull);
  } catch (error) {
    if (error instanceof FastjsonError) throw new KvFileError(error.message);
    throw error;
  }
}

/** Formats a KV file, compact like the reference's. */
export function formatKvFile(table: KvTable): string {
  // Written by hand: an object with names from the network would lose `__proto__` and reorder
  // numbers.
  const object = (members: Iterable<string>) => `{${[...members].join(",")}}`;
  const namespaces = table.entries().map(([namespace, values]) => {
    const members = values.entries().map(([key, value]) =>
      `${JSON.stringify(key)}:${JSON.stringify(value)}`
    );
    return `${JSON.stringify(namespace)}:${object(members)}`;
  });
  return `{"configTable":${object(namespaces)}}`;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new KvFileError("it is not UTF-8");
  }
}

function readFile(
  reader: FastjsonReader,
  onNull: (namespace: string, key?: string) => void,
): KvTable {
  let table: KvTable | undefined;
  if (reader.beginObject()) {
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
      if (name === "configTable") table = readTable(reader, onNull);
      else reader.skip();
    }
  }
  reader.end();
  if (table === undefined) throw new KvFileError("it has no configTable");
  return table;
}

function readTable(
  reader: FastjsonReader,
  onNull: (namespace: string, key?: string) => void,
): KvTable | undefined {
  if (!reader.beginObject()) return undefined;
  const table = new Map<string, Map<string, string>>();
  for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
    const values = new Map<string, string>();
    if (!reader.beginObject()) {
      onNull(name);
      continue;
    }
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      const value = reader.readString();
      if (value === null) onNull(name, key);
      else values.set(key, value);
    }
    table.set(name, values);
  }
  return table;
}
