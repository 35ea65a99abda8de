/**
 * Stand-in for `@std/testing/time`, used through `links` where JSR is unreachable: a clock that
 * tests move by hand.
 *
 * @module
 */

type Callback = (...args: unknown[]) => void;
type Timer = {
  id: number;
  due: number;
  every: number | undefined;
  callback: Callback;
  args: unknown[];
};

const real = {
  Date: globalThis.Date,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
};
const realAbortTimeout = AbortSignal.timeout;

/** The active clock. There is at most one, because it replaces global functions. */
let active: FakeTime | undefined;

/** Misuse of {@linkcode FakeTime}. */
export class TimeError extends Error {
  override name = "TimeError";
}

/** Whether and how fast the clock runs by itself. */
export interface FakeTimeOptions {
  /** Faked milliseconds per real one; 0, the default, stops the clock. */
  advanceRate: number;
  /** Real milliseconds between two advances; defaults to 10. */
  advanceFrequency?: number;
}

/**
 * Replaces `Date`, `setTimeout`, `setInterval`, their clear functions and `AbortSignal.timeout`
 * until it is restored. Callbacks run while the clock is moved, each at its own time.
 */
export class FakeTime {
  /** The clock's start in milliseconds since the epoch. */
  readonly start: number;
  #now: number;
  #lastId = 0;
  /** By due time; timers due at the same time are in the order in which they were set. */
  #timers: Timer[] = [];
  #ticker: ReturnType<typeof setInterval> | undefined;

  /**
   * @param start Initial time; defaults to the real time.
   * @throws {TimeError} When another fake clock is active.
   * @throws {TypeError} When `start` is not a valid time.
   */
  constructor(start?: number | string | Date | null, options?: FakeTimeOptions) {
    if (active !== undefined) throw new TimeError("Time is faked already");
    const begin = new real.Date(start ?? real.Date.now()).valueOf();
    if (Number.isNaN(begin)) throw new TypeError(`Not a time to start from: ${start}`);
    this.start = begin;
    this.#now = begin;
    active = this;
    this.#replaceGlobals();
    const rate = options?.advanceRate ?? 0;
    const step = options?.advanceFrequency ?? 10;
    if (rate > 0) this.#ticker = real.setInterval(() => this.tick(rate * step), step);
  }

  /** The clock's time in milliseconds since the epoch; set it to move the clock forward. */
  get now(): number {
    return this.#now;
  }

  set now(value: number) {
    if (value < this.#now) throw new RangeError(`Time only goes forward: ${value} < ${this.#now}`);
    for (let timer = this.#timers[0]; timer && timer.due <= value; timer = this.#timers[0]) {
      this.#timers.shift();
      this.#now = timer.due;
      if (timer.every !== undefined) this.#insert({ ...timer, due: timer.due + timer.every });
      timer.callback(...timer.args);
    }
    this.#now = value;
  }

  /** Moves the clock by `ms` milliseconds. */
  tick(ms = 0): void {
    this.now += ms;
  }

  /** Runs pending promises, then moves the clock by `ms` milliseconds. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /** Moves the clock to the next timer; returns false when there is none. */
  next(): boolean {
    const timer = this.#timers[0];
    if (timer !== undefined) this.now = timer.due;
    return timer !== undefined;
  }

  /**
   * Runs pending promises, then moves the clock to the next timer; returns false when there is
   * none.
   */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Moves the clock until no timers are left. */
  runAll(): void {
    while (this.next());
  }

  /** Moves the clock until no timers are left, running pending promises before each. */
  async runAllAsync(): Promise<void> {
    while (this.#timers.length > 0) await this.nextAsync();
  }

  /** Runs pending promises without moving the clock. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Waits for `ms` real milliseconds without moving the clock. */
  async delay(ms: number): Promise<void> {
    await new Promise<void>((resolve) => real.setTimeout(resolve, ms));
  }

  /**
   * Restores the real functions.
   *
   * @throws {TimeError} When they were restored before.
   */
  restore(): void {
    if (active !== this) throw new TimeError("Time is restored already");
    active = undefined;
    real.clearInterval(this.#ticker);
    Object.assign(globalThis, real);
    AbortSignal.timeout = realAbortTimeout;
  }

  [Symbol.dispose](): void {
    this.restore();
  }

  #insert(timer: Timer): void {
    const at = this.#timers.findIndex((other) => other.due > timer.due);
    this.#timers.splice(at < 0 ? this.#timers.length : at, 0, timer);
  }

  #set(callback: Callback, delay: number, args: unknown[], repeats: boolean): number {
    if (typeof callback !== "function") {
      throw new TimeError("A timer's callback must be a function");
    }
    const ms = Math.max(repeats ? 1 : 0, Math.floor(delay));
    const id = ++this.#lastId;
    this.#insert({ id, due: this.#now + ms, every: repeats ? ms : undefined, callback, args });
    return id;
  }

  #clear(id: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer.id !== id);
  }

  #replaceGlobals(): void {
    const clock = () => this.#now;
    const clear = (id?: unknown) => this.#clear(id);
    const FakeDate = new Proxy(real.Date, {
      construct: (Target, args) =>
        args.length === 0 ? new Target(clock()) : Reflect.construct(Target, args),
      apply: (Target) => new Target(clock()).toString(),
      get: (target, key, receiver) => key === "now" ? clock : Reflect.get(target, key, receiver),
    });
    Object.assign(globalThis, {
      Date: FakeDate,
      setTimeout: (fn: Callback, ms = 0, ...args: unknown[]) => this.#set(fn, ms, args, false),
      setInterval: (fn: Callback, ms = 0, ...args: unknown[]) => this.#set(fn, ms, args, true),
      clearTimeout: clear,
      clearInterval: clear,
    });
    AbortSignal.timeout = (ms) => {
      const controller = new AbortController();
      const reason = new DOMException("Signal timed out.", "TimeoutError");
      this.#set(() => controller.abort(reason), ms, [], false);
      return controller.signal;
    };
  }
}
