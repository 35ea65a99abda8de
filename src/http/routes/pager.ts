import { answer } from "../server/answer.ts";
import type { Query } from "../server/query.ts";

/** Milliseconds of continuous work on a list before other work gets a turn. */
const SLICE = 0.5;
/** Reading the clock costs more than visiting an entry. */
const ENTRIES_BETWEEN_LOOKS = 64;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** Characters of JSON after which a page is full. */
const MAX_PAGE = 1024 * 1024;
/** A cursor must fit into a URL, even if broker names are very long. */
const MAX_CURSOR = 1024;

/** The parameters of {@link Pager.page}. */
export const PAGE_PARAMETERS: readonly string[] = ["limit", "after", "search"];

/** A table that is shown in pages. */
export interface Listing<T> {
  entries: Iterable<T>;
  /** Sort key of an entry, also used as cursor. Unique. */
  key(entry: T): string;
  /** The text that is searched; defaults to the key. */
  text?(entry: T): string;
  /** A further filter. */
  matches?(entry: T): boolean;
  /** Returns an entry as JSON, or `undefined` when it no longer exists. */
  show(entry: T): unknown;
}

/** The requested part of a table. */
interface Page {
  limit: number;
  /** The page starts after this key. */
  after: string | undefined;
  search: string;
}

/**
 * Builds pages of tables that may be large, in slices, so that other work gets turns. Entries are
 * sorted by key, and a page starts after a key, so that no entry is missed or repeated while others
 * are added and removed. One page is built at a time.
 *
 * The tables are unsorted and have no index: each page visits all keys. That takes about 5 ms for
 * 50 000 keys; an index would cost time at every registration instead.
 */
export class Pager {
  readonly #now: () => number;
  readonly #nextTurn: (task: () => void) => void;
  #begun = 0;
  #looked = 0;

  /**
   * @param now milliseconds of a monotonic clock
   * @param nextTurn runs a task after all events that are pending now
   */
  constructor(now: () => number, nextTurn: (task: () => void) => void) {
    this.#now = now;
    this.#nextTurn = nextTurn;
  }

  /**
   * Returns the requested page: `items`, the `total` of all pages, and `next`, the cursor of the
   * next page.
   *
   * @throws {HttpProblem} 400 for a parameter that is not allowed
   */
  async page<T>(listing: Listing<T>, query: Query): Promise<Response> {
    const asked: Page = {
      limit: query.int("limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT,
      after: query.text("after"),
      search: query.text("search") ?? "",
    };
    this.#begun = this.#now();
    const { first, total } = await this.#first(listing, asked);
    const shown: string[] = [];
    let length = 0;
    let next: string | null = null;
    for (const [at, { key, entry }] of first.entries()) {
      await this.#rest();
      const value = listing.show(entry);
      if (value !== undefined) {
        const text = JSON.stringify(value);
        shown.push(text);
        length += text.length;
      }
      const full = at + 1 === asked.limit || length > MAX_PAGE;
      if (!full) continue;
      if (at + 1 < first.length) next = cursorAt(key);
      break;
    }
    const body = `{"items":[${shown.join(",")}],"total":${total},"next":${JSON.stringify(next)}}`;
    return answer(body, "application/json");
  }

  /** Returns the first matching entries after a key, sorted: one more than a page holds. */
  async #first<T>(
    { entries, key: keyOf, text = keyOf, matches }: Listing<T>,
    { limit, after, search }: Page,
  ): Promise<{ first: { key: string; entry: T }[]; total: number }> {
    let first: { key: string; entry: T }[] = [];
    let last: string | undefined;
    let total = 0;
    const cut = () => {
      first.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
      // An entry that was removed and added again meanwhile is seen twice.
      first = first.filter(({ key }, i) => key !== first[i - 1]?.key).slice(0, limit + 1);
      last = first[limit]?.key ?? last;
    };
    for (const entry of entries) {
      if (++this.#looked % ENTRIES_BETWEEN_LOOKS === 0) await this.#rest();
      if (!text(entry).includes(search) || matches?.(entry) === false) continue;
      total++;
      const key = keyOf(entry);
      if ((after !== undefined && key <= after) || (last !== undefined && key >= last)) continue;
      first.push({ key, entry });
      if (first.length > 2 * limit) cut();
    }
    cut();
    return { first, total };
  }

  /** Yields to other work at the end of a time slice. */
  async #rest(): Promise<void> {
    if (this.#now() - this.#begun < SLICE) return;
    await new Promise<void>((resolve) => this.#nextTurn(resolve));
    this.#begun = this.#now();
  }
}

/**
 * The cursor for the page after an entry: its key, or if that can't be sent, a position just after
 * it.
 */
function cursorAt(key: string): string {
  const sendable = key.length <= MAX_CURSOR ? key : `${key.slice(0, MAX_CURSOR)}\uffff`;
  return sendable.toWellFormed();
}
