import { type OutgoingHeader } from "./header_codec.ts";
import { encodeHeader } from "./header_codec.ts";
import { type Command, Flag, type OutgoingRequest, type Response } from "./command.ts";
import { SerializeType } from "./command.ts";

const FIRST_CAPACITY = 64 * 1024;
/** Bodies from this size on are sent as they are, not copied beside their header. */
const LARGE_BODY = 32 * 1024;

const ascii = new TextEncoder();
const PLAIN_SUCCESS = ascii.encode('{"code":0,"flag":1,"language":"OTHER","opaque":');
const PLAIN_SUCCESS_END = ascii.encode(',"serializeTypeCurrentRPC":"JSON","version":513}');

/**
 * Encodes answers one after the other into one buffer, so that all that is ready leaves in one
 * write. The buffer is used again: {@link take} gives copies.
 */
export class FrameEncoder {
  #buffer = new Uint8Array(FIRST_CAPACITY);
  #length = 0;
  /** Finished parts before what stands in the buffer. */
  #parts: Uint8Array[] = [];

  /** Appends the answer to a request, in the request's own serialization. */
  response(request: Command, response: Response): void {
    const { code, remark, extFields } = response;
    const json = request.serializeType === SerializeType.JSON;
    if (json && code === 0 && remark === undefined && extFields === undefined) {
      this.#plainSuccess(request.opaque, response.body);
      return;
    }
    const header: OutgoingHeader = {
      code,
      opaque: request.opaque,
      flag: Flag.RESPONSE,
      remark,
      extFields,
    };
    this.#frame(header, request.serializeType, response.body);
  }

  /** Takes out what was appended, as one or a few chunks to be written in order. */
  take(): Uint8Array[] {
    this.#cut();
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  /** Bytes appended and not taken. */
  get length(): number {
    let length = this.#length;
    for (const part of this.#parts) length += part.length;
    return length;
  }

  #frame(header: OutgoingHeader, type: SerializeType, body: Uint8Array | undefined): void {
    const bytes = encodeHeader(header, type);
    const at = this.#start(bytes.length, body);
    this.#buffer.set(bytes, at);
    this.#finish(type, bytes.length, body);
  }

  /** The header of nearly every answer, without building its text. */
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
      this.#cut();
      this.#parts.push(body);
    } else {
      this.#buffer.set(body, this.#length);
      this.#length += bodyLength;
    }
  }

  #cut(): void {
    if (this.#length === 0) return;
    this.#parts.push(this.#buffer.slice(0, this.#length));
    this.#length = 0;
    // One huge batch must not hold its memory for good.
    if (this.#buffer.length > 16 * FIRST_CAPACITY) this.#buffer = new Uint8Array(FIRST_CAPACITY);
  }
}

/** A whole frame of a request that this server sends, with a JSON header. */
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
