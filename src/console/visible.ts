import { signal } from "@preact/signals";

/** Whether the page is seen: not in a tab behind others, nor minimised. */
export const visible = signal(document.visibilityState === "visible");

document.addEventListener("visibilitychange", () => {
  visible.value = document.visibilityState === "visible";
});
