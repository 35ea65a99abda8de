import { withQuery } from "../api.ts";
import { BROKER_EVENTS, type Group, type Member } from "../broker_data.ts";
import { t } from "../i18n.ts";
import { useNarrowing } from "../narrowing.ts";
import { useResource } from "../resource.ts";
import { href } from "../router.ts";
import { ClusterSelect } from "../view/cluster_select.tsx";
import { Loaded } from "../view/loaded.tsx";
import { memberColumns } from "../view/member_cells.tsx";
import { Name } from "../view/name.tsx";
import { type ListPage, Pager } from "../view/pager.tsx";
import { RoleBadge } from "../view/role_badge.tsx";
import { SearchBox } from "../view/search_box.tsx";
import { Table } from "../view/table.tsx";
import { GroupPage } from "./group.tsx";

const GROUPS_A_PAGE = 100;

/** A broker, or a group that has none. */
interface Row {
  readonly group: Group;
  readonly member: Member | undefined;
}

/** All brokers, or those of one group. */
export function Brokers({ name }: { name: string | undefined }) {
  return name === undefined ? <AllBrokers /> : <GroupPage name={name} />;
}

function AllBrokers() {
  const { search, cluster, cursors, onSearch, onCluster } = useNarrowing();
  const groups = useResource<ListPage<Group>>(
    withQuery("brokers", {
      limit: `${GROUPS_A_PAGE}`,
      search,
      cluster,
      after: cursors.value.at(-1),
    }),
    { events: BROKER_EVENTS, everySeconds: 30, keep: true },
  );

  return (
    <>
      <h1>{t("brokers")}</h1>
      <div class="bar">
        <SearchBox
          label={t("brokers.search")}
          value={search}
          onSearch={onSearch}
        />
        <ClusterSelect value={cluster} onChange={onCluster} />
      </div>
      <Loaded resource={groups}>
        {(page) => (
          <>
            <Table<Row>
              label={t("brokers")}
              rows={rowsOf(page.items)}
              rowKey={({ group, member }) => `${group.brokerName} ${member?.brokerId}`}
              empty={t(search === "" ? "brokers.empty" : "brokers.noMatch")}
              columns={[
                {
                  id: "cluster",
                  title: t("brokers.cluster"),
                  cell: ({ group }) => <Name>{group.cluster}</Name>,
                  sort: ({ group }) => group.cluster,
                },
                {
                  id: "group",
                  title: t("brokers.group"),
                  cell: ({ group }) => (
                    <a href={href("brokers", group.brokerName)}>
                      <Name>{group.brokerName}</Name>
                    </a>
                  ),
                  sort: ({ group }) => group.brokerName,
                },
                {
                  id: "id",
                  title: t("brokers.id"),
                  numeric: true,
                  cell: ({ member }) => member?.brokerId,
                  sort: ({ member }) => Number(member?.brokerId ?? -1),
                },
                {
                  id: "role",
                  title: t("brokers.role"),
                  cell: ({ member }) => member && <RoleBadge role={member.role} />,
                  sort: ({ member }) => member?.role ?? "",
                },
                {
                  id: "address",
                  title: t("brokers.address"),
                  cell: ({ member }) => member && <Name code>{member.address}</Name>,
                  sort: ({ member }) => member?.address ?? "",
                },
                ...memberColumns<Row>(({ member }) => member),
              ]}
            />
            <Pager
              page={page}
              cursors={cursors.value}
              onCursors={(next) => cursors.value = next}
              size={GROUPS_A_PAGE}
            />
          </>
        )}
      </Loaded>
    </>
  );
}

/** By cluster and group; a group without brokers has a row, too. */
function rowsOf(groups: readonly Group[]): Row[] {
  const sorted = [...groups].sort((a, b) =>
    a.cluster.localeCompare(b.cluster) || a.brokerName.localeCompare(b.brokerName)
  );
  return sorted.flatMap((group): Row[] =>
    group.members.length === 0
      ? [{ group, member: undefined }]
      : group.members.map((member) => ({ group, member }))
  );
}
