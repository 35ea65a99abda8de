/**
 * The name server as a separate process, started like the task `start`. If NAMESRV_PROGRAM is set,
 * that file is started instead: a bundle (`.js`), without Deno's configuration and packages, or an
 * executable, which has its permissions built in.
 *
 * @module
 */

import { it } from "@std/testing/bdd";
import denoJson from "../../deno.json" with { type: "json" };
import { withLimit } from "./wait.ts";
import { nth } from "./lists.ts";

const BOOT = /^The Name Server boot success\. serializeType=JSON, address (.+):(\d+)$/;
const GIVEN = Deno.env.get("NAMESRV_PROGRAM");
const PROGRAM = GIVEN === undefined
  ? new URL("../../main.ts", import.meta.url).pathname
  : Deno.realPathSync(GIVEN);
const IS_EXECUTABLE = !/\.[jt]s$/.test(PROGRAM);
const ALONE = ["--no-config", "--no-lock", "--no-npm", "--no-remote"];

/** The flags between `deno` and `main.ts` of the task `start`. */
export const START_FLAGS: readonly string[] = denoJson.tasks.start.command
  .replaceAll("'", "").split(" ").slice(1, -1).concat(GIVEN === undefined ? [] : ALONE);

/**
 * The words that start the program, before its own arguments.
 *
 * @param flags Deno's flags; an executable takes none but its own
 */
export function programWords(flags: readonly string[] = START_FLAGS): string[] {
  if (!IS_EXECUTABLE) return [Deno.execPath(), ...flags, PROGRAM];
  if (flags !== START_FLAGS) throw new Error("an executable takes no flags of Deno: itWithFlags");
  return [PROGRAM];
}

/** Registers a test that starts the program with other flags of Deno, which no executable takes. */
export function itWithFlags(name: string, body: () => Promise<void>): void {
  if (IS_EXECUTABLE) {
    console.log(`not tried, as an executable has its permissions inside: ${name}`);
  }
  it(name, { ignore: IS_EXECUTABLE }, body);
}

/** How to start a server. */
export interface Launch {
  home: Home;
  /** Arguments of the server; by default it gets a free port and no HTTP port. */
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** `default`: the server or a file chooses the HTTP port, unless an argument does. */
  http?: "default";
  /** Deno's flags, instead of {@linkcode START_FLAGS}. */
  flags?: readonly string[];
  /** The words of a command that is to start the server, and becomes it. */
  through?: readonly string[];
}

/** A home folder that is removed when disposed. */
export class Home implements AsyncDisposable {
  private constructor(readonly path: string) {}

  /** Creates an empty folder. */
  static async make(): Promise<Home> {
    return new Home(await Deno.makeTempDir({ prefix: "namesrv-system-" }));
  }

  /** Returns the path of a file in it. */
  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Writes a file and creates its folders; returns its path. */
  async write(name: string, text: string): Promise<string> {
    const path = this.file(name);
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, text);
    return path;
  }

  /** Writes a configuration file with these options, for -c. */
  configFile(options: Readonly<Record<string, string>>): Promise<string> {
    const lines = Object.entries(options).map(([key, value]) => `${key}=${value}\n`);
    return this.write("test.properties", lines.join(""));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Output and exit code of a process. */
export interface Ended {
  code: number;
  out: string[];
  err: string[];
}

/** A listening server. Disposing kills it if it is still running. */
export class ServerProcess implements AsyncDisposable {
  readonly out: Lines;
  readonly err: Lines;
  /** The host in the boot line. */
  host = "";
  port = 0;
  readonly #child: Deno.ChildProcess;
  /** Resolves when the process has ended and its output was read. */
  readonly ended: Promise<Ended>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.out = new Lines(child.stdout);
    this.err = new Lines(child.stderr);
    this.ended = this.#end();
  }

  /** Starts a server; resolves when it listens. */
  static async start(launch: Launch): Promise<ServerProcess> {
    const process = await ServerProcess.spawn(launch);
    try {
      const line = await process.out.find(BOOT);
      const [, host = "", port] = BOOT.exec(line)!;
      process.host = host;
      process.port = Number(port);
      return process;
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw new Error(`the server did not start:\n${process.err.all.join("\n")}`, { cause: error });
    }
  }

  /** Starts a server that exits by itself; resolves with its output and exit code. */
  static async run(launch: Launch): Promise<Ended> {
    await using process = await ServerProcess.spawn(launch);
    return await withLimit(process.ended, "the process still runs");
  }

  /** Starts a server. */
  static async spawn(
    { home, args = [], env = {}, http, flags = START_FLAGS, through = [] }: Launch,
  ): Promise<ServerProcess> {
    const says = (name: string) => args.some((it) => it.startsWith(name));
    const unsaid = says("--listenPort") ? [] : ["--listenPort=0"];
    if (http !== "default" && !says("--httpPort")) unsaid.push("--httpPort=0");
    const [program = "", ...words] = [...through, ...programWords(flags)];
    const command = new Deno.Command(program, {
      args: [...words, ...args, ...unsaid],
      cwd: home.path,
      clearEnv: true,
      env: {
        ...(through.length > 0 && { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }),
        ...await ServerProcess.environment(home),
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    return new ServerProcess(command.spawn());
  }

  /** The environment of a server that has this home folder. */
  static async environment(home: Home): Promise<Record<string, string>> {
    return { HOME: home.path, NO_COLOR: "1", ...await denoEnvironment() };
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Sends a signal, unless the process has ended. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended, even if `ended` has not resolved yet.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  /** Stops the server cleanly. */
  async stop(): Promise<Ended> {
    this.kill("SIGTERM");
    return await withLimit(this.ended, "the server has not stopped");
  }

  /** Resident memory in bytes. */
  async residentBytes(): Promise<number> {
    // Deno allows reading /proc only with -A, so cat does it.
    const { stdout } = await new Deno.Command("cat", { args: [`/proc/${this.pid}/status`] })
      .output();
    return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(new TextDecoder().decode(stdout))![1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.ended;
  }

  async #end(): Promise<Ended> {
    const { code } = await this.#child.status;
    await Promise.all([this.out.complete, this.err.complete]);
    return { code, out: this.out.all, err: this.err.all };
  }
}

/** Returns a free port of 127.0.0.1. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The lines written by a process. */
export class Lines {
  readonly all: string[] = [];
  /** Resolves at the end of the output. */
  readonly complete: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #ended = false;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.complete = this.#read(stream);
  }

  /** Resolves with the first matching line, as soon as there is one. */
  async find(pattern: RegExp): Promise<string> {
    const search = async () => {
      for (let i = 0;; i++) {
        while (i >= this.all.length) {
          if (this.#ended) throw new Error(`no line matches ${pattern}`);
          await this.#changed.promise;
        }
        const line = nth(this.all, i);
        if (pattern.test(line)) return line;
      }
    };
    return await withLimit(search(), `no line matches ${pattern}`);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      this.all.push(...lines);
      this.#wake();
    }
    if (rest !== "") this.all.push(rest);
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Locations of Deno's cache and registry: the server's own home folder has neither. */
export async function denoEnvironment(): Promise<Record<string, string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  const registry = Deno.env.get("JSR_URL");
  return {
    DENO_DIR: denoDir,
    DENO_NO_UPDATE_CHECK: "1",
    ...(registry === undefined ? {} : { JSR_URL: registry }),
  };
}
