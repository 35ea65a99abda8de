import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { TopicActions } from "../actions/topic_actions.tsx";
import { pathOf, withQuery } from "../api.ts";
import { TOPIC_EVENTS } from "../broker_data.ts";
import { number } from "../format.ts";
import { t } from "../i18n.ts";
import { parseOrderConfig } from "../order_config.ts";
import { useResource } from "../resource.ts";
import {
  type BrokerData,
  type QueueData,
  type QueueMapping,
  type RouteAnswer,
  type RouteData,
  showPermission,
} from "../route_data.ts";
import { href } from "../router.ts";
import { Card } from "../view/card.tsx";
import { CopyButton } from "../view/copy_button.tsx";
import { Fact } from "../view/fact.tsx";
import { Loaded } from "../view/loaded.tsx";
import { Name } from "../view/name.tsx";
import { Notice } from "../view/notice.tsx";
import { RoutePicture } from "../view/route_picture.tsx";
import { Story } from "../view/story.tsx";
import { Table } from "../view/table.tsx";

/** Versions that are offered; others can be typed. */
const VERSIONS = ["5.5.0", "5.3.1", "5.1.4", "5.0.0", "4.9.8", "4.9.4", "4.9.3", "4.8.0", "4.0.0"];
const ROUTE_EVENTS = [...TOPIC_EVENTS, "roleChanged", "kvChanged", "kvNamespaceChanged"] as const;

/** A topic: its route, as a client of a version and zone gets it. */
export function TopicPage({ topic }: { topic: string }) {
  const version = useSignal("");
  const zone = useSignal("");
  const answer = useResource<RouteAnswer>(
    withQuery(pathOf("topics", topic, "route"), { version: version.value, zone: zone.value }),
    { events: ROUTE_EVENTS, keep: true },
  );
  return (
    <>
      <p>
        <a href={href("topics")}>{t("topic.back")}</a>
      </p>
      <div class="title-row">
        <h1>
          <Name>{topic}</Name>
        </h1>
        <TopicActions topic={topic} />
      </div>
      <Card title={t("topic.asClient")}>
        <div class="bar">
          <Choice
            label={t("topic.version")}
            placeholder={VERSIONS[0] ?? ""}
            options={VERSIONS}
            onChange={(text) => version.value = text}
          />
          <Choice
            label={t("topic.zone")}
            placeholder={t("topic.zoneNone")}
            options={[]}
            onChange={(text) => zone.value = text}
          />
        </div>
        {answer.problem?.status === 404
          ? <Notice tone="warn" title={t("topic.gone")} />
          : <Loaded resource={answer}>{(data) => <Answer {...data} />}</Loaded>}
      </Card>
      <Card title={t("topic.story")}>
        <Story filter={{ topic }} label={t("topic.story")} empty={t("topic.noStory")} />
      </Card>
    </>
  );
}

function Choice({ label, placeholder, options, onChange }: {
  label: string;
  placeholder: string;
  options: readonly string[];
  onChange: (text: string) => void;
}) {
  const id = useId();
  return (
    <div class="field field-short">
      <label for={id}>{label}</label>
      <input
        id={id}
        list={options.length > 0 ? `${id}-list` : undefined}
        placeholder={placeholder}
        dir="auto"
        maxLength={128}
        autocomplete="off"
        onChange={({ currentTarget }) => onChange(currentTarget.value.trim())}
      />
      {options.length > 0 && (
        <datalist id={`${id}-list`}>{options.map((it) => <option key={it} value={it} />)}</datalist>
      )}
    </div>
  );
}

function Answer({ topic, dialect, remark, body, route }: RouteAnswer) {
  return (
    <>
      {route === null
        ? <Notice tone="bad" title={t("topic.refused", { remark: remark ?? "" })} />
        : <Route topic={topic} route={route} />}
      {body !== null && (
        <section>
          <div class="card-head">
            <h3>{t("topic.raw")}</h3>
            <CopyButton text={body} />
          </div>
          <dl class="facts">
            <Fact title={t("topic.dialect")}>{t(`topic.dialect.${dialect}`)}</Fact>
          </dl>
          <pre class="wrap" tabIndex={0} dir="ltr" aria-label={t("topic.raw")}>{body}</pre>
        </section>
      )}
    </>
  );
}

function Route({ topic, route }: { topic: string; route: RouteData }) {
  const { orderTopicConf, topicQueueMappingByBroker: mappings } = route;
  return (
    <>
      <RoutePicture topic={topic} route={route} />
      <h3>{t("topic.groups")}</h3>
      <Groups route={route} />
      {orderTopicConf && <Order text={orderTopicConf} />}
      {mappings && Object.keys(mappings).length > 0 && <Mappings mappings={mappings} />}
    </>
  );
}

interface GroupRow {
  readonly data: QueueData;
  readonly broker: BrokerData | undefined;
}

function Groups({ route }: { route: RouteData }) {
  const brokers = new Map(route.brokerDatas.map((it) => [it.brokerName, it]));
  const rows = route.queueDatas.map((data) => ({ data, broker: brokers.get(data.brokerName) }));
  return (
    <Table<GroupRow>
      label={t("topic.groups")}
      rows={rows}
      rowKey={({ data }) => data.brokerName}
      columns={[
        {
          id: "group",
          title: t("topic.group"),
          cell: ({ data }) => (
            <a href={href("brokers", data.brokerName)}>
              <Name>{data.brokerName}</Name>
            </a>
          ),
          sort: ({ data }) => data.brokerName,
        },
        {
          id: "cluster",
          title: t("topic.cluster"),
          cell: ({ broker }) => broker && <Name>{broker.cluster}</Name>,
          sort: ({ broker }) => broker?.cluster ?? "",
        },
        {
          id: "permission",
          title: t("topic.permission"),
          cell: ({ data }) => <code>{showPermission(data.perm)}</code>,
          sort: ({ data }) => data.perm,
        },
        {
          id: "read",
          title: t("topics.readQueues"),
          numeric: true,
          cell: ({ data }) => number(data.readQueueNums),
          sort: ({ data }) => data.readQueueNums,
        },
        {
          id: "write",
          title: t("topics.writeQueues"),
          numeric: true,
          cell: ({ data }) => number(data.writeQueueNums),
          sort: ({ data }) => data.writeQueueNums,
        },
        {
          id: "sysFlag",
          title: t("topic.sysFlag"),
          numeric: true,
          cell: ({ data }) => data.topicSysFlag,
        },
        {
          id: "brokers",
          title: t("topic.brokers"),
          cell: ({ broker }) => {
            const addresses = Object.entries(broker?.brokerAddrs ?? {});
            if (addresses.length === 0) return <span class="muted">{t("topic.noBroker")}</span>;
            return addresses.map(([id, address]) => (
              <div key={id}>
                <span class="muted">{id}</span> <Name code>{address}</Name>
              </div>
            ));
          },
        },
      ]}
    />
  );
}

function Order({ text }: { text: string }) {
  const parts = parseOrderConfig(text);
  return (
    <>
      <h3>{t("topic.order")}</h3>
      {parts === undefined ? <Name code>{text}</Name> : (
        <Table
          label={t("topic.order")}
          rows={parts}
          rowKey={({ broker }) => broker}
          columns={[
            { id: "group", title: t("topic.group"), cell: ({ broker }) => <Name>{broker}</Name> },
            {
              id: "queues",
              title: t("topic.orderQueues"),
              numeric: true,
              cell: ({ queues }) => queues,
            },
          ]}
        />
      )}
    </>
  );
}

function Mappings({ mappings }: { mappings: Readonly<Record<string, QueueMapping>> }) {
  return (
    <>
      <h3>{t("topic.mapping")}</h3>
      <Table
        label={t("topic.mapping")}
        rows={Object.entries(mappings)}
        rowKey={([group]) => group}
        columns={[
          { id: "group", title: t("topic.group"), cell: ([group]) => <Name>{group}</Name> },
          {
            id: "total",
            title: t("topic.mappingTotal"),
            numeric: true,
            cell: ([, { totalQueues }]) => number(totalQueues),
          },
          {
            id: "epoch",
            title: t("topic.mappingEpoch"),
            numeric: true,
            cell: ([, { epoch }]) => epoch,
          },
          {
            id: "scope",
            title: t("topic.mappingScope"),
            cell: ([, { scope }]) => scope !== null && <Name>{scope}</Name>,
          },
          {
            id: "queues",
            title: t("topic.mappingQueues"),
            cell: ([, { currIdMap }]) =>
              Object.entries(currIdMap ?? {}).map(([id, local]) => `${id} → ${local}`).join(", "),
          },
        ]}
      />
    </>
  );
}
