import { concat, int16, int32, text, utf8 } from "./bytes.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

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

/** Fields of a request; all have defaults. */
interface RequestFields {
  code?: number;
  opaque?: number;
  flag?: number;
  extFields?: Record<string, string>;
  body?: Uint8Array;
}

/** A frame with a JSON header, as a Java client sends it. */
export function request(fields: RequestFields = {}): Uint8Array<ArrayBuffer> {
  const { code = RequestCode.GET_ROUTEINFO_BY_TOPIC, opaque = 0, flag = 0, extFields, body } =
    fields;
  const header = JSON.stringify({
    code,
    extFields,
    flag,
    language: "JAVA",
    opaque,
    serializeTypeCurrentRPC: "JSON",
    version: 513,
  });
  return frame(utf8(header), body);
}

/** A frame with a binary header, as a Java client sends it. */
export function binaryRequest(fields: RequestFields = {}): Uint8Array<ArrayBuffer> {
  const { code = RequestCode.GET_ROUTEINFO_BY_TOPIC, opaque = 0, flag = 0, extFields = {}, body } =
    fields;
  const pairs = concat(
    ...Object.entries(extFields).flatMap(([key, value]) => [
      int16(utf8(key).length),
      utf8(key),
      int32(utf8(value).length),
      utf8(value),
    ]),
  );
  const header = concat(
    int16(code),
    new Uint8Array([0]),
    int16(513),
    int32(opaque),
    int32(flag),
    int32(0),
    int32(pairs.length),
    pairs,
  );
  return frame(header, body, 1);
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
