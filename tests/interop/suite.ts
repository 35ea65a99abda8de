/** Named cases with their durations, and the result of the run. */

/** A failed assertion; only its message is shown. */
export class Failure extends Error {}

/** Throws {@linkcode Failure} with this message unless the condition holds. */
export function check(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Failure(message);
}

/** Resolves after a number of milliseconds, with the value if one is given. */
export function sleep(ms: number): Promise<void>;
export function sleep<T>(ms: number, value: T): Promise<T>;
export function sleep<T>(ms: number, value?: T): Promise<T | undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms));
}

/** Rejects with {@linkcode Failure} when the promise takes longer than `ms`. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Failure(`${what} took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Tries every 100 ms until `attempt` returns without a {@linkcode Failure}; after `ms` the last
 * failure is thrown. Resolves with what the attempt returned and the milliseconds that it took.
 */
export async function eventually<T>(
  ms: number,
  attempt: () => Promise<T>,
): Promise<{ value: T; after: number }> {
  const start = performance.now();
  while (true) {
    try {
      const value = await attempt();
      return { value, after: Math.round(performance.now() - start) };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const elapsed = performance.now() - start;
      if (elapsed > ms) {
        throw new Failure(`not within ${ms} ms: ${error.message}`);
      }
    }
    await sleep(100);
  }
}

/** Runs cases one after the other and counts them. */
export class Suite {
  passed = 0;
  failed = 0;
  #logs: string;

  /** @param logs the folder that a failed case points to */
  constructor(logs: string) {
    this.#logs = logs;
  }

  /** Prints a line outside of cases: the next step, or a measured time. */
  note(text: string): void {
    console.log(text);
  }

  /** Runs one case: any exception fails it, and the run continues. */
  async case(name: string, body: () => Promise<string | void>): Promise<boolean> {
    const start = performance.now();
    const took = () => `${Math.round(performance.now() - start)} ms`;
    try {
      const remark = await body();
      this.passed++;
      console.log(`ok    ${name} (${took()})${remark ? ` ${remark}` : ""}`);
      return true;
    } catch (error) {
      this.failed++;
      const text = error instanceof Failure ? error.message : inspect(error);
      console.log(`FAIL  ${name} (${took()})`);
      for (const line of text.split("\n")) console.log(`      ${line}`);
      console.log(`      logs: ${this.#logs}`);
      return false;
    }
  }
}

function inspect(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
