/**
 * A small, independent frame codec for the interop suite.
 *
 * It shares no code with `src`, so that a bug in the server's codec can't hide behind the same bug
 * in the test. It follows the description of RocketMQ's remoting protocol and is verified against
 * the reference name server.
 */

import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** Encoding of a command's header. */
export type Serialization = "JSON" | "ROCKETMQ";

/** A request in the test data. Absent fields have defaults. */
export interface Request {
  code: number;
  /** Ordinal of the client's version; 513 (V5_5_0) by default. */
  version?: number;
  /** Ordinal in {@linkcode LANGUAGES}, written as its name in JSON; JAVA by default. */
  language?: number;
  /** Bit 1 (value 2) makes the request oneway. */
  flag?: number;
  /** Omitted from the header when undefined. */
  extFields?: Record<string, string>;
  body?: Uint8Array | string;
  serialization?: Serialization;
}

/** A received command: a response, or a request from a name server. */
export interface Command {
  serialization: Serialization;
  code: number;
  language: string;
  version: number;
  opaque: number;
  flag: number;
  remark: string | null;
  /** `null` when the header has no extFields at all. */
  extFields: Map<string, string> | null;
  body: Uint8Array;
}

/** Names of the language codes, in the order of their numbers. */
export const LANGUAGES = [
  "JAVA",
  "CPP",
  "DOTNET",
  "PYTHON",
  "DELPHI",
  "ERLANG",
  "RUBY",
  "OTHER",
  "HTTP",
  "GO",
  "PHP",
  "OMS",
  "RUST",
  "NODE_JS",
] as const;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true });

/** The bytes of a string or binary body. */
export function bytesOf(body: Uint8Array | string | undefined): Uint8Array {
  if (body === undefined) return new Uint8Array();
  return typeof body === "string" ? utf8.encode(body) : body;
}

/** CRC-32 as in REGISTER_BROKER's `bodyCrc32`: without the sign bit, in decimal. */
export function bodyCrc32(body: Uint8Array | string): string {
  return String(crc32(bytesOf(body)) & 0x7fffffff);
}

/** One frame: length, marker, header, body. */
export function encodeFrame(request: Request, opaque: number): Uint8Array<ArrayBuffer> {
  const header = request.serialization === "ROCKETMQ"
    ? binaryHeader(request, opaque)
    : jsonHeader(request, opaque);
  const mark = request.serialization === "ROCKETMQ" ? 1 : 0;
  const body = bytesOf(request.body);
  const frame = new Uint8Array(8 + header.length + body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 4 + header.length + body.length);
  view.setUint32(4, (mark << 24) | header.length);
  frame.set(header, 8);
  frame.set(body, 8 + header.length);
  return frame;
}

function jsonHeader(request: Request, opaque: number): Uint8Array {
  return utf8.encode(JSON.stringify({
    code: request.code,
    extFields: request.extFields,
    flag: request.flag ?? 0,
    language: LANGUAGES[request.language ?? 0],
    opaque,
    serializeTypeCurrentRPC: "JSON",
    version: request.version ?? 513,
  }));
}

function binaryHeader(request: Request, opaque: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [key, value] of Object.entries(request.extFields ?? {})) {
    parts.push(sized(2, key), sized(4, value));
  }
  const fields = Buffer.concat(parts);
  const head = new Uint8Array(21);
  const view = new DataView(head.buffer);
  view.setInt16(0, request.code);
  view.setInt8(2, request.language ?? 0);
  view.setInt16(3, request.version ?? 513);
  view.setInt32(5, opaque);
  view.setInt32(9, request.flag ?? 0);
  view.setInt32(13, 0); // no remark
  view.setInt32(17, fields.length);
  return Buffer.concat([head, fields]);
}

/** A big-endian length of this many bytes, and the text in UTF-8. */
export function sized(width: 2 | 4, text: string): Uint8Array {
  const bytes = utf8.encode(text);
  const out = Buffer.alloc(width + bytes.length);
  out.writeUIntBE(bytes.length, 0, width);
  out.set(bytes, width);
  return out;
}

/** A big-endian int32. */
export function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/**
 * Decodes one complete frame, including its length field. Throws for anything that is not a
 * command.
 */
export function decodeFrame(frame: Uint8Array): Command {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const mark = view.getUint8(4);
  const headerLength = view.getUint32(4) & 0xffffff;
  const header = frame.subarray(8, 8 + headerLength);
  if (header.length !== headerLength) throw new Error("the header is longer than its frame");
  const body = frame.subarray(8 + headerLength);
  if (mark === 1) return decodeBinaryHeader(header, body);
  if (mark !== 0) throw new Error(`unknown serialization ${mark}`);
  const json = JSON.parse(fromUtf8.decode(header));
  return {
    serialization: "JSON",
    code: json.code,
    language: json.language,
    version: json.version,
    opaque: json.opaque,
    flag: json.flag,
    remark: json.remark ?? null,
    extFields: json.extFields === undefined ? null : new Map(Object.entries(json.extFields)),
    body,
  };
}

function decodeBinaryHeader(header: Uint8Array, body: Uint8Array): Command {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  let at = 0;
  const text = (width: 2 | 4): string => {
    const length = width === 2 ? view.getInt16(at) : view.getInt32(at);
    at += width + length;
    return fromUtf8.decode(header.subarray(at - length, at));
  };
  at = 13;
  const remark = text(4);
  const end = at + 4 + view.getInt32(at);
  at += 4;
  const extFields = new Map<string, string>();
  while (at < end) extFields.set(text(2), text(4));
  if (at !== header.length) throw new Error("the binary header has bytes left over");
  return {
    serialization: "ROCKETMQ",
    code: view.getInt16(0),
    language: LANGUAGES[view.getInt8(2)] ?? `language ${view.getInt8(2)}`,
    version: view.getInt16(3),
    opaque: view.getInt32(5),
    flag: view.getInt32(9),
    // The binary encoding can't distinguish an absent string or map from an empty one.
    remark: remark === "" ? null : remark,
    extFields: extFields.size === 0 ? null : extFields,
    body,
  };
}

/** Cuts a stream of bytes into complete frames, including their length fields. */
export async function* framesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pending = Buffer.alloc(0);
  for await (const chunk of stream) {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
      const end = 4 + pending.readUInt32BE(0);
      yield pending.subarray(0, end);
      pending = pending.subarray(end);
    }
  }
}
