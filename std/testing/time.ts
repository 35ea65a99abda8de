/**
 * Stand-in for `@std/testing/time`, used through `links` where JSR cannot be reached: a clock that
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

/** The clock in force: there is at most one, since it replaces global functions. */
let active: FakeTime | undefined;

/** A misuse of {@linkcode FakeTime}. */
export class TimeError extends Error {
  override name = "TimeError";
}

/** How fast the clock runs by itself. */
export interface FakeTimeOptions {
  /** Faked milliseconds per real one; 0, the default, is a clock that stands. */
  advanceRate: number;
  /** Real milliseconds from one advance to the next; 10 unless given. */
  advanceFrequency?: number;
}

/**
 * Replaces `Date`, `setTimeout`, `setInterval`, their clear functions and `AbortSignal.timeout`
 * until it is restored. Callbacks run while the clock is moved, each at its own time.
 */
export class FakeTime {
  /** Milliseconds since the epoch at which the clock began. */
  readonly start: number;
  #now: number;
  #lastId = 0;
  /** By due time; timers of the same time stand in the order in which they were set. */
  #timers: Timer[] = [];
  #ticker: ReturnType<typeof setInterval> | undefined;

  /**
   * @param start Where the clock begins; the real time unless given.
   * @throws {TimeError} When another fake clock is in force.
   * @throws {TypeError} When `start` is no time.
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

  /** The clock's milliseconds since the epoch; set it to move the clock forward. */
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

  /** Lets waiting promises go on, then moves the clock by `ms` milliseconds. */
  async tickAsync(ms = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /** Moves the clock to the next timer; false when there is none. */
  next(): boolean {
    const timer = this.#timers[0];
    if (timer !== undefined) this.now = timer.due;
    return timer !== undefined;
  }

  /** Lets waiting promises go on, then moves the clock to the next timer; false without one. */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Moves the clock until no timer is left. */
  runAll(): void {
    while (this.next());
  }

  /** Moves the clock until no timer is left; before each, waiting promises go on. */
  async runAllAsync(): Promise<void> {
    while (this.#timers.length > 0) await this.nextAsync();
  }

  /** Lets waiting promises go on; the clock stands. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /** Waits for `ms` real milliseconds; the clock stands. */
  async delay(ms: number): Promise<void> {
    await new Promise<void>((resolve) => real.setTimeout(resolve, ms));
  }

  /**
   * Puts the real functions back.
   *
   * @throws {TimeError} When that has been done.
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
