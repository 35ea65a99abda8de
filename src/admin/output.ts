import { styleText } from "node:util";
import type { OutputStream } from "./runtime.ts";
import { printable, printableJson, type Width, widthOf } from "./text.ts";

/** The output's reader is gone: the command must end without a message. */
export class ClosedPipe extends Error {
  override name = "ClosedPipe";
}

/** Text styles for a terminal. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Content of a table cell. It is made printable before it reaches a terminal. */
export type Cell = string | number | { readonly text: string; readonly style: Style };

/** A cell with a style, used where there is colour. */
export function styled(style: Style, text: string): Cell {
  return { text, style };
}

const GAP = "  ";

/** Writes text or JSON; uses colour only on a terminal. */
export class Output {
  readonly #stream: OutputStream;
  /** Whether the stream is a terminal. */
  readonly terminal: boolean;
  /** Whether the output may be coloured. */
  readonly colour: boolean;

  constructor(stream: OutputStream, noColor: boolean) {
    this.#stream = stream;
    this.terminal = stream.isTerminal();
    this.colour = this.terminal && !noColor;
  }

  /**
   * Writes text unchanged.
   *
   * @throws {ClosedPipe} when the reader is gone
   */
  async write(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += await this.#stream.write(bytes.subarray(at));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new ClosedPipe();
      throw error;
    }
  }

  /** Writes a line, made printable. */
  line(text: string): Promise<void> {
    return this.write(`${printable(text)}\n`);
  }

  /** Writes a value as JSON. */
  json(value: unknown): Promise<void> {
    return this.write(`${printableJson(value)}\n`);
  }

  /** Writes a value as one line of JSON. */
  jsonLine(value: unknown): Promise<void> {
    return this.write(`${printableJson(value, 0)}\n`);
  }

  /** Writes rows below a header, with columns as wide as their contents. */
  async table(head: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void> {
    await this.write((await this.tableLines(head, rows)).map((line) => `${line}\n`).join(""));
  }

  /** The lines of {@link table}. */
  async tableLines(
    head: readonly string[],
    rows: readonly (readonly Cell[])[],
  ): Promise<string[]> {
    const all = [head.map((text) => styled("bold", text)), ...rows]
      .map((row) => row.map(plainCell));
    const width = await widthOf(all.flatMap((row) => row.map(({ text }) => text)));
    const columns = head.map((_, i) =>
      all.reduce((max, row) => Math.max(max, width(row[i]?.text ?? "")), 0)
    );
    return all.map((row) => this.#row(row, columns, width));
  }

  /** Returns printable text, with its style where there is colour. */
  styled(style: Style, text: string): string {
    return this.#style(style, printable(text));
  }

  #row(row: readonly PlainCell[], columns: readonly number[], width: Width): string {
    return row.map(({ text, style }, i) => {
      const shown = style === undefined ? text : this.#style(style, text);
      const gap = Math.max(0, (columns[i] ?? 0) - width(text));
      return i === row.length - 1 ? shown : shown + " ".repeat(gap) + GAP;
    }).join("").trimEnd();
  }

  #style(style: Style, text: string): string {
    return this.colour && text !== "" ? styleText(style, text, { validateStream: false }) : text;
  }
}

interface PlainCell {
  readonly text: string;
  readonly style?: Style;
}

function plainCell(cell: Cell): PlainCell {
  if (typeof cell !== "object") return { text: printable(String(cell)) };
  return { text: printable(cell.text), style: cell.style };
}
