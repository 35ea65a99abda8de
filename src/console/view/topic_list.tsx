import { withQuery } from "../api.ts";
import { TOPIC_EVENTS } from "../broker_data.ts";
import { number } from "../format.ts";
import { t } from "../i18n.ts";
import { useNarrowing } from "../narrowing.ts";
import { useResource } from "../resource.ts";
import { href } from "../router.ts";
import { ClusterSelect } from "./cluster_select.tsx";
import { Loaded } from "./loaded.tsx";
import { Name } from "./name.tsx";
import { type ListPage, Pager } from "./pager.tsx";
import { SearchBox } from "./search_box.tsx";
import { Table } from "./table.tsx";

const TOPICS_A_PAGE = 50;

interface TopicRow {
  readonly topic: string;
  readonly clusters: readonly string[];
  readonly brokers: number;
  readonly readQueues: number;
  readonly writeQueues: number;
}

/** Topics, page by page, found as one types; those of one group, or of a cluster that one chooses. */
export function TopicList({ broker }: { broker?: string }) {
  const { search, cluster, cursors, onSearch, onCluster } = useNarrowing();
  const topics = useResource<ListPage<TopicRow>>(
    withQuery("topics", {
      limit: `${TOPICS_A_PAGE}`,
      search,
      cluster,
      broker,
      after: cursors.value.at(-1),
    }),
    { events: TOPIC_EVENTS, keep: true },
  );

  return (
    <>
      <div class="bar">
        <SearchBox
          label={t("topics.search")}
          value={search}
          onSearch={onSearch}
        />
        {broker === undefined && (
          <ClusterSelect
            value={cluster}
            onChange={onCluster}
          />
        )}
      </div>
      <Loaded resource={topics}>
        {(page) => (
          <>
            <Table<TopicRow>
              label={t("topics")}
              rows={page.items}
              rowKey={({ topic }) => topic}
              empty={t(
                search !== ""
                  ? "topics.noMatch"
                  : broker === undefined
                  ? "topics.empty"
                  : "topics.noneOfGroup",
              )}
              columns={[
                {
                  id: "topic",
                  title: t("topics.topic"),
                  cell: ({ topic }) => (
                    <a href={href("topics", topic)}>
                      <Name>{topic}</Name>
                    </a>
                  ),
                },
                {
                  id: "clusters",
                  title: t("topics.clusters"),
                  cell: ({ clusters }) =>
                    clusters.map((it, i) => (
                      <>
                        {i > 0 && ", "}
                        <Name>{it}</Name>
                      </>
                    )),
                },
                {
                  id: "groups",
                  title: t("topics.groups"),
                  numeric: true,
                  cell: ({ brokers }) => number(brokers),
                },
                {
                  id: "read",
                  title: t("topics.readQueues"),
                  numeric: true,
                  cell: ({ readQueues }) => number(readQueues),
                },
                {
                  id: "write",
                  title: t("topics.writeQueues"),
                  numeric: true,
                  cell: ({ writeQueues }) => number(writeQueues),
                },
              ]}
            />
            <Pager
              page={page}
              cursors={cursors.value}
              onCursors={(next) => cursors.value = next}
              size={TOPICS_A_PAGE}
            />
          </>
        )}
      </Loaded>
    </>
  );
}
