/** Runs tasks with the same name one after the other, and others side by side. */
export class TurnByName {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs a task when those before it have settled. Settles as it does. */
  run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const done = before === undefined ? task() : before.then(task);
    const settled = done.catch(() => {}).then(() => {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    });
    this.#last.set(name, settled);
    return done;
  }
}
