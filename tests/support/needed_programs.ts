/** Programs that tests need and this machine may lack. */

/** Whether a command can be run here and succeeds, as in `["go", "version"]`. */
export async function runsHere(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  const [program = "", ...args] = command;
  try {
    return (await new Deno.Command(program, { args, env, stdin: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A suite, for the banner that says that it did not run. */
export interface Suite {
  readonly name: string;
  /** The commands that must succeed, without quotes in them, as in `go version`. */
  readonly needs: readonly string[];
  /** The subject of the suite, of which nothing is shown without these programs. */
  readonly subject: string;
}

/**
 * Ends the process with a banner if a program is missing. That is a failure with CI=true in the
 * environment.
 */
export async function requirePrograms({ name, needs, subject }: Suite): Promise<void> {
  const missing: string[] = [];
  for (const command of needs) {
    if (!await runsHere(command.split(" "))) missing.push(command.replace(/ -*version$/, ""));
  }
  if (missing.length === 0) return;
  const line = "!".repeat(72);
  const failed = Deno.env.get("CI") === "true" ? 1 : 0;
  console.log(`${line}
!!  SKIPPED: the ${name} suite did not run.
!!  Not found on this machine: ${missing.join(", ")}.
!!  Nothing was shown about ${subject}.
${line}
0 passed, ${failed} failed`);
  Deno.exit(failed);
}
