import type { ComponentChildren } from "preact";
import { CHANGED_MEANWHILE, type Problem } from "../api.ts";
import { t } from "../i18n.ts";
import type { Tone } from "./badge.tsx";

/** Something that the reader should know. Urgent ones are read out at once. */
export function Notice(
  { tone, title, children }: { tone: Tone; title?: string; children?: ComponentChildren },
) {
  return (
    <div class={`notice notice-${tone}`} role={tone === "bad" ? "alert" : "status"}>
      {title !== undefined && <strong>{title}</strong>}
      {children !== undefined && <div>{children}</div>}
    </div>
  );
}

/** Why something could not be read or done, with the status of HTTP and the server's words. */
export function ProblemNotice(
  { problem, retry }: { problem: Problem; retry?: () => void },
) {
  const { status, title, detail, parameter } = problem;
  const lost = status === 0;
  return (
    <Notice
      tone={lost ? "warn" : "bad"}
      title={lost ? t("problem.unreachable") : `${status} ${title}`}
    >
      {!lost && detail !== "" && <p dir="auto">{detail}</p>}
      {parameter !== undefined && <p>{t("problem.parameter", { parameter })}</p>}
      {status === CHANGED_MEANWHILE && <p>{t("problem.412")}</p>}
      {status === 401 && <p>{t("problem.401")}</p>}
      {status === 403 && <p>{t("problem.403")}</p>}
      {retry && <button type="button" class="button" onClick={retry}>{t("problem.retry")}</button>}
    </Notice>
  );
}
