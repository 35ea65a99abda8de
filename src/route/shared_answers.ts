import {
  clusterInfoSteps,
  encodeClusterInfo,
  encodeTopicList,
  topicListSteps,
} from "../protocol/route_data.ts";
import type { WorkSlice } from "../work_slice.ts";
import type { RouteView } from "./route_view.ts";
import type { RouteListener } from "./tables.ts";
import {
  systemTopics,
  topicsOfCluster,
  unitSubTopics,
  unitSubUnunitTopics,
  unitTopics,
} from "./topic_lists.ts";

/** Most answers kept. Each has maxAnswerBytes at most. */
const MOST_KEPT = 8;
/** Topics or groups up to which an answer is encoded at once: in slices it would take longer. */
const FEW = 2000;

type Encoded = Uint8Array | Promise<Uint8Array>;

interface Kept {
  readonly version: number;
  encoded: Encoded;
}

/** The data that an answer is encoded from. When it changes, the answer is encoded again. */
interface Source {
  /** Grows with each change. */
  readonly version: number;
  /** The number of entries that are looked at. */
  readonly size: number;
  at(): Uint8Array;
  steps(): Generator<void, Uint8Array>;
}

/**
 * Answers about all brokers and all topics. Each is encoded once until its data changes, and shared
 * by all requests. The caller must not change the bytes.
 */
export class SharedAnswers implements RouteListener {
  readonly #tables: RouteView;
  readonly #slice: WorkSlice;
  /** By name, the least recently requested first. */
  readonly #kept = new Map<string, Kept>();
  #topicChanges = 0;
  #brokerChanges = 0;
  #encodings = 0;

  /** @param tables the shared answers must subscribe to them */
  constructor(tables: RouteView, slice: WorkSlice) {
    this.#tables = tables;
    this.#slice = slice;
  }

  /** Number of answers that were encoded. */
  get encodings(): number {
    return this.#encodings;
  }

  topicChanged(): void {
    this.#topicChanges++;
  }

  brokerChanged(): void {
    this.#brokerChanges++;
  }

  /** The answer to GET_BROKER_CLUSTER_INFO. */
  clusterInfo(): Encoded {
    const tables = this.#tables;
    return this.#shared("cluster info", {
      version: this.#brokerChanges,
      size: tables.groupCount,
      at: () => encodeClusterInfo(tables.brokers(), tables.clusters()),
      steps: () => clusterInfoSteps(tables.brokers(), tables.clusters()),
    });
  }

  /** The answer to GET_ALL_TOPIC_LIST_FROM_NAMESERVER. */
  allTopics(): Encoded {
    return this.#topics("all", this.#tables.topicNamesVersion, () => this.#tables.topics());
  }

  /** The answer to GET_TOPICS_BY_CLUSTER. */
  topicsOfCluster(cluster: string): Encoded {
    // The others' names have no slash.
    return this.#topics(
      `cluster/${cluster}`,
      this.#topicChanges + this.#brokerChanges,
      () => topicsOfCluster(this.#tables, cluster),
    );
  }

  /** The answer to GET_UNIT_TOPIC_LIST. */
  unitTopics(): Encoded {
    return this.#topics("unit", this.#topicChanges, () => unitTopics(this.#tables));
  }

  /** The answer to GET_HAS_UNIT_SUB_TOPIC_LIST. */
  unitSubTopics(): Encoded {
    return this.#topics("unit sub", this.#topicChanges, () => unitSubTopics(this.#tables));
  }

  /** The answer to GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST. */
  unitSubUnunitTopics(): Encoded {
    return this.#topics("ununit", this.#topicChanges, () => unitSubUnunitTopics(this.#tables));
  }

  /** The answer to GET_SYSTEM_TOPIC_LIST_FROM_NS. */
  systemTopics(): Encoded {
    const named = () => systemTopics(this.#tables);
    return this.#shared("system", {
      version: this.#brokerChanges,
      size: this.#tables.groupCount,
      at: () => encodeTopicList(named().topics, named().brokerAddr),
      steps: () => topicListSteps(named().topics, named().brokerAddr),
    });
  }

  #topics(
    name: string,
    version: number,
    topics: () => Iterable<string | undefined>,
  ): Encoded {
    return this.#shared(name, {
      version,
      size: this.#tables.topicCount,
      at: () => encodeTopicList(topics()),
      steps: () => topicListSteps(topics()),
    });
  }

  #shared(name: string, { version, size, at, steps }: Source): Encoded {
    const known = this.#kept.get(name);
    this.#kept.delete(name);
    if (known?.version === version) {
      this.#kept.set(name, known);
      return known.encoded;
    }
    this.#encodings++;
    const kept: Kept = { version, encoded: size <= FEW ? at() : this.#slice.drive(steps()) };
    this.#kept.set(name, kept);
    if (kept.encoded instanceof Promise) {
      kept.encoded.then((bytes) => kept.encoded = bytes, () => this.#kept.delete(name));
    }
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return kept.encoded;
  }
}
