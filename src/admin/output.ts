import { styleText } from "node:util";
import type { OutputStream } from "./runtime.ts";
import { printable, printableJson, type Width, widthOf } from "./text.ts";

/** Nobody reads the output any more: the command is to end, and to say nothing. */
export class ClosedPipe extends Error {
  override name = "ClosedPipe";
}

/** How a text may be set off on a terminal. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** What stands in one place of a table. Whatever it is, a terminal only shows it. */
export type Cell = string | number | { readonly text: string; readonly style: Style };

/** A cell that is set off, where there is colour. */
export function styled(style: Style, text: string): Cell {
  return { text, style };
}

const GAP = "  ";

/** Writes for people or for programs, in colour only on a terminal. */
export class Output {
  readonly #stream: OutputStream;
  /** Whether the stream is a terminal. */
  readonly terminal: boolean;
  /** Whether what is written may have colour. */
  readonly colour: boolean;

  constructor(stream: OutputStream, noColor: boolean) {
    this.#stream = stream;
    this.terminal = stream.isTerminal();
    this.colour = this.terminal && !noColor;
  }

  /**
   * Writes text as it is.
   *
   * @throws {ClosedPipe} when nobody reads it
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

  /** A line that a terminal only shows. */
  line(text: string): Promise<void> {
    return this.write(`${printable(text)}\n`);
  }

  /** A value for programs. */
  json(value: unknown): Promise<void> {
    return this.write(`${printableJson(value)}\n`);
  }

  /** A value for programs that read line by line. */
  jsonLine(value: unknown): Promise<void> {
    return this.write(`${printableJson(value, 0)}\n`);
  }

  /** Rows under a head, in columns as wide as they need to be. */
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
      all.reduce((max, row) => Math.max(max, width(row[i]!.text)), 0)
    );
    return all.map((row) => this.#row(row, columns, width));
  }

  /** A text with its style, where there is colour. It is shown only, whatever it is. */
  styled(style: Style, text: string): string {
    return this.#style(style, printable(text));
  }

  #row(row: readonly PlainCell[], columns: readonly number[], width: Width): string {
    return row.map(({ text, style }, i) => {
      const shown = style === undefined ? text : this.#style(style, text);
      return i === row.length - 1 ? shown : shown + " ".repeat(columns[i]! - width(text)) + GAP;
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
