import { Histogram, SECONDS } from "../histogram.ts";

/** Milliseconds between two looks. */
const INTERVAL = 500;

/** Looks twice a second how late a timer is: as late is everything that waits for its turn. */
export class LoopLag {
  readonly seconds = new Histogram(SECONDS);
  readonly #now: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param now milliseconds of a clock that is never set */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Starts to look. */
  start(): void {
    let due = this.#now() + INTERVAL;
    this.#timer = setInterval(() => {
      const now = this.#now();
      this.seconds.add(Math.max(0, now - due) / 1000);
      due = now + INTERVAL;
    }, INTERVAL);
  }

  /** Looks no more. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
