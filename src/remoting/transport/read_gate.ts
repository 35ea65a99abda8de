import { nextTick } from "node:process";

/** A socket that wants to read. */
export interface Reader {
  /** Issues one read; {@link ReadGate.completed} must be called when it is over. */
  read(): void;
  /** Whether it is amid a long message, or was sent many bytes since the read before. */
  readonly bulky: boolean;
}

/** An event that comes only after the system was asked which sockets have something to read. */
export interface Beat {
  /** Whether {@link next} can be called. */
  readonly ready: boolean;
  /** Resolves at the next event. Rejects when that can't come. */
  next(): Promise<void>;
}

/** Reads of one tick from which on others may have been put off. The runtime's limit is 128. */
const FULL = 100;
/** Reads after which the end of a tick is looked for. That costs more than counting. */
const READS_TO_LOOK = 16;
/** Reads issued at once in one tick: with the write that each brings they reach the limit of 128. */
const ISSUED_AT_ONCE = 64;
/** Reads of each queue issued at one beat, and the number of completed reads, counted twice, that this leaves room for. */
const LEAST_AT_A_BEAT = 8;
const MOST_AT_A_BEAT = 60;
const ROOM_AT_A_BEAT = 120;

/**
 * Decides when each connection may read, so that all of them are served alike.
 *
 * Why it is needed: Deno looks at 128 sockets at most each time its event loop turns. Reads that are
 * ready beyond that are put off, and come last when it looks again, behind all that became ready
 * meanwhile. As long as every connection reads again as soon as it was served, those served once are
 * always ready first, and with a few hundred busy connections some get no answer for seconds.
 *
 * How it works: the gate counts the reads that complete within one tick of the event loop. A read that
 * completes in the tick it was issued in found its data there already. It was never in the queue of
 * those that can be put off, and is not counted.
 *
 * - Below {@link FULL}, nothing can have been put off, and everyone reads again at once. This is the
 *   usual case, and costs a counter.
 * - From {@link FULL} on, some may have been put off. Those served wait in a queue, first come, first
 *   served, which is let in a few at a time: only {@link LEAST_AT_A_BEAT} while many are put off, so
 *   that others hardly wait when thousands close at once, and more when that is over. Those that
 *   move many bytes come after the others: a thousand brokers that register at once, or that ask for a
 *   long list again and again, hold no client up. At least {@link LEAST_AT_A_BEAT} of them are let in
 *   all the same.
 *
 * Under this pressure the gate has to know when those put off had their chance. No timer or immediate
 * tells: while it has anything to do, the runtime runs many ticks in a row without asking the system,
 * and only after asking does it look at what it put off. A {@link Beat} tells: a byte that
 * this process sends to itself over a socket can't arrive before the system was asked.
 *
 * While there is no beat, because it could not be opened or broke, everyone reads again at once. That is
 * less fair, but no read ever waits for something that does not come.
 */
export class ReadGate {
  readonly #waiting = new ReaderQueue();
  readonly #bulky = new ReaderQueue();
  readonly #beat: Beat;
  #tick = 0;
  #ticking = false;
  /** Reads completed in this tick, and, as long as they are few, in those before. */
  #completed = 0;
  /** Reads completed in this tick, or under pressure since the last beat, that others had to wait for. */
  #driven = 0;
  /** Reads issued at once in this tick. */
  #issued = 0;
  #pressed = false;

  constructor(beat: Beat) {
    this.#beat = beat;
  }

  /** Whether reads are held back. */
  get pressed(): boolean {
    return this.#pressed;
  }

  /** Counts the ticks of the event loop. Ticks with few reads count as one. */
  get tick(): number {
    return this.#tick;
  }

  /** @param issuedIn the {@link tick} in which the read was issued */
  completed(issuedIn: number): void {
    if (issuedIn !== this.#tick) this.#driven++;
    if (++this.#completed === READS_TO_LOOK) this.#awaitTick();
  }

  /** Lets a reader read: at once, or when it is its turn. It must not be waiting already. */
  admit(reader: Reader): void {
    if (this.#pressed || this.#issued >= ISSUED_AT_ONCE) return this.defer(reader);
    this.#issued++;
    reader.read();
  }

  /** Lets a reader read after all those that wait. */
  defer(reader: Reader): void {
    (reader.bulky ? this.#bulky : this.#waiting).push(reader);
    if (!this.#pressed) this.#awaitTick();
  }

  #awaitTick(): void {
    if (this.#ticking) return;
    this.#ticking = true;
    nextTick(this.#endTick);
  }

  /** All that was read in this tick has been handled. */
  readonly #endTick = () => {
    this.#ticking = false;
    this.#tick++;
    this.#completed = 0;
    this.#issued = 0;
    if (this.#pressed) return;
    const driven = this.#driven;
    this.#driven = 0;
    if (driven >= FULL && this.#beat.ready) this.#relieve();
    else this.#issue(Infinity);
  };

  /** Holds back those that were served until nothing that was put off is left, then lets them in. */
  async #relieve(): Promise<void> {
    this.#pressed = true;
    try {
      do {
        this.#driven = 0;
        await this.#beat.next();
        const room = Math.floor((ROOM_AT_A_BEAT - this.#driven) / 2);
        this.#issue(Math.max(LEAST_AT_A_BEAT, Math.min(MOST_AT_A_BEAT, room)));
      } while (this.#waiting.length + this.#bulky.length > 0);
    } catch {
      // There is no beat for now, so no reader is held back.
    }
    this.#driven = 0;
    this.#pressed = false;
    this.#issue(Infinity);
  }

  /** Lets those read that have waited longest, of those that wait now. */
  #issue(most: number): void {
    const issued = this.#waiting.issue(most);
    this.#bulky.issue(Math.max(LEAST_AT_A_BEAT, most - issued));
  }
}

/** Readers that wait, first come, first served. */
class ReaderQueue {
  #readers: Reader[] = [];
  /** Index of the one to read first. */
  #first = 0;

  get length(): number {
    return this.#readers.length - this.#first;
  }

  push(reader: Reader): void {
    this.#readers.push(reader);
  }

  /**
   * Lets those read that have waited longest, of those that wait now.
   *
   * @returns how many
   */
  issue(most: number): number {
    const begin = this.#first;
    const end = Math.min(this.#readers.length, begin + most);
    for (let at = begin; at < end; at++) this.#readers[at]?.read();
    this.#first = end;
    if (end === this.#readers.length) this.#readers = [];
    else if (end > 1024) this.#readers = this.#readers.slice(end);
    else return end - begin;
    this.#first = 0;
    return end - begin;
  }
}
