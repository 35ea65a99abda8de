import { useState } from "preact/hooks";
import { ReplicaAction, type SetAction, SetActions, SetDialog } from "../actions/set_actions.tsx";
import { withQuery } from "../api.ts";
import { type BrokerSet, type Replica, stateOf } from "../controller_data.ts";
import { t } from "../i18n.ts";
import { useResource } from "../resource.ts";
import { href } from "../router.ts";
import { Badge } from "../view/badge.tsx";
import { Card } from "../view/card.tsx";
import { Fact } from "../view/fact.tsx";
import { Loaded } from "../view/loaded.tsx";
import { Name } from "../view/name.tsx";
import { Notice } from "../view/notice.tsx";
import type { ListPage } from "../view/pager.tsx";
import { RoleBadge } from "../view/role_badge.tsx";
import { SetStateBadge } from "../view/set_state_badge.tsx";
import { Table } from "../view/table.tsx";

/** A broker set: its brokers, and who of them is the master. */
export function BrokerSetPage({ name }: { name: string }) {
  const found = useResource<ListPage<BrokerSet>>(withQuery("controller/sets", { broker: name }), {
    everySeconds: 5,
  });
  // Here, so that the dialog outlives a set that it has removed.
  const [asked, setAsked] = useState<SetAction>();
  return (
    <>
      <p>
        <a href={href("controller")}>{t("set.back")}</a>
      </p>
      <h1>
        <Name>{name}</Name>
      </h1>
      <Loaded resource={found}>
        {({ items: [set] }) =>
          set === undefined
            ? <Notice tone="warn" title={t("set.gone")} />
            : <Brokers set={set} onAsk={setAsked} />}
      </Loaded>
      {asked && (
        <SetDialog
          action={asked}
          onClose={() => {
            setAsked(undefined);
            found.reload();
          }}
        />
      )}
    </>
  );
}

function Brokers({ set, onAsk }: { set: BrokerSet; onAsk: (action: SetAction) => void }) {
  const { cluster, masterBrokerId, masterEpoch, syncStateSetEpoch, replicas, brokerName } = set;
  return (
    <Card title={t("set.brokers")}>
      <dl class="facts">
        <Fact title={t("set.state")}>
          <SetStateBadge state={stateOf(set)} />
        </Fact>
        <Fact title={t("brokers.cluster")}>
          <Name>{cluster}</Name>
        </Fact>
        <Fact title={t("set.masterEpoch")}>{masterEpoch}</Fact>
        <Fact title={t("set.syncEpoch")}>{syncStateSetEpoch}</Fact>
      </dl>
      <Table<Replica>
        label={t("set.brokers")}
        rows={replicas}
        rowKey={({ brokerId }) => String(brokerId)}
        columns={[
          { id: "id", title: t("brokers.id"), numeric: true, cell: ({ brokerId }) => brokerId },
          {
            id: "role",
            title: t("brokers.role"),
            cell: ({ brokerId }) => (
              <RoleBadge role={brokerId === masterBrokerId ? "master" : "slave"} />
            ),
          },
          {
            id: "address",
            title: t("brokers.address"),
            cell: ({ address }) => <Name code>{address}</Name>,
          },
          {
            id: "alive",
            title: t("set.state"),
            cell: ({ alive }) => (
              <Badge tone={alive ? "ok" : "bad"}>{t(alive ? "set.alive" : "set.notAlive")}</Badge>
            ),
          },
          {
            id: "inSync",
            title: t("set.inSync"),
            cell: ({ inSync }) => (
              <Badge tone={inSync ? "ok" : "warn"}>{t(inSync ? "yes" : "no")}</Badge>
            ),
          },
          {
            id: "epoch",
            title: t("set.epoch"),
            numeric: true,
            cell: ({ epoch }) => epoch === null || epoch < 0 ? t("unknown") : epoch,
          },
          {
            id: "maxOffset",
            title: t("set.maxOffset"),
            numeric: true,
            cell: ({ maxOffset }) =>
              maxOffset === null || Number(maxOffset) < 0 ? t("unknown") : maxOffset,
          },
          {
            id: "actions",
            title: t("set.actions"),
            cell: (replica) => <ReplicaAction set={set} replica={replica} onAsk={onAsk} />,
          },
        ]}
      />
      <SetActions set={set} onAsk={onAsk} />
      <p>
        <a href={href("brokers", brokerName)}>{t("set.inRoute")}</a>
      </p>
    </Card>
  );
}
