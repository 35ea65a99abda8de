import assert from "node:assert/strict";

/**
 * The allowed values after requests some of which were answered: the last acknowledged one, or any
 * sent after it.
 */
export class Expected {
  /** By name. `undefined` is a value: there is none. */
  readonly #possible = new Map<string, (string | undefined)[]>();
  /** Number of acknowledged changes. */
  acknowledged = 0;

  /** Every name that a change was sent for. */
  names(): Iterable<string> {
    return this.#possible.keys();
  }

  /** Records a change that is being sent. The caller must pass its answer to the result. */
  sent(name: string, value: string | undefined): { acknowledged(): void; refused(): void } {
    const possible = this.#possible.get(name) ?? [undefined];
    possible.push(value);
    this.#possible.set(name, possible);
    return {
      acknowledged: () => {
        this.acknowledged++;
        possible.splice(0, possible.lastIndexOf(value));
      },
      refused: () => void possible.splice(possible.lastIndexOf(value), 1),
    };
  }

  /** Compares all values with the allowed ones. */
  check(actual: (name: string) => string | undefined, where: string): void {
    for (const [name, possible] of this.#possible) {
      const value = actual(name);
      if (possible.includes(value)) continue;
      const texts = possible.map((text) => text?.slice(0, 20));
      assert.fail(`${where}: ${name} is ${value?.slice(0, 20)}, and may be ${texts.join(" or ")}`);
    }
  }
}
