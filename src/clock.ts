import { setImmediate } from "node:timers";

/** Time and turns of the event loop, so that tests can control them. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Whole milliseconds since some moment. Setting the system's clock does not change it. */
  monotonic(): number;
  /** Runs a task after the events that are pending now. */
  soon(task: () => void): void;
  /** Runs a task once the network has had its turn. */
  nextTurn(task: () => void): void;
}

/** The clock of the running system. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Math.floor(performance.now()),
  soon: (task) => void setImmediate(task),
  // Not setImmediate: while there are immediates, the runtime does not ask the system for events. A timer
  // lets it idle for a millisecond or two, so where a transport knows the turn (Transport.turn), that is used.
  nextTurn: (task) => void setTimeout(task, 0),
};
