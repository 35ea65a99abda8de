import { errorMessage } from "../error_message.ts";
import { type EtcdClient, EtcdError, type EtcdOperation, publicReason } from "../etcd/client.ts";
import type { Log } from "../log/log.ts";
import { sleep } from "../sleep.ts";
import { type BrokerSet, decodeBrokerSet, encodeBrokerSet } from "./broker_set.ts";
import { EtcdLeadership, type Term } from "./etcd_leadership.ts";
import { Places } from "./places.ts";
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

/** The sets as this controller knows them while it leads. */
interface Open {
  readonly term: Term;
  /** The revision of each stored set, by brokerName. */
  readonly revisions: Map<string, number>;
}

/** Milliseconds that etcd has for one try of a commit. */
const TIMEOUT = 1000;
/** Milliseconds between two tries. */
const RETRY = 100;
/** Milliseconds after which a leader whose commit has no outcome gives up. */
const LIMIT = 5000;
/** Commits that are sent to etcd at once: when a machine fails, it may have had many masters. */
const MOST_AT_ONCE = 32;

/**
 * Keeps the broker sets of several controllers in etcd, one key for each. Every commit demands that this
 * controller still leads, and that the set is as this controller stored it, so a leader that does not know yet
 * that it has been replaced stores nothing.
 */
export class EtcdStore implements ControllerStore {
  readonly #parts: EtcdStoreParts;
  readonly #leaderKey: string;
  readonly #setsKey: string;
  readonly #leadership: EtcdLeadership;
  readonly #places = new Places(MOST_AT_ONCE);
  readonly #commits = new Set<Promise<void>>();
  #events: LeadershipEvents | undefined;
  /** Absent while this controller does not lead. */
  #open: Open | undefined;

  constructor(parts: EtcdStoreParts) {
    this.#parts = parts;
    this.#leaderKey = `${parts.prefix}/controller/leader`;
    this.#setsKey = `${parts.prefix}/controller/sets/`;
    this.#leadership = new EtcdLeadership({
      ...parts,
      key: this.#leaderKey,
      begun: (term) => this.#lead(term),
      ended: (term, reason) => this.#follow(term, reason),
    });
  }

  get leader(): Leader | undefined {
    return this.leads ? this.#parts.self : this.#leadership.other;
  }

  get leads(): boolean {
    return this.#open !== undefined && this.#leadership.holds(this.#open.term);
  }

  get problem(): string | undefined {
    return this.#leadership.problem;
  }

  /** Begins to seek leadership. etcd may be out of reach. */
  start(events: LeadershipEvents): Promise<void> {
    this.#events = events;
    this.#leadership.start();
    return Promise.resolve();
  }

  commit(brokerName: string, set: BrokerSet | undefined): Promise<void> {
    const open = this.#open;
    if (open === undefined || !this.leads) return Promise.reject(new NotLeaderError());
    const commit = this.#places.run(() => this.#commit(open, brokerName, set))
      .finally(() => this.#commits.delete(commit));
    this.#commits.add(commit);
    return commit;
  }

  async stop(): Promise<void> {
    await this.#leadership.stop();
    await Promise.allSettled(this.#commits);
  }

  /** Reads the sets. From then on this controller answers as the leader. */
  async #lead(term: Term): Promise<void> {
    const sets = new Map<string, BrokerSet>();
    const revisions = new Map<string, number>();
    for await (const page of this.#parts.client.scan(this.#setsKey, { signal: term.signal })) {
      for (const { key, value, modRevision } of page.entries) {
        const set = this.#decode(key, value);
        sets.set(set.brokerName, set);
        revisions.set(set.brokerName, modRevision);
      }
    }
    if (!this.#leadership.holds(term)) throw new NotLeaderError();
    this.#open = { term, revisions };
    this.#events?.leading(sets);
  }

  #decode(key: string, value: string): BrokerSet {
    try {
      const set = decodeBrokerSet(JSON.parse(value));
      if (key !== this.#setsKey + set.brokerName) throw new Error("it has another name");
      return set;
    } catch (error) {
      throw new Error(`${key} in etcd is not a broker set: ${errorMessage(error)}`);
    }
  }

  #follow(term: Term, reason: string): void {
    if (this.#open?.term !== term) return;
    this.#open = undefined;
    this.#events?.following(reason);
  }

  async #commit(open: Open, brokerName: string, set: BrokerSet | undefined): Promise<void> {
    const { client, monotonic } = this.#parts;
    const { term, revisions } = open;
    // etcd would return another name, and no controller could lead with that set.
    if (!brokerName.isWellFormed()) {
      throw new StoreError("etcd takes only broker names that are valid Unicode (controllerStore)");
    }
    const key = this.#setsKey + brokerName;
    const value = set && encodeBrokerSet(set);
    const call = { timeoutMillis: TIMEOUT, signal: term.signal };
    const isLeader = { key: this.#leaderKey, createRevision: term.fence };
    const step: EtcdOperation = value === undefined
      ? { type: "delete", key }
      : { type: "put", key, value };
    const end = monotonic() + LIMIT;
    let isUnknown = false;
    while (this.#open === open && this.leads) {
      const known = revisions.get(brokerName) ?? 0;
      try {
        // Of several tries only one can be made: each demands the revision before it.
        const done = await client.transact({
          compare: [isLeader, { key, modRevision: known }],
          success: [step],
          failure: [{ type: "get", key: this.#leaderKey }, { type: "get", key }],
        }, call);
        const [leader, stored] = done.succeeded ? [] : done.found;
        if (!done.succeeded && leader?.createRevision !== term.fence) {
          this.#leadership.end(term, "another controller leads");
        } else if (done.succeeded || stored?.value === value) {
          if (value === undefined) revisions.delete(brokerName);
          else revisions.set(brokerName, stored?.modRevision ?? done.revision);
          // The answer may have waited here for longer than the lease lasted.
          if (this.leads) return;
        } else {
          this.#leadership.end(term, `${key} in etcd was changed by others`);
        }
        break;
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        isUnknown ||= error.maybeDone;
        const isOut = error.fault === "unavailable" || error.fault === "closed";
        if (!error.maybeDone && !isOut) {
          if (!isUnknown) {
            throw new StoreError(`the broker set can't be stored in etcd: ${publicReason(error)}`);
          }
          this.#leadership.end(
            term,
            `it is not known whether a broker set was stored: ${error.message}`,
          );
        } else if (monotonic() >= end) {
          this.#leadership.end(term, `a broker set was not stored within ${LIMIT / 1000} s`);
        }
      }
      await sleep(RETRY, term.signal);
    }
    throw new NotLeaderError();
  }
}
