import { LANGUAGES, MqVersion } from "../../protocol/codes.ts";
import { FastjsonError, FastjsonReader } from "../../protocol/fastjson_reader.ts";
import { jsonMap, jsonString } from "../../protocol/fastjson_writer.ts";
import { type CommandHeader, FrameError, SerializeType } from "./command.ts";

const NO_FIELDS: ReadonlyMap<string, string> = new Map();
// A leading U+FEFF is part of the text, not a byte order mark.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The header of a command to send. */
export interface OutgoingHeader {
  code: number;
  opaque: number;
  flag: number;
  version?: number;
  remark?: string;
  extFields?: readonly (readonly [string, string])[];
}

/**
 * Decodes a header of either kind.
 *
 * @throws {FrameError} when it is malformed
 */
export function decodeHeader(bytes: Uint8Array, type: SerializeType): CommandHeader {
  return type === SerializeType.JSON ? decodeJsonHeader(bytes) : decodeBinaryHeader(bytes);
}

/** Encodes a header of either kind (protocol.md, "Command header"). */
export function encodeHeader(header: OutgoingHeader, type: SerializeType): Uint8Array {
  return type === SerializeType.JSON
    ? new TextEncoder().encode(encodeJsonHeader(header))
    : encodeBinaryHeader(header);
}

/** The JSON text of a header: keys in alphabetical order, nulls left out, as fastjson writes it. */
export function encodeJsonHeader(header: OutgoingHeader): string {
  const { code, opaque, flag, version = MqVersion.V5_5_0, remark, extFields } = header;
  let text = `{"code":${code}`;
  if (extFields !== undefined) {
    const fields = extFields.map(([k, v]) => [k, jsonString(v)] as const);
    text += `,"extFields":${jsonMap(fields, "fastjson")}`;
  }
  text += `,"flag":${flag},"language":"OTHER","opaque":${opaque}`;
  if (remark !== undefined) text += `,"remark":${jsonString(remark)}`;
  return `${text},"serializeTypeCurrentRPC":"JSON","version":${version}}`;
}

function decodeJsonHeader(bytes: Uint8Array): CommandHeader {
  const header: CommandHeader = {
    code: 0,
    language: "JAVA",
    version: 0,
    opaque: 0,
    flag: 0,
    remark: null,
    extFields: NO_FIELDS,
  };
  try {
    const reader = new FastjsonReader(bytes);
    if (!reader.beginObject()) throw new FrameError("the header is null");
    for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
      switch (key) {
        case "code":
          header.code = reader.readInt();
          break;
        case "language":
          header.language = languageOf(reader.readString());
          break;
        case "version":
          header.version = reader.readInt();
          break;
        case "opaque":
          header.opaque = reader.readInt();
          break;
        case "flag":
          header.flag = reader.readInt();
          break;
        case "remark":
          header.remark = reader.readString();
          break;
        case "extFields":
          header.extFields = readFields(reader);
          break;
        default:
          reader.skip();
      }
    }
    reader.end();
  } catch (error) {
    if (error instanceof FastjsonError) throw new FrameError(`unreadable header: ${error.message}`);
    throw error;
  }
  return header;
}

/** The name as the table has it: text of a peer's choice must not be kept. */
function languageOf(text: string | null): string {
  if (text === null) return "JAVA";
  return LANGUAGES.find((name) => name === text) ?? "OTHER";
}

function readFields(reader: FastjsonReader): ReadonlyMap<string, string> {
  if (!reader.beginObject()) return NO_FIELDS;
  const fields = new Map<string, string>();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    const value = reader.readString();
    if (value !== null) fields.set(key, value);
  }
  return fields;
}

function decodeBinaryHeader(bytes: Uint8Array): CommandHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 21) throw new FrameError("a binary header is shorter than 21 bytes");
  let at = 13;
  const text = (length: number, end: number): string => {
    if (length < 0 || length > end - at) {
      throw new FrameError(`a length of ${length} in a binary header goes past its end`);
    }
    at += length;
    return utf8.decode(bytes.subarray(at - length, at));
  };
  const int32 = (end: number): number => {
    if (end - at < 4) throw new FrameError("a binary header ends inside a length");
    at += 4;
    return view.getInt32(at - 4);
  };
  const remark = text(int32(bytes.length), bytes.length);
  const fieldsLength = int32(bytes.length);
  if (fieldsLength < 0 || fieldsLength > bytes.length - at) {
    throw new FrameError(`extFields of ${fieldsLength} bytes go past the end of the header`);
  }
  const end = at + fieldsLength;
  const extFields = fieldsLength === 0 ? NO_FIELDS : new Map<string, string>();
  while (at < end) {
    if (end - at < 2) throw new FrameError("a binary header ends inside a length");
    at += 2;
    const key = text(view.getInt16(at - 2), end);
    const value = text(int32(end), end);
    // This encoding can't distinguish an empty string from null; the reference reads null.
    if (key !== "" && value !== "") (extFields as Map<string, string>).set(key, value);
  }
  return {
    code: view.getInt16(0),
    language: LANGUAGES[view.getInt8(2)] ?? "OTHER",
    version: view.getInt16(3),
    opaque: view.getInt32(5),
    flag: view.getInt32(9),
    remark: remark === "" ? null : remark,
    extFields,
  };
}

function encodeBinaryHeader(header: OutgoingHeader): Uint8Array {
  const encoder = new TextEncoder();
  const remark = encoder.encode(header.remark ?? "");
  const fields: [Uint8Array, Uint8Array][] = [];
  let fieldsLength = 0;
  for (const [k, v] of header.extFields ?? []) {
    const key = encoder.encode(k);
    const value = encoder.encode(v);
    fields.push([key, value]);
    fieldsLength += 6 + key.length + value.length;
  }
  const bytes = new Uint8Array(21 + remark.length + fieldsLength);
  const view = new DataView(bytes.buffer);
  view.setInt16(0, header.code);
  view.setInt8(2, LANGUAGES.indexOf("OTHER"));
  view.setInt16(3, header.version ?? MqVersion.V5_5_0);
  view.setInt32(5, header.opaque);
  view.setInt32(9, header.flag);
  view.setInt32(13, remark.length);
  bytes.set(remark, 17);
  let at = 17 + remark.length;
  view.setInt32(at, fieldsLength);
  at += 4;
  for (const [key, value] of fields) {
    view.setInt16(at, key.length);
    bytes.set(key, at + 2);
    at += 2 + key.length;
    view.setInt32(at, value.length);
    bytes.set(value, at + 4);
    at += 4 + value.length;
  }
  return bytes;
}
