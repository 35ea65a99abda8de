import { useState } from "preact/hooks";
import { pathOf, send } from "../api.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import { ORDER_TOPIC_CONFIG } from "../order_config.ts";
import { useResource } from "../resource.ts";
import { may } from "../session.ts";
import { Name } from "../view/name.tsx";
import { ActionDialog, type Done } from "./action_dialog.tsx";
import type { ServerOptions } from "./option_action.tsx";
import { ThisServerOnly } from "./this_server_only.tsx";

/** A key of the KV table. */
export interface KvKey {
  readonly namespace: string;
  readonly key: string;
}

/** The answer to a new value. */
interface Put extends KvKey {
  readonly before: string | null;
  readonly etag: string;
}

/** The answer to the removal of a key. */
interface Deleted extends KvKey {
  readonly before: string;
}

/**
 * Gives a key a value; the way back is its value before, or its removal.
 *
 * @throws Problem
 */
export async function putKey({ namespace, key }: KvKey, value: string): Promise<Done> {
  const path = pathOf("kv", namespace, key);
  const subject = subjectOf({ namespace, key });
  const { before, etag } = await send<Put>("PUT", path, { value });
  const message = before === null
    ? t("kv.added", subject)
    : before === value
    ? t("kv.same", subject)
    : t("kv.changed", { ...subject, before: isolate(before) });
  if (before === value) return { message };
  return {
    message,
    undo: before === null
      ? {
        label: t("kv.undoAdded"),
        run: async () => {
          await send("DELETE", path, undefined, etag);
          return t("kv.deleted", { ...subject, before: isolate(value) });
        },
      }
      : {
        label: t("actions.putBack"),
        run: async () => {
          await send("PUT", path, { value: before }, etag);
          return t("kv.restored", { ...subject, value: isolate(before) });
        },
      },
  };
}

/**
 * Deletes a key; the way back is to put its value again.
 *
 * @throws Problem
 */
export async function deleteKey({ namespace, key }: KvKey): Promise<Done> {
  const path = pathOf("kv", namespace, key);
  const subject = subjectOf({ namespace, key });
  const { before } = await send<Deleted>("DELETE", path);
  return {
    message: t("kv.deleted", { ...subject, before: isolate(before) }),
    undo: {
      label: t("actions.putBack"),
      run: async () => {
        await send("PUT", path, { value: before }, null);
        return t("kv.restored", { ...subject, value: isolate(before) });
      },
    },
  };
}

function subjectOf({ namespace, key }: KvKey): { namespace: string; key: string } {
  return { namespace: isolate(namespace), key: isolate(key) };
}

/** Says who notices that a key of a namespace changes. */
export function KvConsequences({ namespace }: { namespace: string }) {
  const { data, loading } = useResource<ServerOptions>(
    may("config:read") ? "config/options" : undefined,
  );
  const store = data?.options.find(({ name }) => name === "kvStore")?.value;
  return (
    <>
      <p>{t(namespace === ORDER_TOPIC_CONFIG ? "kv.whoOrder" : "kv.who")}</p>
      {store === undefined
        ? !loading && <p>{t("kv.storeUnknown")}</p>
        : store === "etcd"
        ? <p>{t("kv.shared")}</p>
        : <ThisServerOnly />}
    </>
  );
}

interface PutKeyProps {
  /** The namespace, when it is chosen already. */
  namespace?: string;
  /** The key, when it is to be changed. */
  entry?: { readonly key: string; readonly value: string };
  onClose(): void;
}

/** The dialog that adds a key or changes its value. */
export function PutKeyDialog({ namespace: chosen, entry, onClose }: PutKeyProps) {
  const [namespace, setNamespace] = useState(chosen ?? "");
  const [key, setKey] = useState(entry?.key ?? "");
  const [value, setValue] = useState(entry?.value ?? "");
  return (
    <ActionDialog
      title={entry ? t("kv.changeTitle", { key: isolate(key) }) : t("kv.addTitle")}
      confirm={t(entry ? "kv.change" : "kv.add")}
      ready={namespace !== "" && key !== "" && value !== ""}
      run={() => putKey({ namespace, key }, value)}
      onClose={onClose}
    >
      {chosen === undefined
        ? <TextField label={t("kv.namespace")} value={namespace} onInput={setNamespace} />
        : (
          <p>
            {t("kv.namespace")}: <Name>{chosen}</Name>
          </p>
        )}
      {entry
        ? (
          <p>
            {t("kv.valueNow")}: <Name code>{entry.value}</Name>
          </p>
        )
        : <TextField label={t("kv.key")} value={key} onInput={setKey} />}
      <label class="field">
        {t("kv.value")}
        <textarea
          dir="auto"
          rows={4}
          required
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
      </label>
      {!entry && <p>{t("kv.replaces")}</p>}
      <KvConsequences namespace={namespace} />
    </ActionDialog>
  );
}

function TextField(
  { label, value, onInput }: { label: string; value: string; onInput(value: string): void },
) {
  return (
    <label class="field">
      {label}
      <input
        dir="auto"
        required
        autocomplete="off"
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </label>
  );
}

interface DeleteKeyProps {
  namespace: string;
  entry: { readonly key: string; readonly value: string };
  onClose(): void;
}

/** The dialog that deletes a key. */
export function DeleteKeyDialog({ namespace, entry: { key, value }, onClose }: DeleteKeyProps) {
  return (
    <ActionDialog
      title={t("kv.deleteTitle", { key: isolate(key) })}
      confirm={t("kv.delete")}
      danger
      run={() => deleteKey({ namespace, key })}
      onClose={onClose}
    >
      <p>
        {t("kv.namespace")}: <Name>{namespace}</Name>
      </p>
      <p>
        {t("kv.valueNow")}: <Name code>{value}</Name>
      </p>
      <KvConsequences namespace={namespace} />
    </ActionDialog>
  );
}
