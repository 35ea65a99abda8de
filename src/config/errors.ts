import { StartupError } from "../startup_error.ts";

/** An error in the configuration. Each line names its subject. */
export abstract class ConfigError extends StartupError {
  /** The problems, one line each. */
  get lines(): readonly string[] {
    return [this.message];
  }
}

/** Values that are not allowed. No change was applied. */
export class ConfigValueError extends ConfigError {
  override readonly name = "ConfigValueError";

  /** @param problems a line each: source, key, value and the allowed values */
  constructor(readonly problems: readonly string[]) {
    super(problems.join("; "));
  }

  override get lines(): readonly string[] {
    return this.problems;
  }
}

/** Text that is not valid properties or YAML, or exceeds a limit. */
export class ConfigSyntaxError extends ConfigError {
  override readonly name = "ConfigSyntaxError";
}

/** A configuration file or environment variable that can't be read. */
export class ConfigFileError extends ConfigError {
  override readonly name = "ConfigFileError";
}

/** A change whose condition does not hold: values have changed meanwhile. */
export class ConfigConflictError extends ConfigError {
  override readonly name = "ConfigConflictError";

  constructor() {
    super("the values have changed meanwhile");
  }
}

/** A key that no request may change. */
export class ConfigDeniedError extends ConfigError {
  override readonly name = "ConfigDeniedError";

  constructor(readonly key: string) {
    super(`${key} can not be changed by a request`);
  }
}
