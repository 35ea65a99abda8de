import { setImmediate } from "node:timers";

/** Time and turns of the event loop, so that tests can control them. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs a task after the events that wait now. */
  nextTurn(task: () => void): void;
}

/** The clock of the running system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  nextTurn: (task) => void setImmediate(task),
};
