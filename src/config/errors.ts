import { StartupError } from "../startup_error.ts";

/** What went wrong with the configuration. Each line names what it is about. */
export abstract class ConfigError extends StartupError {
  /** The problems, a line each. */
  get lines(): readonly string[] {
    return [this.message];
  }
}

/** Values that are not allowed. Nothing was taken over. */
export class ConfigValueError extends ConfigError {
  override readonly name = "ConfigValueError";

  /** @param problems a line each: source, key, value and what is allowed */
  constructor(readonly problems: readonly string[]) {
    super(problems.join("; "));
  }

  override get lines(): readonly string[] {
    return this.problems;
  }
}

/** Text that is not properties or YAML, or more of it than is taken. */
export class ConfigSyntaxError extends ConfigError {
  override readonly name = "ConfigSyntaxError";
}

/** A configuration file, or a variable of the environment, that can't be read. */
export class ConfigFileError extends ConfigError {
  override readonly name = "ConfigFileError";
}

/** A key that no request may change. */
export class ConfigDeniedError extends ConfigError {
  override readonly name = "ConfigDeniedError";

  constructor(readonly key: string) {
    super(`${key} can not be changed by a request`);
  }
}
