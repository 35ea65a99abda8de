import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

const MAPPING_VERSION = Buffer.from('"mappingDataVersion":{');
const END_OF_OBJECT = 0x7d;

/**
 * Tells bodies of REGISTER_BROKER apart without reading them: equal for bodies that say the same of
 * a broker's topics. A plain one has the time of sending in its mappingDataVersion, which nobody
 * uses, and which is left out; otherwise a broker repeats its body byte for byte. Length and 96 bits
 * of CRC stand for the rest, which costs a tenth of a millisecond for 10 000 topics.
 */
export function bodyFingerprint(body: Uint8Array): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const at = bytes.indexOf(MAPPING_VERSION);
  const start = at < 0 ? 0 : at;
  const end = at < 0 ? 0 : Math.max(start, bytes.indexOf(END_OF_OBJECT, start));
  const middle = end + ((bytes.length - end) >> 1);
  const parts = [bytes.subarray(0, start), bytes.subarray(end, middle), bytes.subarray(middle)];
  return `${start},${bytes.length - end},${parts.map((part) => crc32(part)).join(",")}`;
}
