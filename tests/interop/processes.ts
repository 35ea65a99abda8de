/** Processes started by the suite: their output is kept, and none outlives the run. */

import { CACHE } from "./artifacts.ts";
import { check, Failure, sleep, within } from "./suite.ts";

/** Folder of the processes' logs; emptied at the start of each run. */
export const LOGS = `${CACHE}/logs`;

/** How to start a process. */
export interface Launch {
  /** Name of the log file. */
  name: string;
  program: string;
  args: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Whether {@linkcode Process.write} is used. */
  input?: boolean;
}

/** A process started by the suite; its output is in a log file. */
export class Process {
  readonly name: string;
  readonly logFile: string;
  readonly status: Promise<Deno.CommandStatus>;
  #child: Deno.ChildProcess;
  #input: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #ended = false;

  constructor(launch: Launch, logFile: string, log: Deno.FsFile) {
    this.name = launch.name;
    this.logFile = logFile;
    this.#child = new Deno.Command(launch.program, {
      args: launch.args,
      env: launch.env,
      cwd: launch.cwd,
      stdin: launch.input ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = launch.input ? this.#child.stdin.getWriter() : undefined;
    const copy = async (stream: ReadableStream<Uint8Array>) => {
      for await (const chunk of stream) await log.write(chunk);
    };
    const output = Promise.all([copy(this.#child.stdout), copy(this.#child.stderr)]);
    this.status = this.#child.status.then(async (status) => {
      this.#ended = true;
      await output;
      log.close();
      return status;
    });
  }

  get pid(): number {
    return this.#child.pid;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Writes to its input. */
  async write(text: string): Promise<void> {
    await this.#input?.write(new TextEncoder().encode(text));
  }

  /** Returns its output so far. */
  output(): Promise<string> {
    return Deno.readTextFile(this.logFile);
  }

  /**
   * Waits for a text in its output; throws {@linkcode Failure} when the process ends or on a
   * timeout.
   */
  async says(text: string, ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    while (!(await this.output()).includes(text)) {
      check(!this.#ended, `${this.name} ended before it said "${text}"; see ${this.logFile}`);
      check(
        performance.now() < deadline,
        `${this.name} did not say "${text}" within ${ms} ms; see ${this.logFile}`,
      );
      await sleep(50);
    }
  }

  /** Suspends (or resumes) the process, as if its machine were stuck. */
  freeze(frozen: boolean): void {
    this.signal(frozen ? "SIGSTOP" : "SIGCONT");
  }

  /** Sends a signal and waits for the end; after `ms`, the process is killed. */
  async stop(signal: Deno.Signal = "SIGTERM", ms = 20_000): Promise<void> {
    if (this.#ended) return;
    this.signal(signal);
    try {
      await within(ms, `ending ${this.name} with ${signal}`, this.status);
    } catch (error) {
      this.kill();
      await this.status;
      throw error;
    }
  }

  /** Kills it at once. */
  kill(): void {
    this.signal("SIGKILL");
  }

  /** Sends a signal, unless it has ended. */
  signal(signal: Deno.Signal): void {
    try {
      if (!this.#ended) this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
      // it had just ended
    }
  }
}

/** Processes that end together: all of a run, so that none outlives it, or those of a group. */
export class Processes {
  readonly #logs: string;
  readonly #whole: Processes | undefined;
  #all = new Set<Process>();
  #names = new Map<string, number>();

  /**
   * @param logs the folder of their logs
   * @param whole those that these are a part of
   */
  constructor(logs = LOGS, whole?: Processes) {
    this.#logs = logs;
    this.#whole = whole;
  }

  /** A part of these, with a folder for its logs, which can end without the others. */
  part(name: string): Processes {
    return new Processes(`${this.#logs}/${name.replaceAll(/[^\w.]+/g, "-")}`, this);
  }

  /** Starts a process, which is stopped at the end of the run at the latest. */
  async start(launch: Launch): Promise<Process> {
    await Deno.mkdir(this.#logs, { recursive: true });
    const count = (this.#names.get(launch.name) ?? 0) + 1;
    this.#names.set(launch.name, count);
    const logFile = `${this.#logs}/${launch.name}${count === 1 ? "" : `-${count}`}.log`;
    const log = await Deno.open(logFile, { create: true, write: true, truncate: true });
    const process = new Process(launch, logFile, log);
    this.#add(process);
    return process;
  }

  #add(process: Process): void {
    this.#all.add(process);
    process.status.then(() => this.#all.delete(process));
    if (this.#whole !== undefined) this.#whole.#add(process);
  }

  /** Runs a program to its end and returns its output (both streams) and exit code. */
  async run(launch: Launch, ms: number): Promise<{ code: number; output: string }> {
    const process = await this.start(launch);
    try {
      const status = await within(ms, launch.name, process.status);
      return { code: status.code, output: await process.output() };
    } finally {
      process.kill();
    }
  }

  /** Kills all remaining processes. */
  killAll(): void {
    for (const process of this.#all) process.kill();
  }

  /** Kills all remaining processes and waits until they have ended. */
  async end(): Promise<void> {
    const ends = [...this.#all].map((process) => process.status);
    this.killAll();
    await Promise.all(ends);
  }
}

/** The ports of the machine that were given out: a broker listens only seconds later. */
const given = new Set<number>();

/**
 * Returns a port of 127.0.0.1 where the ports at these offsets are free, too, which is given only once. It
 * is below the range of outgoing connections, so that none of those can take it.
 */
export function freePort(...offsets: number[]): number {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const ports = [0, ...offsets].map((offset) => port + offset);
    if (ports.some((it) => given.has(it))) continue;
    const listeners: Deno.Listener[] = [];
    try {
      for (const port of ports) listeners.push(Deno.listen({ hostname: "0.0.0.0", port }));
      for (const port of ports) given.add(port);
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    } finally {
      for (const listener of listeners) listener.close();
    }
  }
  throw new Failure("found no free port");
}
