/**
 * The end of one request: it comes with the time limit, or with the first of some signals.
 *
 * Deno ends a body by the signal of its request only while the Response is referenced (see
 * chunks_of.ts), and AbortSignal.any holds its sources weakly: an abort can be lost. So this
 * has a controller of its own, and whatever waits, waits for {@link Deadline.race}.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #sources: readonly AbortSignal[];
  readonly #end: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param sources signals that end the request
   * @param millis time limit
   * @param late the error when the limit is over
   */
  constructor(sources: readonly AbortSignal[], millis: number, late: () => Error) {
    this.#sources = sources;
    this.#end = () => this.#controller.abort();
    for (const source of sources) source.addEventListener("abort", this.#end);
    if (sources.some(({ aborted }) => aborted)) this.#end();
    this.#timer = setTimeout(() => this.#controller.abort(late()), millis);
  }

  /** For the request. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The time limit counts no more. */
  stopClock(): void {
    clearTimeout(this.#timer);
  }

  /** Settles like the promise, but rejects with the reason at the end at the latest. */
  async race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    const ended = Promise.withResolvers<never>();
    const end = () => ended.reject(signal.reason);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    try {
      return await Promise.race([promise, ended.promise]);
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  /** Ends the request if it is still going on, and forgets the signals. */
  close(): void {
    this.stopClock();
    for (const source of this.#sources) source.removeEventListener("abort", this.#end);
    this.#controller.abort();
  }
}
