import { useState } from "preact/hooks";
import { send } from "../api.ts";
import { t } from "../i18n.ts";
import { isolate } from "../isolate.ts";
import { rangeText, useOptionTexts } from "../option_texts.ts";
import { Name } from "../view/name.tsx";
import { ActionDialog, type Done } from "./action_dialog.tsx";
import { ThisServerOnly } from "./this_server_only.tsx";

/** An option of the server, as `/api/v1/config/options` describes it. */
export interface ServerOption {
  readonly name: string;
  readonly type: string;
  readonly default: string | number | boolean;
  readonly value: string | number | boolean;
  /** The legal values in words. */
  readonly range: string | null;
  /** Whether a change takes effect without a restart. */
  readonly live: boolean;
  readonly secret: boolean;
  /** Whether a file, the environment or the command line set it. */
  readonly given: boolean;
  readonly text: string;
  readonly group: string;
}

/** The answer of `/api/v1/config/options`. */
export interface ServerOptions {
  readonly options: readonly ServerOption[];
}

/** The answer to a change of options. */
interface Changed {
  readonly changed: Readonly<Record<string, { readonly before: string; readonly after: string }>>;
  readonly etag: string;
}

/** The dialog that changes a live option. */
export function OptionDialog({ option, onClose }: { option: ServerOption; onClose(): void }) {
  const { name, type, range } = option;
  const { text, lang } = useOptionTexts().textOf(option);
  const now = String(option.value);
  const [value, setValue] = useState(now);
  const choices = choicesOf(option);
  return (
    <ActionDialog
      title={t("config.changeTitle", { name })}
      confirm={t("config.change")}
      ready={value !== now}
      run={() => changeOption(name, value)}
      onClose={onClose}
    >
      <p lang={lang}>{text}</p>
      <p>
        {t("config.valueNow")}: <Name code>{now}</Name> · {t("config.default")}:{" "}
        <Name code>{String(option.default)}</Name>
        {range !== null && <>· {t("config.range")}: {rangeText(range)}</>}
      </p>
      <label class="field">
        {t("config.newValue")}
        {choices
          ? (
            <select value={value} onChange={(event) => setValue(event.currentTarget.value)}>
              {choices.map((it) => <option key={it} value={it}>{it}</option>)}
            </select>
          )
          : (
            <input
              dir="auto"
              autocomplete="off"
              inputMode={type === "int" ? "numeric" : "text"}
              value={value}
              onInput={(event) => setValue(event.currentTarget.value)}
            />
          )}
      </label>
      <p>{t("config.who")}</p>
      <ThisServerOnly />
    </ActionDialog>
  );
}

/** The legal values, where they are few. */
function choicesOf({ type, range }: ServerOption): readonly string[] | undefined {
  if (type === "boolean") return ["true", "false"];
  return type === "enum" ? range?.split(", ") : undefined;
}

async function changeOption(name: string, value: string): Promise<Done> {
  const { changed, etag } = await send<Changed>("PATCH", "config", { [name]: value });
  const change = Object.hasOwn(changed, name) ? changed[name] : undefined;
  if (change === undefined) return { message: t("config.same", { name }) };
  const { before, after } = change;
  return {
    message: t("config.changed", { name, before: isolate(before), after: isolate(after) }),
    undo: {
      label: t("actions.putBack"),
      run: async () => {
        await send("PATCH", "config", { [name]: before }, etag);
        return t("config.restored", { name, value: isolate(before) });
      },
    },
  };
}
