import { t } from "../i18n.ts";

/** Stands where something will be. */
export function Loading() {
  return <p class="loading" role="status">{t("loading")}</p>;
}
