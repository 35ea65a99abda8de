import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { combineCrc32 } from "./crc32_combine.ts";

const MAPPING_VERSION = Buffer.from('"mappingDataVersion":{');
const END_OF_OBJECT = 0x7d;
/** Brokers have it before their topics. The runtime searches slowly. */
const SEARCHED = 64 * 1024;

/** Result of a single pass over a body. */
export interface BodyFingerprint {
  /** CRC-32 of the whole body. */
  crc32: number;
  /** Equal for bodies with the same content about a broker's topics. */
  text: string;
}

/**
 * Fingerprints the body of a REGISTER_BROKER without parsing it. An uncompressed body contains the
 * time of sending in its mappingDataVersion, which is not used anywhere and is left out; apart from
 * that, a broker repeats its body byte for byte. The fingerprint consists of the length and 96 bits
 * of CRC. It takes a tenth of a millisecond for 10 000 topics and also yields the CRC of the whole
 * body.
 */
export function bodyFingerprint(body: Uint8Array): BodyFingerprint {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const at = bytes.subarray(0, SEARCHED).indexOf(MAPPING_VERSION);
  const start = at < 0 ? 0 : at;
  const end = at < 0 ? 0 : Math.max(start, bytes.indexOf(END_OF_OBJECT, start));
  const middle = end + ((bytes.length - end) >> 1);
  const before = crc32(bytes.subarray(0, start));
  const first = crc32(bytes.subarray(end, middle));
  const second = crc32(bytes.subarray(middle));
  const withMapping = crc32(bytes.subarray(start, end), before);
  const withFirst = combineCrc32(withMapping, first, middle - end);
  return {
    crc32: combineCrc32(withFirst, second, bytes.length - middle),
    text: `${start},${bytes.length - end},${before},${first},${second}`,
  };
}
