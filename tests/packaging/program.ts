/** A name server started from a package, and a test request. */

import assert from "node:assert/strict";
import { Lines } from "../support/server_process.ts";
import { kvGet, kvPut } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { withLimit } from "../support/wait.ts";

const BOOT = /^The Name Server boot success\. serializeType=JSON, address (.+):(\d+)$/;

/** A running program on a free port. Disposing stops it. */
export class Program implements AsyncDisposable {
  readonly err: Lines;
  port = 0;
  readonly #child: Deno.ChildProcess;
  readonly #out: Lines;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#out = new Lines(child.stdout);
    this.err = new Lines(child.stderr);
  }

  /** Starts the program; resolves when it listens. */
  static async start(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
    cwd: string,
  ): Promise<Program> {
    const [program, ...args] = command;
    const child = new Deno.Command(program!, {
      args: [...args, "--listenPort=0"],
      cwd,
      clearEnv: true,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const started = new Program(child);
    try {
      started.port = Number(BOOT.exec(await started.#out.find(BOOT))![2]);
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw new Error(`it did not start:\n${started.err.all.join("\n")}`, { cause: error });
    }
  }

  /** Writes a KV pair, which goes to the disk, and reads it back. */
  async keepsValues(): Promise<void> {
    await using peer = await Peer.connect(this.port);
    assert.equal((await peer.call(kvPut("packaging", "key", "value"))).code, 0);
    assert.equal((await peer.call(kvGet("packaging", "key"))).extFields?.get("value"), "value");
  }

  /** Stops it cleanly; returns its exit code. */
  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    const { code } = await withLimit(this.#child.status, "it has not stopped");
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // It has ended.
    }
    await this.#child.status;
    await Promise.all([this.#out.complete, this.err.complete]);
  }
}
