import { errorMessage } from "../error_message.ts";
import { type EtcdCall, type EtcdClient, EtcdError, publicReason } from "../etcd/client.ts";
import type { Log } from "../log/log.ts";
import { sleep } from "../sleep.ts";
import type { Leader } from "./store.ts";

/** Dependencies of an {@link EtcdLeadership}. */
export interface EtcdLeadershipParts {
  client: EtcdClient;
  /** The key of the leader in etcd. */
  key: string;
  /** This controller. */
  self: Leader;
  log: Log;
  /** Milliseconds of a clock that stands still while the machine sleeps. */
  monotonic(): number;
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Called when a term has begun. If it rejects, this controller gives the term up.
   *
   * @throws {Error} saying why this controller can't lead
   */
  begun(term: Term): Promise<void>;
  /** Called when a term ends, before another controller can lead. Must not throw. */
  ended(term: Term, reason: string): void;
}

/** A time in which the leader's key is this controller's. */
export interface Term {
  /** The revision that created the key: a later leader has another one. */
  readonly fence: number;
  /** Comes when the term ends. */
  readonly signal: AbortSignal;
}

interface OwnTerm extends Term {
  readonly lease: string;
  readonly controller: AbortController;
  /** Until when the lease lasts for sure, by both clocks: a machine may sleep, and a clock be set. */
  until: { monotonic: number; now: number };
}

/** Seconds after which another controller may lead when the leader has fallen silent. */
const LEASE_SECONDS = 5;
/** Milliseconds before the end of its lease at which a leader stops. */
const MARGIN = 500;
/** Milliseconds between two renewals of the lease, and between two looks at the key of another leader. */
const INTERVAL = 1000;
/** Milliseconds that etcd has for a request. */
const TIMEOUT = 1000;

/**
 * Decides which controller leads: the one whose lease the leader's key in etcd has. A watch of that key tells
 * the others when it is free. The watch is only a hint: without it they look once a second.
 */
export class EtcdLeadership {
  readonly #parts: EtcdLeadershipParts;
  readonly #stopped = new AbortController();
  /** Ends the rest between two looks. */
  #woken = new AbortController();
  #term: OwnTerm | undefined;
  /** Another controller that leads, and when it was last seen to. */
  #other: { leader: Leader; seen: number } | undefined;
  /** The lease of a term that has ended, if etcd could not be told: it may have the leader's key still. */
  #unrevoked: string | undefined;
  /** Since when the leader's key names this controller without being its own. */
  #doubleSince: number | undefined;
  #problem: string | undefined = "the name server has just started";
  #isOut = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: EtcdLeadershipParts) {
    this.#parts = parts;
  }

  /** Another controller that leads, as far as this one knows. */
  get other(): Leader | undefined {
    const { monotonic } = this.#parts;
    const other = this.#other;
    const isFresh = other !== undefined && monotonic() - other.seen < LEASE_SECONDS * 1000;
    return isFresh ? other.leader : undefined;
  }

  /** Why this controller can't lead, and does not know who does; `undefined` when it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Begins to seek leadership. etcd may be out of reach. */
  start(): void {
    this.#running = Promise.all([this.#run(), this.#watch()]);
  }

  /** Ends the term, and lets another controller lead. Waits a second for etcd at most. */
  async stop(): Promise<void> {
    if (this.#term !== undefined) this.end(this.#term, "the name server is stopping");
    this.#stopped.abort();
    this.#woken.abort();
    await this.#running;
  }

  /** Whether a term lasts. Looks at the clocks, and ends the term if its lease may be over. */
  holds(term: Term): boolean {
    const own = this.#term;
    if (own !== term) return false;
    const { monotonic, now } = this.#parts;
    if (monotonic() < own.until.monotonic && now() < own.until.now) return true;
    this.end(term, "the lease was not renewed in time");
    return false;
  }

  /** Ends a term, if it has not ended yet. */
  end(term: Term, reason: string): void {
    const own = this.#term;
    if (own !== term) return;
    this.#term = undefined;
    own.controller.abort();
    this.#parts.ended(term, reason);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      // Before the look, so that no news after it is lost.
      const woken = this.#woken = new AbortController();
      try {
        const term = await this.#campaign();
        if (signal.aborted && term === undefined) return;
        if (term === undefined) {
          this.#report(undefined);
          await sleep(INTERVAL, woken.signal);
        } else {
          await this.#lead(term);
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#report(error);
        await sleep(INTERVAL * (0.5 + Math.random() / 2), signal);
      }
    }
  }

  async #watch(): Promise<void> {
    const { client, key } = this.#parts;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        for await (const _ of client.watch({ prefix: key, fromRevision: 0, signal })) {
          this.#woken.abort();
        }
      } catch {
        // From now on again: the look finds out what was missed.
      }
      await sleep(INTERVAL, signal);
    }
  }

  /** Tries to become the leader. */
  async #campaign(): Promise<OwnTerm | undefined> {
    const { client, key } = this.#parts;
    const call = { timeoutMillis: TIMEOUT, signal: this.#stopped.signal };
    const found = await client.get(key, call);
    if (found?.lease === "0") {
      // Put by hand or copied from another etcd.
      throw new Error(`${key} in etcd has no lease, so it never ends: delete it`);
    }
    if (found !== undefined && found.lease === this.#unrevoked) await this.#revoke(found.lease);
    else if (this.#follow(found)) return undefined;
    const until = this.#until();
    const { id: lease } = await client.grantLease(LEASE_SECONDS, call);
    let fence: number | undefined;
    try {
      fence = await this.#takeKey(lease, call);
    } finally {
      if (fence === undefined) await this.#revoke(lease);
    }
    if (fence === undefined) return undefined;
    const controller = new AbortController();
    return { fence, lease, controller, signal: controller.signal, until };
  }

  /** Puts the leader's key unless it exists. Returns the revision that created it, if it is this one's. */
  async #takeKey(lease: string, call: EtcdCall): Promise<number | undefined> {
    const { client, key, self } = this.#parts;
    try {
      const { succeeded, revision, found } = await client.transact({
        compare: [{ key, createRevision: 0 }],
        success: [{ type: "put", key, value: JSON.stringify(self), lease }],
        failure: [{ type: "get", key }],
      }, call);
      if (succeeded) return revision;
      this.#follow(found[0]);
      return undefined;
    } catch (error) {
      if (!(error instanceof EtcdError) || !error.maybeDone) throw error;
    }
    // The answer was lost. Should the key still be put after this, its lease has been revoked by then.
    const found = await client.get(key, call);
    if (found?.lease === lease) return found.createRevision;
    this.#follow(found);
    return undefined;
  }

  /** Leads as long as the lease lasts. */
  async #lead(term: OwnTerm): Promise<void> {
    this.#other = undefined;
    this.#doubleSince = undefined;
    this.#term = term;
    // The stop may have come before there was a term to end.
    if (this.#stopped.signal.aborted) this.end(term, "the name server is stopping");
    const renewing = this.#renew(term);
    try {
      await this.#parts.begun(term);
      this.#report(undefined);
    } catch (error) {
      const isOver = !this.holds(term);
      this.end(term, errorMessage(error));
      throw isOver ? new Error("the lease ended while the broker sets were read") : error;
    } finally {
      await renewing;
      await this.#revoke(term.lease);
    }
  }

  /** Keeps the lease alive. Resolves when the term has ended. */
  async #renew(term: OwnTerm): Promise<void> {
    const { client, monotonic } = this.#parts;
    const { signal } = term;
    for (let next = monotonic() + INTERVAL; !signal.aborted;) {
      await sleep(Math.max(1, Math.min(next, term.until.monotonic) - monotonic()), signal);
      if (!this.holds(term)) return;
      if (monotonic() < next) continue;
      next = monotonic() + INTERVAL;
      const renewed = this.#until();
      // etcd may take longer to answer than the lease lasts.
      const end = setTimeout(() => this.holds(term), term.until.monotonic - monotonic());
      try {
        await client.keepLeaseAlive(term.lease, { timeoutMillis: TIMEOUT, signal });
        term.until = renewed;
      } catch (error) {
        if (error instanceof EtcdError && error.fault === "noLease") {
          return this.end(term, "etcd has ended the lease");
        }
        // Tried again until the lease ends.
      } finally {
        clearTimeout(end);
      }
    }
  }

  /** How long a lease lasts for sure that etcd grants or renews later than now. */
  #until(): OwnTerm["until"] {
    const { monotonic, now } = this.#parts;
    const millis = LEASE_SECONDS * 1000 - MARGIN;
    return { monotonic: monotonic() + millis, now: now() + millis };
  }

  /** Notes which other controller leads. Returns whether there is one. */
  #follow(found: { readonly value: string } | undefined): boolean {
    const { self, log, monotonic } = this.#parts;
    const leader = found && leaderOf(found.value);
    if (leader?.id === self.id) {
      // It was this controller, before a restart or a lost answer. That lasts as long as a lease.
      this.#other = undefined;
      this.#doubleSince ??= monotonic();
      if (monotonic() - this.#doubleSince < 2 * LEASE_SECONDS * 1000) return true;
      throw new Error(
        `another controller leads as ${leader.id} (${leader.address}): each needs an id of its own ` +
          "(controllerDLegerSelfId, jRaftServerId)",
      );
    }
    this.#doubleSince = undefined;
    if (leader !== undefined && leader.id !== this.#other?.leader.id) {
      log.info("another controller leads", { id: leader.id, addr: leader.address });
    }
    this.#other = leader && { leader, seen: monotonic() };
    return found !== undefined;
  }

  /** Ends a lease, so that the next leader need not wait for its end. */
  async #revoke(lease: string): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT);
    try {
      await this.#parts.client.revokeLease(lease, { timeoutMillis: TIMEOUT, signal });
    } catch {
      this.#unrevoked = lease;
    }
  }

  #report(failure: unknown): void {
    this.#problem = failure === undefined ? undefined : publicReason(failure);
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
