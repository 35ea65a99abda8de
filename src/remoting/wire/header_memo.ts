import { byteAt, int32At } from "../../byte_access.ts";
import { type Command, type CommandHeader, type HeaderNotes, SerializeType } from "./command.ts";
import type { Frame } from "./frame_decoder.ts";
import { decodeHeader } from "./header_codec.ts";

/** A power of two. A header that was evicted from its slot is simply decoded again. */
const SLOTS = 8192;
/**
 * Neighbouring slots that a header can be in; a power of two. With a single one, many headers that are
 * asked for in turn evict each other each time: 5 % of those of 100 topics, 31 % of those of 3 000.
 */
const WAYS = 4;
const MAX_LENGTH = 512;
/** Offset of the opaque in a binary header (protocol.md, "Command header"). */
const BINARY_OPAQUE = 5;
const OPAQUE_KEY = new TextEncoder().encode('"opaque":');
/** New headers that a connection may add, before some of its headers have to repeat. */
const SHARE = 64;
/** Bytes of an entry, beside what grows with the length of its header. */
const ENTRY_BYTES = 400;
const COLON = 0x3a;
const utf8 = new TextDecoder();

/** A cached header; itself the place of its notes. */
interface Entry extends HeaderNotes {
  serializeType: SerializeType;
  header: CommandHeader;
  /** The header's bytes without its opaque, and the number of bytes before it. */
  rest: DataView;
  before: number;
}

/**
 * How many headers one connection may still add to a {@link HeaderMemo}. Each repeated header gives
 * one back, so that a peer whose headers never repeat can't displace those of the others.
 */
export class MemoShare {
  left = SHARE;
}

/**
 * Decodes headers and caches the results: a client's repeated requests differ only in the opaque.
 * Comparing the bytes costs a fraction of parsing them. Cached headers are compared in full, so no
 * crafted header can be mistaken for another.
 *
 * This is most of the cost of a response from the cache. Therefore bytes are compared four at a
 * time, and a JSON header's opaque is first looked for where it was in earlier headers: clients
 * write the same number of bytes before it (Go) or after it (Java).
 */
export class HeaderMemo {
  readonly #slots: (Entry | undefined)[] = new Array(SLOTS);
  /** A view of the last frame's buffer, which is usually also the next frame's. */
  #view: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0));
  #lastBefore = 0;
  #lastBehind = 0;
  readonly #maxBytes: () => number;
  #bytes = 0;
  /** The slot that is emptied next when there are too many bytes. */
  #hand = 0;

  /** @param maxBytes the most bytes that it may keep, estimated */
  constructor(maxBytes: () => number = () => Infinity) {
    this.#maxBytes = maxBytes;
  }

  /** Number of bytes kept, estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Decodes the request in a frame, without its body.
   *
   * @param share of the connection that the frame came over
   * @throws {FrameError} when the header is malformed
   */
  decode(frame: Frame, share = new MemoShare()): Command {
    const { bytes, headerStart: start, headerEnd: end, serializeType } = frame;
    const json = serializeType === SerializeType.JSON;
    if (end - start > MAX_LENGTH || (!json && end - start < BINARY_OPAQUE + 4)) return fresh(frame);
    const opaqueStart = json ? this.#findOpaque(bytes, start, end) : start + BINARY_OPAQUE;
    let opaqueEnd = opaqueStart;
    let opaque = 0;
    if (json) {
      for (; opaqueEnd < end; opaqueEnd++) {
        const digit = byteAt(bytes, opaqueEnd) - 0x30;
        if (digit < 0 || digit > 9) break;
        opaque = opaque * 10 + digit;
      }
      this.#lastBefore = opaqueStart - start;
      this.#lastBehind = end - opaqueEnd;
    } else {
      opaque = int32At(bytes, opaqueStart);
      opaqueEnd += 4;
    }

    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    const view = this.#view;
    const offset = bytes.byteOffset;
    const behind = hash(view, offset + opaqueEnd, offset + end, serializeType);
    const first = hash(view, offset + start, offset + opaqueStart, behind) & (SLOTS - WAYS);
    const before = opaqueStart - start;
    // If all are taken, any of them is evicted: always the oldest would be the next to be asked for.
    let slot = first + (opaque & (WAYS - 1));
    for (let at = first; at < first + WAYS; at++) {
      const known = this.#slots[at];
      if (known === undefined) {
        slot = at;
      } else if (
        known.serializeType === serializeType && known.before === before &&
        known.rest.byteLength === before + end - opaqueEnd &&
        same(known.rest, 0, view, offset + start, before) &&
        same(known.rest, before, view, offset + opaqueEnd, end - opaqueEnd) &&
        opaqueEnd > opaqueStart && (opaque | 0) === opaque
      ) {
        if (share.left < SHARE) share.left++;
        return toCommand(known.header, serializeType, opaque, known);
      }
    }
    const header = decodeHeader(frame.header, serializeType);
    const certain = !json || hasOneOpaque(frame.header);
    if (certain && opaque !== 0 && header.opaque === opaque && share.left > 0) {
      share.left--;
      const rest = new Uint8Array(before + end - opaqueEnd);
      rest.set(bytes.subarray(start, opaqueStart));
      rest.set(bytes.subarray(opaqueEnd, end), before);
      const view = new DataView(rest.buffer);
      this.#keep(slot, { serializeType, header, rest: view, before, access: undefined });
    }
    return toCommand(header, serializeType, header.opaque, undefined);
  }

  #keep(slot: number, entry: Entry): void {
    this.#forget(slot);
    const size = sizeOf(entry);
    const most = this.#maxBytes();
    for (let i = 0; i < SLOTS && this.#bytes > 0 && this.#bytes + size > most; i++) {
      this.#forget(this.#hand);
      this.#hand = (this.#hand + 1) & (SLOTS - 1);
    }
    if (size > most) return;
    this.#slots[slot] = entry;
    this.#bytes += size;
  }

  #forget(slot: number): void {
    const entry = this.#slots[slot];
    if (entry === undefined) return;
    this.#bytes -= sizeOf(entry);
    this.#slots[slot] = undefined;
  }

  /** Offset of the digits of a JSON header's opaque; the header's end when there are none. */
  #findOpaque(bytes: Uint8Array, start: number, end: number): number {
    let at = start + this.#lastBefore;
    if (at <= end && isOpaqueKey(bytes, start, at)) return at;
    at = end - this.#lastBehind;
    while (at > start && isDigit(byteAt(bytes, at - 1))) at--;
    if (at > start && isOpaqueKey(bytes, start, at)) return at;
    for (at = start; at < end;) {
      if (bytes[at++] === COLON && isOpaqueKey(bytes, start, at)) return at;
    }
    return end;
  }
}

/** The bytes themselves, and the strings read from them. */
function sizeOf({ rest }: Entry): number {
  return ENTRY_BYTES + 3 * rest.byteLength;
}

/** Makes a new command each time, because callers set its body and the cache must not keep that. */
function toCommand(
  header: CommandHeader,
  serializeType: SerializeType,
  opaque: number,
  notes: HeaderNotes | undefined,
): Command {
  // Written out, because a spread costs as much as the lookup itself.
  const { code, language, version, flag, remark, extFields } = header;
  return {
    code,
    language,
    version,
    opaque,
    flag,
    remark,
    extFields,
    serializeType,
    body: null,
    notes,
  };
}

function fresh(frame: Frame): Command {
  const header = decodeHeader(frame.header, frame.serializeType);
  return toCommand(header, frame.serializeType, header.opaque, undefined);
}

/** Whether `"opaque":` ends right before an offset. */
function isOpaqueKey(bytes: Uint8Array, start: number, end: number): boolean {
  const from = end - OPAQUE_KEY.length;
  if (from < start) return false;
  for (let i = 0; i < OPAQUE_KEY.length; i++) if (bytes[from + i] !== OPAQUE_KEY[i]) return false;
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/**
 * Whether the word occurs exactly once in a JSON header and no escape could spell it. If the header
 * has an opaque, it is then the number after that word.
 */
function hasOneOpaque(header: Uint8Array): boolean {
  const text = utf8.decode(header);
  return !text.includes("\\") && text.indexOf("opaque") === text.lastIndexOf("opaque");
}

/** Two words at a time, as each multiplication waits for the one before it. */
function hash(view: DataView, start: number, end: number, seed: number): number {
  let value = seed;
  let other = end - start;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    value = Math.imul(value ^ view.getInt32(at, true), 0x9e3779b1);
    value ^= value >>> 15;
    other = Math.imul(other ^ view.getInt32(at + 4, true), 0x85ebca6b);
    other ^= other >>> 15;
  }
  for (; at < end; at++) value = Math.imul(value ^ view.getUint8(at), 0x01000193);
  value = Math.imul(value ^ (other << 16 | other >>> 16), 0x9e3779b1);
  return value ^ (value >>> 13);
}

function same(
  known: DataView,
  knownAt: number,
  view: DataView,
  at: number,
  length: number,
): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    if (known.getInt32(knownAt + i, true) !== view.getInt32(at + i, true)) return false;
  }
  for (; i < length; i++) if (known.getUint8(knownAt + i) !== view.getUint8(at + i)) return false;
  return true;
}
