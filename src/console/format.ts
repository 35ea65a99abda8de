import { language } from "./i18n.ts";

/** A number with the separators of the language. */
export function number(value: number): string {
  return value.toLocaleString(language.value, { maximumFractionDigits: value < 10 ? 2 : 0 });
}

/** Bytes as KiB, MiB or GiB. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024;
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** A moment in the time zone of the browser: the time alone if it is today. */
export function moment(iso: string | number): string {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return today
    ? at.toLocaleTimeString(language.value, { hour12: false })
    : at.toLocaleString(language.value, { hour12: false });
}

/** A duration in its two largest units, e.g. `3 d 4 h`. */
export function duration(seconds: number): string {
  const units: [string, number][] = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const parts: string[] = [];
  let rest = Math.max(0, Math.floor(seconds));
  for (const [unit, size] of units) {
    if (rest >= size || (unit === "s" && parts.length === 0)) {
      parts.push(`${Math.floor(rest / size)} ${unit}`);
    }
    rest %= size;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}
