/** The polynomial of CRC-32 (ISO 3309) but for x^32; the coefficient of x^0 is the highest bit. */
const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;
/** x^8: what one more byte behind it multiplies a CRC by. */
const BYTE = ONE >>> 8;

/**
 * The CRC-32 of two byte strings in a row, from those of each: a CRC is the remainder of a
 * polynomial's division, and bytes that follow multiply that by a power of x. It takes some
 * microseconds, whatever the length.
 *
 * @param secondLength bytes of the second one
 */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  return (multiply(power(secondLength), first) ^ second) >>> 0;
}

/** x^(8 * bytes) modulo the polynomial. */
function power(bytes: number): number {
  let result = ONE;
  let square = BYTE;
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(result, square);
    square = multiply(square, square);
  }
  return result;
}

/** The product of two polynomials modulo the polynomial. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = ONE, shifted = b; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL;
  }
  return product;
}
