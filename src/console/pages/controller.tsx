import { withQuery } from "../api.ts";
import {
  type BrokerSet,
  type ControllerState,
  type HostedController,
  SET_STATES,
  stateOf,
} from "../controller_data.ts";
import { number } from "../format.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import { useNarrowing } from "../narrowing.ts";
import { useResource } from "../resource.ts";
import { href } from "../router.ts";
import { Card } from "../view/card.tsx";
import { ClusterSelect } from "../view/cluster_select.tsx";
import { Fact } from "../view/fact.tsx";
import { Loaded } from "../view/loaded.tsx";
import { Name } from "../view/name.tsx";
import { Names } from "../view/names.tsx";
import { Notice } from "../view/notice.tsx";
import { type ListPage, Pager } from "../view/pager.tsx";
import { ReplicaList } from "../view/replica_list.tsx";
import { SearchBox } from "../view/search_box.tsx";
import { SetStateBadge } from "../view/set_state_badge.tsx";
import { type Column, Table } from "../view/table.tsx";
import { BrokerSetPage } from "./broker_set.tsx";

const SETS_A_PAGE = 100;
/** Heartbeats and elections are no events of the server. */
const EVERY_SECONDS = 5;

/** The controller and its broker sets, or one of them. */
export function ControllerPage({ name }: { name: string | undefined }) {
  return name === undefined ? <Controller /> : <BrokerSetPage name={name} />;
}

function Controller() {
  const state = useResource<ControllerState>("controller", { everySeconds: EVERY_SECONDS });
  return (
    <>
      <h1>{t("controller")}</h1>
      <p>{t("controller.about")}</p>
      <Loaded resource={state}>
        {(it) =>
          it.enabled
            ? (
              <>
                <State {...it} />
                {it.problem !== null && (
                  <Notice tone="warn" title={t("controller.problem")}>
                    <p dir="auto">{it.problem}</p>
                  </Notice>
                )}
                {it.leading ? <Sets /> : <NotLeading leader={it.leader} />}
              </>
            )
            : (
              <Notice tone="info" title={t("controller.off")}>
                {t("controller.off.how")}
              </Notice>
            )}
      </Loaded>
    </>
  );
}

function NotLeading({ leader }: Pick<HostedController, "leader">) {
  return leader === null
    ? (
      <Notice tone="bad" title={t("controller.noLeader")}>
        {t("controller.noLeader.how")}
      </Notice>
    )
    : (
      <Notice
        tone="info"
        title={t("controller.follows", { id: isolate(leader.id), address: leader.address })}
      >
        {t("controller.follows.how")}
      </Notice>
    );
}

function State({ group, self, leader, peers, store, figures }: HostedController) {
  return (
    <Card title={t("controller.peers")}>
      <dl class="facts">
        {group !== "" && (
          <Fact title={t("controller.group")}>
            <Name>{group}</Name>
          </Fact>
        )}
        <Fact title={t("controller.self")}>
          <Name>{`${self.id} ${self.address}`}</Name>
        </Fact>
        <Fact title={t("controller.leader")}>
          {leader === null ? t("controller.none") : <Name>{`${leader.id} ${leader.address}`}</Name>}
        </Fact>
        {peers.length > 1 && (
          <Fact title={t("controller.peers")}>
            <Names names={peers.map(({ id, address }) => `${id} ${address}`)} />
          </Fact>
        )}
        <Fact title={t("controller.store")}>{t(`controller.store.${store}`)}</Fact>
        {figures !== null && (
          <>
            <Fact title={t("controller.withoutMaster")}>{number(figures.withoutMaster)}</Fact>
            <Fact title={t("controller.fewInSync")}>{number(figures.fewInSync)}</Fact>
          </>
        )}
      </dl>
    </Card>
  );
}

function Sets() {
  const { search, cluster, cursors, onSearch, onCluster } = useNarrowing();
  const sets = useResource<ListPage<BrokerSet>>(
    withQuery("controller/sets", {
      limit: `${SETS_A_PAGE}`,
      search,
      cluster,
      after: cursors.value.at(-1),
    }),
    { everySeconds: EVERY_SECONDS, keep: true },
  );
  return (
    <Card title={t("controller.sets")}>
      <div class="bar">
        <SearchBox label={t("controller.search")} value={search} onSearch={onSearch} />
        <ClusterSelect value={cluster} onChange={onCluster} />
      </div>
      <Loaded resource={sets}>
        {(page) => (
          <>
            <Table<BrokerSet>
              label={t("controller.sets")}
              rows={page.items}
              rowKey={({ brokerName }) => brokerName}
              empty={t(search === "" ? "controller.empty" : "controller.noMatch")}
              columns={columns()}
            />
            <Pager
              page={page}
              cursors={cursors.value}
              onCursors={(next) => cursors.value = next}
              size={SETS_A_PAGE}
            />
          </>
        )}
      </Loaded>
    </Card>
  );
}

function columns(): readonly Column<BrokerSet>[] {
  return [
    {
      id: "name",
      title: t("set.name"),
      cell: ({ brokerName }) => (
        <a href={href("controller", brokerName)}>
          <Name>{brokerName}</Name>
        </a>
      ),
      sort: ({ brokerName }) => brokerName,
    },
    {
      id: "cluster",
      title: t("brokers.cluster"),
      cell: ({ cluster }) => <Name>{cluster}</Name>,
      sort: ({ cluster }) => cluster,
    },
    {
      id: "state",
      title: t("set.state"),
      cell: (set) => <SetStateBadge state={stateOf(set)} />,
      sort: (set) => SET_STATES.indexOf(stateOf(set)),
    },
    {
      id: "master",
      title: t("set.master"),
      cell: ({ masterBrokerId, masterAddress }) =>
        masterBrokerId === null
          ? t("controller.none")
          : <Name>{`${masterBrokerId} ${masterAddress ?? ""}`}</Name>,
      sort: ({ masterAddress }) => masterAddress ?? "",
    },
    {
      id: "epoch",
      title: t("set.masterEpoch"),
      numeric: true,
      cell: ({ masterEpoch }) => masterEpoch,
      sort: ({ masterEpoch }) => masterEpoch,
    },
    {
      id: "inSync",
      title: t("set.inSync"),
      cell: ({ replicas }) => <ReplicaList replicas={replicas.filter(({ inSync }) => inSync)} />,
    },
    {
      id: "notInSync",
      title: t("set.notInSync"),
      cell: ({ replicas }) => <ReplicaList replicas={replicas.filter(({ inSync }) => !inSync)} />,
    },
  ];
}
