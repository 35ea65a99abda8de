import { useState } from "preact/hooks";
import { OptionDialog, type ServerOption, type ServerOptions } from "../actions/option_action.tsx";
import { IfMayWrite, writeRefusal } from "../actions/write_access.tsx";
import { t } from "../i18n.ts";
import { type OptionTexts, rangeText, useOptionTexts } from "../option_texts.ts";
import { useResource } from "../resource.ts";
import { Badge } from "../view/badge.tsx";
import { Loaded } from "../view/loaded.tsx";
import { Name } from "../view/name.tsx";
import { SearchBox } from "../view/search_box.tsx";
import { type Column, Table } from "../view/table.tsx";

/** `#/config`: the options, those that are not at their default first. */
export function ConfigPage() {
  const [search, setSearch] = useState("");
  const [changing, setChanging] = useState<ServerOption>();
  const options = useResource<ServerOptions>("config/options", { events: ["configChanged"] });
  const texts = useOptionTexts();
  const columns = columnsOf(texts, writeRefusal("config:write") === undefined, setChanging);
  return (
    <>
      <h1>{t("config")}</h1>
      <IfMayWrite permission="config:write">
        <p>{t("config.mayChange")}</p>
      </IfMayWrite>
      <div class="bar">
        <SearchBox label={t("config.search")} value="" onSearch={setSearch} />
      </div>
      <Loaded resource={options}>
        {({ options }) => (
          <Table
            label={t("config.title")}
            columns={columns}
            rows={changedFirst(options.filter((it) => contains(it, texts, search)))}
            rowKey={({ name }) => name}
            empty={t("config.empty")}
          />
        )}
      </Loaded>
      {changing && <OptionDialog option={changing} onClose={() => setChanging(undefined)} />}
    </>
  );
}

function columnsOf(
  { textOf, groupOf }: OptionTexts,
  mayWrite: boolean,
  change: (option: ServerOption) => void,
): Column<ServerOption>[] {
  return [
    {
      id: "name",
      title: t("config.option"),
      cell: (option) => (
        <>
          <code>{option.name}</code>{" "}
          {isChanged(option) && <Badge tone="info">{t("config.changedMark")}</Badge>} {option.live
            ? <Badge tone="ok">{t("config.live")}</Badge>
            : <Badge tone="neutral">{t("config.restart")}</Badge>}
          <small lang={textOf(option).lang}>{textOf(option).text}</small>
        </>
      ),
      sort: ({ name }) => name.toLowerCase(),
    },
    {
      id: "value",
      title: t("config.value"),
      cell: ({ value }) => <Name code>{shown(value)}</Name>,
    },
    {
      id: "default",
      title: t("config.default"),
      cell: (option) => <Name code>{shown(option.default)}</Name>,
    },
    { id: "range", title: t("config.range"), cell: ({ range }) => rangeText(range ?? "") },
    {
      id: "group",
      title: t("config.group"),
      cell: (option) => <span lang={groupOf(option).lang}>{groupOf(option).text}</span>,
      sort: (option) => groupOf(option).text,
    },
    ...mayWrite
      ? [{
        id: "actions",
        title: t("actions.title"),
        cell: (option: ServerOption) =>
          option.live && !option.secret && (
            <button
              type="button"
              class="button"
              aria-label={t("config.changeTitle", { name: option.name })}
              onClick={() => change(option)}
            >
              {t("config.change")}
            </button>
          ),
      }]
      : [],
  ];
}

function isChanged({ type, value, default: usual, given }: ServerOption): boolean {
  // The default of a path may be in words.
  return type === "path" ? given : value !== usual;
}

function changedFirst(options: readonly ServerOption[]): ServerOption[] {
  return [...options.filter(isChanged), ...options.filter((it) => !isChanged(it))];
}

function contains(option: ServerOption, { textOf }: OptionTexts, search: string): boolean {
  const sought = search.toLowerCase();
  return [option.name, option.text, textOf(option).text, String(option.value)].some((it) =>
    it.toLowerCase().includes(sought)
  );
}

function shown(value: string | number | boolean): string {
  return value === "" ? t("config.emptyValue") : String(value);
}
