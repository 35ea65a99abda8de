import {
  type Command,
  Flag,
  FrameError,
  type OutgoingRequest,
  type Reply,
  SerializeType,
} from "./command.ts";
import { encodeHeader, type OutgoingHeader } from "./header_codec.ts";
import type { Socket } from "../transport/transport.ts";

const FIRST_CAPACITY = 64 * 1024;
/** Bodies from this size on are sent without copying them. */
const LARGE_BODY = 32 * 1024;
/** The marker of a frame has 24 bits for the length of its header. */
const MAX_HEADER = 0xffffff;

const PLAIN_SUCCESS = bytesOf('{"code":0,"flag":1,"language":"OTHER","opaque":');
const PLAIN_SUCCESS_END = bytesOf(',"serializeTypeCurrentRPC":"JSON","version":513}');
const DIGIT_0 = 0x30;
const MINUS = 0x2d;

/**
 * Encodes responses one after another into one buffer, so that all that are ready leave in one
 * write. The buffer is reused when the system has taken its bytes at once.
 */
export class FrameEncoder {
  #buffer = new Uint8Array(FIRST_CAPACITY);
  /** The same bytes as the buffer. */
  #view = new DataView(this.#buffer.buffer);
  #length = 0;
  /** Finished parts that precede the contents of the buffer. */
  #parts: Uint8Array[] = [];
  #partsLength = 0;

  /**
   * Appends the response to a request, in the request's serialization.
   *
   * @throws {FrameError} when its header is too long for a frame; nothing is appended then
   */
  reply(request: Command, reply: Reply): void {
    const { code, remark, extFields } = reply;
    const json = request.serializeType === SerializeType.JSON;
    const plain = code === 0 && remark === undefined && extFields === undefined;
    if (json && plain && (request.opaque | 0) === request.opaque) {
      this.#plainSuccess(request.opaque, reply.body);
      return;
    }
    const header: OutgoingHeader = {
      code,
      opaque: request.opaque,
      flag: Flag.RESPONSE,
      remark,
      extFields,
    };
    this.#frame(header, request.serializeType, reply.body);
  }

  /** Writes the appended responses in order. */
  flush(socket: Pick<Socket, "write">): void {
    if (this.#partsLength > 0) {
      for (const part of this.#parts) socket.write(part, true);
      this.#parts = [];
      this.#partsLength = 0;
    }
    if (this.#length === 0) return;
    const taken = socket.write(this.#buffer.subarray(0, this.#length));
    this.#length = 0;
    // One huge batch must not hold its memory forever.
    if (!taken || this.#buffer.length > 16 * FIRST_CAPACITY) {
      this.#use(new Uint8Array(FIRST_CAPACITY));
    }
  }

  /** Number of bytes appended but not written. */
  get length(): number {
    return this.#length + this.#partsLength;
  }

  #frame(header: OutgoingHeader, type: SerializeType, body: Uint8Array | undefined): void {
    const bytes = encodeHeader(header, type);
    if (bytes.length > MAX_HEADER) {
      throw new FrameError(`a response header of ${bytes.length} bytes does not fit into a frame`);
    }
    const at = this.#start(bytes.length, body);
    this.#buffer.set(bytes, at);
    this.#finish(type, bytes.length, body);
  }

  #use(buffer: Uint8Array<ArrayBuffer>): void {
    this.#buffer = buffer;
    this.#view = new DataView(buffer.buffer);
  }

  /**
   * Writes the most common header: without building its text, and word by word, because copying an array costs
   * several times as much when it is so short.
   */
  #plainSuccess(opaque: number, body: Uint8Array | undefined): void {
    const digits = lengthOf(opaque);
    const length = PLAIN_SUCCESS.byteLength + digits + PLAIN_SUCCESS_END.byteLength;
    const start = this.#start(length, body);
    const at = start + PLAIN_SUCCESS.byteLength;
    const view = this.#view;
    putBytes(view, start, PLAIN_SUCCESS);
    putInteger(view, at, at + digits, opaque);
    putBytes(view, at + digits, PLAIN_SUCCESS_END);
    this.#finish(SerializeType.JSON, length, body);
  }

  /** Makes room for a frame. Returns the offset of its header. */
  #start(headerLength: number, body: Uint8Array | undefined): number {
    const copied = body === undefined || body.length >= LARGE_BODY ? 0 : body.length;
    const needed = this.#length + 8 + headerLength + copied;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#use(grown);
    }
    return this.#length + 8;
  }

  #finish(type: SerializeType, headerLength: number, body: Uint8Array | undefined): void {
    const bodyLength = body?.length ?? 0;
    this.#view.setInt32(this.#length, 4 + headerLength + bodyLength);
    this.#view.setInt32(this.#length + 4, (type << 24) | headerLength);
    this.#length += 8 + headerLength;
    if (body === undefined || bodyLength === 0) return;
    if (bodyLength >= LARGE_BODY) {
      this.#parts.push(this.#buffer.slice(0, this.#length), body);
      this.#partsLength += this.#length + bodyLength;
      this.#length = 0;
    } else {
      this.#buffer.set(body, this.#length);
      this.#length += bodyLength;
    }
  }
}

/** Encodes a complete request frame with a JSON header. */
export function encodeRequest(request: OutgoingRequest, opaque: number, flag: number): Uint8Array {
  const header = encodeHeader({ ...request, opaque, flag }, SerializeType.JSON);
  const body = request.body ?? new Uint8Array(0);
  const frame = new Uint8Array(8 + header.length + body.length);
  const view = new DataView(frame.buffer);
  view.setInt32(0, 4 + header.length + body.length);
  view.setInt32(4, header.length);
  frame.set(header, 8);
  frame.set(body, 8 + header.length);
  return frame;
}

function bytesOf(text: string): DataView {
  return new DataView(new TextEncoder().encode(text).buffer);
}

function putBytes(view: DataView, at: number, bytes: DataView): void {
  let i = 0;
  for (; i + 4 <= bytes.byteLength; i += 4) view.setInt32(at + i, bytes.getInt32(i));
  for (; i < bytes.byteLength; i++) view.setUint8(at + i, bytes.getUint8(i));
}

/** The number of characters of a 32-bit integer in decimals. */
function lengthOf(integer: number): number {
  let length = integer < 0 ? 2 : 1;
  for (let rest = Math.abs(integer); rest >= 10; rest = (rest / 10) >>> 0) length++;
  return length;
}

/** Writes a 32-bit integer in decimals. */
function putInteger(view: DataView, start: number, end: number, integer: number): void {
  let rest = Math.abs(integer);
  let at = end;
  do {
    const tens = (rest / 10) >>> 0;
    view.setUint8(--at, DIGIT_0 + rest - 10 * tens);
    rest = tens;
  } while (rest > 0);
  if (at > start) view.setUint8(start, MINUS);
}
