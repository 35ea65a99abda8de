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

const ascii = new TextEncoder();
const PLAIN_SUCCESS = ascii.encode('{"code":0,"flag":1,"language":"OTHER","opaque":');
const PLAIN_SUCCESS_END = ascii.encode(',"serializeTypeCurrentRPC":"JSON","version":513}');

/**
 * Encodes responses one after another into one buffer, so that all that are ready leave in one
 * write. The buffer is reused when the system has taken its bytes at once.
 */
export class FrameEncoder {
  #buffer = new Uint8Array(FIRST_CAPACITY);
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
    if (json && code === 0 && remark === undefined && extFields === undefined) {
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
      this.#buffer = new Uint8Array(FIRST_CAPACITY);
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

  /** Writes the most common header without building its text. */
  #plainSuccess(opaque: number, body: Uint8Array | undefined): void {
    const digits = `${opaque}`;
    const length = PLAIN_SUCCESS.length + digits.length + PLAIN_SUCCESS_END.length;
    let at = this.#start(length, body);
    const buffer = this.#buffer;
    buffer.set(PLAIN_SUCCESS, at);
    at += PLAIN_SUCCESS.length;
    for (let i = 0; i < digits.length; i++) buffer[at++] = digits.charCodeAt(i);
    buffer.set(PLAIN_SUCCESS_END, at);
    this.#finish(SerializeType.JSON, length, body);
  }

  /** Makes room for a frame. Returns the offset of its header. */
  #start(headerLength: number, body: Uint8Array | undefined): number {
    const copied = body === undefined || body.length >= LARGE_BODY ? 0 : body.length;
    const needed = this.#length + 8 + headerLength + copied;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    return this.#length + 8;
  }

  #finish(type: SerializeType, headerLength: number, body: Uint8Array | undefined): void {
    const bodyLength = body?.length ?? 0;
    putInt32(this.#buffer, this.#length, 4 + headerLength + bodyLength);
    putInt32(this.#buffer, this.#length + 4, (type << 24) | headerLength);
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
  putInt32(frame, 0, 4 + header.length + body.length);
  putInt32(frame, 4, header.length);
  frame.set(header, 8);
  frame.set(body, 8 + header.length);
  return frame;
}

function putInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
