import { useState } from "preact/hooks";
import { DeleteKeyDialog, PutKeyDialog } from "../actions/kv_actions.tsx";
import { OrderDialog } from "../actions/order_actions.tsx";
import { IfMayWrite, writeRefusal } from "../actions/write_access.tsx";
import { pathOf } from "../api.ts";
import { number } from "../format.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import type { EventName } from "../live.ts";
import { ORDER_TOPIC_CONFIG } from "../order_config.ts";
import { href } from "../router.ts";
import { Name } from "../view/name.tsx";
import { PagedTable } from "../view/paged_table.tsx";

const EVENTS: readonly EventName[] = ["kvChanged", "kvNamespaceChanged"];

interface Namespace {
  readonly namespace: string;
  readonly keys: number;
}

interface Entry {
  readonly key: string;
  readonly value: string;
}

/** `#/kv`: the namespaces of the KV table; `#/kv/NAMESPACE`: the keys of one. */
export function KvPage({ name }: { name: string | undefined }) {
  return name === undefined ? <Namespaces /> : <Keys namespace={name} />;
}

function Namespaces() {
  const [adding, setAdding] = useState<"key" | "order">();
  const close = () => setAdding(undefined);
  return (
    <>
      <h1>{t("kv.title")}</h1>
      <p>{t("kv.about")}</p>
      <IfMayWrite permission="kv:write">
        <p class="bar">
          <button type="button" class="button" onClick={() => setAdding("key")}>
            {t("kv.addTitle")}
          </button>
          <button type="button" class="button" onClick={() => setAdding("order")}>
            {t("order.addTitle")}
          </button>
        </p>
      </IfMayWrite>
      <PagedTable<Namespace>
        path="kv"
        events={EVENTS}
        label={t("kv.namespaces")}
        searchLabel={t("kv.searchNamespaces")}
        columns={[
          {
            id: "namespace",
            title: t("kv.namespace"),
            cell: ({ namespace }) => (
              <>
                <a href={href("kv", namespace)}>
                  <Name>{namespace}</Name>
                </a>
                {namespace === ORDER_TOPIC_CONFIG && <small>{t("kv.isOrder")}</small>}
              </>
            ),
            sort: ({ namespace }) => namespace,
          },
          {
            id: "keys",
            title: t("kv.keys"),
            numeric: true,
            cell: ({ keys }) => number(keys),
            sort: ({ keys }) => keys,
          },
        ]}
        rowKey={({ namespace }) => namespace}
        empty={t("kv.noNamespaces")}
      />
      {adding === "key" && <PutKeyDialog onClose={close} />}
      {adding === "order" && <OrderDialog onClose={close} />}
    </>
  );
}

interface Asked {
  readonly what: "put" | "delete";
  /** The key that it is about; a new one is to be added without it. */
  readonly entry?: Entry;
}

function Keys({ namespace }: { namespace: string }) {
  const [asked, setAsked] = useState<Asked>();
  const isOrder = namespace === ORDER_TOPIC_CONFIG;
  const mayWrite = writeRefusal("kv:write") === undefined;
  return (
    <>
      <p>
        <a href={href("kv")}>{t("kv.back")}</a>
      </p>
      <h1>
        <Name>{namespace}</Name>
      </h1>
      {isOrder && <p>{t("kv.whoOrder")}</p>}
      <IfMayWrite permission="kv:write">
        <p class="bar">
          <button type="button" class="button" onClick={() => setAsked({ what: "put" })}>
            {t(isOrder ? "order.addTitle" : "kv.addTitle")}
          </button>
        </p>
      </IfMayWrite>
      <PagedTable<Entry>
        path={pathOf("kv", namespace)}
        events={EVENTS}
        label={t("kv.keysOf", { namespace: isolate(namespace) })}
        searchLabel={t("kv.searchKeys")}
        columns={[
          {
            id: "key",
            title: t(isOrder ? "order.topic" : "kv.key"),
            cell: ({ key }) => <Name>{key}</Name>,
            sort: ({ key }) => key,
          },
          {
            id: "value",
            title: t("kv.value"),
            cell: ({ value }) => <Name code>{value}</Name>,
          },
          ...mayWrite
            ? [{
              id: "actions",
              title: t("actions.title"),
              cell: (entry: Entry) => <KeyButtons entry={entry} ask={setAsked} />,
            }]
            : [],
        ]}
        rowKey={({ key }) => key}
        empty={t("kv.noKeys")}
      />
      {asked && (
        <KeyDialog
          namespace={namespace}
          asked={asked}
          onClose={() => setAsked(undefined)}
        />
      )}
    </>
  );
}

function KeyButtons({ entry, ask }: { entry: Entry; ask: (asked: Asked) => void }) {
  const key = isolate(entry.key);
  return (
    <span class="bar">
      <button
        type="button"
        class="button"
        aria-label={t("kv.changeTitle", { key })}
        onClick={() => ask({ what: "put", entry })}
      >
        {t("kv.change")}
      </button>
      <button
        type="button"
        class="button button-danger"
        aria-label={t("kv.deleteTitle", { key })}
        onClick={() => ask({ what: "delete", entry })}
      >
        {t("kv.delete")}
      </button>
    </span>
  );
}

function KeyDialog(
  { namespace, asked: { what, entry }, onClose }: {
    namespace: string;
    asked: Asked;
    onClose(): void;
  },
) {
  if (what === "delete" && entry) {
    return <DeleteKeyDialog namespace={namespace} entry={entry} onClose={onClose} />;
  }
  if (namespace === ORDER_TOPIC_CONFIG) {
    return <OrderDialog topic={entry?.key} value={entry?.value} onClose={onClose} />;
  }
  return <PutKeyDialog namespace={namespace} entry={entry} onClose={onClose} />;
}
