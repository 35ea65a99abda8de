/** A scan that is later than this, in milliseconds, shows that the process did not run. */
const LATE = 1000;

/**
 * Repeats a scan for peers that fell silent. If the process did not run for a while (SIGSTOP, a
 * suspended or migrated machine), that time must not count as their silence, and what they sent
 * meanwhile still waits to be read. Such a late scan is left out; the next one comes after the
 * usual interval.
 */
export class ScanTimer {
  readonly #parts: ScanTimerParts;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parts: ScanTimerParts) {
    this.#parts = parts;
  }

  /** Schedules the first scan, after a delay in milliseconds; the interval by default. */
  start(delay: number = this.#parts.interval()): void {
    clearTimeout(this.#timer);
    const { monotonic, scan, paused } = this.#parts;
    const due = monotonic() + delay;
    this.#timer = setTimeout(() => {
      const late = monotonic() - due;
      this.start();
      if (late > LATE) paused(late);
      else scan();
    }, delay);
  }

  /** Applies a changed interval from now on. Does nothing before the start and after the stop. */
  reschedule(): void {
    if (this.#timer !== undefined) this.start();
  }

  /** Stops scanning. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** Dependencies of a {@link ScanTimer}. */
export interface ScanTimerParts {
  /** Milliseconds from one scan to the next. */
  interval(): number;
  /** Milliseconds of a monotonic clock. */
  monotonic(): number;
  scan(): void;
  /** Called instead of a scan that is late by so many milliseconds. */
  paused(late: number): void;
}
