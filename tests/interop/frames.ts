/**
 * A small frame codec of its own for the interop suite.
 *
 * It shares no line with `src`: a bug in the server's codec must not hide behind the same bug in
 * the test. It is written against the description of RocketMQ's remoting protocol and is proven by
 * talking to the reference name server.
 */

import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";

/** How a command's header is written. */
export type Serialization = "JSON" | "ROCKETMQ";

/** A request as the test data states it. Everything that is left out gets a plain default. */
export interface Request {
  code: number;
  /** Ordinal of the client's version; 513 (V5_5_0) by default. */
  version?: number;
  /** Ordinal in {@linkcode LANGUAGES}, written as its name in JSON; JAVA by default. */
  language?: number;
  /** Bit 1 (value 2) makes the request oneway. */
  flag?: number;
  /** Left out of the header when undefined. */
  extFields?: Record<string, string>;
  body?: Uint8Array | string;
  serialization?: Serialization;
}

/** A command as it came over the network: an answer, or what a name server sends of itself. */
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

/** The bytes of a string body, or the body itself. */
export function bytesOf(body: Uint8Array | string | undefined): Uint8Array {
  if (body === undefined) return new Uint8Array();
  return typeof body === "string" ? utf8.encode(body) : body;
}

/** CRC-32 as REGISTER_BROKER's `bodyCrc32` wants it: without the sign bit, in decimal. */
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

function sized(width: 2 | 4, text: string): Uint8Array {
  const bytes = utf8.encode(text);
  const out = Buffer.alloc(width + bytes.length);
  out.writeUIntBE(bytes.length, 0, width);
  out.set(bytes, width);
  return out;
}

/** Reads one whole frame (with its length field). Throws on anything that is no command. */
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
    // The binary form cannot tell an absent string or map from an empty one.
    remark: remark === "" ? null : remark,
    extFields: extFields.size === 0 ? null : extFields,
    body,
  };
}

/** Cuts a stream of bytes into whole frames, each with its length field. */
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

/** Why a call got no answer. */
export class NoAnswerError extends Error {
  constructor(readonly reason: "closed" | "timeout") {
    super(reason === "closed" ? "the server closed the connection" : "no answer in time");
  }
}

/** A connection to a name server that pairs answers with calls by opaque. */
export class FrameClient {
  #connection: Deno.TcpConn;
  #waiting = new Map<number, PromiseWithResolvers<Command>>();
  #opaque = 1;
  #open = true;
  /** Resolves when either side has closed the connection. */
  readonly closed: Promise<void>;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.closed = this.#read().finally(() => {
      this.#open = false;
      for (const call of this.#waiting.values()) call.reject(new NoAnswerError("closed"));
      this.#waiting.clear();
    });
  }

  /** Connects to `host:port`. */
  static async connect(address: string): Promise<FrameClient> {
    const { hostname, port } = new URL(`tcp://${address}`);
    return new FrameClient(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Sends a request and waits for its answer; throws {@linkcode NoAnswerError}. */
  async call(request: Request, timeoutMs = 10_000): Promise<Command> {
    const opaque = this.#opaque++;
    const call = Promise.withResolvers<Command>();
    call.promise.catch(() => {}); // a close may come before anybody waits
    if (!this.#open) throw new NoAnswerError("closed");
    this.#waiting.set(opaque, call);
    await this.sendRaw(encodeFrame(request, opaque));
    const timer = setTimeout(() => call.reject(new NoAnswerError("timeout")), timeoutMs);
    try {
      return await call.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(opaque);
    }
  }

  /** Writes bytes as they are; a connection that the server has closed is not an error here. */
  async sendRaw(bytes: Uint8Array): Promise<void> {
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await this.#connection.write(bytes.subarray(sent));
      }
    } catch {
      this.#connection.close();
    }
  }

  /** Closes the connection; closing twice is fine. */
  close(): void {
    try {
      this.#connection.close();
    } catch {
      // the server was first
    }
  }

  async #read(): Promise<void> {
    try {
      for await (const frame of framesOf(this.#connection.readable)) {
        const response = decodeFrame(frame);
        this.#waiting.get(response.opaque)?.resolve(response);
      }
    } catch {
      // reset by the server, or closed by us: `closed` tells
    }
  }
}

/** A JSON value that keeps 64-bit numbers exact and objects free of prototypes. */
export type Json = null | boolean | string | bigint | number | Json[] | Map<string, Json>;

/** A parsed body, and how it was written. */
export interface ParsedJson {
  value: Json;
  /** Some key stood without quotes, as fastjson writes numeric keys. */
  unquotedKeys: boolean;
  /** Some character outside ASCII stood as itself and not as a \uXXXX escape. */
  rawNonAscii: boolean;
}

/** Reads JSON and fastjson's dialect of it. Throws SyntaxError with the offset. */
export function parseJson(text: string): ParsedJson {
  let at = 0;
  let unquotedKeys = false;
  const fail = (what: string): never => {
    throw new SyntaxError(`${what} at offset ${at} of ${text.slice(0, 200)}`);
  };
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    at += match?.length ?? 0;
    return match;
  };
  const skip = () => token(/\s*/y);
  const expect = (char: string) => {
    skip();
    if (text[at] !== char) fail(`expected ${char}`);
    at++;
  };
  const next = (char: string): boolean => {
    skip();
    if (text[at] !== char) return false;
    at++;
    return true;
  };
  const string = (): string => JSON.parse(token(/"(?:[^"\\]|\\.)*"/y) ?? fail("expected a string"));
  const value = (): Json => {
    skip();
    if (next("{")) {
      const object = new Map<string, Json>();
      if (next("}")) return object;
      do {
        skip();
        let key: string;
        if (text[at] === '"') key = string();
        else {
          key = token(/[\w$.-]+/y) ?? fail("expected a key");
          unquotedKeys = true;
        }
        expect(":");
        object.set(key, value());
      } while (next(","));
      expect("}");
      return object;
    }
    if (next("[")) {
      const list: Json[] = [];
      if (next("]")) return list;
      do list.push(value()); while (next(","));
      expect("]");
      return list;
    }
    if (text[at] === '"') return string();
    const word = token(/[\w.+-]+/y) ?? fail("expected a value");
    if (word === "null") return null;
    if (word === "true" || word === "false") return word === "true";
    if (/^-?\d+$/.test(word)) return BigInt(word);
    const number = Number(word);
    return Number.isNaN(number) ? fail(`bad value ${word}`) : number;
  };
  const parsed = value();
  skip();
  if (at !== text.length) fail("text after the value");
  // deno-lint-ignore no-control-regex
  return { value: parsed, unquotedKeys, rawNonAscii: /[^\x00-\x7f]/.test(text) };
}

/** A broker's topic as a registration carries it. */
export interface Topic {
  name: string;
  read?: number;
  write?: number;
  perm?: number;
  sysFlag?: number;
}

/** A static topic's mapping as a registration carries it; `epoch` is text to stay exact. */
export interface Mapping {
  topic: string;
  bname: string;
  totalQueues: number;
  epoch: string;
  currIdMap: Record<string, number>;
  dirty?: boolean;
  scope?: string;
}

/** A broker's data version; a 4.x broker sends no stateVersion. */
export interface DataVersion {
  counter: number;
  timestamp: number;
  stateVersion?: number;
}

/** What a registration's body holds. */
export interface Registration {
  version: DataVersion;
  topics: Topic[];
  filterServers?: string[];
  mappings?: Mapping[];
}

const topicJson = (topic: Topic) => ({
  attributes: {},
  order: false,
  perm: topic.perm ?? 6,
  readQueueNums: topic.read ?? 8,
  topicFilterType: "SINGLE_TAG",
  topicName: topic.name,
  topicSysFlag: topic.sysFlag ?? 0,
  writeQueueNums: topic.write ?? 8,
});

/** A mapping as fastjson writes it: integer keys without quotes. */
function mappingJson(mapping: Mapping): string {
  const ids = Object.entries(mapping.currIdMap).map(([key, id]) => `${key}:${id}`).join(",");
  return `{"bname":${JSON.stringify(mapping.bname)},"currIdMap":{${ids}},` +
    `"dirty":${mapping.dirty ?? false},"epoch":${mapping.epoch},` +
    `"scope":${JSON.stringify(mapping.scope ?? "__global__")},` +
    `"topic":${JSON.stringify(mapping.topic)},"totalQueues":${mapping.totalQueues}}`;
}

function wrapperFields(registration: Registration): string[] {
  const topics = registration.topics.map((topic) =>
    `${JSON.stringify(topic.name)}:${JSON.stringify(topicJson(topic))}`
  );
  return [
    `"dataVersion":${JSON.stringify(registration.version)}`,
    `"topicConfigTable":{${topics.join(",")}}`,
  ];
}

/** The body of a registration since V3_0_11, plain. */
export function plainBody(registration: Registration): string {
  const mappings = (registration.mappings ?? []).map((mapping) =>
    `${JSON.stringify(mapping.topic)}:${mappingJson(mapping)}`
  );
  const fields = [
    ...wrapperFields(registration),
    `"mappingDataVersion":{"counter":0,"stateVersion":0,"timestamp":1700000000000}`,
    `"topicQueueMappingDetailMap":{}`,
    `"topicQueueMappingInfoMap":{${mappings.join(",")}}`,
  ];
  return `{"filterServerList":${JSON.stringify(registration.filterServers ?? [])},` +
    `"topicConfigSerializeWrapper":{${fields.join(",")}}}`;
}

/** The body of a registration before V3_0_11: the topic table alone. */
export function oldBody(registration: Registration): string {
  return `{${wrapperFields(registration).join(",")}}`;
}

/** The zlib stream of a registration with `compressed=true`; mappings since V5_0_0 only. */
export function compressedBody(registration: Registration, withMappings = true): Uint8Array {
  const mappings = registration.mappings ?? [];
  const parts = [
    sized(4, JSON.stringify(registration.version)),
    int32(registration.topics.length),
    ...registration.topics.map((topic) =>
      sized(
        4,
        `${topic.name} ${topic.read ?? 8} ${topic.write ?? 8} ${topic.perm ?? 6} SINGLE_TAG {}`,
      )
    ),
    sized(4, JSON.stringify(registration.filterServers ?? [])),
    ...(withMappings
      ? [int32(mappings.length), ...mappings.map((mapping) => sized(4, mappingJson(mapping)))]
      : []),
  ];
  return deflateSync(Buffer.concat(parts));
}

/** A big-endian int32. */
export function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
