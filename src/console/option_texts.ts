import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { language } from "./i18n.ts";

/** The texts of the options and the titles of their groups in Chinese, as the build makes them. */
interface ChineseTexts {
  readonly options: Readonly<Record<string, string>>;
  readonly groups: Readonly<Record<string, string>>;
}

/** A text of the server, in the chosen language where there is a translation. */
export interface ShownText {
  readonly text: string;
  /** Its language, where that is not the one of the page. */
  readonly lang?: "en";
}

/** Shows the texts of options, which the server has in English only. */
export interface OptionTexts {
  textOf(option: { readonly name: string; readonly text: string }): ShownText;
  groupOf(option: { readonly group: string }): ShownText;
}

const RANGE = /^(-?\d+) to (-?\d+)(, or 0)?$/;

const chinese = signal<ChineseTexts | undefined>(undefined);

/** Gives the texts of options. Those in Chinese are loaded when that is chosen; until then they are in English. */
export function useOptionTexts(): OptionTexts {
  const wanted = language.value === "zh";
  useEffect(() => {
    if (wanted && chinese.peek() === undefined) void load();
  }, [wanted]);
  const texts = wanted ? chinese.value : undefined;
  const shown = (own: string, translated: string | undefined): ShownText => {
    if (translated !== undefined) return { text: translated };
    return wanted ? { text: own, lang: "en" } : { text: own };
  };
  return {
    textOf: ({ name, text }) => shown(text, own(texts?.options, name)),
    groupOf: ({ group }) => shown(group, own(texts?.groups, group)),
  };
}

/** The legal values of an option in the chosen language. */
export function rangeText(range: string): string {
  if (language.value !== "zh") return range;
  return range.replace(RANGE, (_, min, max, zero) => `${min} 至 ${max}${zero ? ",或 0" : ""}`);
}

function own(
  texts: Readonly<Record<string, string>> | undefined,
  name: string,
): string | undefined {
  return texts !== undefined && Object.hasOwn(texts, name) ? texts[name] : undefined;
}

async function load(): Promise<void> {
  const file = document.querySelector<HTMLMetaElement>('meta[name="options-zh"]')?.content;
  if (file === undefined) return;
  try {
    const answer = await fetch(file);
    if (answer.ok) chinese.value = await answer.json();
  } catch {
    // They stay in English until the page is opened again.
  }
}
