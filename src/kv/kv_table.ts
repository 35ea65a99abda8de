import { Buffer } from "node:buffer";
import { jsonString } from "../protocol/fastjson_writer.ts";

/**
 * Bytes of JSON that stand together. A change encodes its page anew, and the file is a concatenation
 * of pages.
 */
const PAGE_BYTES = 32 * 1024;
/** A page that shrinks below this is joined with the last one, so that no page is nearly empty. */
const SMALL_PAGE_BYTES = PAGE_BYTES / 4;

const utf8 = new TextEncoder();
const COMMA = utf8.encode(",");

/** Entries and their JSON, `"key":"value","key":"value"`. Never changed. */
interface Page {
  readonly values: ReadonlyMap<string, string>;
  readonly json: Uint8Array;
}

/** The place of a page: a change replaces the page, and the place stays. */
interface Place {
  page: Page;
}

const EMPTY: Page = { values: new Map(), json: new Uint8Array() };

/** A namespace for readers: what is on disk now. Entries are in the order in which they came. */
export interface KvNamespace extends Iterable<readonly [key: string, value: string]> {
  /** Number of entries. */
  readonly size: number;
  /** Bytes of the entries' JSON in UTF-8, with a comma for each. */
  readonly bytes: number;
  get(key: string): string | undefined;
  /** `{"table":{...}}`, encoded once until the namespace changes. */
  list(): Uint8Array;
}

class Namespace implements KvNamespace {
  /** The name as JSON. */
  readonly name: Uint8Array;
  readonly places = new Set<Place>();
  /** The page of each key. */
  readonly index = new Map<string, Place>();
  last: Place | undefined;
  bytes = 0;
  encoded: Uint8Array | undefined;

  constructor(name: string) {
    this.name = utf8.encode(jsonString(name));
  }

  get size(): number {
    return this.index.size;
  }

  get(key: string): string | undefined {
    return this.index.get(key)?.page.values.get(key);
  }

  *[Symbol.iterator](): Generator<readonly [string, string]> {
    for (const { page } of this.places) yield* page.values;
  }

  list(): Uint8Array {
    return this.encoded ??= Buffer.concat([
      utf8.encode('{"table":{'),
      ...joined(this.places.values().map(({ page }) => page)),
      utf8.encode("}}"),
    ]);
  }
}

/** A page that is being changed. */
interface OpenPage {
  readonly values: Map<string, string>;
  bytes: number;
}

/** Changes of one namespace that no reader sees yet. */
class NamespaceDraft {
  readonly base: Namespace;
  bytes: number;
  size: number;
  readonly #open = new Map<Place, OpenPage>();
  readonly #index = new Map<string, Place | undefined>();
  readonly #sealed = new Map<Place, Page>();
  #last: Place | undefined;

  constructor(base: Namespace) {
    this.base = base;
    this.bytes = base.bytes;
    this.size = base.size;
    this.#last = base.last;
  }

  get(key: string): string | undefined {
    const place = this.#placeOf(key);
    return place && (this.#open.get(place) ?? place.page).values.get(key);
  }

  put(key: string, value: string): void {
    const bytes = bytesOfEntry(key, value);
    const place = this.#placeOf(key);
    if (place !== undefined) {
      const page = this.#opened(place);
      const before = bytesOfEntry(key, page.values.get(key) ?? "");
      if (page.values.size === 1 || page.bytes - before + bytes <= PAGE_BYTES) {
        page.values.set(key, value);
        page.bytes += bytes - before;
        this.bytes += bytes - before;
        return;
      }
      this.delete(key);
    }
    this.#append(key, value, bytes);
    this.bytes += bytes;
    this.size++;
  }

  delete(key: string): void {
    const place = this.#placeOf(key);
    if (place === undefined) return;
    const page = this.#opened(place);
    const bytes = bytesOfEntry(key, page.values.get(key) ?? "");
    page.values.delete(key);
    page.bytes -= bytes;
    this.#index.set(key, undefined);
    this.bytes -= bytes;
    this.size--;
    if (page.bytes >= SMALL_PAGE_BYTES || place === this.#last) return;
    for (const [other, value] of page.values) {
      this.#append(other, value, bytesOfEntry(other, value));
    }
    page.values.clear();
    page.bytes = 0;
  }

  /** Encodes the changed pages, one a step. */
  *seal(): Generator<void, void> {
    for (const [place, { values }] of this.#open) {
      this.#sealed.set(place, { values, json: jsonOfEntries(values) });
      yield;
    }
  }

  /** The pages with the changes, which must be sealed. */
  *pages(): Generator<Page> {
    for (const place of this.base.places) yield this.#sealed.get(place) ?? place.page;
    for (const [place, page] of this.#sealed) if (!this.base.places.has(place)) yield page;
  }

  /** Shows the sealed changes to readers. */
  commit(): void {
    const { base } = this;
    for (const [place, page] of this.#sealed) {
      place.page = page;
      if (page.values.size > 0 || place === this.#last) base.places.add(place);
      else base.places.delete(place);
    }
    for (const [key, place] of this.#index) {
      if (place === undefined) base.index.delete(key);
      else base.index.set(key, place);
    }
    base.last = this.#last;
    base.bytes = this.bytes;
    base.encoded = undefined;
  }

  #placeOf(key: string): Place | undefined {
    return this.#index.has(key) ? this.#index.get(key) : this.base.index.get(key);
  }

  #opened(place: Place): OpenPage {
    let page = this.#open.get(place);
    if (page === undefined) {
      const { values, json } = place.page;
      page = { values: new Map(values), bytes: json.length + (values.size > 0 ? 1 : 0) };
      this.#open.set(place, page);
    }
    return page;
  }

  #append(key: string, value: string, bytes: number): void {
    let page = this.#last && this.#opened(this.#last);
    if (page === undefined || (page.values.size > 0 && page.bytes + bytes > PAGE_BYTES)) {
      this.#last = { page: EMPTY };
      page = this.#opened(this.#last);
    }
    page.values.set(key, value);
    page.bytes += bytes;
    this.#index.set(key, this.#last);
  }
}

/**
 * The KV table in memory, namespace -> key -> value, kept as encoded pages. It changes by
 * {@link KvDraft}s alone.
 */
export class KvTable {
  /** By name. A draft changes it when it is committed. */
  readonly #namespaces = new Map<string, Namespace>();
  #bytes = 0;
  #values = 0;

  /** Bytes of the table's JSON in UTF-8, without the braces around all of it. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Number of values. */
  get values(): number {
    return this.#values;
  }

  /** Number of namespaces. */
  get size(): number {
    return this.#namespaces.size;
  }

  namespace(name: string): KvNamespace | undefined {
    return this.#namespaces.get(name);
  }

  namespaces(): Iterable<readonly [name: string, namespace: KvNamespace]> {
    return this.#namespaces;
  }

  /** Begins changes. Only one draft may be in work at a time. */
  draft(): KvDraft {
    return new KvDraft(
      this.#namespaces,
      { bytes: this.#bytes, values: this.#values },
      ({ bytes, values }) => {
        this.#bytes = bytes;
        this.#values = values;
      },
    );
  }
}

/** Sizes of a table. */
interface Totals {
  bytes: number;
  values: number;
}

/** Changes of a table that no reader sees until they are committed. */
export class KvDraft {
  readonly #namespaces: Map<string, Namespace>;
  readonly #totals: Totals;
  readonly #done: (totals: Totals) => void;
  readonly #drafts = new Map<string, NamespaceDraft>();
  #added = 0;

  constructor(
    namespaces: Map<string, Namespace>,
    totals: Totals,
    done: (totals: Totals) => void,
  ) {
    this.#namespaces = namespaces;
    this.#totals = totals;
    this.#done = done;
  }

  /** Bytes of the table with the changes. */
  get bytes(): number {
    return this.#totals.bytes;
  }

  /** Number of values with the changes. */
  get values(): number {
    return this.#totals.values;
  }

  /** Number of namespaces with the changes. */
  get size(): number {
    return this.#namespaces.size + this.#added;
  }

  /** Bytes of a namespace with the changes; `undefined` when there is none. */
  bytesOf(namespace: string): number | undefined {
    return (this.#drafts.get(namespace) ?? this.#namespaces.get(namespace))?.bytes;
  }

  get(namespace: string, key: string): string | undefined {
    return (this.#drafts.get(namespace) ?? this.#namespaces.get(namespace))?.get(key);
  }

  /** Adds a namespace, unless it is there. */
  add(namespace: string): void {
    if (this.bytesOf(namespace) === undefined) this.#draftOf(namespace);
  }

  put(namespace: string, key: string, value: string): void {
    this.#counted(this.#draftOf(namespace), (draft) => draft.put(key, value));
  }

  delete(namespace: string, key: string): void {
    this.#counted(this.#draftOf(namespace), (draft) => draft.delete(key));
  }

  /** Encodes what has changed, a page a step. */
  *seal(): Generator<void, void> {
    for (const draft of this.#drafts.values()) yield* draft.seal();
  }

  /** The file with the sealed changes, `{"configTable":{...}}`, in pieces of any size. */
  *file(): Generator<Uint8Array> {
    yield utf8.encode('{"configTable":{');
    let first = true;
    for (const { name, pages } of this.#all()) {
      if (!first) yield COMMA;
      first = false;
      yield name;
      yield utf8.encode(":{");
      yield* joined(pages);
      yield utf8.encode("}");
    }
    yield utf8.encode("}}");
  }

  /** Shows the sealed changes to readers. The draft must not be used any more. */
  commit(): void {
    for (const [name, draft] of this.#drafts) {
      draft.commit();
      this.#namespaces.set(name, draft.base);
    }
    this.#done(this.#totals);
  }

  *#all(): Generator<{ name: Uint8Array; pages: Iterable<Page> }> {
    for (const [key, { name, places }] of this.#namespaces) {
      const pages = this.#drafts.get(key)?.pages() ?? places.values().map(({ page }) => page);
      yield { name, pages };
    }
    for (const [key, draft] of this.#drafts) {
      if (!this.#namespaces.has(key)) yield { name: draft.base.name, pages: draft.pages() };
    }
  }

  #draftOf(namespace: string): NamespaceDraft {
    let draft = this.#drafts.get(namespace);
    if (draft === undefined) {
      const known = this.#namespaces.get(namespace);
      if (known === undefined) {
        this.#added++;
        this.#totals.bytes += bytesOfName(namespace);
      }
      draft = new NamespaceDraft(known ?? new Namespace(namespace));
      this.#drafts.set(namespace, draft);
    }
    return draft;
  }

  #counted(draft: NamespaceDraft, change: (draft: NamespaceDraft) => void): void {
    const { bytes, size } = draft;
    change(draft);
    this.#totals.bytes += draft.bytes - bytes;
    this.#totals.values += draft.size - size;
  }
}

/** Bytes of an entry in the file, with a comma. */
export function bytesOfEntry(key: string, value: string): number {
  return Buffer.byteLength(jsonString(key)) + Buffer.byteLength(jsonString(value)) + 2;
}

/** Bytes of an empty namespace in the file, with a comma: `"name":{},`. */
export function bytesOfName(namespace: string): number {
  return Buffer.byteLength(jsonString(namespace)) + 4;
}

function jsonOfEntries(values: ReadonlyMap<string, string>): Uint8Array {
  const members: string[] = [];
  for (const [key, value] of values) members.push(`${jsonString(key)}:${jsonString(value)}`);
  return utf8.encode(members.join(","));
}

/** The JSON of pages, with commas between those that are not empty. */
function* joined(pages: Iterable<Page>): Generator<Uint8Array> {
  let first = true;
  for (const { json } of pages) {
    if (json.length === 0) continue;
    if (!first) yield COMMA;
    first = false;
    yield json;
  }
}
