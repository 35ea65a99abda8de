import { useState } from "preact/hooks";
import { pathOf, send, withQuery } from "../api.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import { useResource } from "../resource.ts";
import { Loading } from "../view/loading.tsx";
import { ProblemNotice } from "../view/notice.tsx";
import { ActionDialog, type Done } from "./action_dialog.tsx";
import { ThisServerOnly } from "./this_server_only.tsx";
import { IfMayWrite } from "./write_access.tsx";

type Change = "wipe" | "add";

/** The topics of a broker, as far as they are looked at. */
interface TopicsOfBroker {
  readonly items: readonly { readonly topic: string; readonly brokers: number }[];
  readonly total: number;
}

/** The answer to a change of write permissions. */
interface Changed {
  readonly brokerName: string;
  readonly topics: number;
}

/** The longest page of a list. */
const LOOKED_AT = "1000";

/** The actions for a broker name: wipe its write permission, or grant it. */
export function BrokerActions({ broker }: { broker: string }) {
  const [asked, setAsked] = useState<Change>();
  return (
    <IfMayWrite permission="perm:write">
      <p class="bar">
        <button type="button" class="button button-danger" onClick={() => setAsked("wipe")}>
          {t("perm.wipe")}
        </button>
        <button type="button" class="button" onClick={() => setAsked("add")}>
          {t("perm.add")}
        </button>
      </p>
      {asked && (
        <PermissionDialog
          broker={broker}
          change={asked}
          onClose={() => setAsked(undefined)}
        />
      )}
    </IfMayWrite>
  );
}

function PermissionDialog(
  { broker, change, onClose }: { broker: string; change: Change; onClose(): void },
) {
  const topics = useResource<TopicsOfBroker>(withQuery("topics", { broker, limit: LOOKED_AT }));
  return (
    <ActionDialog
      title={t(`perm.${change}Title`, { broker: isolate(broker) })}
      confirm={t(`perm.${change}`)}
      danger={change === "wipe"}
      run={() => changePermission(broker, change)}
      onClose={onClose}
    >
      {topics.loading && !topics.data && <Loading />}
      {topics.problem && <ProblemNotice problem={topics.problem} />}
      {topics.data && <Reach broker={broker} change={change} topics={topics.data} />}
      <p>{t(`perm.${change}Who`, { broker: isolate(broker) })}</p>
      <p>{t(`perm.${change}Back`)}</p>
      <ThisServerOnly />
    </ActionDialog>
  );
}

/** How many topics a change reaches, and those that it leaves without a broker that takes messages. */
function Reach(
  { broker, change, topics: { items, total } }: {
    broker: string;
    change: Change;
    topics: TopicsOfBroker;
  },
) {
  const alone = items.filter(({ brokers }) => brokers === 1).length;
  const some = items.length < total;
  return (
    <>
      <p>{t(`perm.${change}Topics`, { broker: isolate(broker), topics: total })}</p>
      {change === "wipe" && (
        <p>
          {t(some ? "perm.aloneOfSome" : "perm.alone", { alone, looked: items.length })}
        </p>
      )}
    </>
  );
}

async function changePermission(broker: string, change: Change): Promise<Done> {
  const path = pathOf("brokers", broker, `${change}-write-permission`);
  const { topics } = await send<Changed>("POST", path);
  const message = t(`perm.${change}Done`, { broker: isolate(broker), topics });
  if (change === "add") return { message };
  return {
    message,
    undo: {
      label: t("perm.add"),
      run: async () => {
        const { topics } = await send<Changed>(
          "POST",
          pathOf("brokers", broker, "add-write-permission"),
        );
        return t("perm.addDone", { broker: isolate(broker), topics });
      },
    },
  };
}
