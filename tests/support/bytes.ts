const encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Decodes valid UTF-8. */
export function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

/** Bytes from hexadecimal digits; blanks are ignored. */
export function hex(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(digits.replaceAll(/\s/g, ""));
}

/** Concatenates bytes. */
export function concat(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Four bytes, big endian. */
export function int32(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}

/** Two bytes, big endian. */
export function int16(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array([value >>> 8, value]);
}

/** A big-endian length of this many bytes, and the text in UTF-8. */
export function sized(width: 2 | 4, content: string): Uint8Array<ArrayBuffer> {
  const bytes = utf8(content);
  return concat(width === 2 ? int16(bytes.length) : int32(bytes.length), bytes);
}
