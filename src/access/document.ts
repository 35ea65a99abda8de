// @ts-types="npm:@types/js-yaml@^4.0.9"
import { FAILSAFE_SCHEMA, load, type State, YAMLException } from "js-yaml";

/** Where something stands in a text; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A fault in a text, and its place. */
export interface Fault extends Position {
  readonly message: string;
}

/** A text that is not YAML. */
export class DocumentError extends Error {
  override name = "DocumentError";
  constructor(readonly fault: Fault) {
    super(fault.message);
  }
}

interface Opened {
  readonly offset: number;
  readonly line: number;
  readonly lineStart: number;
  readonly children: Opened[];
}

/**
 * A YAML or JSON document that knows where its parts stand. All scalars are texts; what is empty is
 * null.
 */
export class Document {
  readonly root: unknown;
  readonly #text: string;
  readonly #placed: boolean;
  /** The parts of each mapping, key and value in turn, and of each sequence. */
  readonly #parts = new WeakMap<object, Opened>();

  /** @throws {DocumentError} when it is not one YAML document */
  constructor(text: string, piece = wholeOf(text), placed = true) {
    this.#text = text;
    this.#placed = placed;
    this.root = this.#load(piece);
  }

  /**
   * Reads a text like the constructor, but lets other work have turns where one list is long. That
   * list must be the value of a key of the root, and in the form with a dash before each item; in
   * any other form, the text is read at once.
   *
   * @param key the key of the list
   * @param nextTurn resolves after other work had its turn
   * @param placed whether it is to know places: they take several times the memory of the rest
   * @throws {DocumentError} when it is not one YAML document
   */
  static async inTurns(
    text: string,
    key: string,
    nextTurn: () => Promise<void>,
    placed = true,
  ): Promise<Document> {
    const split = splitList(text, key);
    if (split === undefined) return new Document(text);
    let list: unknown[] | undefined;
    try {
      const document = new Document(text, split.rest, placed);
      const parts = document.#parts;
      for (const piece of split.pieces) {
        await nextTurn();
        const items = document.#load(piece);
        if (!Array.isArray(items)) return new Document(text);
        if (list === undefined) list = items;
        else {
          list.push(...items);
          parts.get(list)?.children.push(...parts.get(items)?.children ?? []);
        }
      }
      return document.#complete(key, list) ? document : new Document(text);
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      // A fault, whose place only the whole text shows, or an anchor in another piece.
      return new Document(text);
    }
  }

  /** Puts a list where the root has an empty value; false when it has none. */
  #complete(key: string, list: unknown): boolean {
    const { root } = this;
    if (typeof root !== "object" || root === null || !Object.hasOwn(root, key)) return false;
    const node = root as Record<string, unknown>;
    if (node[key] !== null) return false;
    node[key] = list;
    return true;
  }

  #load({ text, whole, lines }: Piece): unknown {
    const open: Opened[] = [{ offset: 0, line: 0, lineStart: 0, children: [] }];
    const listener = (event: "open" | "close", state: State) => {
      if (event === "open") {
        const offset = whole(state.position);
        const lineStart = whole(state.lineStart);
        const part = { offset, line: lines + state.line, lineStart, children: [] };
        open.at(-1)?.children.push(part);
        open.push(part);
        return;
      }
      const part = open.pop();
      const { result } = state;
      if (part === undefined || typeof result !== "object" || result === null) return;
      // An alias closes with the object that its anchor stands at.
      if (!this.#parts.has(result)) this.#parts.set(result, part);
    };
    try {
      const options = { schema: FAILSAFE_SCHEMA, ...(this.#placed && { listener }) };
      const root = load(text, options as Parameters<typeof load>[1]);
      return root ?? null;
    } catch (error) {
      if (!(error instanceof YAMLException)) throw error;
      const { line = 0, column = 0 } = error.mark ?? {};
      // Quoted text, or text after a colon, may be part of a secret.
      const message = error.reason.replace(/\s*("[^]*"|!?<[^]*>|:[^]*)/, "");
      throw new DocumentError({ line: line + 1, column: column + 1, message });
    }
  }

  /** Where a mapping's value, a sequence's item or, without `key`, the whole of one stands. */
  where(node: unknown, key?: string | number): Position {
    const part = typeof node === "object" && node !== null ? this.#parts.get(node) : undefined;
    if (part === undefined) return { line: 1, column: 1 };
    if (key === undefined) return this.#position(part);
    const children = part.children;
    if (typeof key === "number") {
      // A pair without braces inside of brackets counts as two parts.
      const regular = children.length === (node as unknown[]).length;
      return this.#position(regular ? children[key] ?? part : part);
    }
    const index = Object.keys(node as object).indexOf(key);
    return this.#position(index < 0 ? part : children[2 * index + 1] ?? part);
  }

  /** Where a mapping's key stands. */
  whereKey(node: object, key: string): Position {
    const part = this.#parts.get(node);
    const index = Object.keys(node).indexOf(key);
    return part === undefined ? { line: 1, column: 1 } : this.#position(
      index < 0 ? part : part.children[2 * index] ?? part,
    );
  }

  /** A part is opened where the one before ends: blanks and comments are still to come. */
  #position({ offset, line, lineStart }: Opened): Position {
    const text = this.#text;
    let at = offset;
    let row = line;
    let start = lineStart;
    for (; at < text.length; at++) {
      const char = text[at];
      if (char === "#" && (at === 0 || /\s/.test(text.charAt(at - 1)))) {
        const end = text.indexOf("\n", at);
        at = (end < 0 ? text.length : end) - 1;
      } else if (char === "\n") {
        row++;
        start = at + 1;
      } else if (char !== " " && char !== "\t" && char !== "\r") break;
    }
    return { line: row + 1, column: at - start + 1 };
  }
}

/** Characters from which on a text is read in pieces, and those of a piece. */
const LONG = 64 * 1024;
const PIECE = 8 * 1024;

/** A part of a text that is YAML by itself. */
interface Piece {
  readonly text: string;
  /** The offset in the whole text of one in this part. */
  readonly whole: (offset: number) => number;
  /** The number of lines before it. */
  readonly lines: number;
}

function wholeOf(text: string): Piece {
  return { text, whole: (offset) => offset, lines: 0 };
}

/**
 * Cuts the items of a long list out of a text, by the indentation of their dashes. The rest has
 * empty lines in their place. `undefined` when the text is short or has no list of this form.
 */
function splitList(text: string, key: string): { rest: Piece; pieces: Piece[] } | undefined {
  if (text.length < LONG || /\r(?!\n)/.test(text)) return undefined;
  const head = new RegExp(`^${key}:[ \\t]*(?:#.*)?\\r?\\n`, "m").exec(text);
  if (head === null) return undefined;
  const begin = head.index + head[0].length;
  let lines = text.slice(0, begin).split("\n").length - 1;
  const linesBefore = lines;
  const pieces: Piece[] = [];
  let start = begin;
  let startLines = lines;
  const cut = (end: number) => {
    const offset = start;
    pieces.push({
      text: text.slice(start, end),
      whole: (at) => offset + at,
      lines: startLines,
    });
    start = end;
    startLines = lines;
  };
  const content = /[ ]*(?![ \r\n#])/y;
  const dash = /-[ \r\n]/y;
  let indent: number | undefined;
  let at = begin;
  while (at < text.length) {
    content.lastIndex = at;
    const width = content.exec(text)?.[0].length;
    if (width !== undefined) {
      dash.lastIndex = at + width;
      const isItem = dash.test(text);
      indent ??= width;
      if (width < indent || (width === indent && !isItem)) break;
      if (width === indent && at - start >= PIECE) cut(at);
    }
    const end = text.indexOf("\n", at);
    at = end < 0 ? text.length : end + 1;
    lines++;
  }
  cut(at);
  if (pieces.length < 2) return undefined;
  const blank = "\n".repeat(lines - linesBefore);
  const left = begin + blank.length;
  const rest = {
    text: text.slice(0, begin) + blank + text.slice(at),
    whole: (offset: number) => offset < left ? Math.min(offset, begin) : offset - left + at,
    lines: 0,
  };
  return { rest, pieces };
}
