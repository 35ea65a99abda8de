import type { ComponentChildren } from "preact";
import { session } from "../session.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";

/** Returns why this session may not make a change that takes `permission`; `undefined` if it may. */
export function writeRefusal(permission: string): string | undefined {
  const now = session.value;
  if (now === undefined) return t("actions.noSession");
  if (now.access === "off") return t("actions.off");
  if (!now.permissions.includes(permission)) {
    return now.account === null
      ? t("actions.logIn", { permission })
      : t("actions.lacks", { account: isolate(now.account), permission });
  }
  return now.canWrite ? undefined : now.readOnlyReason ?? t("actions.readOnly");
}

/** Shows its children to those who may make the change, and the reason to all others. */
export function IfMayWrite(
  { permission, children }: { permission: string; children: ComponentChildren },
) {
  const refusal = writeRefusal(permission);
  if (refusal === undefined) return <>{children}</>;
  return <p class="muted" data-refused={permission}>{refusal}</p>;
}
