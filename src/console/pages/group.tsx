import { BrokerActions } from "../actions/broker_actions.tsx";
import { withQuery } from "../api.ts";
import { BROKER_EVENTS, type Group, type Member } from "../broker_data.ts";
import { moment } from "../format.ts";
import { t } from "../i18n.ts";
import { useResource } from "../resource.ts";
import { href } from "../router.ts";
import { may } from "../session.ts";
import { Card } from "../view/card.tsx";
import { Fact } from "../view/fact.tsx";
import { Loaded } from "../view/loaded.tsx";
import { memberColumns } from "../view/member_cells.tsx";
import { Name } from "../view/name.tsx";
import { Notice } from "../view/notice.tsx";
import type { ListPage } from "../view/pager.tsx";
import { RoleBadge } from "../view/role_badge.tsx";
import { Story } from "../view/story.tsx";
import { Table } from "../view/table.tsx";
import { TopicList } from "../view/topic_list.tsx";

/** A broker group: its brokers, its topics, and what happened to it. */
export function GroupPage({ name }: { name: string }) {
  const found = useResource<ListPage<Group>>(withQuery("brokers", { broker: name }), {
    events: BROKER_EVENTS,
    everySeconds: 30,
  });
  return (
    <>
      <p>
        <a href={href("brokers")}>{t("group.back")}</a>
      </p>
      <div class="title-row">
        <h1>
          <Name>{name}</Name>
        </h1>
        <BrokerActions broker={name} />
      </div>
      <Loaded resource={found}>
        {({ items: [group] }) =>
          group === undefined
            ? <Notice tone="warn" title={t("group.gone")} />
            : <Members group={group} />}
      </Loaded>
      {may("topic:list") && (
        <Card title={t("group.topics")}>
          <TopicList broker={name} />
        </Card>
      )}
      <Card title={t("group.story")}>
        <Story filter={{ broker: name }} label={t("group.story")} empty={t("group.noStory")} />
      </Card>
    </>
  );
}

function Members({ group }: { group: Group }) {
  const { cluster, zone, enableActingMaster, members } = group;
  return (
    <Card title={t("group.members")}>
      <dl class="facts">
        <Fact title={t("brokers.cluster")}>
          <Name>{cluster}</Name>
        </Fact>
        {zone !== null && (
          <Fact title={t("group.zone")}>
            <Name>{zone}</Name>
          </Fact>
        )}
        <Fact title={t("group.actingMaster")}>{t(enableActingMaster ? "yes" : "no")}</Fact>
      </dl>
      <Table<Member>
        label={t("group.members")}
        rows={members}
        rowKey={({ brokerId }) => String(brokerId)}
        empty={t("brokers.noMembers")}
        columns={[
          { id: "id", title: t("brokers.id"), numeric: true, cell: ({ brokerId }) => brokerId },
          { id: "role", title: t("brokers.role"), cell: ({ role }) => <RoleBadge role={role} /> },
          {
            id: "address",
            title: t("brokers.address"),
            cell: ({ address }) => <Name code>{address}</Name>,
          },
          ...memberColumns<Member>((member) => member),
          {
            id: "peer",
            title: t("group.peer"),
            cell: ({ connection }) =>
              connection && <Name code>{connection.proxied ?? connection.peer}</Name>,
          },
          {
            id: "since",
            title: t("group.since"),
            cell: ({ connection }) => connection && moment(connection.since),
          },
          {
            id: "ha",
            title: t("group.ha"),
            cell: ({ haServerAddress }) => haServerAddress && <Name code>{haServerAddress}</Name>,
          },
          {
            id: "filterServers",
            title: t("group.filterServers"),
            cell: ({ filterServers }) => <Name code>{filterServers.join(" ")}</Name>,
          },
        ]}
      />
    </Card>
  );
}
