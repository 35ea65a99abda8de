/** Our admin command, run like a user. */

import { PROJECT } from "./artifacts.ts";
import { Launcher } from "./cluster.ts";
import type { Cluster } from "./setup.ts";
import { check } from "./suite.ts";

/** Time limit of a command; generous for a busy machine. */
const COMMAND_MS = 60_000;

/** Output and exit code of a command. */
export interface Ran {
  code: number;
  output: string;
}

/** Runs commands like a user. */
export class Command {
  readonly #cluster: Cluster;
  readonly #program: readonly string[];

  private constructor(cluster: Cluster, program: readonly string[]) {
    this.#cluster = cluster;
    this.#program = program;
  }

  static async of(cluster: Cluster): Promise<Command> {
    return new Command(cluster, await Launcher.serverCommand());
  }

  /** Runs a command to its end. */
  async run(namesrv: string, ...args: string[]): Promise<Ran> {
    return await this.#cluster.launcher.processes.run({
      name: `command-${args[0]}`,
      program: Deno.execPath(),
      args: [...this.#program, ...args, "-n", namesrv],
      env: { NO_COLOR: "1" },
      cwd: PROJECT,
    }, COMMAND_MS);
  }

  /** Runs a command that must succeed; returns its output. */
  async succeed(namesrv: string, ...args: string[]): Promise<string> {
    const { code, output } = await this.run(namesrv, ...args);
    check(code === 0, `${args.join(" ")} at ${namesrv} ended with ${code}:\n${output}`);
    return output;
  }

  /** Runs a command that must succeed with --json; returns the parsed output. */
  // deno-lint-ignore no-explicit-any -- the cases state what is in there
  async json(namesrv: string, ...args: string[]): Promise<any> {
    const output = await this.succeed(namesrv, ...args, "--json");
    // A warning on stderr comes after it.
    const [value = output] = /^[[{][^]*?^[\]}]$/m.exec(output) ?? [];
    return JSON.parse(value);
  }
}
