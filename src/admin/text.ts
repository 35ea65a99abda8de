/**
 * What a terminal would obey instead of show: control characters of both ranges, line separators,
 * and what turns the direction of writing.
 */
// deno-lint-ignore no-control-regex
const COMMANDING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** A text from the network as it may be shown: what a terminal would obey is spelt out (`\x1b`). */
export function printable(text: string): string {
  return text.replace(COMMANDING, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** JSON. What a terminal would obey is escaped; its readers get it back. */
export function printableJson(value: unknown, indentation = 2): string {
  return JSON.stringify(value, undefined, indentation).replace(
    COMMANDING,
    (char) =>
      // Between its values, JSON has line feeds of its own.
      char === "\n" ? char : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The columns that a text takes on a terminal. */
export type Width = (text: string) => number;

/**
 * How wide these texts are. What measures letters wider than one column is only loaded when there
 * is one: it takes longer than the whole command otherwise.
 */
export async function widthOf(texts: Iterable<string>): Promise<Width> {
  for (const text of texts) {
    if (!/^[\x20-\x7e]*$/.test(text)) return (await import("string-width")).default;
  }
  return (text) => text.length;
}
