import { setImmediate } from "node:timers";

/** Time and turns of the event loop, so that tests can control them. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Whole milliseconds since some moment. Setting the system's clock does not change it. */
  monotonic(): number;
  /** Runs a task after the events that wait now. */
  nextTurn(task: () => void): void;
}

/** The clock of the running system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Math.floor(performance.now()),
  nextTurn: (task) => void setImmediate(task),
};
