import type { RouteView } from "../../route/route_view.ts";

/** A topic, and its name as a search sees it. */
export interface NamedTopic {
  readonly topic: string;
  /** The name in lower case. */
  readonly folded: string;
}

/**
 * The names of all topics for lists that are searched, again and again as somebody types. They are remembered
 * while no topic is added or removed, until the next garbage collection that finds them unused.
 */
export class TopicNames {
  readonly #tables: Pick<RouteView, "topics" | "topicNamesVersion">;
  #known: { readonly version: number; readonly topics: WeakRef<readonly NamedTopic[]> } | undefined;

  constructor(tables: Pick<RouteView, "topics" | "topicNamesVersion">) {
    this.#tables = tables;
  }

  /** All topics. To be visited at most once; tables may change meanwhile. */
  topics(): Iterable<NamedTopic> {
    const version = this.#tables.topicNamesVersion;
    const known = this.#known?.version === version ? this.#known.topics.deref() : undefined;
    return known ?? this.#collect(version);
  }

  *#collect(version: number): Generator<NamedTopic> {
    const topics: NamedTopic[] = [];
    for (const topic of this.#tables.topics()) {
      const named = { topic, folded: topic.toLowerCase() };
      topics.push(named);
      yield named;
    }
    if (version === this.#tables.topicNamesVersion) {
      this.#known = { version, topics: new WeakRef(topics) };
    }
  }
}
