import type { Runtime } from "./runtime.ts";

const CTRL_C = 3;
const LETTER_Q = 0x71;

/** Ends a command that goes on by itself: on a signal, or when q is pressed. */
export class Stop {
  readonly #runtime: Runtime;
  readonly #raw: boolean;
  readonly #signals: readonly ("SIGINT" | "SIGTERM")[];
  readonly #controller = new AbortController();
  readonly #stop = () => this.#controller.abort();

  /** @param keys whether a terminal's q and Ctrl-C are read as well */
  constructor(runtime: Runtime, { keys }: { keys: boolean }) {
    this.#runtime = runtime;
    // Windows does not support SIGTERM.
    this.#signals = runtime.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
    for (const signal of this.#signals) runtime.addSignalListener(signal, this.#stop);
    this.#raw = keys && runtime.stdin.isTerminal() && runtime.stdout.isTerminal();
    if (this.#raw) {
      runtime.stdin.setRaw(true);
      void this.#readKeys();
    }
  }

  /** Whether the command is to end. */
  get stopped(): boolean {
    return this.signal.aborted;
  }

  /** Aborts when the command is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits this many milliseconds, or until the end. */
  async sleep(ms: number): Promise<void> {
    if (this.stopped) return;
    const over = Promise.withResolvers<void>();
    const wake = () => over.resolve();
    const timer = setTimeout(wake, ms);
    this.signal.addEventListener("abort", wake);
    await over.promise;
    clearTimeout(timer);
    this.signal.removeEventListener("abort", wake);
  }

  /** Ends the command by itself. */
  stop(): void {
    this.#stop();
  }

  /** Gives signals and keys back. */
  end(): void {
    if (this.#raw) this.#runtime.stdin.setRaw(false);
    for (const signal of this.#signals) this.#runtime.removeSignalListener(signal, this.#stop);
  }

  async #readKeys(): Promise<void> {
    const key = new Uint8Array(1);
    while (!this.stopped && await this.#runtime.stdin.read(key) !== null) {
      if (key[0] === CTRL_C || key[0] === LETTER_Q) this.#stop();
    }
  }
}
