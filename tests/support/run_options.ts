import { parseArgs } from "@std/cli/parse-args";

/** The arguments of a long run with random choices. */
export interface RunOptions<Name extends string> {
  /** The value of an option. */
  text(name: Name): string | undefined;
  /** Reads an option that is a whole number, at least 1. */
  whole(name: Name, otherwise: number): number;
  /** Repeats the choices of a run: `--seed`, or another one each time. */
  readonly seed: number;
  /** Ends the process because of a wrong argument: a message and the help, exit code 1. */
  fail(message: string): never;
}

/**
 * Reads the arguments of the process. Prints the help and ends the process when they ask for it or are wrong.
 *
 * @param names the options, besides `seed` and `help`
 */
export function runOptions<Name extends string>(
  names: readonly Name[],
  help: string,
): RunOptions<Name> {
  const fail = (message: string): never => {
    console.error(`${message}\n${help}`);
    Deno.exit(1);
  };
  const options: Record<string, unknown> = parseArgs(Deno.args, {
    string: [...names, "seed"],
    boolean: ["help"],
    alias: { help: "h" },
    unknown: (argument) => fail(`unknown argument: ${argument}`),
  });
  if (options.help === true) {
    console.log(help);
    Deno.exit(0);
  }
  const text = (name: Name | "seed"): string | undefined => {
    const value = options[name];
    return typeof value === "string" ? value : undefined;
  };
  const whole = (name: Name | "seed", otherwise: number): number => {
    const value = text(name);
    if (value === undefined) return otherwise;
    if (!/^[1-9]\d{0,9}$/.test(value)) fail(`--${name}=${value}: a number from 1 on expected`);
    return Number(value);
  };
  const seed = whole("seed", crypto.getRandomValues(new Uint32Array(1))[0] || 1);
  return { text, whole, seed, fail };
}
