import type { Access, NameServer, NameServers, Outcome } from "./name_server.ts";
import type { Output } from "./output.ts";
import type { Runtime } from "./runtime.ts";

/** Exit codes of commands. */
export const ExitCode = {
  OK: 0,
  /** A server could not do it, or could not be asked; of `diff` also: there are differences. */
  FAILED: 1,
  /** The command line can't be meant. */
  USAGE: 2,
} as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** One run of one command: whom it asks, and where it writes. */
export class Session {
  exitCode: ExitCode = ExitCode.OK;

  constructor(
    readonly servers: NameServers,
    readonly out: Output,
    readonly err: Output,
    /** Whether a program reads the output. */
    readonly json: boolean,
    readonly runtime: Runtime,
    /** How servers are asked, for connections besides those of {@link servers}. */
    readonly access: Access,
  ) {}

  /** What the first server says that answers. Those before it are told of on the standard error. */
  first<T>(ask: (server: NameServer) => Promise<T>): Promise<T> {
    return this.servers.first(
      ask,
      (failure) => this.err.line(`${failure.message}; asking the next one`),
    );
  }

  /**
   * Has each server do something, and tells of each.
   *
   * @param line what is told of a server that did it
   * @param fields what programs are told of it
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

/** An outcome for programs: `server`, `ok`, and what there is to say, or `error`. */
export function outcomeFields<T>(outcome: Outcome<T>, fields: (value: T) => object): object {
  const server = outcome.server.address;
  if (outcome.failure) return { server, ok: false, error: outcome.failure.what };
  return { server, ok: true, ...fields(outcome.value) };
}
