import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { language, t } from "../i18n.ts";
import { dark } from "../theme.ts";

/** A line of a chart. */
export interface Series {
  readonly label: string;
  /** One for each moment; null: there was none. */
  readonly values: readonly (number | null)[];
}

const HEIGHT = 160;
/** Seconds of a chart with fewer values. */
const SHORTEST = 60;
const COLOURS = ["--chart-1", "--chart-2", "--chart-3"];

/** A chart over time. What it shows stands below it in words, too. */
export function Chart({ title, seconds, times, series, show }: {
  title: string;
  /** How far back it goes, when there are values for it. */
  seconds: number;
  /** Seconds since 1970. */
  times: readonly number[];
  series: readonly Series[];
  /** A value with its unit. */
  show: (value: number) => string;
}) {
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const pointed = useSignal<number | undefined>(undefined);
  const labels = series.map(({ label }) => label).join();

  useEffect(() => {
    const parent = holder.current;
    if (parent === null) return;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--muted"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    const made = new uPlot(
      {
        width: Math.max(1, parent.clientWidth),
        height: HEIGHT,
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, y: false },
        scales: {
          x: {
            range: (
              _,
              start,
              end,
            ) => [Math.max(end - seconds, Math.min(start, end - SHORTEST)), end],
          },
          y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
        },
        axes: [
          { ...axis, size: 28, values: (_, moments) => moments.map(clock) },
          { ...axis, size: 64, values: (_, values) => values.map(show) },
        ],
        series: [
          {},
          ...series.map(({ label, values }, i) => ({
            label,
            stroke: colour(COLOURS[i] ?? "--chart-1"),
            width: 1.5,
            points: { show: values.length === 1 },
          })),
        ],
        hooks: {
          setCursor: [({ cursor }) => pointed.value = cursor.idx ?? undefined],
        },
      },
      dataOf(times, series),
      parent,
    );
    chart.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: Math.max(1, parent.clientWidth), height: HEIGHT })
    );
    observer.observe(parent);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = undefined;
    };
  }, [dark.value, language.value, labels, seconds, times.length === 1]);

  useEffect(() => chart.current?.setData(dataOf(times, series)), [times, series]);

  const at = pointed.value ?? times.length - 1;
  const moment = times[at];
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={holder} class="chart-canvas" aria-hidden="true" />
      <ul class="legend">
        {moment !== undefined && <li class="legend-time">{clock(moment)}</li>}
        {series.map(({ label, values }, i) => {
          const value = values[at];
          return (
            <li key={label}>
              <span class={`legend-key legend-key-${i + 1}`} aria-hidden="true" />
              {label} <strong>{value == null ? t("chart.none") : show(value)}</strong>
            </li>
          );
        })}
      </ul>
    </figure>
  );
}

function dataOf(times: readonly number[], series: readonly Series[]): uPlot.AlignedData {
  return [[...times], ...series.map(({ values }) => [...values])];
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString(language.peek(), { hour12: false });
}
