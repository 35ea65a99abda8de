import { Histogram, SECONDS } from "../histogram.ts";

/** Milliseconds between two measurements. */
const INTERVAL = 500;

/** Measures twice a second how late a timer fires: any other event has to wait as long. */
export class LoopLag {
  readonly seconds = new Histogram(SECONDS);
  readonly #now: () => number;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Starts measuring. */
  start(): void {
    let due = this.#now() + INTERVAL;
    this.#timer = setInterval(() => {
      const now = this.#now();
      this.seconds.add(Math.max(0, now - due) / 1000);
      due = now + INTERVAL;
    }, INTERVAL);
  }

  /** Stops measuring. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
