import { useState } from "preact/hooks";
import { withQuery } from "../api.ts";
import type { EventName } from "../live.ts";
import { useResource } from "../resource.ts";
import { Loaded } from "./loaded.tsx";
import { type ListPage, Pager } from "./pager.tsx";
import { SearchBox } from "./search_box.tsx";
import { type Column, Table } from "./table.tsx";

const PAGE_SIZE = 100;

/** A list of the API, searched and page by page. */
export function PagedTable<T>({ path, events, label, searchLabel, columns, rowKey, empty }: {
  path: string;
  /** Events after which the list may be another. */
  events?: readonly EventName[];
  label: string;
  searchLabel: string;
  columns: readonly Column<T>[];
  rowKey: (row: T) => string;
  /** Stands in place of an empty list. */
  empty: string;
}) {
  const [search, setSearch] = useState("");
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const asked = withQuery(path, { search, limit: String(PAGE_SIZE), after: cursors.at(-1) });
  const list = useResource<ListPage<T>>(asked, { events, keep: true });
  return (
    <>
      <div class="bar">
        <SearchBox
          label={searchLabel}
          value=""
          onSearch={(text) => {
            setSearch(text);
            setCursors([]);
          }}
        />
      </div>
      <Loaded resource={list}>
        {(page) => (
          <>
            <Table
              label={label}
              columns={columns}
              rows={page.items}
              rowKey={rowKey}
              empty={search === "" ? empty : undefined}
            />
            <Pager page={page} cursors={cursors} onCursors={setCursors} size={PAGE_SIZE} />
          </>
        )}
      </Loaded>
    </>
  );
}
