import { FastjsonError, FastjsonReader } from "../protocol/fastjson_reader.ts";

/** The content of a KV file: namespace -> key -> value. */
export type KvContent = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Content that is not a KV table; the message gives the reason. */
export class KvFileError extends Error {
  override name = "KvFileError";
}

/** A file without content. */
export class EmptyKvFileError extends KvFileError {
  override name = "EmptyKvFileError";
}

/** Bytes that are checked, or written, at once. */
const CHUNK_BYTES = 128 * 1024;
/** Values that are read at once. */
const VALUES_A_STEP = 64;

/**
 * Parses a KV file, `{"configTable":{"ns":{"key":"value"}}}`, as the reference does: in fastjson's
 * dialect, with numbers and booleans as text and other members ignored. The work is done in steps,
 * each far below a millisecond.
 *
 * @param onNull called for each namespace or value that is null; these are omitted
 * @throws {KvFileError} when the content has another form
 */
export function* parseKvFile(
  bytes: Uint8Array,
  onNull: (namespace: string, key?: string) => void,
): Generator<void, KvContent> {
  yield* checkText(bytes);
  try {
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return yield* readFile(new FastjsonReader(bytes, hasMark ? 3 : 0), onNull);
  } catch (error) {
    if (error instanceof FastjsonError) throw new KvFileError(error.message);
    throw error;
  }
}

/**
 * Collects the pieces of a file into chunks large enough for one write each. The buffer is reused:
 * a chunk is valid until the next one is requested.
 */
export function* inChunks(pieces: Iterable<Uint8Array>): Generator<Uint8Array<ArrayBuffer>> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  let length = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const part = piece.subarray(at, at + CHUNK_BYTES - length);
      chunk.set(part, length);
      at += part.length;
      length += part.length;
      if (length < CHUNK_BYTES) continue;
      yield chunk;
      length = 0;
    }
  }
  if (length > 0) yield chunk.subarray(0, length);
}

function* checkText(bytes: Uint8Array): Generator<void, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let blank = true;
  try {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const text = decoder.decode(bytes.subarray(at, at + CHUNK_BYTES), { stream: true });
      if (blank && text.trim() !== "") blank = false;
      yield;
    }
    decoder.decode();
  } catch {
    throw new KvFileError("it is not UTF-8");
  }
  if (blank) throw new EmptyKvFileError("it is empty");
}

function* readFile(
  reader: FastjsonReader,
  onNull: (namespace: string, key?: string) => void,
): Generator<void, KvContent> {
  let content: KvContent | undefined;
  if (reader.beginObject()) {
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
      if (name === "configTable") content = yield* readContent(reader, onNull);
      else reader.skip();
    }
  }
  reader.end();
  if (content === undefined) throw new KvFileError("it has no configTable");
  return content;
}

function* readContent(
  reader: FastjsonReader,
  onNull: (namespace: string, key?: string) => void,
): Generator<void, KvContent | undefined> {
  if (!reader.beginObject()) return undefined;
  const content = new Map<string, Map<string, string>>();
  let read = 0;
  for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
    if (++read % VALUES_A_STEP === 0) yield;
    const values = new Map<string, string>();
    if (!reader.beginObject()) {
      onNull(name);
      continue;
    }
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      if (++read % VALUES_A_STEP === 0) yield;
      const value = reader.readString();
      if (value === null) onNull(name, key);
      else values.set(key, value);
    }
    content.set(name, values);
  }
  return content;
}
