import { type Signal, useSignal } from "@preact/signals";
import { keepQuery, place } from "./router.ts";

/** The filters of a list, a search and a cluster, which the address keeps; and the page of it. */
export interface Narrowing {
  readonly search: string;
  readonly cluster: string;
  /** The cursors of the pages up to the one shown. */
  readonly cursors: Signal<readonly string[]>;
  /** Searches for another text, from the first page on. */
  readonly onSearch: (text: string) => void;
  /** Chooses another cluster, from the first page on; empty for all. */
  readonly onCluster: (cluster: string) => void;
}

/** The narrowing of the list of a page, at first as the address has it. */
export function useNarrowing(): Narrowing {
  const search = useSignal(place.peek().query.get("search") ?? "");
  const cluster = useSignal(place.peek().query.get("cluster") ?? "");
  const cursors = useSignal<readonly string[]>([]);

  function narrow(text: string, one: string): void {
    search.value = text;
    cluster.value = one;
    cursors.value = [];
    keepQuery({ search: text, cluster: one });
  }

  return {
    search: search.value,
    cluster: cluster.value,
    cursors,
    onSearch: (text) => narrow(text, cluster.value),
    onCluster: (one) => narrow(search.value, one),
  };
}
