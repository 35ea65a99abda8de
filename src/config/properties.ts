import { ConfigSyntaxError } from "./errors.ts";

/** An entry of a properties text and where it stands. */
interface Entry {
  readonly key: string;
  readonly value: string;
  /** Index of the key's first character. */
  readonly start: number;
  /** Index after the value's last character, before the end of the line. */
  readonly end: number;
}

/** How much text parseProperties takes. */
export interface PropertiesLimits {
  /** Characters. */
  readonly maxLength: number;
  readonly maxKeys: number;
}

/** A line that entries may go on from: its place, its number, and its text without escapes read. */
interface LogicalLine {
  readonly start: number;
  readonly end: number;
  readonly number: number;
  readonly text: string;
}

/**
 * The entries of a text in the syntax of java.util.Properties: comments, `=`, `:` or blanks
 * between key and value, escapes, continued lines. Of equal keys the last wins.
 *
 * @param source what the text is, for error messages
 * @throws ConfigSyntaxError at a malformed `\u` escape, and beyond the limits
 */
export function parseProperties(
  text: string,
  source: string,
  limits?: PropertiesLimits,
): Map<string, string> {
  if (limits && text.length > limits.maxLength) {
    throw new ConfigSyntaxError(`${source}: longer than ${limits.maxLength} characters`);
  }
  const properties = new Map<string, string>();
  for (const { key, value } of readEntries(text, source)) {
    properties.set(key, value);
    if (limits && properties.size > limits.maxKeys) {
      throw new ConfigSyntaxError(`${source}: more than ${limits.maxKeys} keys`);
    }
  }
  return properties;
}

/**
 * The text with some keys given other values: where a key stands, or else at the end. Comments,
 * order and all other lines stay.
 *
 * @throws ConfigSyntaxError when `text` can't be read
 */
export function editProperties(
  text: string,
  changes: ReadonlyMap<string, string>,
  source: string,
): string {
  // The last of equal keys is the one that counts.
  const places = new Map<string, Entry>();
  for (const entry of readEntries(text, source)) {
    if (changes.has(entry.key)) places.set(entry.key, entry);
  }

  let edited = "";
  let position = 0;
  for (const { key, value, start, end } of [...places.values()].sort((a, b) => a.start - b.start)) {
    const changed = changes.get(key)!;
    if (changed === value) continue;
    edited += text.slice(position, start) + formatProperty(key, changed);
    position = end;
  }
  edited += text.slice(position);

  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const added = [...changes].filter(([key]) => !places.has(key));
  if (added.length === 0) return edited;
  if (/\\(?:\r\n|\r|\n)?[ \t\f]*$/.test(edited)) {
    // A last line that waits for its continuation gets an empty one.
    edited += newline + newline;
  } else if (edited !== "" && !/[\r\n]$/.test(edited)) {
    edited += newline;
  }
  return edited + added.map(([key, value]) => formatProperty(key, value) + newline).join("");
}

/** `key=value` in properties syntax, in ASCII: every reader of properties gets the two back. */
export function formatProperty(key: string, value: string): string {
  const escapedKey = escape(key).replace(/[ =:]|^[#!]/g, "\\$&");
  return `${escapedKey}=${escape(value).replace(/^ /, "\\ ")}`;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\f", "\\f"],
]);

function escape(text: string): string {
  return text.replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (char) => ESCAPES.get(char) ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function* readEntries(text: string, source: string): Generator<Entry> {
  for (const line of readLogicalLines(text)) {
    const [keyText, valueText] = splitEntry(line.text);
    const where = `${source}, line ${line.number}`;
    yield {
      key: unescape(keyText, where),
      value: unescape(valueText, where),
      start: line.start,
      end: line.end,
    };
  }
}

/**
 * The lines that hold entries, continuations joined. Within one, a comment or an empty line is only
 * skipped while nothing was collected: `\` at the end of a line joins whatever comes next.
 */
function* readLogicalLines(text: string): Generator<LogicalLine> {
  let collected = "";
  let start = 0;
  let firstNumber = 0;
  let number = 0;
  let lastEnd = 0;
  for (const { 0: natural, index } of text.matchAll(/[^\r\n]+(?:\r\n|\r|\n)?|\r\n|\r|\n/g)) {
    number++;
    const line = natural.replace(/[\r\n]+$/, "");
    const content = line.replace(/^[ \t\f]+/, "");
    if (collected === "") {
      if (content === "" || content.startsWith("#") || content.startsWith("!")) continue;
      start = index + line.length - content.length;
      firstNumber = number;
    }
    lastEnd = index + line.length;
    if (endsInEscape(content)) {
      collected += content.slice(0, -1);
      continue;
    }
    collected += content;
    yield { start, end: lastEnd, number: firstNumber, text: collected };
    collected = "";
  }
  if (collected !== "") yield { start, end: lastEnd, number: firstNumber, text: collected };
}

/** Whether the last of an odd number of backslashes ends the text. */
function endsInEscape(text: string): boolean {
  let end = text.length;
  while (text[end - 1] === "\\") end--;
  return (text.length - end) % 2 === 1;
}

/** Key and value, escapes not yet read. */
function splitEntry(line: string): [key: string, value: string] {
  const key = /^(?:\\.|[^\\=: \t\f])*/s.exec(line)![0];
  const separator = /^[ \t\f]*[=:]?[ \t\f]*/.exec(line.slice(key.length))![0];
  return [key, line.slice(key.length + separator.length)];
}

function unescape(text: string, where: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (sequence, hex, char) => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
    switch (char) {
      case "t":
        return "\t";
      case "n":
        return "\n";
      case "r":
        return "\r";
      case "f":
        return "\f";
      case "u":
        throw new ConfigSyntaxError(`${where}: ${sequence} needs four hexadecimal digits`);
      default:
        return char;
    }
  });
}
