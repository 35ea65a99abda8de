import { answer } from "../server/answer.ts";
import type { WorkSlice } from "../../work_slice.ts";
import type { Query } from "../server/query.ts";

const ENTRIES_IN_A_STEP = 64;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** Milliseconds of work between two turns of the network: pages take a little longer, so that clients do not wait. */
const SLICE = 0.5;
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
  /** The text that is searched, in lower case; defaults to the key's. */
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
  /** In lower case. */
  search: string;
}

/**
 * Builds pages of tables that may be large, in slices, so that other work gets turns. Entries are
 * sorted by key, and a page starts after a key, so that no entry is missed or repeated while others
 * are added and removed.
 *
 * The tables are unsorted and have no index: each page visits all keys. That takes a few milliseconds for
 * 50 000 keys; an index would cost time at every registration instead.
 */
export class Pager {
  readonly #slice: WorkSlice;

  constructor(slice: WorkSlice) {
    this.#slice = slice;
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
      search: query.text("search")?.toLowerCase() ?? "",
    };
    return answer(await this.#slice.drive(build(listing, asked), SLICE), "application/json");
  }
}

/** Builds a page's JSON in steps. */
function* build<T>(listing: Listing<T>, asked: Page): Generator<void, string> {
  const { first, total } = yield* firstOf(listing, asked);
  const shown: string[] = [];
  let length = 0;
  let next: string | null = null;
  for (const [at, { key, entry }] of first.entries()) {
    yield;
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
  return `{"items":[${shown.join(",")}],"total":${total},"next":${JSON.stringify(next)}}`;
}

/** Finds the first matching entries after a key, sorted: one more than a page holds. */
function* firstOf<T>(
  { entries, key: keyOf, text = (entry) => keyOf(entry).toLowerCase(), matches }: Listing<T>,
  { limit, after, search }: Page,
): Generator<void, { first: { key: string; entry: T }[]; total: number }> {
  let looked = 0;
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
    if (++looked % ENTRIES_IN_A_STEP === 0) yield;
    if (search !== "" && !text(entry).includes(search)) continue;
    if (matches?.(entry) === false) continue;
    total++;
    const key = keyOf(entry);
    if ((after !== undefined && key <= after) || (last !== undefined && key >= last)) continue;
    first.push({ key, entry });
    if (first.length > 2 * limit) cut();
  }
  cut();
  return { first, total };
}

/**
 * The cursor for the page after an entry: its key, or if that can't be sent, a position just after
 * it.
 */
function cursorAt(key: string): string {
  const sendable = key.length <= MAX_CURSOR ? key : `${key.slice(0, MAX_CURSOR)}\uffff`;
  return sendable.toWellFormed();
}
