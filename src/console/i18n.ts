import { effect, signal } from "@preact/signals";
import { store, stored } from "./stored.ts";
import { access } from "./texts/access.ts";
import { actions } from "./texts/actions.ts";
import { brokers } from "./texts/brokers.ts";
import { common } from "./texts/common.ts";
import { compare } from "./texts/compare.ts";
import { config } from "./texts/config.ts";
import { connections } from "./texts/connections.ts";
import { controller } from "./texts/controller.ts";
import { events } from "./texts/events.ts";
import { kv } from "./texts/kv.ts";
import { login } from "./texts/login.ts";
import { order } from "./texts/order.ts";
import { overview } from "./texts/overview.ts";
import { permissions } from "./texts/permissions.ts";
import { shell } from "./texts/shell.ts";
import { topicActions } from "./texts/topic_actions.ts";
import { topics } from "./texts/topics.ts";

export type Language = "en" | "zh";

export const LANGUAGES: readonly Language[] = ["en", "zh"];

const TEXTS = {
  ...shell,
  ...common,
  ...events,
  ...overview,
  ...brokers,
  ...access,
  ...actions,
  ...compare,
  ...config,
  ...connections,
  ...controller,
  ...kv,
  ...login,
  ...order,
  ...permissions,
  ...topicActions,
  ...topics,
};

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
