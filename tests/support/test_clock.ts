import { type Clock, systemClock } from "../../src/clock.ts";

/** A clock that follows `Date`, which tests may fake, and can be moved beside it. */
export class TestClock implements Clock {
  /** Milliseconds for which the process did not run. */
  paused = 0;
  /** Milliseconds by which the system's clock was set forward. */
  setForward = 0;

  readonly now = (): number => this.monotonic() + this.setForward;
  readonly monotonic = (): number => Date.now() + this.paused;
  readonly soon = systemClock.soon;
  /** Not a timer: tests may fake those. */
  readonly nextTurn = systemClock.soon;
}
