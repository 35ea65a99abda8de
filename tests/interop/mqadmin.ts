/** The mqadmin tool: many commands in one JVM, or a single one like a user's. */

import type { Version } from "./artifacts.ts";
import type { Launcher } from "./cluster.ts";
import type { Process } from "./processes.ts";
import { check, Failure, sleep, within } from "./suite.ts";

/** The class behind the `mqadmin` script. */
const MAIN_CLASS = "org.apache.rocketmq.tools.command.MQAdminStartup";
/** Time limit of a command: some wait for a broker's response for 15 s. */
const COMMAND_MS = 120_000;

/** One version's mqadmin, pointed at one name server. */
export class MqAdmin {
  #launcher: Launcher;
  #version: Version;
  #namesrv: string;
  #driver: Process;
  #count = 0;

  private constructor(launcher: Launcher, version: Version, namesrv: string, driver: Process) {
    this.#launcher = launcher;
    this.#version = version;
    this.#namesrv = namesrv;
    this.#driver = driver;
  }

  /** Starts the JVM that runs the commands. */
  static async start(launcher: Launcher, version: Version, namesrv: string): Promise<MqAdmin> {
    const driver = await launcher.java(version, "mqadmin", ["MqAdminDriver"], { input: true });
    return new MqAdmin(launcher, version, namesrv, driver);
  }

  /**
   * Runs a command with the name server's address added, and returns its whole output. Throws
   * {@linkcode Failure} when it printed a Java exception or took too long.
   */
  async run(command: string, ...args: string[]): Promise<string> {
    const output = await this.attempt(command, ...args);
    check(!/Exception\b/.test(output), `mqadmin ${command} ${args.join(" ")}:\n${output}`);
    return output;
  }

  /** Like {@linkcode run}, but allows an exception in the output. */
  async attempt(command: string, ...args: string[]): Promise<string> {
    const number = ++this.#count;
    await this.#driver.write([number, command, "-n", this.#namesrv, ...args].join("\t") + "\n");
    return await within(COMMAND_MS, `mqadmin ${command}`, this.#outputOf(number));
  }

  /** Runs a command like the `mqadmin` script, in its own JVM. Returns output and exit code. */
  async runAlone(command: string, ...args: string[]): Promise<{ code: number; output: string }> {
    const words = [command, "-n", this.#namesrv, ...args];
    return await MqAdmin.runOnce(this.#launcher, this.#version, ...words);
  }

  /** Runs a command as it is given, in its own JVM. */
  static async runOnce(
    launcher: Launcher,
    version: Version,
    ...words: string[]
  ): Promise<{ code: number; output: string }> {
    const process = await launcher.java(version, `mqadmin-${words[0]}`, [MAIN_CLASS, ...words]);
    try {
      const { code } = await within(COMMAND_MS, `mqadmin ${words[0]}`, process.status);
      return { code, output: await process.output() };
    } finally {
      process.kill();
    }
  }

  /** Stops the JVM. */
  stop(): Promise<void> {
    return this.#driver.stop("SIGKILL");
  }

  async #outputOf(number: number): Promise<string> {
    const [begin, end] = [`BEGIN ${number}\n`, `\nEND ${number}\n`];
    while (true) {
      const log = await this.#driver.output();
      const to = log.indexOf(end);
      if (to >= 0) return log.slice(log.indexOf(begin) + begin.length, to);
      if (this.#driver.ended) throw new Failure(`mqadmin ended; see ${this.#driver.logFile}`);
      await sleep(20);
    }
  }
}
