import { type ChangeEvent, encodeEvent } from "./events.ts";

/** An event that was published. */
export interface Published {
  readonly id: string;
  readonly event: ChangeEvent;
  readonly bytes: Uint8Array;
  /** Bytes of all events so far, this one included. */
  readonly end: number;
}

/** Memory of an event besides its bytes, estimated. */
const OVERHEAD = 400;

/** The latest events. Numbers of events begin with 1 and have no gaps. */
export class EventRing {
  readonly #generation: string;
  readonly #maxBytes: () => number;
  /** Those before `#start` are forgotten. */
  #events: (Published | undefined)[] = [];
  #start = 0;
  /** Events that are no longer in the array. */
  #dropped = 0;
  #heldBytes = 0;
  #end = 0;

  /**
   * @param generation part of all ids: others have another one
   * @param maxBytes of the events that are kept; the latest is, in any case
   */
  constructor(generation: string, maxBytes: () => number) {
    this.#generation = generation;
    this.#maxBytes = maxBytes;
  }

  /** The number of the latest event. */
  get last(): number {
    return this.#dropped + this.#events.length;
  }

  /** The number of events that are kept. */
  get size(): number {
    return this.#events.length - this.#start;
  }

  /** Bytes of all events so far. */
  get end(): number {
    return this.#end;
  }

  /** Memory of the events that are kept, estimated. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The id of an event: it tells this server from others, and from this one after a restart. */
  idOf(number: number): string {
    return `${this.#generation}-${number}`;
  }

  /**
   * Returns the number of an event by its id.
   *
   * @returns `undefined` for an id that this ring has not given
   */
  numberOf(id: string): number | undefined {
    const [, generation, digits] = /^(.*)-(\d{1,15})$/.exec(id) ?? [];
    const number = Number(digits);
    return generation === this.#generation && number <= this.last ? number : undefined;
  }

  /** Whether all events after this number are kept. */
  holdsAfter(number: number): boolean {
    return number >= this.#dropped + this.#start;
  }

  /** Returns an event, if it is kept. */
  get(number: number): Published | undefined {
    return this.#events[number - this.#dropped - 1];
  }

  /** All events that are kept, the newest first. */
  *newest(): Generator<Published> {
    for (let number = this.last; number > this.#dropped + this.#start; number--) {
      const published = this.get(number);
      if (published === undefined) return; // it was forgotten meanwhile
      yield published;
    }
  }

  /** Adds an event. */
  append(event: ChangeEvent, time: number): void {
    const id = this.idOf(this.last + 1);
    const bytes = encodeEvent(event.name, id, {
      time: new Date(time).toISOString(),
      ...event.subject,
      ...event.fields,
    });
    this.#end += bytes.length;
    this.#heldBytes += bytes.length + OVERHEAD;
    this.#events.push({ id, event, bytes, end: this.#end });
    while (this.#heldBytes > this.#maxBytes() && this.size > 1) this.#forget();
  }

  #forget(): void {
    const oldest = this.#events[this.#start];
    this.#events[this.#start++] = undefined;
    this.#heldBytes -= (oldest?.bytes.length ?? 0) + OVERHEAD;
    // Moving the others each time would cost more than the memory of the empty places.
    if (this.#start < 1024 || this.#start < this.#events.length / 2) return;
    this.#events = this.#events.slice(this.#start);
    this.#dropped += this.#start;
    this.#start = 0;
  }
}
