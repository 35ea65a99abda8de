import type { SetState } from "../controller_data.ts";
import { t } from "../i18n.ts";
import { Badge, type Tone } from "./badge.tsx";

const TONES: Record<SetState, Tone> = {
  noMaster: "bad",
  masterDead: "bad",
  behind: "warn",
  ok: "ok",
};

/** How a broker set stands. */
export function SetStateBadge({ state }: { state: SetState }) {
  return <Badge tone={TONES[state]}>{t(`set.state.${state}`)}</Badge>;
}
