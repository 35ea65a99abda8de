import { effect, signal } from "@preact/signals";
import { store, stored } from "./stored.ts";

/** `auto` follows the system. */
export type Theme = "auto" | "light" | "dark";

export const THEMES: readonly Theme[] = ["auto", "light", "dark"];

/** The chosen colours. */
export const theme = signal<Theme>(stored("theme", THEMES) ?? "auto");

const system = matchMedia("(prefers-color-scheme: dark)");

/** Whether the colours are dark now. */
export const dark = signal(false);

effect(() => {
  store("theme", theme.value);
  follow();
});
system.addEventListener("change", follow);

function follow(): void {
  dark.value = theme.value === "dark" || (theme.value === "auto" && system.matches);
  document.documentElement.dataset.theme = dark.value ? "dark" : "light";
}
