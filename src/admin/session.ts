import type { Access, NameServer, NameServers, Outcome } from "./name_server.ts";
import type { Output } from "./output.ts";
import type { Runtime } from "./runtime.ts";

/** Exit codes of commands. */
export const ExitCode = {
  OK: 0,
  /** A server failed or was unreachable; for `diff` also: there are differences. */
  FAILED: 1,
  /** The command line is invalid. */
  USAGE: 2,
} as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** One run of a command: its servers and its output. */
export class Session {
  exitCode: ExitCode = ExitCode.OK;

  constructor(
    readonly servers: NameServers,
    readonly out: Output,
    readonly err: Output,
    /** Whether the output is JSON. */
    readonly json: boolean,
    readonly runtime: Runtime,
    /** How to connect to servers, for connections other than those of {@link servers}. */
    readonly access: Access,
  ) {}

  /**
   * Returns the result from the first server that responds. Earlier failures are reported on the
   * standard error.
   */
  first<T>(ask: (server: NameServer) => Promise<T>): Promise<T> {
    return this.servers.first(
      ask,
      (failure) => this.err.line(`${failure.message}; trying the next one`),
    );
  }

  /**
   * Calls each server and reports the outcomes.
   *
   * @param line the text for a successful server
   * @param fields the JSON fields for a successful server
   */
  async report<T>(
    act: (server: NameServer) => Promise<T>,
    line: (value: T) => string,
    fields: (value: T) => object = () => ({}),
  ): Promise<void> {
    const outcomes = await this.servers.each(act);
    if (outcomes.some(({ failure }) => failure)) this.exitCode = ExitCode.FAILED;
    if (this.json) {
      await this.out.json(outcomes.map((outcome) => outcomeFields(outcome, fields)));
      return;
    }
    for (const { server, ...outcome } of outcomes) {
      if (outcome.failure) await this.err.line(outcome.failure.message);
      else await this.out.line(`${server.address}: ${line(outcome.value)}`);
    }
  }
}

/** An outcome for JSON output: `server`, `ok`, and its fields or `error`. */
export function outcomeFields<T>(outcome: Outcome<T>, fields: (value: T) => object): object {
  const server = outcome.server.address;
  if (outcome.failure) return { server, ok: false, error: outcome.failure.what };
  return { server, ok: true, ...fields(outcome.value) };
}
