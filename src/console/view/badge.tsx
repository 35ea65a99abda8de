import type { ComponentChildren } from "preact";

export type Tone = "ok" | "warn" | "bad" | "info" | "neutral";

/** A state in a word, and in a colour beside it. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}
