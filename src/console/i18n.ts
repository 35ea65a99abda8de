import { effect, signal } from "@preact/signals";
import { store, stored } from "./stored.ts";
import { brokers } from "./texts/brokers.ts";
import { common } from "./texts/common.ts";
import { events } from "./texts/events.ts";
import { overview } from "./texts/overview.ts";
import { shell } from "./texts/shell.ts";

export type Language = "en" | "zh";

export const LANGUAGES: readonly Language[] = ["en", "zh"];

const TEXTS = { ...shell, ...common, ...events, ...overview, ...brokers };

/** Names a text. */
export type TextKey = keyof typeof TEXTS;

/** The chosen language; first that of the browser. */
export const language = signal<Language>(
  stored("language", LANGUAGES) ?? (navigator.language.startsWith("zh") ? "zh" : "en"),
);

effect(() => {
  store("language", language.value);
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});

/** A text in the chosen language; `{name}` in it is replaced by the value of that name. */
export function t(key: TextKey, values: Record<string, string | number> = {}): string {
  const text = TEXTS[key][LANGUAGES.indexOf(language.value)] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
