import { Buffer } from "node:buffer";
import { compareConfigurations, type ConfigDifference } from "../compare/config_differences.ts";
import {
  compareBrokers,
  compareNamespace,
  compareRoutes,
  compareTopicNames,
  type Difference,
  type Differences,
  type Keys,
  sorted,
  type Table,
} from "../compare/differences.ts";
import type { LiveConfig } from "../config/live_config.ts";
import type { KvConfig } from "../kv/kv_config.ts";
import type { KvNamespace } from "../kv/kv_table.ts";
import { ORDER_TOPIC_CONFIG, RequestCode, ResponseCode } from "../protocol/codes.ts";
import type { BrokerData } from "../protocol/route_data.ts";
import {
  clusterInfoReading,
  decodeTopicRoute,
  kvTableReading,
  topicListReading,
} from "../protocol/route_reader.ts";
import type { OutgoingRequest } from "../remoting/wire/command.ts";
import type { RouteAnswers } from "../route/route_answers.ts";
import type { RouteView } from "../route/route_view.ts";
import { pickupTopicRoute } from "../route/topic_route.ts";
import type { WorkSlice } from "../work_slice.ts";
import { parseConfiguration } from "./configuration.ts";
import { NotTold, type OtherServer, unreadable } from "./other_server.ts";

/** Requests to the other server that are in flight at once. */
const IN_FLIGHT = 32;
/** Comparing steps after which the time is looked at. */
const STEPS = 64;

/** This server's data, which are compared with those of others. */
export interface OwnData {
  readonly tables: RouteView;
  readonly answers: Pick<RouteAnswers, "encode">;
  readonly kv: Pick<KvConfig, "namespaces" | "list">;
  readonly config: Pick<LiveConfig, "format">;
  readonly options: Readonly<{ supportActingMaster: boolean; compareMaxDifferences: number }>;
  readonly slice: WorkSlice;
}

/** Something that a server did not tell, so that nothing is known about it. */
export interface Gap {
  readonly server: string;
  readonly what: "connection" | "brokers" | "topics" | "routes" | "kv" | "config";
  /** Null when there was no response. */
  readonly code: number | null;
  readonly remark: string;
}

/** How another name server differs from this one. */
export interface ComparisonResult {
  readonly left: string;
  readonly right: string;
  readonly differences: readonly Difference[];
  /** The number of differences found, of which {@link differences} may be the first. */
  readonly total: number;
  readonly config: readonly ConfigDifference[];
  readonly partial: readonly Gap[];
  /** Whether a limit ended it: there may be more differences. */
  readonly truncated: boolean;
}

/**
 * One comparison of this server, on the left, with another one: brokers, topics, KV pairs and options
 * first, then the routes of all topics, which take a request each. Nothing of the other server is kept
 * but its names. What it does not tell is a gap, and is not compared.
 */
export class Comparison {
  readonly #own: OwnData;
  readonly #addresses: { readonly left: string; readonly right: string };
  readonly #differences: Difference[] = [];
  readonly #gaps = new Map<string, Gap & { count: number }>();
  #config: readonly ConfigDifference[] = [];
  #total = 0;
  #truncated = false;

  /** @param addresses names of this server and of the other one in the result */
  constructor(own: OwnData, addresses: { readonly left: string; readonly right: string }) {
    this.#own = own;
    this.#addresses = addresses;
  }

  /** Adds that the other server could not be reached. */
  unreachable(error: NotTold): void {
    this.#missing("connection", error);
  }

  /** Compares with the other server. */
  async run(other: OtherServer): Promise<void> {
    await this.#try("brokers", () => this.#compareBrokers(other));
    const topics = await this.#try("topics", () => this.#compareTopics(other));
    for (const namespace of this.#namespaces()) {
      await this.#try("kv", () => this.#compareKv(other, namespace));
    }
    await this.#try("config", () => this.#compareConfig(other));
    if (topics !== undefined) await this.#compareAllRoutes(other, topics);
  }

  /** The findings so far. */
  get result(): ComparisonResult {
    return {
      ...this.#addresses,
      differences: sorted(this.#differences),
      total: this.#total,
      config: this.#config,
      partial: Array.from(this.#gaps.values(), ({ count, ...gap }) => ({
        ...gap,
        remark: count === 1 ? gap.remark : `${gap.remark} (${count} times)`,
      })),
      truncated: this.#truncated || this.#total > this.#differences.length,
    };
  }

  async #compareBrokers(other: OtherServer): Promise<void> {
    const body = await this.#body(other, { code: RequestCode.GET_BROKER_CLUSTER_INFO });
    const { brokers } = await this.#read(clusterInfoReading(body));
    const own = new Map<string, BrokerData>();
    for (const broker of this.#own.tables.brokers()) own.set(broker.brokerName, broker);
    await this.#collect(compareBrokers(own, brokers));
  }

  async #compareTopics(other: OtherServer): Promise<Keys<string>> {
    const code = RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER;
    const topics = new Set(await this.#read(topicListReading(await this.#body(other, { code }))));
    await this.#collect(compareTopicNames(this.#ownTopics(), topics));
    return topics;
  }

  #ownTopics(): Keys<string> {
    const { tables } = this.#own;
    return {
      has: (topic) => tables.queueDatas(topic) !== undefined,
      keys: () => tables.topics(),
    };
  }

  /** The namespaces of this server: there is no request that lists those of another one. */
  #namespaces(): Set<string> {
    const names = new Set([ORDER_TOPIC_CONFIG]);
    for (const [namespace] of this.#own.kv.namespaces()) names.add(namespace);
    return names;
  }

  async #compareKv(other: OtherServer, namespace: string): Promise<void> {
    const { code, body } = await other.ask({
      code: RequestCode.GET_KVLIST_BY_NAMESPACE,
      extFields: [["namespace", namespace]],
    }, [ResponseCode.QUERY_NOT_FOUND]);
    const theirs = code === ResponseCode.SUCCESS
      ? await this.#read(kvTableReading(body ?? new Uint8Array()))
      : undefined;
    const ours = this.#own.kv.list(namespace);
    await this.#collect(compareNamespace(namespace, ours && tableOf(ours), theirs));
  }

  async #compareConfig(other: OtherServer): Promise<void> {
    const body = await this.#body(other, { code: RequestCode.GET_NAMESRV_CONFIG });
    const { left, right } = this.#addresses;
    const text = new TextDecoder();
    this.#config = compareConfigurations(
      new Map([
        [left, parseConfiguration(this.#own.config.format())],
        [right, parseConfiguration(text.decode(body))],
      ]),
    );
  }

  async #compareAllRoutes(other: OtherServer, theirs: Keys<string>): Promise<void> {
    const topics = this.#topicsOfBoth(theirs);
    let over = false;
    const work = async () => {
      for (;;) {
        const { value: topic, done } = topics.next();
        if (done || over) return;
        try {
          await this.#compareRoute(other, topic, theirs.has(topic));
        } catch (error) {
          if (!(error instanceof NotTold)) throw error;
          this.#missing("routes", error);
          // Refused for one topic, others may be told.
          if (error.code === null) over = true;
        }
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
  }

  *#topicsOfBoth(theirs: Keys<string>): Generator<string, undefined> {
    yield* theirs.keys();
    for (const topic of this.#own.tables.topics()) if (!theirs.has(topic)) yield topic;
    return undefined;
  }

  async #compareRoute(other: OtherServer, topic: string, isTheirs: boolean): Promise<void> {
    const { tables, answers, options, slice } = this.#own;
    const body = isTheirs ? await this.#routeBody(other, topic) : undefined;
    const steps = slice.run(() => {
      // Equal bytes are most frequent by far, and cheaper to compare than what they mean.
      const own = body && answers.encode(topic, { dialect: "standard" });
      if (own !== undefined && body !== undefined && Buffer.compare(own, body) === 0) {
        return undefined;
      }
      try {
        const left = pickupTopicRoute(tables, topic, options);
        return compareRoutes(topic, left, body && decodeTopicRoute(body));
      } catch (error) {
        throw unreadable(error);
      }
    });
    if (steps !== undefined) await this.#collect(steps);
    else if (slice.over) await slice.turn();
  }

  async #routeBody(other: OtherServer, topic: string): Promise<Uint8Array | undefined> {
    const { code, body } = await other.ask({
      code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
      extFields: [["topic", topic], ["acceptStandardJsonOnly", "true"]],
    }, [ResponseCode.TOPIC_NOT_EXIST]);
    return code === ResponseCode.SUCCESS ? body ?? new Uint8Array() : undefined;
  }

  async #body(other: OtherServer, request: Pick<OutgoingRequest, "code">): Promise<Uint8Array> {
    const { body } = await other.ask({ ...request, extFields: [] });
    return body ?? new Uint8Array();
  }

  /** Reads a body in slices. */
  async #read<T>(steps: Iterator<void, T>): Promise<T> {
    try {
      return await this.#own.slice.drive(steps);
    } catch (error) {
      throw unreadable(error);
    }
  }

  /** Takes the differences, in slices. */
  async #collect(differences: Differences): Promise<void> {
    const { slice, options } = this.#own;
    const step = () => {
      for (let i = 0; i < STEPS; i++) {
        const { value, done } = differences.next();
        if (done) return false;
        if (value === undefined) continue;
        this.#total++;
        if (this.#differences.length < options.compareMaxDifferences) this.#differences.push(value);
      }
      return true;
    };
    while (slice.run(step)) if (slice.over) await slice.turn();
  }

  async #try<T>(what: Gap["what"], compare: () => Promise<T>): Promise<T | undefined> {
    try {
      return await compare();
    } catch (error) {
      if (!(error instanceof NotTold)) throw error;
      this.#missing(what, error);
      return undefined;
    }
  }

  /** Equal gaps are counted. */
  #missing(what: Gap["what"], { code, remark, limit }: NotTold): void {
    if (limit) this.#truncated = true;
    const key = `${what} ${code}`;
    const known = this.#gaps.get(key);
    if (known !== undefined) known.count++;
    else this.#gaps.set(key, { server: this.#addresses.right, what, code, remark, count: 1 });
  }
}

function tableOf(namespace: KvNamespace): Table<string, string> {
  return {
    get: (key) => namespace.get(key),
    has: (key) => namespace.get(key) !== undefined,
    *keys() {
      for (const [key] of namespace) yield key;
    },
  };
}
