import { join } from "node:path";
import type { EventAt } from "../log/events.ts";
import { osReason } from "../os_error.ts";
import { type FileReader, isNotFound, readConfigFile } from "./config_file.ts";
import { ConfigFileError, ConfigValueError } from "./errors.ts";
import { nearestName } from "./nearest.ts";
import {
  defaultOptions,
  isOptionName,
  OPTION_NAMES,
  type OptionName,
  optionOf,
  type Options,
  resolveOptionName,
} from "./options.ts";
import { allowedValues, findContradictions, parseValue, quoteValue, setValue } from "./values.ts";

/** The part of Deno that reads the environment. */
export interface Environment {
  get(name: string): string | undefined;
}

/** The command line's part of the configuration. */
export interface ConfigurationRequest {
  /** The file given with -c. */
  readonly configFile?: string;
  /** Options given on the command line, as text. They override all files. */
  readonly overrides?: ReadonlyMap<OptionName, string>;
}

/** A message for the log, which does not exist yet while the configuration is read. */
export type Notice =
  & ({ readonly level: "info"; readonly event: EventAt<"INFO"> } | {
    readonly level: "warn";
    readonly event: EventAt<"WARN">;
  })
  & { readonly fields: Readonly<Record<string, string>> };

/** A configuration with which a server can start. */
export interface LoadedConfiguration {
  readonly options: Readonly<Options>;
  /** The options set by a file or the command line. */
  readonly given: ReadonlySet<OptionName>;
  /** Keys of the configuration file that name no option: kept and reported. */
  readonly extras: ReadonlyMap<string, string>;
  readonly notices: readonly Notice[];
  /** The configuration file that was read. */
  readonly configFile?: string;
}

/**
 * Loads the configuration. Later sources override earlier ones: defaults and environment; the
 * configuration file, which is the one given with -c or else the default store of live updates if
 * it exists; the tls.* keys of tls.config.file; the command line.
 *
 * @throws ConfigFileError when a file or an environment variable can't be read
 * @throws ConfigSyntaxError for a file that is not valid properties or YAML
 * @throws ConfigValueError with all values that are not allowed
 */
export async function loadConfiguration(
  request: ConfigurationRequest,
  environment: Environment,
  files: FileReader,
): Promise<LoadedConfiguration> {
  const loading = new Loading();
  loading.put("rocketmqHome", readVariable(environment, "ROCKETMQ_HOME") ?? "", "ROCKETMQ_HOME");

  const { configFile } = request;
  const home = new HomeFolder(environment, loading.notices);
  const storePath = configFile ?? home.path("namesrv.properties");
  loading.put("configStorePath", storePath, configFile ? "-c" : "default");

  const entries = configFile
    ? await readConfigFile(configFile, files)
    : await readIfThere(storePath, files);
  if (entries) {
    loading.notices.push({
      level: "info",
      event: "configuration file loaded",
      fields: { file: storePath },
    });
    loading.takeConfigFile(entries, storePath);
  }
  if (loading.options.kvConfigPath === "") {
    loading.put("kvConfigPath", home.path("kvConfig.json"), "default");
  }

  // The command line may name the file with the TLS options, and overrides them.
  const takeOverrides = () => {
    for (const [name, text] of request.overrides ?? []) {
      if (loading.put(name, text, "command line")) loading.given.add(name);
    }
  };
  takeOverrides();
  await loadTlsFile(loading, files);
  takeOverrides();
  const { logDir, rocketmqHome } = loading.options;
  if (logDir === "" && rocketmqHome !== "") {
    loading.put("logDir", join(rocketmqHome, "logs", "rocketmqlogs"), "default");
  }
  return { ...loading.finish(), ...(entries && { configFile: storePath }) };
}

async function loadTlsFile(loading: Loading, files: FileReader): Promise<void> {
  const path = loading.options["tls.config.file"];
  if (path === "") return;
  const isDefault = !loading.given.has("tls.config.file");
  let entries: ReadonlyMap<string, string>;
  try {
    entries = await readConfigFile(path, files);
  } catch (error) {
    if (isDefault && isNotFound(error)) return;
    // This file was not requested, so a missing permission to look for it is not an error.
    if (isDefault && error instanceof ConfigFileError && isNotCapable(error.cause)) {
      loading.notices.push({
        level: "warn",
        event: "default TLS configuration file skipped",
        fields: { file: path, reason: osReason(error.cause, `--allow-read=${path}`) },
      });
      return;
    }
    throw error;
  }
  loading.notices.push({
    level: "info",
    event: "TLS configuration file loaded",
    fields: { file: path },
  });
  loading.takeTlsFile(entries, path);
}

async function readIfThere(
  path: string,
  files: FileReader,
): Promise<ReadonlyMap<string, string> | undefined> {
  try {
    return await readConfigFile(path, files);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function isNotCapable(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable;
}

/** An environment variable that is set and not empty. */
function readVariable(environment: Environment, name: string): string | undefined {
  try {
    return environment.get(name) || undefined;
  } catch (error) {
    const reason = osReason(error, `--allow-env=${name}`);
    throw new ConfigFileError(`cannot read the environment variable ${name}: ${reason}`, {
      cause: error,
    });
  }
}

/** Resolves the default paths, on first use. */
class HomeFolder {
  #folder: string | undefined;

  constructor(readonly environment: Environment, readonly notices: Notice[]) {}

  /** `~/namesrv/<file>`; relative to the current folder when there is no home folder. */
  path(file: string): string {
    this.#folder ??= this.#find();
    return `${this.#folder}namesrv/${file}`;
  }

  #find(): string {
    const home = readVariable(this.environment, "HOME") ??
      readVariable(this.environment, "USERPROFILE");
    if (home) return home.replace(/[\\/]*$/, "/");
    this.notices.push({
      level: "warn",
      event: "no home folder, using the current folder",
      fields: { variable: "HOME", folder: "./namesrv" },
    });
    return "./";
  }
}

/** Options without effect when the certificate is generated for tests. */
const TEST_MODE_IGNORES = [
  "tls.server.keyPath",
  "tls.server.certPath",
  "tls.server.need.client.auth",
  "tls.server.authClient",
  "tls.server.trustCertPath",
] as const;

/** The configuration while it is being loaded. */
class Loading {
  readonly options = defaultOptions();
  readonly given = new Set<OptionName>();
  readonly extras = new Map<string, string>();
  readonly notices: Notice[] = [];
  /** The source of each value. */
  readonly #sources = new Map<OptionName, string>();
  readonly #problems: string[] = [];

  /** Sets an option from text. Returns whether the value is allowed. */
  put(name: OptionName, text: string, source: string): boolean {
    const value = parseValue(name, text);
    if (value === undefined) {
      const allowed = allowedValues(optionOf(name));
      this.#problems.push(`${source}: ${quoteValue(name, text)}: must be ${allowed}`);
      return false;
    }
    setValue(this.options, name, value);
    this.#sources.set(name, source);
    return true;
  }

  takeConfigFile(entries: ReadonlyMap<string, string>, file: string): void {
    for (const [key, text] of entries) {
      const name = resolveOptionName(key);
      if (name === undefined) {
        this.extras.set(key, text);
        this.#warnUnknown(key, file, OPTION_NAMES);
      } else if (name === "configStorePath") {
        if (text.trim() !== file) {
          this.#warn("option has no effect in a file", { file, key, used: file });
        }
      } else if (key !== name && entries.has(name)) {
        this.#warn("option given twice", { file, key, used: name });
      } else if (this.put(name, text, file)) {
        this.given.add(name);
      }
    }
  }

  takeTlsFile(entries: ReadonlyMap<string, string>, file: string): void {
    const names = OPTION_NAMES.filter((name) =>
      name.startsWith("tls.") && name !== "tls.config.file"
    );
    for (const [key, text] of entries) {
      if (isOptionName(key) && names.includes(key)) {
        if (this.put(key, text, file)) this.given.add(key);
      } else if (!key.startsWith("tls.client.") && key !== "tls.enable") {
        // Brokers and clients use the same file, so other keys may be theirs.
        this.#warnUnknown(key, file, names);
      }
    }
  }

  /** @throws ConfigValueError */
  finish(): LoadedConfiguration {
    const { options, given, extras, notices } = this;
    if (this.#problems.length === 0) {
      for (const { name, reason } of findContradictions(options)) {
        const source = this.#sources.get(name) ?? "default";
        const value = quoteValue(name, String(options[name]));
        this.#problems.push(`${source}: ${value}: ${reason}`);
      }
    }
    this.#warnOfUnusedCertificates();
    if (this.#problems.length > 0) throw new ConfigValueError(this.#problems);
    return { options, given, extras, notices };
  }

  #warnOfUnusedCertificates(): void {
    const { options } = this;
    if (options["tls.server.mode"] === "disabled" || !options["tls.test.mode.enable"]) return;
    const unused = TEST_MODE_IGNORES.filter((name) => this.given.has(name));
    if (unused.length === 0) return;
    this.#warn("TLS options have no effect while tls.test.mode.enable=true", {
      keys: unused.join(", "),
    });
  }

  #warnUnknown(key: string, file: string, names: readonly OptionName[]): void {
    const nearest = nearestName(key, names);
    this.#warn("unknown option", { file, key, ...(nearest !== undefined && { nearest }) });
  }

  #warn(event: EventAt<"WARN">, fields: Notice["fields"]): void {
    this.notices.push({ level: "warn", event, fields });
  }
}
