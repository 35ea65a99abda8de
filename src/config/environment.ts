import { osReason } from "../os_error.ts";
import { ConfigFileError } from "./errors.ts";
import { OPTION_NAMES, type OptionName } from "./options.ts";

/** The part of Deno that reads the environment. */
export interface Environment {
  get(name: string): string | undefined;
}

/** The permission for {@link readOptions}. */
export const OPTIONS_FLAG = "--allow-env=NAMESRV_*";

/** The environment variable of an option: listenPort has NAMESRV_LISTEN_PORT. */
export function variableOf(name: OptionName): string {
  const words = name.replace(/([a-z\d])([A-Z])/g, "$1_$2").replaceAll(".", "_");
  return `NAMESRV_${words.toUpperCase()}`;
}

/**
 * Returns a variable that is set and not empty.
 *
 * @throws ConfigFileError when Deno's permission is missing
 */
export function readVariable(environment: Environment, name: string): string | undefined {
  try {
    return environment.get(name) || undefined;
  } catch (error) {
    const reason = osReason(error, `--allow-env=${name}`);
    throw new ConfigFileError(`cannot read the environment variable ${name}: ${reason}`, {
      cause: error,
    });
  }
}

/** Options that environment variables set. */
export interface EnvironmentOptions {
  readonly texts: ReadonlyMap<OptionName, string>;
  /** Why some variables could not be read. */
  readonly refusal?: unknown;
}

/** Reads the variables of all options. Those without permission count as not set. */
export function readOptions(environment: Environment): EnvironmentOptions {
  const texts = new Map<OptionName, string>();
  let refusal: unknown;
  for (const name of OPTION_NAMES) {
    try {
      const text = environment.get(variableOf(name));
      if (text) texts.set(name, text);
    } catch (error) {
      refusal = error;
    }
  }
  return { texts, refusal };
}
