/** Work in steps, which its driver runs one by one and others may finish early. */
export class Job<T> {
  readonly #steps: Iterator<void, T>;
  #outcome: { value: T } | { error: unknown } | undefined;

  constructor(steps: Iterator<void, T>) {
    this.#steps = steps;
  }

  /** Whether it has ended, well or not. */
  get done(): boolean {
    return this.#outcome !== undefined;
  }

  /** Does the next step, if any is left. */
  step(): void {
    if (this.done) return;
    try {
      const { done, value } = this.#steps.next();
      if (done) this.#outcome = { value };
    } catch (error) {
      this.#outcome = { error };
    }
  }

  /** Ends it where it is, with this as its result. */
  cancel(value: T): void {
    if (this.done) return;
    this.#steps.return?.();
    this.#outcome = { value };
  }

  /**
   * Does all steps that are left.
   *
   * @returns its result
   * @throws what a step threw
   */
  finish(): T {
    for (;;) {
      const outcome = this.#outcome;
      if (outcome === undefined) this.step();
      else if ("error" in outcome) throw outcome.error;
      else return outcome.value;
    }
  }

  /** Its steps, for a driver. */
  *steps(): Generator<void, T> {
    for (this.step(); !this.done; this.step()) yield;
    return this.finish();
  }
}
