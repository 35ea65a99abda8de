import { errorMessage } from "../error_message.ts";
import { type EtcdClient, EtcdError, type EtcdOperation } from "../etcd/client.ts";
import type { Log } from "../log/log.ts";
import { sleep } from "../sleep.ts";
import { type BrokerSet, decodeBrokerSet, encodeBrokerSet } from "./broker_set.ts";
import {
  type ControllerStore,
  type Leader,
  type LeadershipEvents,
  NotLeaderError,
  StoreError,
} from "./store.ts";

/** Dependencies of an {@link EtcdStore}. */
export interface EtcdStoreParts {
  client: EtcdClient;
  /** The option etcdPrefix. */
  prefix: string;
  /** This controller. */
  self: Leader;
  log: Log;
  /** Milliseconds of a clock that stands still while the machine sleeps. */
  monotonic(): number;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** A time in which this controller leads. */
interface Term {
  /** The revision that created the key of the leader: a later leader has another one. */
  readonly fence: number;
  readonly lease: string;
  /** The revision of each stored set, by brokerName. */
  readonly revisions: Map<string, number>;
  readonly ended: AbortController;
  /** Until when the lease lasts for sure, by both clocks: a machine may sleep, and a clock be set. */
  until: { monotonic: number; now: number };
  /** Others may hear from this controller that it leads. */
  isOpen: boolean;
}

/** Seconds after which another controller may lead when the leader has fallen silent. */
const LEASE_SECONDS = 5;
/** Milliseconds before the end of its lease at which a leader stops. */
const MARGIN = 500;
/** Milliseconds between two renewals of the lease. */
const INTERVAL = 1000;
/** Milliseconds after which a controller that does not lead looks whether anybody does. */
const LOOK = 250;
/** Milliseconds that etcd has for a request about the leadership. */
const TIMEOUT = 1000;
/** Milliseconds between two tries of a commit whose outcome is unknown. */
const RETRY = 100;

/**
 * Keeps the broker sets of several controllers in etcd, which also decides who leads: the one whose lease
 * `<prefix>/controller/leader` has. Every commit demands that this is still so, and that the set is as
 * this controller stored it, so a leader that does not know yet that it has been replaced stores nothing.
 */
export class EtcdStore implements ControllerStore {
  readonly #parts: EtcdStoreParts;
  readonly #leaderKey: string;
  readonly #setsKey: string;
  readonly #stopped = new AbortController();
  #events: LeadershipEvents | undefined;
  #term: Term | undefined;
  /** Another controller that leads, and when it was last seen to. */
  #other: { leader: Leader; seen: number } | undefined;
  #isOut = false;
  #running: Promise<void> | undefined;
  readonly #commits = new Set<Promise<void>>();

  constructor(parts: EtcdStoreParts) {
    this.#parts = parts;
    this.#leaderKey = `${parts.prefix}/controller/leader`;
    this.#setsKey = `${parts.prefix}/controller/sets/`;
  }

  get leader(): Leader | undefined {
    if (this.leads) return this.#parts.self;
    const { monotonic } = this.#parts;
    const isKnown = this.#other !== undefined &&
      monotonic() - this.#other.seen < LEASE_SECONDS * 1000;
    return isKnown ? this.#other?.leader : undefined;
  }

  get leads(): boolean {
    const term = this.#term;
    if (term === undefined) return false;
    this.#check(term);
    return term.isOpen;
  }

  /** Begins to seek leadership. etcd may be out of reach. */
  start(events: LeadershipEvents): Promise<void> {
    this.#events = events;
    this.#running = this.#run();
    return Promise.resolve();
  }

  commit(brokerName: string, set: BrokerSet | undefined): Promise<void> {
    const term = this.#term;
    if (term === undefined || !this.leads) return Promise.reject(new NotLeaderError());
    const commit = this.#commit(term, brokerName, set).finally(() => this.#commits.delete(commit));
    this.#commits.add(commit);
    return commit;
  }

  async stop(): Promise<void> {
    const term = this.#term;
    if (term !== undefined) this.#end(term, "the name server is stopping");
    this.#stopped.abort();
    await Promise.allSettled(this.#commits);
    await this.#running;
    // So that the next one need not wait for the end of the lease.
    if (term !== undefined) await this.#revoke(term.lease);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        const term = await this.#campaign();
        this.#report(undefined);
        if (term === undefined) await sleep(LOOK, signal);
        else await this.#lead(term);
      } catch (error) {
        if (signal.aborted) return;
        this.#report(error);
        await sleep(INTERVAL * (0.5 + Math.random() / 2), signal);
      }
    }
  }

  /** Tries to become the leader. */
  async #campaign(): Promise<Term | undefined> {
    const { client, self } = this.#parts;
    const call = { timeoutMillis: TIMEOUT, signal: this.#stopped.signal };
    if (this.#follow(await client.get(this.#leaderKey, call))) return undefined;
    const until = this.#until();
    const { id: lease } = await client.grantLease(LEASE_SECONDS, call);
    const key = this.#leaderKey;
    await client.transact({
      compare: [{ key, createRevision: 0 }],
      success: [{ type: "put", key, value: JSON.stringify(self), lease }],
    }, call).catch((error) => {
      // Whether it was made is seen below.
      if (!(error instanceof EtcdError) || !error.maybeDone) throw error;
    });
    const found = await client.get(key, call);
    if (found?.lease !== lease) {
      await this.#revoke(lease);
      this.#follow(found);
      return undefined;
    }
    return {
      fence: found.createRevision,
      lease,
      revisions: new Map(),
      ended: new AbortController(),
      until,
      isOpen: false,
    };
  }

  /** Leads as long as the lease lasts. */
  async #lead(term: Term): Promise<void> {
    this.#other = undefined;
    this.#term = term;
    const renewing = this.#renew(term);
    try {
      const sets = await this.#readSets(term);
      if (this.#lasts(term) && this.#term === term) {
        term.isOpen = true;
        this.#report(undefined);
        this.#events?.leading(sets);
      }
    } catch (error) {
      this.#end(term, errorMessage(error));
      throw error;
    } finally {
      await renewing;
      await this.#revoke(term.lease);
    }
  }

  /** Keeps the lease alive. Resolves when the term has ended. */
  async #renew(term: Term): Promise<void> {
    const { client, monotonic } = this.#parts;
    const { signal } = term.ended;
    for (let next = monotonic() + INTERVAL; !signal.aborted;) {
      await sleep(Math.max(1, Math.min(next, term.until.monotonic) - monotonic()), signal);
      if (signal.aborted) return;
      this.#check(term);
      if (signal.aborted || monotonic() < next) continue;
      next = monotonic() + INTERVAL;
      const renewed = this.#until();
      // etcd may take longer to answer than the lease lasts.
      const end = setTimeout(() => this.#check(term), term.until.monotonic - monotonic());
      try {
        await client.keepLeaseAlive(term.lease, { timeoutMillis: TIMEOUT, signal });
        term.until = renewed;
      } catch (error) {
        if (error instanceof EtcdError && error.fault === "noLease") {
          return this.#end(term, "the lease has ended");
        }
        // Tried again until the lease ends.
      } finally {
        clearTimeout(end);
      }
    }
  }

  async #readSets(term: Term): Promise<Map<string, BrokerSet>> {
    const sets = new Map<string, BrokerSet>();
    for await (
      const { entries } of this.#parts.client.scan(this.#setsKey, {
        signal: term.ended.signal,
      })
    ) {
      for (const { key, value, modRevision } of entries) {
        try {
          const set = decodeBrokerSet(JSON.parse(value));
          if (key !== this.#setsKey + set.brokerName) throw new Error("it has another name");
          sets.set(set.brokerName, set);
          term.revisions.set(set.brokerName, modRevision);
        } catch (error) {
          throw new Error(`${key} in etcd is not a broker set: ${errorMessage(error)}`);
        }
      }
    }
    return sets;
  }

  async #commit(term: Term, brokerName: string, set: BrokerSet | undefined): Promise<void> {
    const { client } = this.#parts;
    const key = this.#setsKey + brokerName;
    const value = set && encodeBrokerSet(set);
    const call = { timeoutMillis: TIMEOUT, signal: term.ended.signal };
    const isLeader = { key: this.#leaderKey, createRevision: term.fence };
    const step: EtcdOperation = value === undefined
      ? { type: "delete", key }
      : { type: "put", key, value };
    while (this.#term === term && this.leads) {
      const known = term.revisions.get(brokerName) ?? 0;
      try {
        const done = await client.transact({
          compare: [isLeader, { key, modRevision: known }],
          success: [step],
          failure: [{ type: "get", key: this.#leaderKey }, { type: "get", key }],
        }, call);
        const [leader, stored] = done.succeeded ? [] : done.found;
        if (!done.succeeded && leader?.createRevision !== term.fence) {
          this.#end(term, "another controller leads");
          break;
        }
        // An earlier try may have been made although its answer was lost.
        if (done.succeeded || stored?.value === value) {
          if (value === undefined) term.revisions.delete(brokerName);
          else term.revisions.set(brokerName, stored?.modRevision ?? done.revision);
          return;
        }
        this.#end(term, `${key} in etcd was changed by others`);
        break;
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        const isOut = error.fault === "unavailable" || error.fault === "closed";
        if (!error.maybeDone && !isOut) {
          const reason = error.message.replace(/^https?:\/\/\S+: /, "");
          throw new StoreError(`the broker set can't be stored in etcd: ${reason}`);
        }
      }
      await sleep(RETRY, term.ended.signal);
    }
    throw new NotLeaderError();
  }

  /** Notes which other controller leads. Returns whether there is one. */
  #follow(found: { readonly value: string } | undefined): boolean {
    if (found === undefined) {
      this.#other = undefined;
      return false;
    }
    const leader = leaderOf(found.value);
    this.#other = leader && { leader, seen: this.#parts.monotonic() };
    return true;
  }

  #end(term: Term, reason: string): void {
    if (this.#term !== term) return;
    this.#term = undefined;
    term.ended.abort();
    if (!term.isOpen) return;
    term.isOpen = false;
    this.#parts.log.info("controller has lost its lease", { reason });
    this.#events?.following();
  }

  #check(term: Term): void {
    if (!this.#lasts(term)) this.#end(term, "the lease has ended");
  }

  #lasts({ until }: Term): boolean {
    const { monotonic, now } = this.#parts;
    return monotonic() < until.monotonic && now() < until.now;
  }

  /** How long a lease lasts for sure that etcd gets or renews later than now. */
  #until(): Term["until"] {
    const { monotonic, now } = this.#parts;
    const millis = LEASE_SECONDS * 1000 - MARGIN;
    return { monotonic: monotonic() + millis, now: now() + millis };
  }

  /** Without success, the lease ends by itself. */
  async #revoke(lease: string): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT);
    await this.#parts.client.revokeLease(lease, { timeoutMillis: TIMEOUT, signal }).catch(() => {});
  }

  #report(failure: unknown): void {
    const isOut = failure !== undefined;
    if (isOut === this.#isOut) return;
    this.#isOut = isOut;
    const { log } = this.#parts;
    if (isOut) log.warn("controller can't use etcd", { reason: errorMessage(failure) });
    else log.info("controller can use etcd again");
  }
}

function leaderOf(text: string): Leader | undefined {
  try {
    const { id, address } = Object(JSON.parse(text));
    return typeof id === "string" && typeof address === "string" ? { id, address } : undefined;
  } catch {
    return undefined;
  }
}
