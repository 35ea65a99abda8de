import { t } from "../i18n.ts";
import { useResource } from "../resource.ts";
import { session } from "../session.ts";
import { Names } from "../view/names.tsx";

interface NameServers {
  readonly nameServers: readonly { readonly address: string; readonly self: boolean }[];
}

/** Says that a change reaches one name server alone, and names the others of the group. */
export function ThisServerOnly() {
  const { data } = useResource<NameServers>("overview");
  const others = data?.nameServers.filter(({ self }) => !self) ?? [];
  return (
    <p>
      {t("actions.thisServer", { server: session.value?.server ?? "" })} {others.length > 0 && (
        <>
          {t("actions.others")} <Names names={others.map(({ address }) => address)} />.
        </>
      )}
    </p>
  );
}
