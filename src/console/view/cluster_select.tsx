import { t } from "../i18n.ts";
import { BROKER_EVENTS } from "../broker_data.ts";
import { useResource } from "../resource.ts";
import type { ListPage } from "./pager.tsx";

/** A choice of one cluster, or all; nothing where there is only one. */
export function ClusterSelect(
  { value, onChange }: { value: string; onChange: (cluster: string) => void },
) {
  const { data } = useResource<ListPage<{ cluster: string }>>("clusters?limit=1000", {
    events: BROKER_EVENTS,
  });
  const clusters = data?.items.map(({ cluster }) => cluster) ?? [];
  if (clusters.length < 2 && value === "") return null;
  if (value !== "" && !clusters.includes(value)) clusters.push(value);
  return (
    <select
      aria-label={t("brokers.cluster")}
      value={value}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    >
      <option value="">{t("brokers.allClusters")}</option>
      {clusters.map((it) => <option key={it} value={it} dir="auto">{it}</option>)}
    </select>
  );
}
