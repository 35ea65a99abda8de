import { signal } from "@preact/signals";

/** Where the console is: a page, and the name that it is about. */
export interface Place {
  readonly page: string;
  readonly name: string | undefined;
  /** The filters of the page, e.g. `search`. */
  readonly query: URLSearchParams;
}

/** The page when the address names none. */
export const FIRST_PAGE = "overview";

/** Where the console is now. */
export const place = signal<Place>(placeOf(location.hash));

addEventListener("hashchange", () => place.value = placeOf(location.hash));

/** The address of a page, e.g. `#/topics/%25RETRY%25group`. */
export function href(page: string, name?: string): string {
  return name === undefined ? `#/${page}` : `#/${page}/${encodeURIComponent(name)}`;
}

/** Goes to a page. */
export function navigate(page: string, name?: string): void {
  location.hash = href(page, name);
}

/** Keeps in the address what the page is narrowed to, so that the way back leads there. */
export function keepQuery(query: Record<string, string>): void {
  const [path] = location.hash.split("?");
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  history.replaceState(null, "", text.size === 0 ? `${path}` : `${path}?${text}`);
}

function placeOf(hash: string): Place {
  const [, page = "", name, query] = /^#\/([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(hash) ?? [];
  return {
    page: page || FIRST_PAGE,
    name: name ? decode(name) : undefined,
    query: new URLSearchParams(query),
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
