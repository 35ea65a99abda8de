import type { Log } from "../log/log.ts";
import type { WorkSlice } from "../work_slice.ts";
import { ChangeCollector, type ChangeCollectorParts } from "./change_collector.ts";
import { EventRing } from "./event_ring.ts";
import { type ChangeEvent, dataOf, type EventName, EVENTS, type GapReason } from "./events.ts";
import { passes } from "./filter.ts";
import { type EventSink, type Wanted, Watcher } from "./watcher.ts";

/** Milliseconds for which changes are collected before they become events. */
const WINDOW = 100;
/** Events that are made before watchers get them, and the network its turn. */
const EVENTS_A_TURN = 64;

/** Options that a {@link ChangeFeed} reads each time it needs them. */
export interface WatchOptions {
  readonly supportActingMaster: boolean;
  readonly watchNamedTopics: number;
  readonly watchMaxWatchers: number;
  readonly watchMaxUnreadBytes: number;
  readonly watchHistoryBytes: number;
  readonly watchKeepAliveSeconds: number;
}

/** Dependencies of a {@link ChangeFeed}. */
export interface ChangeFeedParts {
  readonly tables: ChangeCollectorParts["tables"];
  readonly kv: ChangeCollectorParts["kv"];
  readonly options: WatchOptions;
  readonly slice: WorkSlice;
  readonly log: Log;
  /** A text without blanks that no other run of a name server has. */
  readonly generation: string;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Makes events of changes, keeps the latest, and sends them to watchers. */
export class ChangeFeed {
  /** Must be subscribed to everything that changes. */
  readonly changes: ChangeCollector;
  readonly #parts: ChangeFeedParts;
  readonly #ring: EventRing;
  readonly #watchers = new Set<Watcher>();
  readonly #events = Object.fromEntries(Object.keys(EVENTS).map((name) => [name, 0])) as Record<
    EventName,
    number
  >;
  readonly #gaps: Record<GapReason, number> = { otherProcess: 0, tooOld: 0, unnamedTopics: 0 };
  /** Watchers that have a place, those that have not begun included. */
  #places = 0;
  #state: "new" | "started" | "stopped" = "new";
  #publishing = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #keepAliveTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: ChangeFeedParts) {
    const { tables, kv, options, generation } = parts;
    this.#parts = parts;
    this.#ring = new EventRing(generation, () => options.watchHistoryBytes);
    this.changes = new ChangeCollector({ tables, kv, options, changed: () => this.#schedule() });
  }

  /** The number of open streams. */
  get watchers(): number {
    return this.#places;
  }

  /** The number of events so far, by name. */
  get events(): Readonly<Record<EventName, number>> {
    return this.#events;
  }

  /** The number of `gap` events so far, by reason. */
  get gaps(): Readonly<Record<GapReason, number>> {
    return this.#gaps;
  }

  /** Memory of the events that are kept, estimated. */
  get historyBytes(): number {
    return this.#ring.heldBytes;
  }

  /** Begins to make events, of earlier changes as well. */
  start(): void {
    this.#state = "started";
    if (this.changes.waiting) this.#schedule();
  }

  /** Ends all streams. */
  stop(): void {
    this.#state = "stopped";
    clearTimeout(this.#timer);
    clearTimeout(this.#keepAliveTimer);
    for (const watcher of this.#watchers) watcher.end();
  }

  /**
   * Returns the latest events that are kept, the newest first, as JSON: an object each with `id`, `event`
   * and `data`.
   *
   * @param wanted which ones; those that the viewer may not see are left out
   * @param limit the most
   */
  latest({ filter, viewer }: Pick<Wanted, "filter" | "viewer">, limit: number): Promise<string[]> {
    return this.#parts.slice.drive(latestSteps(this.#ring, { filter, viewer }, limit));
  }

  /**
   * Takes a place for a watcher.
   *
   * @param gone resolves when the client has gone or its stream has ended; it must not reject
   * @returns a function that begins the stream; `undefined` when all places are taken
   */
  open(wanted: Wanted, gone: Promise<void>): ((sink: EventSink) => void) | undefined {
    if (this.#places >= this.#parts.options.watchMaxWatchers) return undefined;
    this.#places++;
    void gone.then(() => this.#places--);
    return (sink) => this.#begin(wanted, sink, gone);
  }

  #begin(wanted: Wanted, sink: EventSink, gone: Promise<void>): void {
    if (this.#state === "stopped") return sink.end();
    const watcher = new Watcher({
      ring: this.#ring,
      wanted,
      sink,
      drive: (steps) => void this.#drive(steps),
      now: this.#parts.now,
      gap: (reason) => void this.#gaps[reason]++,
    });
    this.#watchers.add(watcher);
    void gone.then(() => {
      watcher.gone();
      this.#watchers.delete(watcher);
    });
    watcher.wake();
    if (this.#keepAliveTimer === undefined) this.#keepAlive();
  }

  #keepAlive(): void {
    this.#keepAliveTimer = this.#watchers.size === 0 ? undefined : setTimeout(() => {
      for (const watcher of this.#watchers) watcher.keepAlive();
      this.#keepAlive();
    }, this.#parts.options.watchKeepAliveSeconds * 1000);
  }

  #schedule(): void {
    if (this.#state !== "started" || this.#publishing || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.#publish(), WINDOW);
  }

  async #publish(): Promise<void> {
    this.#timer = undefined;
    this.#publishing = true;
    const events = this.changes.take();
    for (let more = true; more;) {
      more = await this.#drive(this.#publishSome(events)) ?? false;
      this.#tellWatchers();
      // Events must not be made faster than they can leave.
      if (more && this.#watchers.size > 0) await this.#parts.slice.turn();
    }
    this.#publishing = false;
    if (this.changes.waiting) this.#schedule();
  }

  /** Returns whether there may be more. */
  *#publishSome(events: Iterator<ChangeEvent>): Generator<void, boolean> {
    for (let i = 0; i < EVENTS_A_TURN; i++) {
      const { done, value: event } = events.next();
      if (done) return false;
      this.#ring.append(event, this.#parts.now());
      this.#events[event.name]++;
      yield;
    }
    return true;
  }

  #tellWatchers(): void {
    for (const watcher of this.#watchers) {
      watcher.check(this.#parts.options.watchMaxUnreadBytes);
      watcher.wake();
    }
  }

  async #drive<T>(steps: Generator<void, T>): Promise<T | undefined> {
    try {
      return await this.#parts.slice.drive(steps);
    } catch (error) {
      this.#parts.log.error("watchers not informed", { error });
      return undefined;
    }
  }
}

function* latestSteps(
  ring: EventRing,
  { filter, viewer }: Pick<Wanted, "filter" | "viewer">,
  limit: number,
): Generator<void, string[]> {
  const found: string[] = [];
  for (const { id, event: { name, subject, readers }, bytes } of ring.newest()) {
    if (found.length === limit) break;
    yield;
    if (!passes(name, subject, filter) || !readers.some((action) => viewer.may(action))) continue;
    found.push(`{"id":${JSON.stringify(id)},"event":"${name}","data":${dataOf(bytes)}}`);
  }
  return found;
}
