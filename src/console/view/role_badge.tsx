import type { Role } from "../broker_data.ts";
import { t } from "../i18n.ts";
import { Badge, type Tone } from "./badge.tsx";

const TONES: Record<Role, Tone> = { master: "info", slave: "neutral", actingMaster: "warn" };

/** The role of a broker in its group. */
export function RoleBadge({ role }: { role: Role }) {
  return <Badge tone={TONES[role]}>{t(`role.${role}`)}</Badge>;
}
