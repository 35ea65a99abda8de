import { useSignal } from "@preact/signals";
import { t } from "../i18n.ts";

/** Copies a text. On a page without TLS, where browsers have no clipboard, it takes the older way. */
export function CopyButton({ text }: { text: string }) {
  const state = useSignal<"ready" | "done" | "failed">("ready");
  async function copy(): Promise<void> {
    state.value = await copied(text) ? "done" : "failed";
    setTimeout(() => state.value = "ready", 2_000);
  }
  const outcome = { ready: "", done: t("copy.done"), failed: t("copy.failed") }[state.value];
  return (
    <span class="copy">
      <span role="status" class="muted">{outcome}</span>
      <button type="button" class="button" onClick={copy}>{t("copy")}</button>
    </span>
  );
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
