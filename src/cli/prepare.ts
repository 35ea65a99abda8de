import type { FileReader } from "../config/config_file.ts";
import { ConfigError } from "../config/errors.ts";
import type { Environment } from "../config/environment.ts";
import { loadConfiguration, type LoadedConfiguration } from "../config/load.ts";
import { formatAllOptions } from "../config/report.ts";
import { formatEvent } from "../log/format.ts";
import { SOFTWARE } from "../version.ts";
import { CommandLineError, parseCommandLine, usage } from "./args.ts";

/** The next step of the program: exit after some output, or start a server. */
export type Prepared =
  | {
    readonly kind: "exit";
    readonly code: 0 | 1;
    /** Text for the standard output; empty or ending in a newline. */
    readonly out: string;
    /** Text for the standard error; empty or ending in a newline. */
    readonly err: string;
  }
  | { readonly kind: "start"; readonly configuration: LoadedConfiguration };

/** The output of `--version`. */
export const VERSION = `${SOFTWARE.name} ${SOFTWARE.version} (protocol ${SOFTWARE.protocol})`;

/**
 * Reads the command line and then the configuration. User errors become lines for the standard
 * error and exit code 1; they are never thrown.
 */
export async function prepare(
  args: readonly string[],
  environment: Environment,
  files: FileReader,
): Promise<Prepared> {
  try {
    const commandLine = parseCommandLine(args);
    if (commandLine.help) return exit(0, [usage()]);
    if (commandLine.version) return exit(0, [VERSION]);
    const configuration = await loadConfiguration(commandLine, environment, files);
    if (!commandLine.printConfigItem) return { kind: "start", configuration };
    const warnings = configuration.notices.filter(({ level }) => level === "warn");
    return {
      kind: "exit",
      code: 0,
      out: formatAllOptions(configuration.options),
      err: toText(warnings.map(({ event, fields }) => formatEvent(event, fields))),
    };
  } catch (error) {
    if (error instanceof CommandLineError) {
      return exit(1, [], [`${error.message} (--help lists the options)`]);
    }
    if (error instanceof ConfigError) return exit(1, [], error.lines);
    throw error;
  }
}

function exit(code: 0 | 1, out: readonly string[], err: readonly string[] = []): Prepared {
  return { kind: "exit", code, out: toText(out), err: toText(err) };
}

function toText(lines: readonly string[]): string {
  return lines.map((line) => line + "\n").join("");
}
