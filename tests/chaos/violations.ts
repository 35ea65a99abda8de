/** The violations of invariants in a run, which ends with the first. */
export class Violations {
  readonly found: { readonly what: string; readonly at: Date }[] = [];
  readonly #first = Promise.withResolvers<never>();

  constructor() {
    // A run that has ended does not wait for it.
    this.#first.promise.catch(() => {});
  }

  /** Rejects with the first one. */
  get first(): Promise<never> {
    return this.#first.promise;
  }

  /** Whether there is one. */
  get any(): boolean {
    return this.found.length > 0;
  }

  add(what: string): void {
    this.found.push({ what, at: new Date() });
    this.#first.reject(new Error(what));
  }
}
