import { type Command, CommanderError } from "commander";
import { nearestName } from "../config/nearest.ts";
import { NodeTransport } from "../remoting/transport/node_transport.ts";
import type { Transport } from "../remoting/transport/transport.ts";
import { CommandFailure, UsageError } from "./failures.ts";
import { ClosedPipe, Output } from "./output.ts";
import { createProgram, PROGRAM } from "./program.ts";
import type { Runtime } from "./runtime.ts";
import { ExitCode } from "./session.ts";

/**
 * Runs an admin command and resolves with the exit code. Failures are reported on the standard
 * error; rejects only for internal errors.
 *
 * @param args the command and its arguments
 */
export async function runCommand(
  args: readonly string[],
  runtime: Runtime,
  transport: Transport = new NodeTransport(),
): Promise<ExitCode> {
  const out = new Output(runtime.stdout, runtime.noColor);
  const err = new Output(runtime.stderr, runtime.noColor);
  let exitCode: ExitCode = ExitCode.OK;
  let help = "";
  const program = createProgram(
    { runtime, transport, out, err, done: (code) => void (exitCode = code) },
    {
      writeOut: (text) => void (help += text),
      // Errors are reported below, in one line.
      writeErr: () => {},
      getOutHasColors: () => out.colour,
      getErrHasColors: () => err.colour,
      getOutHelpWidth: () => out.terminal ? Math.min(runtime.consoleSize().columns, 100) : 100,
      getErrHelpWidth: () => 100,
    },
  );
  try {
    checkCommand(program, args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    return await report(error).catch((error) => report(error));
  }
  return exitCode;

  async function report(error: unknown): Promise<ExitCode> {
    // The reader is gone. Output that it did not want is not a failure.
    if (error instanceof ClosedPipe) return exitCode;
    if (error instanceof CommanderError && error.exitCode === 0) {
      await out.write(help);
      return ExitCode.OK;
    }
    if (error instanceof CommandFailure) {
      exitCode = ExitCode.FAILED;
      await err.write(`${err.styled("red", error.message)}\n`);
      return exitCode;
    }
    if (error instanceof UsageError || error instanceof CommanderError) {
      exitCode = ExitCode.USAGE;
      await err.write(`${err.styled("red", usageLine(error.message, program, args))}\n`);
      return exitCode;
    }
    throw error;
  }
}

/** The chain of commands that the arguments name, starting with the program, and the last of it. */
function commandPath(
  program: Command,
  args: readonly string[],
): { path: Command[]; last: Command } {
  const path = [program];
  let last = program;
  for (const arg of args) {
    const found = last.commands.find((command) => command.name() === arg);
    if (found === undefined) break;
    path.push(found);
    last = found;
  }
  return { path, last };
}

/**
 * Commander only suggests very similar names, and answers a group without a command with its whole
 * help.
 *
 * @throws {UsageError} for an unknown command
 */
function checkCommand(program: Command, args: readonly string[]): void {
  const { path, last: { commands } } = commandPath(program, args);
  if (commands.length === 0) return;
  const word = args[path.length - 1];
  const names = commands.map((command) => command.name());
  if (word === undefined) throw new UsageError(`missing command: ${names.join(", ")}`);
  if (word === "-h" || word === "--help") return;
  if (word === "help") {
    const asked = args.slice(path.length);
    if (asked.length === 0) return;
    return checkCommand(program, [...args.slice(0, path.length - 1), ...asked, "--help"]);
  }
  const before = args.slice(0, path.length - 1).map((name) => `${name} `).join("");
  if (word.startsWith("-")) {
    throw new UsageError(`options come after the command: ${before}${names.join("|")}`);
  }
  const nearest = nearestName(word, names);
  const hint = nearest === undefined
    ? `commands: ${names.join(", ")}`
    : `did you mean ${before}${nearest}?`;
  throw new UsageError(`unknown command: ${before}${word}; ${hint}`);
}

/** One line with the error in the arguments and how to get help. */
function usageLine(message: string, program: Command, args: readonly string[]): string {
  const what = message
    .replace(/^error: /, "")
    .replace(/\n\(Did you mean (.*)\?\)$/, "; did you mean $1?");
  const names = commandPath(program, args).path.slice(1).map((command) => command.name());
  const help = [PROGRAM, ...names, names.length === 0 ? "help" : "--help"].join(" ");
  return `${PROGRAM}: ${what} (see ${help})`;
}
