/**
 * Characters that a terminal would interpret rather than show: both ranges of control characters,
 * line separators and bidirectional controls.
 */
// deno-lint-ignore no-control-regex
const COMMANDING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Makes text from the network safe to show: characters that a terminal would interpret are escaped
 * (`\x1b`).
 */
export function printable(text: string): string {
  return text.replace(COMMANDING, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/**
 * JSON in which characters that a terminal would interpret are escaped. It parses to the same
 * value.
 */
export function printableJson(value: unknown, indentation = 2): string {
  return JSON.stringify(value, undefined, indentation).replace(
    COMMANDING,
    (char) =>
      // Line feeds between values belong to the JSON layout.
      char === "\n" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Returns the number of terminal columns that a text takes. */
export type Width = (text: string) => number;

/**
 * Returns a function that measures these texts. The library for wide characters is only loaded when
 * there are any: that takes longer than the rest of the command.
 */
export async function widthOf(texts: Iterable<string>): Promise<Width> {
  for (const text of texts) {
    if (!/^[\x20-\x7e]*$/.test(text)) return (await import("string-width")).default;
  }
  return (text) => text.length;
}
