/**
 * Draws the last screen of a terminal recording as SVG:
 *
 *     script --quiet --command "rocketmq-namesrv top --count 20" recording
 *     deno run tools/terminal_picture.ts < recording > docs/images/top.svg
 *
 * @module
 */

const FONT_SIZE = 14;
const CHARACTER_WIDTH = 8.43;
const LINE_HEIGHT = 20;
const MARGIN = 16;

const BACKGROUND = "#0d1117";
const FOREGROUND = "#e6edf3";
/** SGR codes as attributes of a `tspan`. */
const STYLES: ReadonlyMap<string, string> = new Map([
  ["1", 'font-weight="bold"'],
  ["2", 'fill="#8b949e"'],
  ["31", 'fill="#ff7b72"'],
  ["32", 'fill="#3fb950"'],
  ["33", 'fill="#d29922"'],
  ["36", 'fill="#39c5cf"'],
]);
/** The codes that reset them. */
const ENDS: ReadonlySet<string> = new Set(["", "0", "22", "39"]);

/**
 * The lines of the last complete screen in a recording: the output between the cursor's move to the
 * home position and the clearing of the rest. Only SGR codes are kept.
 */
export function lastScreen(recording: string): string[] {
  const end = recording.lastIndexOf("\x1b[J");
  const start = recording.lastIndexOf("\x1b[H", end);
  const screen = start < 0 ? recording : recording.slice(start + "\x1b[H".length, end);
  // deno-lint-ignore no-control-regex
  const lines = screen.replace(/\x1b\[[\d;?]*[A-Za-ln-z]/g, "").split(/\r*\n/);
  return lines.map((line) => line.trimEnd()).join("\n").trimEnd().split("\n");
}

/** Draws lines that may contain SGR codes. */
export function picture(lines: readonly string[]): string {
  // deno-lint-ignore no-control-regex
  const columns = Math.max(...lines.map((line) => line.replace(/\x1b\[[\d;]*m/g, "").length));
  const width = Math.ceil(columns * CHARACTER_WIDTH + 2 * MARGIN);
  const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
  const rows = lines.map((line, i) => {
    const y = MARGIN + LINE_HEIGHT * (i + 0.75);
    return `  <text x="${MARGIN}" y="${y}" xml:space="preserve">${styledLine(line)}</text>\n`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" \
viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, monospace" \
font-size="${FONT_SIZE}" fill="${FOREGROUND}">
  <rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>
${rows.join("")}</svg>
`;
}

function styledLine(line: string): string {
  let styles: string[] = [];
  let svg = "";
  // deno-lint-ignore no-control-regex
  const parts = line.split(/\x1b\[([\d;]*)m/);
  for (const [i, part] of parts.entries()) {
    if (i % 2 === 1) {
      for (const code of part.split(";")) {
        if (ENDS.has(code)) styles = [];
        else if (STYLES.has(code)) styles.push(STYLES.get(code)!);
      }
    } else if (part !== "") {
      const text = escape(part);
      svg += styles.length === 0 ? text : `<tspan ${styles.join(" ")}>${text}</tspan>`;
    }
  }
  return svg;
}

function escape(text: string): string {
  return text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`);
}

if (import.meta.main) {
  const recording = await new Response(Deno.stdin.readable).text();
  await Deno.stdout.write(new TextEncoder().encode(picture(lastScreen(recording))));
}
