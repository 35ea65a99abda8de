const WIDTH = 80;

/** Facts about a started server, in the order in which they are shown. */
export type Facts = Readonly<Record<string, string | number | undefined>>;

/**
 * Formats the facts as lines of at most 80 characters for a terminal. Undefined facts are omitted.
 * Long values are cut in the middle, because paths differ at their ends.
 */
export function banner(facts: Facts): string {
  const shown = Object.entries(facts).filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length)) + 2;
  const rows = shown.map(([name, value]) =>
    `  ${name.padEnd(width)}${shorten(String(value), WIDTH - 2 - width)}`
  );
  return ["", ...rows, "", ""].join("\n");
}

function shorten(text: string, length: number): string {
  // deno-lint-ignore no-control-regex
  const characters = [...text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?")];
  if (characters.length <= length) return characters.join("");
  const start = Math.floor((length - 1) / 3);
  const end = characters.length - (length - 1 - start);
  return `${characters.slice(0, start).join("")}…${characters.slice(end).join("")}`;
}
