import { type Command, type CommandHeader, SerializeType } from "./command.ts";
import type { Frame } from "./frame_decoder.ts";
import { decodeHeader } from "./header_codec.ts";

/** A power of two. A header whose slot another one takes is just decoded again. */
const SLOTS = 8192;
const MAX_LENGTH = 512;
/** Where the opaque stands in a binary header (protocol.md, "Command header"). */
const BINARY_OPAQUE = 5;
const OPAQUE_KEY = new TextEncoder().encode('"opaque":');
const COLON = 0x3a;
const utf8 = new TextDecoder();

interface Entry {
  serializeType: SerializeType;
  header: CommandHeader;
  /** The header's bytes up to the opaque, and those after it. */
  before: Uint8Array;
  after: Uint8Array;
}

/**
 * Decodes headers, and remembers them: who asks again sends the same bytes, but for the opaque.
 * Comparing them costs a fraction of reading them. What is remembered is compared as a whole, so
 * that no header, however it is made, passes for another.
 */
export class HeaderMemo {
  readonly #slots: (Entry | undefined)[] = new Array(SLOTS);

  /**
   * The request that a frame holds, without its body.
   *
   * @throws {FrameError} when the header can't be read
   */
  decode(frame: Frame): Command {
    const { bytes, headerStart: start, headerEnd: end, serializeType } = frame;
    if (end - start > MAX_LENGTH) return fresh(frame);
    // One pass finds the opaque and hashes the rest.
    let hash: number = serializeType;
    let at = start;
    let opaqueStart = start + BINARY_OPAQUE;
    let opaqueEnd = opaqueStart + 4;
    let opaque = 0;
    if (serializeType === SerializeType.JSON) {
      opaqueStart = end;
      while (at < end) {
        const byte = bytes[at++];
        hash = (Math.imul(hash, 31) + byte) | 0;
        if (byte === COLON && isOpaqueKey(bytes, start, at)) {
          opaqueStart = at;
          break;
        }
      }
      for (; at < end; at++) {
        const digit = bytes[at] - 0x30;
        if (digit < 0 || digit > 9) break;
        opaque = opaque * 10 + digit;
      }
      opaqueEnd = at;
    } else {
      if (end < opaqueEnd) return fresh(frame);
      while (at < opaqueStart) hash = (Math.imul(hash, 31) + bytes[at++]) | 0;
      while (at < opaqueEnd) opaque = (opaque << 8) | bytes[at++];
    }
    while (at < end) hash = (Math.imul(hash, 31) + bytes[at++]) | 0;

    const slot = (hash ^ (hash >>> 13)) & (SLOTS - 1);
    const known = this.#slots[slot];
    if (
      known !== undefined && known.serializeType === serializeType &&
      same(known.before, bytes, start, opaqueStart) && same(known.after, bytes, opaqueEnd, end) &&
      opaqueEnd > opaqueStart && (opaque | 0) === opaque
    ) {
      return toCommand(known.header, serializeType, opaque);
    }
    const header = decodeHeader(frame.header, serializeType);
    const certain = serializeType === SerializeType.ROCKETMQ || hasOneOpaque(frame.header);
    if (certain && opaque !== 0 && header.opaque === opaque) {
      this.#slots[slot] = {
        serializeType,
        header,
        before: bytes.slice(start, opaqueStart),
        after: bytes.slice(opaqueEnd, end),
      };
    }
    return toCommand(header, serializeType, header.opaque);
  }
}

/** A new command each time: its holders give it a body, which nothing here may keep. */
function toCommand(
  header: CommandHeader,
  serializeType: SerializeType,
  opaque: number,
): Command {
  // Written out: a spread of the header costs as much as finding it.
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
  };
}

function fresh(frame: Frame): Command {
  const header = decodeHeader(frame.header, frame.serializeType);
  return toCommand(header, frame.serializeType, header.opaque);
}

/** Whether `"opaque":` ends before an offset. */
function isOpaqueKey(bytes: Uint8Array, start: number, end: number): boolean {
  const from = end - OPAQUE_KEY.length;
  if (from < start) return false;
  for (let i = 0; i < OPAQUE_KEY.length; i++) if (bytes[from + i] !== OPAQUE_KEY[i]) return false;
  return true;
}

/**
 * Whether the word stands once in a JSON header, and nothing is escaped that could spell it. If the
 * header has an opaque then, it is the number behind that word, whatever else is in the header.
 */
function hasOneOpaque(header: Uint8Array): boolean {
  const text = utf8.decode(header);
  return !text.includes("\\") && text.indexOf("opaque") === text.lastIndexOf("opaque");
}

function same(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
