import type { Replica } from "../controller_data.ts";
import { t } from "../i18n.ts";
import { Badge } from "./badge.tsx";

/** Ids of brokers of a set; those that are dead are marked. */
export function ReplicaList({ replicas }: { replicas: readonly Replica[] }) {
  return (
    <>
      {replicas.map(({ brokerId, alive, inSync }) => (
        <span key={brokerId}>
          <Badge tone={!alive ? "bad" : inSync ? "ok" : "warn"}>
            {alive ? brokerId : t("set.dead", { id: brokerId })}
          </Badge>
          {" "}
        </span>
      ))}
    </>
  );
}
