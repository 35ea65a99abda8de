/** Milliseconds of continuous work before the network gets a turn. */
const LENGTH = 4;

/**
 * One clock shared by all long work. Their work adds up: when the slice is used up, all tasks wait
 * until the network has had a turn, and then continue in the order in which they began to wait.
 */
export class WorkSlice {
  readonly #nextTurn: (task: () => void) => void;
  readonly #now: () => number;
  #spent = 0;
  /** Of the piece of work that was counted last. */
  #lastSpan = 0;
  #lastEnd = -Infinity;
  #waiting: (() => void)[] = [];
  #turnRequested = false;

  /**
   * @param nextTurn runs a task once the network had a turn
   * @param now milliseconds, with fractions, of a monotonic clock
   */
  constructor(nextTurn: (task: () => void) => void, now: () => number = () => performance.now()) {
    this.#nextTurn = nextTurn;
    this.#now = now;
  }

  /** Whether the slice is used up, so that more work must wait for a turn. */
  get over(): boolean {
    // After a pause the network has had its turn.
    return this.#spent >= LENGTH && this.#now() - this.#lastEnd <= LENGTH;
  }

  /** Does a piece of work, and counts its time. */
  run<T>(work: () => T): T {
    const start = this.#now();
    try {
      return work();
    } finally {
      this.#count(start);
    }
  }

  /** Like {@link run}, for work that is done before its promise resolves. */
  async runAsync<T>(work: () => Promise<T>): Promise<T> {
    const start = this.#now();
    try {
      return await work();
    } finally {
      this.#count(start);
    }
  }

  #count(start: number): void {
    const end = this.#now();
    if (start - this.#lastEnd > LENGTH) this.#spent = 0;
    this.#lastSpan = end - start;
    this.#spent += this.#lastSpan;
    this.#lastEnd = end;
  }

  /** Does a piece of work like {@link run}, after a turn if the slice is over. */
  async later<T>(work: () => T): Promise<T> {
    if (this.over) await this.turn();
    return this.run(work);
  }

  /** Runs a task once the network has had a turn. It may find that the slice is over again. */
  afterTurn(task: () => void): void {
    this.#waiting.push(task);
    this.#requestTurn();
  }

  /** Resolves once the network has had a turn and the slice has time left. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.afterTurn(resolve));
  }

  /**
   * Runs a generator to its end, and lets the network have a turn whenever the slice is over.
   *
   * @param most milliseconds after which it has a turn even if the slice has time left
   * @returns what the generator returns
   */
  async drive<T>(steps: Iterator<void, T>, most = Infinity): Promise<T> {
    for (let used = 0;;) {
      const step = this.run(() => steps.next());
      if (step.done) return step.value;
      used += this.#lastSpan;
      if (!this.over && used < most) continue;
      await this.turn();
      used = 0;
    }
  }

  #requestTurn(): void {
    if (this.#turnRequested) return;
    this.#turnRequested = true;
    this.#nextTurn(() => {
      this.#spent = 0;
      this.#goOn(this.#waiting.length);
    });
  }

  /** @param count those that waited when the turn began; others wait for the next one */
  #goOn(count: number): void {
    if (count > 0 && !this.over) {
      this.#waiting.shift()?.();
      // Those that wait for a promise do their work before the next one is let on.
      if (count > 1) return queueMicrotask(() => this.#goOn(count - 1));
    }
    this.#turnRequested = false;
    if (this.#waiting.length > 0) this.#requestTurn();
  }
}
