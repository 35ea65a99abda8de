import { byteAt, uint16At } from "../../byte_access.ts";
import { FrameError } from "./command.ts";

const V2_SIGNATURE = new Uint8Array([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]);
const V1_START = new TextEncoder().encode("PROXY ");
/** The longest PROXY protocol v1 line, with its CRLF (its specification, section 2.1). */
const V1_MAX_LENGTH = 107;
const TLS_HANDSHAKE = 0x16;

const LOCAL = 0;
const AF_INET = 1;
const AF_INET6 = 2;
const AF_UNIX = 3;
/** Length of both addresses in a version 2 header in bytes, by address family. */
const ADDRESS_LENGTHS = new Map([[AF_INET, 12], [AF_INET6, 36], [AF_UNIX, 216]]);

/** The client's address and attributes from a PROXY protocol header. */
export interface ProxiedPeer {
  /**
   * "address:port" of the client; `undefined` when the proxy connects on its own behalf (LOCAL,
   * UNKNOWN).
   */
  address?: string;
  /** TLVs of a version 2 header, by type. */
  attributes: ReadonlyMap<number, Uint8Array>;
}

/** The parsed preamble of a connection and the bytes after it. */
export interface Opening {
  kind: "frames" | "tls";
  /** Bytes after the preamble: at least one. */
  rest: Uint8Array;
  peer?: ProxiedPeer;
}

/**
 * Reads everything that may precede the first frame (protocol.md, "Connection, before the first
 * frame"): a PROXY protocol header, version 1 or 2, then TLS or frames. They can't be confused: as
 * the first byte of a frame, each one's first byte would mean a longer frame than any that the
 * server accepts.
 */
export class Preamble {
  #bytes = new Uint8Array(0);
  #peer: ProxiedPeer | undefined;
  readonly #maxHeaderLength: number;

  /** @param maxHeaderLength the largest allowed PROXY header, in bytes */
  constructor(maxHeaderLength = Infinity) {
    this.#maxHeaderLength = maxHeaderLength;
  }

  /** Number of bytes kept of a header that is not complete. */
  get kept(): number {
    return this.#bytes.length;
  }

  /**
   * Adds received bytes. Returns `undefined` until there are enough to decide.
   *
   * @throws {FrameError} when a PROXY header is malformed
   */
  push(chunk: Uint8Array): Opening | undefined {
    let bytes = this.#bytes.length === 0 ? chunk : concat(this.#bytes, chunk);
    if (this.#peer === undefined) {
      const header = readProxyHeader(bytes, this.#maxHeaderLength);
      if (header === "incomplete") return this.#wait(bytes);
      if (header !== undefined) {
        this.#peer = header.peer;
        bytes = bytes.subarray(header.length);
      }
    }
    if (bytes.length === 0) return this.#wait(bytes);
    const kind = bytes[0] === TLS_HANDSHAKE ? "tls" : "frames";
    return { kind, rest: bytes, peer: this.#peer };
  }

  #wait(bytes: Uint8Array): undefined {
    // The chunk belongs to the caller, so the bytes that wait are copied.
    this.#bytes = bytes.slice();
    return undefined;
  }
}

interface ProxyHeader {
  length: number;
  peer: ProxiedPeer;
}

/** `undefined` when the bytes don't start with a PROXY header. */
function readProxyHeader(
  bytes: Uint8Array,
  maxLength: number,
): ProxyHeader | "incomplete" | undefined {
  if (bytes.length === 0) return "incomplete";
  if (bytes[0] === V2_SIGNATURE[0]) return readV2(bytes, maxLength);
  if (bytes[0] === V1_START[0]) return readV1(bytes);
  return undefined;
}

function readV1(bytes: Uint8Array): ProxyHeader | "incomplete" {
  checkStart(bytes, V1_START);
  const end = bytes.subarray(0, V1_MAX_LENGTH).indexOf(0x0a);
  if (end < 0) {
    if (bytes.length >= V1_MAX_LENGTH) throw new FrameError("unterminated PROXY v1 line");
    return "incomplete";
  }
  const line = new TextDecoder().decode(bytes.subarray(0, end + 1));
  const [, family, source, destination, ...ports] =
    /^PROXY (TCP4|TCP6|UNKNOWN)(?: (\S+) (\S+) (\d{1,5}) (\d{1,5})| .*)?\r\n$/.exec(line) ?? [];
  const peer: ProxiedPeer = { attributes: new Map() };
  if (family === undefined) throw new FrameError("malformed PROXY v1 header");
  if (family !== "UNKNOWN") {
    const valid = family === "TCP4" ? isIpv4 : isIpv6;
    if (
      source === undefined || destination === undefined || !valid(source) || !valid(destination) ||
      ports.some((port) => Number(port) > 65535)
    ) {
      throw new FrameError("malformed PROXY v1 header");
    }
    peer.address = family === "TCP4" ? `${source}:${ports[0]}` : `[${source}]:${ports[0]}`;
  }
  return { length: end + 1, peer };
}

function readV2(bytes: Uint8Array, maxLength: number): ProxyHeader | "incomplete" {
  checkStart(bytes, V2_SIGNATURE);
  if (bytes.length < 16) return "incomplete";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint8(12) >> 4;
  const command = view.getUint8(12) & 0xf;
  if (version !== 2 || command > 1) throw new FrameError("malformed PROXY v2 header");
  const length = 16 + view.getUint16(14);
  if (length > maxLength) {
    throw new FrameError(
      `a PROXY header of ${length} bytes is longer than ${maxLength} (maxProxyHeaderBytes)`,
    );
  }
  if (bytes.length < length) return "incomplete";
  const peer: ProxiedPeer = { attributes: new Map() };
  const family = view.getUint8(13) >> 4;
  const addressLength = ADDRESS_LENGTHS.get(family);
  // For LOCAL and for an unknown address family, the address block may contain anything.
  if (command === LOCAL || addressLength === undefined) return { length, peer };
  if (16 + addressLength > length) throw new FrameError("malformed PROXY v2 header");
  peer.attributes = readTlvs(bytes, 16 + addressLength, length);
  if (family === AF_INET) {
    peer.address = `${bytes.subarray(16, 20).join(".")}:${view.getUint16(24)}`;
  } else if (family === AF_INET6) {
    const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(16 + 2 * i).toString(16));
    peer.address = `[${groups.join(":")}]:${view.getUint16(48)}`;
  }
  return { length, peer };
}

function readTlvs(bytes: Uint8Array, start: number, end: number): Map<number, Uint8Array> {
  const tlvs = new Map<number, Uint8Array>();
  let at = start;
  while (at + 3 <= end) {
    const length = uint16At(bytes, at + 1);
    if (at + 3 + length > end) throw new FrameError("a TLV goes past its PROXY v2 header");
    tlvs.set(byteAt(bytes, at), bytes.slice(at + 3, at + 3 + length));
    at += 3 + length;
  }
  return tlvs;
}

function checkStart(bytes: Uint8Array, start: Uint8Array): void {
  const length = Math.min(bytes.length, start.length);
  for (let i = 0; i < length; i++) {
    if (bytes[i] !== start[i]) throw new FrameError("neither a frame nor a PROXY header");
  }
}

function isIpv4(text: string): boolean {
  return /^(\d{1,3}\.){3}\d{1,3}$/.test(text) &&
    text.split(".").every((part) => Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  return /^[0-9a-fA-F:.]+$/.test(text) && URL.canParse(`http://[${text}]/`);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
