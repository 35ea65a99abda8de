import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { lastScreen, picture } from "../../tools/terminal_picture.ts";
import { PROJECT } from "./tools.ts";

describe("the picture of a terminal", () => {
  it("shows the last whole screen", () => {
    const recording = "Script started\n\x1b[?1049h\x1b[Hold\x1b[K\r\n\x1b[J" +
      "\x1b[H\x1b[1mA  B\x1b[22m\x1b[K\r\n1 < \x1b[32mup\x1b[39m  \x1b[K\r\n\x1b[J\x1b[?1049l";
    assert.deepEqual(lastScreen(recording), ["\x1b[1mA  B\x1b[22m", "1 < \x1b[32mup\x1b[39m"]);
  });

  it("has a line of text for each line, with its colours, and nothing that is markup", () => {
    const svg = picture(["\x1b[1mA\x1b[0m", "1 < \x1b[32mup\x1b[39m &"]);
    const lines = [...svg.matchAll(/<text [^>]*>(.*)<\/text>/g)].map(([, text]) => text);
    assert.deepEqual(lines, [
      '<tspan font-weight="bold">A</tspan>',
      '1 &#60; <tspan fill="#3fb950">up</tspan> &#38;',
    ]);
  });

  it("is what docs/images has", async () => {
    const svg = await Deno.readTextFile(`${PROJECT}/docs/images/top.svg`);
    assert.match(svg, /^<svg [^]*SERVER[^]*REQUESTS\/S[^]*<\/svg>\n$/);
  });
});
