/** The chart in the README: bars of a run's medians, as SVG. */
import {
  formatNumber,
  formatTimes,
  type Headline,
  headlinesOf,
  kindsOf,
  metricSpread,
  ratioSpread,
  type Results,
} from "./report.ts";
import { METRICS } from "./scenario.ts";
import { SERVER_KINDS, type ServerKind } from "./servers.ts";

const WIDTH = 960;
const LABEL_WIDTH = 330;
const BAR_WIDTH = 420;
const BAR_HEIGHT = 14;
const GROUP_GAP = 16;
const TOP = 92;
const COLOURS: Record<ServerKind, string> = {
  "ours": "#2f7ed8",
  "ours on node:net": "#8cb8ea",
  "reference": "#d9734e",
  "bare node:net": "#9aa5b1",
  "bare Deno.listen": "#c3cbd3",
  "bare C": "#5a6570",
};

/** The chart of a run. Each group of bars has its own scale. */
export function drawChart(results: Results): string {
  const groups = results.scenarios.flatMap(headlinesOf);
  const parts: string[] = [];
  let y = TOP;
  for (const group of groups) {
    parts.push(drawGroup(group, y));
    y += kindsOf(group).length * BAR_HEIGHT + GROUP_GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 10}" width="${WIDTH}" ` +
    `font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    text(20, 28, "One run on one machine, the same load on each server in turn", {
      size: 16,
      weight: "bold",
    }),
    text(20, 48, Object.values(results.machine).join(" · "), { colour: "#66707a" }),
    ...SERVER_KINDS.filter((kind) => groups.some((group) => kindsOf(group).includes(kind)))
      .map((kind, index) =>
        `<rect x="${20 + index * 112}" y="62" width="10" height="10" fill="${COLOURS[kind]}"/>` +
        text(36 + index * 112, 71, kind)
      ),
    text(WIDTH - 20, 71, "how many times better than the reference", {
      anchor: "end",
      colour: "#66707a",
    }),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function drawGroup(group: Headline, top: number): string {
  const { outcome, metric } = group;
  const kinds = kindsOf(group);
  const largest = Math.max(...kinds.map((kind) => metricSpread(outcome, kind, metric)!.median));
  const { label, unit, better } = METRICS[metric];
  const ratio = ratioSpread(outcome, "reference", metric);
  const middle = top + kinds.length * BAR_HEIGHT / 2;
  return [
    text(LABEL_WIDTH - 12, middle - 3, outcome.title, { anchor: "end" }),
    text(LABEL_WIDTH - 12, middle + 11, `${label} (${better} is better)`, {
      anchor: "end",
      colour: "#66707a",
    }),
    ...kinds.map((kind, index) => {
      const { median } = metricSpread(outcome, kind, metric)!;
      const width = Math.max(1, median / largest * BAR_WIDTH);
      const y = top + index * BAR_HEIGHT;
      return `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" ` +
        `height="${BAR_HEIGHT - 2}" fill="${COLOURS[kind]}"/>` +
        text(
          LABEL_WIDTH + width + 6,
          y + 10,
          `${formatNumber(median, METRICS[metric])}${unit === "/s" ? "" : " "}${unit}`,
        );
    }),
    ratio
      ? text(WIDTH - 20, middle + 5, `${formatTimes(ratio.median)} x`, {
        anchor: "end",
        size: 15,
        weight: "bold",
      })
      : "",
  ].join("\n");
}

function text(
  x: number,
  y: number,
  content: string,
  style: { size?: number; weight?: string; anchor?: string; colour?: string } = {},
): string {
  const { size = 12, weight = "normal", anchor = "start", colour = "#1d2329" } = style;
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y}" font-size="${size}" font-weight="${weight}" ` +
    `text-anchor="${anchor}" fill="${colour}">${escaped}</text>`;
}
