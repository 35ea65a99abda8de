import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { t } from "../i18n.ts";

/** A column of a table. */
export interface Column<T> {
  readonly id: string;
  readonly title: string;
  /** Shows a row's cell. */
  readonly cell: (row: T) => ComponentChildren;
  /** The value that rows are sorted by; without it the column does not sort. */
  readonly sort?: (row: T) => string | number;
  readonly numeric?: boolean;
}

/** A table whose header stays in sight, and which scrolls by itself when it is too wide. */
export function Table<T>({ label, columns, rows, rowKey, empty }: {
  /** Names the table for those who don't see it. */
  label: string;
  columns: readonly Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  /** Stands in place of no rows. */
  empty?: ComponentChildren;
}) {
  const order = useSignal<{ id: string; down: boolean } | undefined>(undefined);
  const by = columns.find(({ id }) => id === order.value?.id)?.sort;
  const shown = by === undefined ? rows : [...rows].sort((a, b) => compare(by(a), by(b)));
  if (order.value?.down) (shown as T[]).reverse();

  function sortBy(id: string): void {
    const { value } = order;
    order.value = value?.id !== id
      ? { id, down: false }
      : value.down
      ? undefined
      : { id, down: true };
  }

  if (rows.length === 0) return <p class="empty">{empty ?? t("table.empty")}</p>;
  return (
    <div class="table-scroll" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ id, title, sort, numeric }) => {
              const mine = order.value?.id === id ? order.value : undefined;
              return (
                <th
                  key={id}
                  scope="col"
                  class={numeric ? "numeric" : undefined}
                  aria-sort={mine ? (mine.down ? "descending" : "ascending") : undefined}
                >
                  {sort === undefined
                    ? title
                    : (
                      <button type="button" class="sort" onClick={() => sortBy(id)}>
                        {title}
                        <span aria-hidden="true">{mine ? (mine.down ? "▾" : "▴") : "▿"}</span>
                      </button>
                    )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={rowKey(row)}>
              {columns.map(({ id, cell, numeric }) => (
                <td key={id} class={numeric ? "numeric" : undefined}>{cell(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b));
}
