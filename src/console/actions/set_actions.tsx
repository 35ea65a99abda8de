import { pathOf, send } from "../api.ts";
import type { BrokerSet, Replica } from "../controller_data.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import { ActionDialog, type Done } from "./action_dialog.tsx";
import { IfMayWrite, writeRefusal } from "./write_access.tsx";

/** A change of a broker set that somebody asks for, and the set as it was shown then. */
export type SetAction =
  | { readonly kind: "elect" | "clean"; readonly set: BrokerSet; readonly replica: Replica }
  | { readonly kind: "cleanSet"; readonly set: BrokerSet };

/** The action for a broker of a set: make it the master while it is alive, forget it when it is dead. */
export function ReplicaAction({ set, replica, onAsk }: {
  set: BrokerSet;
  replica: Replica;
  onAsk: (action: SetAction) => void;
}) {
  const { alive, brokerId } = replica;
  if (writeRefusal("controller:write") !== undefined) return null;
  if (alive && brokerId === set.masterBrokerId) return null;
  const kind = alive ? "elect" : "clean";
  return (
    <button
      type="button"
      class={alive ? "button" : "button button-danger"}
      aria-label={t(`${kind}.one`, { id: brokerId })}
      onClick={() => onAsk({ kind, set, replica })}
    >
      {t(kind)}
    </button>
  );
}

/** The action for a set of which no broker is alive: forget it. */
export function SetActions(
  { set, onAsk }: { set: BrokerSet; onAsk: (action: SetAction) => void },
) {
  return (
    <IfMayWrite permission="controller:write">
      {!set.replicas.some(({ alive }) => alive) && (
        <p class="bar">
          <button
            type="button"
            class="button button-danger"
            onClick={() => onAsk({ kind: "cleanSet", set })}
          >
            {t("clean.set")}
          </button>
        </p>
      )}
    </IfMayWrite>
  );
}

/** The dialog of a change. */
export function SetDialog({ action, onClose }: { action: SetAction; onClose: () => void }) {
  switch (action.kind) {
    case "elect":
      return <ElectDialog {...action} onClose={onClose} />;
    case "clean":
      return <CleanDialog {...action} onClose={onClose} />;
    case "cleanSet":
      return <CleanSetDialog {...action} onClose={onClose} />;
  }
}

interface ReplicaProps {
  readonly set: BrokerSet;
  readonly replica: Replica;
  readonly onClose: () => void;
}

function ElectDialog({ set, replica, onClose }: ReplicaProps) {
  const { brokerName, masterBrokerId: old } = set;
  const { brokerId: id, address, inSync } = replica;
  return (
    <ActionDialog
      title={t("elect.title", { id, set: isolate(brokerName) })}
      confirm={t("elect")}
      danger={!inSync}
      run={() => elect(brokerName, id)}
      onClose={onClose}
    >
      <p>
        {old === null
          ? t("elect.noOld", { id, address: isolate(address) })
          : t("elect.old", { id, old, address: isolate(address) })}
      </p>
      <p>{t(inSync ? "elect.inSync" : "elect.notInSync", { id })}</p>
      <p>{t("elect.clients")}</p>
      {old !== null && <p>{t("elect.back")}</p>}
    </ActionDialog>
  );
}

function CleanDialog({ set, replica, onClose }: ReplicaProps) {
  const { brokerName, replicas } = set;
  const { brokerId: id, address, inSync } = replica;
  const inSyncs = replicas.filter((it) => it.inSync).length;
  return (
    <ActionDialog
      title={t("clean.title", { id, set: isolate(brokerName) })}
      confirm={t("clean")}
      danger
      run={() => clean(brokerName, id)}
      onClose={onClose}
    >
      <p>{t("clean.what", { id, address: isolate(address) })}</p>
      <p>{t("clean.return")}</p>
      {inSync && inSyncs === 1 && <p>{t("clean.lastInSync")}</p>}
      <p>{t("clean.back")}</p>
    </ActionDialog>
  );
}

function CleanSetDialog({ set, onClose }: Pick<ReplicaProps, "set" | "onClose">) {
  const { brokerName, replicas } = set;
  return (
    <ActionDialog
      title={t("clean.setTitle", { set: isolate(brokerName) })}
      confirm={t("clean.set")}
      danger
      run={() => cleanSet(brokerName)}
      onClose={onClose}
    >
      <p>{t("clean.setWhat", { count: replicas.length })}</p>
      <p>{t("clean.return")}</p>
      <p>{t("clean.back")}</p>
    </ActionDialog>
  );
}

async function elect(brokerName: string, id: number): Promise<Done> {
  const path = pathOf("controller", "sets", brokerName, "elect-master");
  const { set } = await send<{ set: BrokerSet }>("POST", path, { brokerId: `${id}` });
  const values = { set: isolate(brokerName), id, epoch: set.masterEpoch };
  return { message: t("elect.done", values) };
}

async function clean(brokerName: string, id: number): Promise<Done> {
  const path = pathOf("controller", "sets", brokerName, "clean");
  await send("POST", path, { brokerIds: `${id}` });
  return { message: t("clean.done", { set: isolate(brokerName), id }) };
}

async function cleanSet(brokerName: string): Promise<Done> {
  const path = pathOf("controller", "sets", brokerName, "clean");
  await send("POST", path, { evenWithMaster: "true" });
  return { message: t("clean.setDone", { set: isolate(brokerName) }) };
}
