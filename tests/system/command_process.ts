/** An admin command as a separate process, with the permissions of the task `start`. */

import { runsHere } from "../support/needed_programs.ts";
import { denoEnvironment, programWords } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";

/** PATH for shells, including those downloaded by the packaging suite. */
const SHELLS = new URL("../../.cache/packaging/shells", import.meta.url).pathname +
  ":/usr/local/bin:/usr/bin:/bin";

/** Output and exit code of a command. */
export interface CommandResult {
  code: number;
  out: string;
  err: string;
  /** How long it ran. */
  millis: number;
}

/** Runs a command to its end. */
export async function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const environment = await commandEnvironment();
  const begin = performance.now();
  const [program = "", ...words] = programWords();
  const child = new Deno.Command(program, {
    args: [...words, ...args],
    clearEnv: true,
    env: { ...environment, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    const { code, stdout, stderr } = await withLimit(child.output(), `${args} still runs`);
    const millis = performance.now() - begin;
    return { code, out: decode(stdout), err: decode(stderr), millis };
  } finally {
    kill(child);
  }
}

/** Runs a script in a shell. In sh-like shells, the function `namesrv` is the program. */
export async function runShell(
  shell: string,
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const words = programWords().map((word) => `'${word}'`).join(" ");
  const environment = await commandEnvironment();
  const begin = performance.now();
  const child = new Deno.Command(shell, {
    args: ["-c", shell === "fish" ? script : `namesrv() { ${words} "$@"; }\n${script}`],
    clearEnv: true,
    env: { ...environment, PATH: SHELLS, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    const { code, stdout, stderr } = await withLimit(child.output(), `${shell} still runs`);
    const millis = performance.now() - begin;
    return { code, out: decode(stdout), err: decode(stderr), millis };
  } finally {
    kill(child);
  }
}

/** Whether a shell, or another program that prints its version, is where {@linkcode runShell} looks. */
export function isInstalled(program: string): Promise<boolean> {
  return runsHere([program, "--version"], { PATH: SHELLS });
}

async function commandEnvironment(): Promise<Record<string, string>> {
  return { HOME: "/nonexistent", ...await denoEnvironment() };
}

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}
