import { join } from "node:path";
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

/** What the command line says about the configuration. */
export interface ConfigurationRequest {
  /** The file of -c. */
  readonly configFile?: string;
  /** Options given on the command line, as text. They win over all files. */
  readonly overrides?: ReadonlyMap<OptionName, string>;
}

/** Something worth a line in the log, which does not exist yet while the configuration is read. */
export interface Notice {
  readonly level: "info" | "warn";
  readonly event: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** A configuration that a server can start with. */
export interface LoadedConfiguration {
  readonly options: Readonly<Options>;
  /** The options that a file or the command line gave. */
  readonly given: ReadonlySet<OptionName>;
  /** Keys of the configuration file that name no option: kept and reported. */
  readonly extras: ReadonlyMap<string, string>;
  readonly notices: readonly Notice[];
  /** The configuration file that was read. */
  readonly configFile?: string;
}

/**
 * Reads the configuration. Later sources win: defaults and environment; the configuration file,
 * which is that of -c, or else the default store of live updates when it exists; the tls.* keys of
 * tls.config.file; the command line.
 *
 * @throws ConfigFileError at a file that can't be read, or an environment variable that may not be
 * @throws ConfigSyntaxError at a file that is not properties or YAML
 * @throws ConfigValueError at values that are not allowed, all of them
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

  // It may say which file has the TLS options, and has the last word over them.
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
    // Nobody asked for this file: a server without permission to look for it is no broken one.
    if (isDefault && error instanceof ConfigFileError && isNotCapable(error.cause)) {
      loading.notices.push({
        level: "warn",
        event: "default TLS configuration file not looked for",
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

/** Where the default paths lead, found out only when one is needed. */
class HomeFolder {
  #folder: string | undefined;

  constructor(readonly environment: Environment, readonly notices: Notice[]) {}

  /** `~/namesrv/<file>`; below the current folder when there is no home folder. */
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

/** What a certificate made for tests makes useless. */
const TEST_MODE_IGNORES = [
  "tls.server.keyPath",
  "tls.server.certPath",
  "tls.server.need.client.auth",
  "tls.server.authClient",
  "tls.server.trustCertPath",
] as const;

/** The configuration while it is put together. */
class Loading {
  readonly options = defaultOptions();
  readonly given = new Set<OptionName>();
  readonly extras = new Map<string, string>();
  readonly notices: Notice[] = [];
  /** Where each value came from. */
  readonly #sources = new Map<OptionName, string>();
  readonly #problems: string[] = [];

  /** Gives an option the value that `text` stands for; answers whether it is one. */
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
        // Brokers and clients read the same file, and those keys are theirs.
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
    this.#warn("TLS options without effect, because tls.test.mode.enable=true", {
      keys: unused.join(", "),
    });
  }

  #warnUnknown(key: string, file: string, names: readonly OptionName[]): void {
    const nearest = nearestName(key, names);
    this.#warn("unknown option", { file, key, ...(nearest !== undefined && { nearest }) });
  }

  #warn(event: string, fields: Notice["fields"]): void {
    this.notices.push({ level: "warn", event, fields });
  }
}
