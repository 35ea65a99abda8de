import type { Viewer } from "../access/http_authorization.ts";
import { concatBytes } from "../concat_bytes.ts";
import type { EventRing, Published } from "./event_ring.ts";
import { encodeEvent, encodePosition, GAP, type GapReason } from "./events.ts";
import { type EventFilter, passes } from "./filter.ts";

/** Where a watcher's events go. */
export interface EventSink {
  /** Sends bytes. Calls `taken` when the system has taken them. */
  write(bytes: Uint8Array, taken: () => void): void;
  /** Ends the stream. */
  end(): void;
  /** Closes the connection, because its client does not keep up. */
  refuse(reason: "behind"): void;
}

/** The part of the events that a client asks for. */
export interface Wanted {
  readonly filter: EventFilter;
  readonly viewer: Viewer;
  /** The id of the last event that it has; without it, events begin now. */
  readonly since: string | undefined;
}

/** Dependencies of a {@link Watcher}. */
export interface WatcherParts {
  readonly ring: EventRing;
  readonly wanted: Wanted;
  readonly sink: EventSink;
  /** Does work in slices. */
  drive(steps: Generator<void, void>): void;
  /** Milliseconds since 1970. */
  now(): number;
  /** Called for each `gap` event. */
  gap(reason: GapReason): void;
}

/** Bytes that are handed to the system before it has taken earlier ones. */
const WINDOW = 64 * 1024;
/** Events that are looked at in one step. */
const EVENTS_A_STEP = 64;

/**
 * A client on its way through the ring. It has a position there and no events of its own, but for a
 * window that the system has not taken.
 */
export class Watcher {
  readonly #parts: WatcherParts;
  readonly #ring: EventRing;
  readonly #wanted: Wanted;
  /** The number of the last event that was sent or passed over. */
  #position: number;
  /** Bytes of all events when it began: earlier ones do not count as unread. */
  readonly #begin: number;
  /** Of all events up to the position. */
  #end: number;
  #untaken = 0;
  #sending = false;
  #over = false;

  constructor(parts: WatcherParts) {
    const { ring, wanted } = parts;
    this.#parts = parts;
    this.#ring = ring;
    this.#wanted = wanted;
    this.#begin = ring.end;
    const { since } = wanted;
    const number = since === undefined ? ring.last : ring.numberOf(since);
    const missed = number === undefined
      ? "otherProcess"
      : ring.holdsAfter(number)
      ? undefined
      : "tooOld";
    this.#position = number === undefined || missed !== undefined ? ring.last : number;
    this.#end = this.#position === ring.last ? ring.end : ring.get(this.#position)?.end ?? 0;
    this.#write([
      ...(missed === undefined ? [] : [this.#gapEvent(missed)]),
      encodePosition(ring.idOf(this.#position)),
    ]);
  }

  /** Bytes of events since it began that the client has not taken. */
  get unread(): number {
    return this.#ring.end - Math.max(this.#begin, this.#end) + this.#untaken;
  }

  /** Ends the stream. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.sink.end();
  }

  /** The client has gone. */
  gone(): void {
    this.#over = true;
  }

  /** Sends a sign of life, and the position: later than the last event, if others were passed over. */
  keepAlive(): void {
    if (this.#isCurrent() && this.#untaken < WINDOW) {
      this.#write([encodePosition(this.#ring.idOf(this.#position))]);
    }
  }

  /**
   * Ends the stream of a client that is too far behind.
   *
   * @param max bytes that it may leave unread
   */
  check(max: number): void {
    if (this.#over || this.#untaken < WINDOW) return;
    if (this.unread <= max && this.#ring.holdsAfter(this.#position)) return;
    this.#over = true;
    this.#parts.sink.refuse("behind");
  }

  /** Sends what there is, as far as the client takes it. */
  wake(): void {
    if (!this.#over && !this.#sending) this.#parts.drive(this.#send());
  }

  *#send(): Generator<void, void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#untaken < WINDOW && this.#position < this.#ring.last && this.#isCurrent()) {
        this.#write(this.#next());
        yield;
      }
    } finally {
      this.#sending = false;
    }
  }

  /** The next events that it gets, up to a window. */
  #next(): Uint8Array[] {
    const { filter, viewer } = this.#wanted;
    const found: Uint8Array[] = [];
    let bytes = 0;
    for (let i = 0; i < EVENTS_A_STEP && bytes < WINDOW; i++) {
      const next = this.#ring.get(this.#position + 1);
      if (next === undefined) {
        if (this.#position >= this.#ring.last) break;
        this.#position = this.#ring.last;
        this.#end = this.#ring.end;
        return [...found, this.#gapEvent("tooOld")];
      }
      this.#position++;
      this.#end = next.end;
      const { name, subject, readers } = next.event;
      if (!passes(name, subject, filter)) continue;
      const shown = readers.some((action) => viewer.may(action)) ? next.bytes : this.#instead(next);
      if (shown === undefined) continue;
      found.push(shown);
      bytes += shown.length;
    }
    return found;
  }

  /** Topics that it may see may be among those that are not named. */
  #instead({ event }: Published): Uint8Array | undefined {
    const { name } = event;
    return name === "topicsChanged" && this.#wanted.viewer.mayAny("route:read")
      ? this.#gapEvent("unnamedTopics")
      : undefined;
  }

  #gapEvent(reason: GapReason): Uint8Array {
    this.#parts.gap(reason);
    const time = new Date(this.#parts.now()).toISOString();
    const since = this.#wanted.since ?? null;
    return encodeEvent(GAP, this.#ring.idOf(this.#position), { time, reason, since });
  }

  /** Ends the stream when the rules have changed: the client may resume by the new ones. */
  #isCurrent(): boolean {
    if (!this.#wanted.viewer.current) this.end();
    return !this.#over;
  }

  #write(parts: Uint8Array[]): void {
    if (parts.length === 0 || this.#over) return;
    const bytes = concatBytes(parts);
    this.#untaken += bytes.length;
    this.#parts.sink.write(bytes, () => {
      this.#untaken -= bytes.length;
      if (this.#position < this.#ring.last) this.wake();
    });
  }
}
