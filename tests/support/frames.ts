/**
 * A small, independent frame codec for all suites.
 *
 * It shares no code with `src`, so that a bug in the server's codec can't hide behind the same bug
 * in the test. It follows the description of RocketMQ's remoting protocol and is verified against
 * the reference name server.
 */

import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { concat, int16, int32, sized, text, utf8 } from "./bytes.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

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

/** The bytes of a string or binary body. */
export function bytesOf(body: Uint8Array | string | undefined): Uint8Array {
  if (body === undefined) return new Uint8Array();
  return typeof body === "string" ? utf8(body) : body;
}

/** CRC-32 as in REGISTER_BROKER's `bodyCrc32`: without the sign bit, in decimal. */
export function bodyCrc32(body: Uint8Array | string): string {
  return String(crc32(bytesOf(body)) & 0x7fffffff);
}

/** A frame: length, marker, header and body. */
export function frame(
  header: Uint8Array,
  body: Uint8Array = new Uint8Array(0),
  serializeType = 0,
): Uint8Array<ArrayBuffer> {
  return concat(
    int32(4 + header.length + body.length),
    int32((serializeType << 24) | header.length),
    header,
    body,
  );
}

/** The frame of a request. */
export function encodeFrame(request: Request, opaque: number): Uint8Array<ArrayBuffer> {
  const body = bytesOf(request.body);
  return request.serialization === "ROCKETMQ"
    ? frame(binaryHeader(request, opaque), body, 1)
    : frame(jsonHeader(request, opaque), body);
}

/** The frame of a request as a Java client sends it; a route query unless it says otherwise. */
export function request(
  { opaque = 0, ...fields }: Partial<Request> & { opaque?: number } = {},
): Uint8Array<ArrayBuffer> {
  return encodeFrame({ code: RequestCode.GET_ROUTEINFO_BY_TOPIC, ...fields }, opaque);
}

/** Like {@link request}, with a binary header. */
export function binaryRequest(
  fields: Partial<Request> & { opaque?: number } = {},
): Uint8Array<ArrayBuffer> {
  return request({ ...fields, serialization: "ROCKETMQ" });
}

function jsonHeader(request: Request, opaque: number): Uint8Array {
  return utf8(JSON.stringify({
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
  const fields = concat(
    ...Object.entries(request.extFields ?? {}).flatMap(([key, value]) => [
      sized(2, key),
      sized(4, value),
    ]),
  );
  return concat(
    int16(request.code),
    new Uint8Array([request.language ?? 0]),
    int16(request.version ?? 513),
    int32(opaque),
    int32(request.flag ?? 0),
    int32(0), // no remark
    int32(fields.length),
    fields,
  );
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
  const json = JSON.parse(text(header));
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
  const next = (width: 2 | 4): string => {
    const length = width === 2 ? view.getInt16(at) : view.getInt32(at);
    at += width + length;
    return text(header.subarray(at - length, at));
  };
  at = 13;
  const remark = next(4);
  const end = at + 4 + view.getInt32(at);
  at += 4;
  const extFields = new Map<string, string>();
  while (at < end) extFields.set(next(2), next(4));
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

/** A frame as seen by a client, decoded without the code under test. */
export interface SeenFrame {
  serializeType: number;
  header: Uint8Array;
  body: Uint8Array;
}

/** Cuts complete frames; the bytes must end with one. */
export function cutFrames(bytes: Uint8Array): SeenFrame[] {
  const frames: SeenFrame[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + view.getInt32(at);
    const marker = view.getInt32(at + 4);
    const headerEnd = at + 8 + (marker & 0xffffff);
    if (end > bytes.length || headerEnd > end) throw new Error(`no whole frame at byte ${at}`);
    frames.push({
      serializeType: marker >>> 24,
      header: bytes.slice(at + 8, headerEnd),
      body: bytes.slice(headerEnd, end),
    });
    at = end;
  }
  return frames;
}

/** A response with a JSON header, as seen by a client. */
export interface SeenAnswer {
  code: number;
  opaque: number;
  flag: number;
  language: string;
  version: number;
  remark?: string;
  extFields?: Record<string, string>;
  body: string;
}

/** Decodes complete frames with JSON headers. */
export function readAnswers(bytes: Uint8Array): SeenAnswer[] {
  return cutFrames(bytes).map(({ header, body }) => ({
    ...JSON.parse(text(header)),
    body: text(body),
  }));
}

/** The opaques of responses, in order. */
export function opaques(bytes: Uint8Array): number[] {
  return readAnswers(bytes).map((answer) => answer.opaque);
}
