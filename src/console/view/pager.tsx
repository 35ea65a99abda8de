import { t } from "../i18n.ts";
import { number } from "../format.ts";

/** A page of a list of the API. */
export interface ListPage<T> {
  readonly items: readonly T[];
  /** Entries on all pages. */
  readonly total: number;
  /** The cursor of the next page; null on the last one. */
  readonly next: string | null;
}

/**
 * Goes through the pages of a list. `cursors` are those of the pages up to the shown one, without the
 * first, which has none.
 */
export function Pager({ page, cursors, onCursors, size }: {
  page: ListPage<unknown>;
  cursors: readonly string[];
  onCursors: (cursors: readonly string[]) => void;
  /** Entries on a full page. */
  size: number;
}) {
  const { items, total, next } = page;
  const first = cursors.length * size + 1;
  const shown = items.length === 0 ? "0" : `${number(first)}–${number(first + items.length - 1)}`;
  return (
    <nav class="pager" aria-label={t("pager.label")}>
      <span>{t("pager.shown", { shown, total: number(total) })}</span>
      <button
        type="button"
        class="button"
        disabled={cursors.length === 0}
        onClick={() => onCursors([])}
      >
        {t("pager.first")}
      </button>
      <button
        type="button"
        class="button"
        disabled={cursors.length === 0}
        onClick={() => onCursors(cursors.slice(0, -1))}
      >
        {t("pager.previous")}
      </button>
      <button
        type="button"
        class="button"
        disabled={next === null}
        onClick={() => next !== null && onCursors([...cursors, next])}
      >
        {t("pager.next")}
      </button>
    </nav>
  );
}
