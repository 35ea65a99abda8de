import { useState } from "preact/hooks";
import { get, pathOf, Problem, send, withQuery } from "../api.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import { ORDER_TOPIC_CONFIG } from "../order_config.ts";
import { useResource } from "../resource.ts";
import type { RouteAnswer } from "../route_data.ts";
import { Loading } from "../view/loading.tsx";
import { Name } from "../view/name.tsx";
import { Names } from "../view/names.tsx";
import { ProblemNotice } from "../view/notice.tsx";
import type { ListPage } from "../view/pager.tsx";
import { ActionDialog, type Done } from "./action_dialog.tsx";
import { OrderDialog } from "./order_actions.tsx";
import { ThisServerOnly } from "./this_server_only.tsx";
import { IfMayWrite, writeRefusal } from "./write_access.tsx";

/** The answer to the removal of a topic. */
interface Removed {
  readonly topic: string;
  readonly cluster: string | null;
  readonly removedFrom: readonly string[];
  readonly keptBy: readonly string[];
}

interface Entry {
  readonly key: string;
  readonly value: string;
}

/** The actions for a topic: set its order configuration, or delete it. */
export function TopicActions({ topic }: { topic: string }) {
  const [deleting, setDeleting] = useState(false);
  const [order, setOrder] = useState<{ readonly value: string }>();
  const [problem, setProblem] = useState<Problem>();

  // The same reason is said once.
  const orderRefusal = writeRefusal("kv:write");
  const orderShown = orderRefusal === undefined || orderRefusal !== writeRefusal("topic:write");

  async function askOrder(): Promise<void> {
    setProblem(undefined);
    try {
      setOrder({ value: await orderConfigOf(topic) });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    }
  }

  return (
    <>
      {orderShown && (
        <IfMayWrite permission="kv:write">
          <p class="bar">
            <button type="button" class="button" onClick={() => void askOrder()}>
              {t("order.open")}
            </button>
          </p>
        </IfMayWrite>
      )}
      <IfMayWrite permission="topic:write">
        <p class="bar">
          <button type="button" class="button button-danger" onClick={() => setDeleting(true)}>
            {t("topicAction.delete")}
          </button>
        </p>
      </IfMayWrite>
      {problem && <ProblemNotice problem={problem} />}
      {order && (
        <OrderDialog
          topic={topic}
          value={order.value}
          onClose={() => setOrder(undefined)}
        />
      )}
      {deleting && <DeleteTopicDialog topic={topic} onClose={() => setDeleting(false)} />}
    </>
  );
}

/** The order configuration of a topic; empty if it has none. */
async function orderConfigOf(topic: string): Promise<string> {
  try {
    let after: string | undefined;
    do {
      const { items, next }: ListPage<Entry> = await get(
        withQuery(pathOf("kv", ORDER_TOPIC_CONFIG), { search: topic, limit: "1000", after }),
      );
      const found = items.find(({ key }) => key === topic);
      if (found) return found.value;
      after = next ?? undefined;
    } while (after !== undefined);
    return "";
  } catch (error) {
    // There is no such namespace as long as no topic has an order configuration.
    if (error instanceof Problem && error.status === 404) return "";
    throw error;
  }
}

function DeleteTopicDialog({ topic, onClose }: { topic: string; onClose(): void }) {
  const { data, problem, loading } = useResource<RouteAnswer>(pathOf("topics", topic, "route"));
  const [cluster, setCluster] = useState("");
  const clusterOf = new Map(
    data?.route?.brokerDatas.map(({ brokerName, cluster }) => [brokerName, cluster]),
  );
  const brokers = data?.route?.queueDatas.map(({ brokerName }) => brokerName) ?? [];
  const clusters = [...new Set(clusterOf.values())].sort();
  const reached = brokers.filter((it) => cluster === "" || clusterOf.get(it) === cluster);
  const kept = brokers.filter((it) => !reached.includes(it));
  return (
    <ActionDialog
      title={t("topicAction.deleteTitle", { topic: isolate(topic) })}
      confirm={t("topicAction.delete")}
      danger
      run={() => deleteTopic(topic, cluster)}
      onClose={onClose}
    >
      {loading && !data && <Loading />}
      {problem && <ProblemNotice problem={problem} />}
      {clusters.length > 1 && (
        <label class="field">
          {t("topicAction.cluster")}
          <select value={cluster} onChange={(event) => setCluster(event.currentTarget.value)}>
            <option value="">{t("topicAction.allClusters")}</option>
            {clusters.map((it) => <option key={it} value={it} dir="auto">{it}</option>)}
          </select>
        </label>
      )}
      {reached.length > 0 && (
        <p>
          {t("topicAction.removes")} <Names names={reached} />
        </p>
      )}
      {kept.length > 0 && (
        <p>
          {t("topicAction.keeps")} <Names names={kept} />
        </p>
      )}
      <p>
        {t(kept.length > 0 ? "topicAction.whoSome" : "topicAction.who", {
          topic: isolate(topic),
        })}
      </p>
      <p>{t("topicAction.back")}</p>
      <ThisServerOnly />
    </ActionDialog>
  );
}

async function deleteTopic(topic: string, cluster: string): Promise<Done> {
  const { removedFrom, keptBy } = await send<Removed>(
    "DELETE",
    withQuery(pathOf("topics", topic), { cluster }),
  );
  return {
    message: (
      <>
        <p>
          {t("topicAction.deleted")} <Name>{topic}</Name>
        </p>
        {keptBy.length > 0 && (
          <p>
            {t("topicAction.keptBy")} <Names names={keptBy} />
          </p>
        )}
        <p>
          {t("topicAction.comesBack")} <Names names={removedFrom} />
        </p>
      </>
    ),
  };
}
