import type { Command } from "commander";
import type { Transport } from "../remoting/transport/transport.ts";
import { type Access, NameServers } from "./name_server.ts";
import { parseDuration, parseServers, type ServerOptions, withServers } from "./options.ts";
import type { Output } from "./output.ts";
import type { Runtime } from "./runtime.ts";
import { type ExitCode, Session } from "./session.ts";
import { readTls } from "./tls_options.ts";

/** What a command does: asks the session's servers, writes, and leaves an exit code there. */
export type Action<O extends ServerOptions> = (
  session: Session,
  args: readonly string[],
  options: O,
) => Promise<void>;

/** What commands are made with. */
export interface Surroundings {
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly out: Output;
  readonly err: Output;
  /** Hears the exit code of a command that has run, or could not say all that it has. */
  readonly done: (code: ExitCode) => void;
}

/** Puts commands that ask name servers into the program. */
export class Registry {
  readonly #surroundings: Surroundings;

  constructor(readonly program: Command, surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Makes a command that only holds others. */
  group(name: string, description: string): Command {
    return this.program.command(name).description(description);
  }

  /**
   * Makes a command.
   *
   * @param syntax its name and arguments, as in `get <namespace> <key>`
   * @returns it, for options of its own
   */
  add<O extends ServerOptions = ServerOptions>(
    syntax: string,
    description: string,
    action: Action<O>,
    parent: Command = this.program,
  ): Command {
    const command = parent.command(syntax).description(description);
    return withServers(command).action(async () => {
      const options = command.opts<O>();
      const { runtime, transport, out, err, done } = this.#surroundings;
      const access: Access = {
        transport,
        timeout: parseDuration(options.timeout, "--timeout", "ms", { max: 600_000 }),
        tls: await readTls(options, runtime),
      };
      const servers = new NameServers(parseServers(options.namesrvAddr), access);
      const session = new Session(servers, out, err, options.json === true, runtime, access);
      try {
        await action(session, command.args, options);
      } finally {
        // Also when nobody reads what it has to say.
        done(session.exitCode);
        await servers.close();
      }
    });
  }
}
