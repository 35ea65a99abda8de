import { ConfigSyntaxError } from "./errors.ts";
import { isWindowsPath, WINDOWS_PATH_HINT } from "./spelling.ts";

/** An entry of a properties text and its position. */
interface Entry {
  readonly key: string;
  readonly value: string;
  /** The value with escapes unprocessed. */
  readonly raw: string;
  /** Index of the key's first character. */
  readonly start: number;
  /** Index after the value's last character, before the end of the line. */
  readonly end: number;
}

/** Limits of parseProperties. */
export interface PropertiesLimits {
  /** Characters. */
  readonly maxLength: number;
  readonly maxKeys: number;
}

/** A logical line: its position, its number and its text, with escapes unprocessed. */
interface LogicalLine {
  readonly start: number;
  readonly end: number;
  readonly number: number;
  readonly text: string;
}

/**
 * Parses the syntax of java.util.Properties: comments, `=`, `:` or blanks between key and value,
 * escapes, continued lines. The last of equal keys wins.
 *
 * @param source name of the text for error messages
 * @throws ConfigSyntaxError for a malformed `\u` escape, and beyond the limits
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
 * Returns the values as the text spells them, with escapes unprocessed.
 *
 * @throws ConfigSyntaxError when `text` is malformed
 */
export function readRawValues(text: string, source: string): Map<string, string> {
  return new Map(Array.from(readEntries(text, source), ({ key, raw }) => [key, raw]));
}

/**
 * Sets keys in a text: in place where a key exists, otherwise at the end. Comments, order and all
 * other lines are kept.
 *
 * @throws ConfigSyntaxError when `text` is malformed
 */
export function editProperties(
  text: string,
  changes: ReadonlyMap<string, string>,
  source: string,
): string {
  // The last of equal keys wins.
  const places = new Map<string, Entry>();
  for (const entry of readEntries(text, source)) {
    if (changes.has(entry.key)) places.set(entry.key, entry);
  }

  let edited = "";
  let position = 0;
  for (const { key, value, start, end } of [...places.values()].sort((a, b) => a.start - b.start)) {
    const changed = changes.get(key);
    if (changed === undefined || changed === value) continue;
    edited += text.slice(position, start) + formatProperty(key, changed);
    position = end;
  }
  edited += text.slice(position);

  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const added = [...changes].filter(([key]) => !places.has(key));
  if (added.length === 0) return edited;
  if (/\\(?:\r\n|\r|\n)?[ \t\f]*$/.test(edited)) {
    // A trailing continuation needs an empty line to end it.
    edited += newline + newline;
  } else if (edited !== "" && !/[\r\n]$/.test(edited)) {
    edited += newline;
  }
  return edited + added.map(([key, value]) => formatProperty(key, value) + newline).join("");
}

/**
 * Formats `key=value` in ASCII properties syntax; any properties parser returns the same key and
 * value.
 */
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
      raw: valueText,
      start: line.start,
      end: line.end,
    };
  }
}

/**
 * Yields the lines that contain entries, with continuations joined. A comment or an empty line is
 * only skipped at the start of an entry: a `\` at the end of a line joins any next line.
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

/** Whether the text ends with an odd number of backslashes. */
function endsInEscape(text: string): boolean {
  let end = text.length;
  while (text[end - 1] === "\\") end--;
  return (text.length - end) % 2 === 1;
}

/** Splits an entry into key and value, with escapes unprocessed. */
function splitEntry(line: string): [key: string, value: string] {
  const [all, key = ""] = /^((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*/s.exec(line) ?? [""];
  return [key, line.slice(all.length)];
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
        throw new ConfigSyntaxError(
          `${where}: ${
            isWindowsPath(text) ? WINDOWS_PATH_HINT : `${sequence} needs four hexadecimal digits`
          }`,
        );
      default:
        return char;
    }
  });
}
