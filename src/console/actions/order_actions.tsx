import { useState } from "preact/hooks";
import { get, pathOf, Problem } from "../api.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import {
  faultOf,
  formatOrderConfig,
  ORDER_TOPIC_CONFIG,
  type OrderPart,
  parseOrderConfig,
} from "../order_config.ts";
import type { RouteAnswer } from "../route_data.ts";
import { Name } from "../view/name.tsx";
import { Notice, ProblemNotice } from "../view/notice.tsx";
import { ActionDialog } from "./action_dialog.tsx";
import { KvConsequences, putKey } from "./kv_actions.tsx";

interface OrderDialogProps {
  /** The topic, when it is chosen already. */
  topic?: string;
  /** Its order configuration now. */
  value?: string;
  onClose(): void;
}

/** A row of the form: the number stands as it is typed. */
interface Row {
  readonly broker: string;
  readonly queues: string;
}

const EMPTY: Row = { broker: "", queues: "" };

/** The dialog that sets the order configuration of a topic: brokers and their queues. */
export function OrderDialog({ topic: chosen, value = "", onClose }: OrderDialogProps) {
  const given = parseOrderConfig(value);
  const [topic, setTopic] = useState(chosen ?? "");
  const [rows, setRows] = useState<readonly Row[]>(given?.length ? given.map(rowOf) : [EMPTY]);
  const [problem, setProblem] = useState<Problem>();
  const parts = rows.map(partOf);
  const fault = faultOf(parts);

  const change = (at: number, part: Partial<Row>) =>
    setRows(rows.map((row, i) => i === at ? { ...row, ...part } : row));

  async function fill(): Promise<void> {
    setProblem(undefined);
    try {
      const { route } = await get<RouteAnswer>(pathOf("topics", topic, "route"));
      const found = route?.queueDatas.map(({ brokerName, writeQueueNums }) =>
        rowOf({ broker: brokerName, queues: writeQueueNums })
      );
      if (found?.length) setRows(found);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setProblem(error);
    }
  }

  return (
    <ActionDialog
      title={chosen === undefined
        ? t("order.addTitle")
        : t("order.title", { topic: isolate(topic) })}
      confirm={t("order.set")}
      ready={topic !== "" && fault === undefined}
      run={() => putKey({ namespace: ORDER_TOPIC_CONFIG, key: topic }, formatOrderConfig(parts))}
      onClose={onClose}
    >
      {value !== "" && (
        <p>
          {t("kv.valueNow")}: <Name code>{value}</Name>
        </p>
      )}
      {given === undefined && <Notice tone="warn">{t("order.unreadable")}</Notice>}
      {chosen === undefined && (
        <label class="field">
          {t("order.topic")}
          <input
            dir="auto"
            required
            autocomplete="off"
            value={topic}
            onInput={(event) => setTopic(event.currentTarget.value)}
          />
        </label>
      )}
      <fieldset>
        <legend>{t("order.parts")}</legend>
        {rows.map(({ broker, queues }, at) => (
          <div class="order-part" key={at}>
            <label class="field">
              {t("order.broker")}
              <input
                dir="auto"
                autocomplete="off"
                value={broker}
                onInput={(event) => change(at, { broker: event.currentTarget.value })}
              />
            </label>
            <label class="field">
              {t("order.queues")}
              <input
                type="number"
                min={1}
                max={999_999_999}
                value={queues}
                onInput={(event) => change(at, { queues: event.currentTarget.value })}
              />
            </label>
            <button
              type="button"
              class="button"
              aria-label={t("order.removeOf", { broker: isolate(broker || String(at + 1)) })}
              onClick={() => setRows(rows.filter((_, i) => i !== at))}
            >
              {t("order.remove")}
            </button>
          </div>
        ))}
        <p class="bar">
          <button type="button" class="button" onClick={() => setRows([...rows, EMPTY])}>
            {t("order.more")}
          </button>
          <button type="button" class="button" disabled={topic === ""} onClick={() => void fill()}>
            {t("order.fill")}
          </button>
        </p>
      </fieldset>
      {problem && <ProblemNotice problem={problem} />}
      <p role="status">
        {fault === undefined
          ? (
            <>
              {t("kv.value")}: <Name code>{formatOrderConfig(parts)}</Name>
            </>
          )
          : t(`order.fault.${fault}`)}
      </p>
      <KvConsequences namespace={ORDER_TOPIC_CONFIG} />
    </ActionDialog>
  );
}

function rowOf({ broker, queues }: OrderPart): Row {
  return { broker, queues: String(queues) };
}

function partOf({ broker, queues }: Row): OrderPart {
  return { broker: broker.trim(), queues: queues === "" ? NaN : Number(queues) };
}
