/**
 * The byte at an offset, 0 outside of the array. For offsets that the caller has checked: the type
 * of an element includes `undefined`, and this costs nothing where the offset is in range.
 */
export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** The unsigned 16-bit integer at an offset, big endian. Bytes outside of the array are 0. */
export function uint16At(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at) << 8 | byteAt(bytes, at + 1);
}

/** The signed 32-bit integer at an offset, big endian. Bytes outside of the array are 0. */
export function int32At(bytes: Uint8Array, at: number): number {
  return uint16At(bytes, at) << 16 | uint16At(bytes, at + 2);
}
