import { answer } from "../server/answer.ts";
import type { Query } from "../server/query.ts";

/** Milliseconds of work on a list before other things have their turn. */
const SLICE = 0.5;
/** Looking at the clock costs more than looking at an entry. */
const ENTRIES_BETWEEN_LOOKS = 64;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
/** Characters of JSON after which a page is full. */
const MAX_PAGE = 1024 * 1024;
/** A cursor has to fit into a URL, whatever names brokers make up. */
const MAX_CURSOR = 1024;

/** The parameters of {@link Pager.page}. */
export const PAGE_PARAMETERS: readonly string[] = ["limit", "after", "search"];

/** A table that is shown in pages. */
export interface Listing<T> {
  entries: Iterable<T>;
  /** What entries are sorted by, and what stands for one as cursor. Unique. */
  key(entry: T): string;
  /** What is searched in; the key where this is left out. */
  text?(entry: T): string;
  /** What there is beside, e.g. a filter. */
  matches?(entry: T): boolean;
  /** An entry as JSON; `undefined` when it is gone meanwhile. */
  show(entry: T): unknown;
}

/** What of a table is asked for. */
interface Page {
  limit: number;
  /** The page starts behind this key. */
  after: string | undefined;
  search: string;
}

/**
 * Makes pages of tables that may be large: in slices, with turns for others between. The entries are
 * sorted by their keys, and a page starts behind a key, so that nobody misses an entry or sees it
 * twice while others come and go. One page is made at a time.
 *
 * The tables are not sorted, and are searched in: each page looks at all keys. That takes some 5 ms
 * for 50 000; an index would cost every registration instead.
 */
export class Pager {
  readonly #now: () => number;
  readonly #nextTurn: (task: () => void) => void;
  #begun = 0;
  #looked = 0;

  /**
   * @param now milliseconds of a clock that never goes back
   * @param nextTurn runs something after the events that wait now
   */
  constructor(now: () => number, nextTurn: (task: () => void) => void) {
    this.#now = now;
    this.#nextTurn = nextTurn;
  }

  /**
   * The page that a query asks for: `items`, the `total` of all pages, and `next`, the cursor of the
   * page that follows.
   *
   * @throws {HttpProblem} 400 at a parameter that is not allowed
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

  /** The entries that match and come first after a key, one more than a page holds, sorted. */
  async #first<T>(
    { entries, key: keyOf, text = keyOf, matches }: Listing<T>,
    { limit, after, search }: Page,
  ): Promise<{ first: { key: string; entry: T }[]; total: number }> {
    let first: { key: string; entry: T }[] = [];
    let last: string | undefined;
    let total = 0;
    const cut = () => {
      first.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
      // An entry that went and came back meanwhile is met twice.
      first = first.filter(({ key }, i) => i === 0 || key !== first[i - 1].key).slice(0, limit + 1);
      if (first.length > limit) last = first[limit].key;
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

  /** Gives others their turn, when this had it for long enough. */
  async #rest(): Promise<void> {
    if (this.#now() - this.#begun < SLICE) return;
    await new Promise<void>((resolve) => this.#nextTurn(resolve));
    this.#begun = this.#now();
  }
}

/** Where the page after an entry starts: its key, or where that can't be sent, just behind it. */
function cursorAt(key: string): string {
  const sendable = key.length <= MAX_CURSOR ? key : `${key.slice(0, MAX_CURSOR)}\uffff`;
  return sendable.toWellFormed();
}
