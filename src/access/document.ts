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
  /** The parts of each mapping, key and value in turn, and of each sequence. */
  readonly #parts = new WeakMap<object, Opened>();

  /** @throws {DocumentError} when it is not one YAML document */
  constructor(text: string) {
    this.#text = text;
    const open: Opened[] = [{ offset: 0, line: 0, lineStart: 0, children: [] }];
    const listener = (event: "open" | "close", state: State) => {
      if (event === "open") {
        const { position: offset, line, lineStart } = state;
        const part = { offset, line, lineStart, children: [] };
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
      const root = load(text, { schema: FAILSAFE_SCHEMA, listener } as Parameters<typeof load>[1]);
      this.root = root ?? null;
    } catch (error) {
      if (!(error instanceof YAMLException)) throw error;
      const { line = 0, column = 0 } = error.mark ?? {};
      // The quoted text may be a part of a secret.
      const message = error.reason.replace(/\s*("[^]*"|!?<[^]*>)/, "");
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
