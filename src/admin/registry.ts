import type { Command } from "commander";
import { RequestSigner } from "../access/request_signer.ts";
import type { Transport } from "../remoting/transport/transport.ts";
import { type Access, NameServers } from "./name_server.ts";
import { readCredentials } from "./credentials.ts";
import { parseDuration, parseServers, type ServerOptions, withServers } from "./options.ts";
import type { Output } from "./output.ts";
import type { Runtime } from "./runtime.ts";
import { type ExitCode, Session } from "./session.ts";
import { readTls } from "./tls_options.ts";

/** Runs a command: calls the session's servers, writes output and sets the session's exit code. */
export type Action<O extends ServerOptions> = (
  session: Session,
  args: readonly string[],
  options: O,
) => Promise<void>;

/** Dependencies of commands. */
export interface Surroundings {
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly out: Output;
  readonly err: Output;
  /** Called with the exit code when a command has finished, or its output was cut off. */
  readonly done: (code: ExitCode) => void;
}

/** The surroundings of a command that calls no server. */
export type LocalSession = Omit<Surroundings, "transport">;

/** Adds commands to the program. */
export class Registry {
  readonly #surroundings: Surroundings;

  constructor(readonly program: Command, surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Creates a command that only groups others. */
  group(name: string, description: string): Command {
    return this.program.command(name).description(description);
  }

  /**
   * Creates a command.
   *
   * @param syntax its name and arguments, as in `get <namespace> <key>`
   * @returns the command, to which options can be added
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
      const credentials = await readCredentials(options, runtime);
      const access: Access = {
        transport,
        timeout: parseDuration(options.timeout, "--timeout", "ms", { max: 600_000 }),
        tls: await readTls(options, runtime),
        signer: new RequestSigner(() => credentials),
      };
      const servers = new NameServers(parseServers(options.namesrvAddr), access);
      const session = new Session(servers, out, err, options.json === true, runtime, access);
      try {
        await action(session, command.args, options);
      } finally {
        // Also when the output's reader is gone.
        done(session.exitCode);
        await servers.close();
      }
    });
  }

  /** Creates a command that calls no server. */
  addLocal<O extends object = object>(
    syntax: string,
    description: string,
    action: (session: LocalSession, args: readonly string[], options: O) => Promise<void>,
    parent: Command,
  ): Command {
    const command = parent.command(syntax).description(description);
    return command.action(async () => {
      await action(this.#surroundings, command.args, command.opts<O>());
    });
  }
}
