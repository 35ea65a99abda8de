/** The polynomial of CRC-32 (ISO 3309) without x^32; the highest bit is the coefficient of x^0. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;
/** x^8: the factor by which a following byte multiplies a CRC. */
const BYTE = ONE >>> 8;

/**
 * Returns the CRC-32 of two concatenated byte strings, given that of each. A CRC is the remainder
 * of a polynomial division, and following bytes multiply it by a power of x. Takes some
 * microseconds, independent of the length.
 *
 * @param secondLength length of the second string in bytes
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  return (multiply(power(secondLength), first) ^ second) >>> 0;
}

/** Returns x^(8 * bytes) modulo the polynomial. */
function power(bytes: number): number {
  let result = ONE;
  let square = BYTE;
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** Returns the product of two polynomials modulo the polynomial. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = ONE, shifted = b; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL;
  }
  return product;
}
