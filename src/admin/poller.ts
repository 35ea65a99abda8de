import { RefusedError, ServerFailure } from "./failures.ts";
import type { NameServer } from "./name_server.ts";
import { probe } from "./ping.ts";
import { clusterInfo, countRestored, topicNames } from "./queries.ts";
import { type HttpPort, silentPort } from "./http_port.ts";
import type { RequestCounter } from "./request_counter.ts";

/** The state of a name server at one moment. */
export interface Sight {
  readonly server: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Why the server can't be read; the other fields are then `null`. */
  readonly failure: ServerFailure | null;
  /** Response time of a request that costs the server nothing. */
  readonly latencyMillis: number | null;
  /** Number of broker addresses. */
  readonly brokers: number | null;
  /** Number of those that the server knows only from its snapshot. */
  readonly restored: number | null;
  /** `null` also when the server refuses to list its topics. */
  readonly topics: number | null;
  /** From the server's metrics, since the last round; `null` where they are unavailable. */
  readonly requestsPerSecond: number | null;
  /** Why the metrics are unavailable, and what to do; `null` while they are available. */
  readonly noMetrics: string | null;
  /** Brokers added (`+`) and removed (`-`) since the last round. */
  readonly changes: readonly string[];
}

/** Milliseconds before unavailable metrics are tried again. */
const METRICS_RETRY = 10_000;

interface Seen {
  /** One text for each broker address. */
  readonly brokers: ReadonlySet<string>;
  readonly restored: number;
  readonly topics: ReadonlySet<string> | undefined;
}

/** How to get at a server's metrics. */
export interface MetricsAccess {
  find(): Promise<HttpPort>;
  counter(origin: string): RequestCounter;
}

/** Polls one name server. */
export class Poller {
  readonly #server: NameServer;
  readonly #metrics: MetricsAccess;
  /** Milliseconds since 1970. */
  readonly #now: () => number;
  #seen: Seen | undefined;
  #up: boolean | undefined;
  #counter: RequestCounter | undefined;
  #noMetrics: string | null = null;
  #counted: { requests: number; time: number } | undefined;
  #nextCount = 0;

  constructor(server: NameServer, metrics: MetricsAccess, now: () => number) {
    this.#server = server;
    this.#metrics = metrics;
    this.#now = now;
  }

  /** Reads the current state. */
  async look(): Promise<Sight> {
    const server = this.#server.address;
    // While the port is unknown, the server is asked for it after the latency was measured.
    const rate = this.#counter && this.#rate(this.#counter);
    try {
      await this.#server.connect();
      const asked = performance.now();
      await probe(this.#server);
      const latencyMillis = Math.round((performance.now() - asked) * 1000) / 1000;
      const seen = await this.#see();
      const changes = this.#changes(seen);
      const requestsPerSecond = await (rate ?? this.#firstRate());
      return {
        server,
        time: this.#now(),
        failure: null,
        latencyMillis,
        brokers: seen.brokers.size,
        restored: seen.restored,
        topics: seen.topics?.size ?? null,
        requestsPerSecond,
        noMetrics: this.#noMetrics,
        changes,
      };
    } catch (failure) {
      if (!(failure instanceof ServerFailure)) throw failure;
      const changes = this.#up === true ? ["- server"] : [];
      this.#up = false;
      await rate;
      return {
        server,
        time: this.#now(),
        failure,
        latencyMillis: null,
        brokers: null,
        restored: null,
        topics: null,
        requestsPerSecond: null,
        noMetrics: this.#noMetrics,
        changes,
      };
    }
  }

  async #see(): Promise<Seen> {
    const known = await clusterInfo(this.#server);
    const addresses = [...known.brokers.values()].flatMap(({ brokerName, brokerAddrs }) =>
      [...brokerAddrs].map(([id, address]) => `broker ${brokerName} ${id} ${address}`)
    );
    let topics: ReadonlySet<string> | undefined;
    try {
      topics = new Set(await topicNames(this.#server));
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
    return { brokers: new Set(addresses), restored: countRestored(known), topics };
  }

  #changes(seen: Seen): string[] {
    const before = this.#seen;
    const changes = this.#up === false && before !== undefined ? ["+ server"] : [];
    this.#seen = seen;
    this.#up = true;
    if (before === undefined) return changes;
    const topics = before.topics === undefined || seen.topics === undefined
      ? []
      : changed(before.topics, seen.topics, "topic ");
    return changes.concat(changed(before.brokers, seen.brokers, ""), topics);
  }

  async #firstRate(): Promise<number | null> {
    if (this.#now() < this.#nextCount) return null;
    const found = await this.#metrics.find();
    if ("reason" in found) return this.#withoutMetrics(found.reason);
    this.#counter = this.#metrics.counter(found.origin);
    return await this.#rate(this.#counter);
  }

  async #rate(counter: RequestCounter): Promise<number | null> {
    const before = this.#counted;
    const requests = await counter.read();
    if (requests === undefined) return this.#withoutMetrics(silentPort(counter.origin));
    const time = this.#now();
    this.#noMetrics = null;
    this.#counted = { requests, time };
    // A restarted server counts from zero.
    if (before === undefined || requests < before.requests) return null;
    const seconds = (time - before.time) / 1000;
    return seconds > 0 ? Math.round((requests - before.requests) / seconds) : null;
  }

  /** Looks for the metrics again later: a port that never answers must not slow down each round. */
  #withoutMetrics(reason: string): null {
    this.#noMetrics = reason;
    this.#counter = undefined;
    this.#counted = undefined;
    this.#nextCount = this.#now() + METRICS_RETRY;
    return null;
  }
}

function changed(before: ReadonlySet<string>, now: ReadonlySet<string>, what: string): string[] {
  return [
    ...[...now].filter((it) => !before.has(it)).map((it) => `+ ${what}${it}`),
    ...[...before].filter((it) => !now.has(it)).map((it) => `- ${what}${it}`),
  ];
}
