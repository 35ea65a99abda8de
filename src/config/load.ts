import { dirname, join } from "node:path";
import type { EventAt } from "../log/events.ts";
import { osReason } from "../os_error.ts";
import { type ConfigEntries, type FileReader, isNotFound, readConfigFile } from "./config_file.ts";
import {
  type Environment,
  OPTIONS_FLAG,
  readOptions,
  readVariable,
  variableOf,
} from "./environment.ts";
import { ConfigFileError, ConfigValueError } from "./errors.ts";
import { HomeFolder } from "./home_folder.ts";
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
import { COMMENT_HINT, hasComment, losesBackslashes, WINDOWS_PATH_HINT } from "./spelling.ts";
import {
  allowedValues,
  findContradictions,
  isSecret,
  parseValue,
  quoteValue,
  setValue,
} from "./values.ts";

/** The command line's part of the configuration. */
export interface ConfigurationRequest {
  /** The file given with -c. */
  readonly configFile?: string;
  /** Options given on the command line, as text. They override all else. */
  readonly overrides?: ReadonlyMap<OptionName, string>;
  /** The home folder, if it is not that of the environment. */
  readonly userHome?: string;
  /** Arguments for a JVM, which have no effect. */
  readonly ignored?: readonly string[];
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
  /** The options set by a file, the environment or the command line. */
  readonly given: ReadonlySet<OptionName>;
  /** Keys of the configuration file that name no option: kept and reported. */
  readonly extras: ReadonlyMap<string, string>;
  readonly notices: readonly Notice[];
  /** The configuration file that was read. */
  readonly configFile?: string;
}

/**
 * Loads the configuration. Later sources override earlier ones: defaults and ROCKETMQ_HOME; the
 * configuration file, which is the one given with -c or else the store of live updates if it exists;
 * the tls.* keys of tls.config.file; environment variables of options; the command line.
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
  const notices: Notice[] = [];
  const home = new HomeFolder(environment, request.userHome, () =>
    void notices.push({
      level: "warn",
      event: "no home folder, using the current folder",
      fields: { variable: "HOME", folder: "./namesrv" },
    }));
  const loading = new Loading(home, notices);
  loading.put("rocketmqHome", readVariable(environment, "ROCKETMQ_HOME") ?? "", "ROCKETMQ_HOME");
  for (const option of request.ignored ?? []) {
    notices.push({ level: "warn", event: "JVM option ignored", fields: { option } });
  }

  const overrides = collectOverrides(request, environment, notices);
  const configFile = request.configFile && home.expand(request.configFile);
  const store = overrides.findLast(({ name }) => name === "configStorePath");
  const storePath = configFile ?? home.expand(store?.text ?? home.path("namesrv.properties"));
  loading.put("configStorePath", storePath, configFile ? "-c" : "default");
  if (store && configFile) loading.refuseOtherStore(store, configFile);

  const entries = configFile
    ? await readConfigFile(configFile, files)
    : await readIfThere(storePath, files);
  if (entries) {
    notices.push({
      level: "info",
      event: "configuration file loaded",
      fields: { file: storePath },
    });
    loading.takeConfigFile(entries, storePath);
  }

  // They may name the file with the TLS options, and override it.
  const takeOverrides = () => {
    for (const { name, text, source } of overrides) {
      if (name === "configStorePath") continue;
      if (loading.put(name, text, source)) loading.given.add(name);
    }
  };
  takeOverrides();
  if (loading.options.kvConfigPath === "") {
    loading.put("kvConfigPath", home.path("kvConfig.json"), "default");
  }
  await loadTlsFile(loading, files);
  takeOverrides();
  const { kvConfigPath, listenPort } = loading.options;
  // On a port that differs at each start, nobody finds the server again.
  if (!loading.given.has("routeSnapshotPath") && listenPort !== 0) {
    const path = join(dirname(kvConfigPath), `routes-${listenPort}.snapshot`);
    loading.put("routeSnapshotPath", path, "default");
  }
  const { enableControllerInNamesrv, controllerType, controllerStorePath } = loading.options;
  if (enableControllerInNamesrv && controllerStorePath === "") {
    loading.put("controllerStorePath", `~/${controllerType}Controller`, "default");
  }
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
  let entries: ConfigEntries;
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
): Promise<ConfigEntries | undefined> {
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

/** An option set outside of files. */
interface Override {
  readonly name: OptionName;
  readonly text: string;
  readonly source: string;
}

/** The options of the environment, then those of the command line. */
function collectOverrides(
  request: ConfigurationRequest,
  environment: Environment,
  notices: Notice[],
): Override[] {
  const { texts, refusal } = readOptions(environment);
  if (refusal !== undefined) {
    const reason = osReason(refusal, OPTIONS_FLAG);
    notices.push({ level: "warn", event: "environment not read", fields: { reason } });
  }
  return [
    ...Array.from(texts, ([name, text]) => ({ name, text, source: variableOf(name) })),
    ...Array.from(request.overrides ?? [], ([name, text]) => ({
      name,
      text,
      source: "command line",
    })),
  ];
}

/** Names under which some options are looked for. */
const MISNAMED: ReadonlyMap<string, OptionName> = new Map([
  ["port", "listenPort"],
  ["host", "bindAddress"],
  ["ip", "bindAddress"],
  ["address", "bindAddress"],
]);

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
  readonly notices: Notice[];
  readonly #home: HomeFolder;
  /** The source of each value. */
  readonly #sources = new Map<OptionName, string>();
  /** Each once, although the environment and the command line are taken twice. */
  readonly #problems = new Set<string>();

  constructor(home: HomeFolder, notices: Notice[]) {
    this.#home = home;
    this.notices = notices;
  }

  /** Sets an option from text. Returns whether the value is allowed. */
  put(name: OptionName, text: string, source: string, hint = ""): boolean {
    const option = optionOf(name);
    const value = parseValue(name, text);
    if (value === undefined) {
      const allowed = allowedValues(option);
      this.#problems.add(`${source}: ${quoteValue(name, text)}: must be ${allowed}${hint}`);
      return false;
    }
    const isPath = option.type === "path" && typeof value === "string";
    setValue(this.options, name, isPath ? this.#home.expand(value) : value);
    this.#sources.set(name, source);
    return true;
  }

  /** Reports a store of live updates that is not the file given with -c. */
  refuseOtherStore({ text, source }: Override, configFile: string): void {
    if (this.#home.expand(text) === configFile) return;
    const value = quoteValue("configStorePath", text);
    this.#problems.add(`${source}: ${value}: must be the file given with -c, or without -c`);
  }

  takeConfigFile({ values, raw }: ConfigEntries, file: string): void {
    for (const [key, text] of values) {
      const name = resolveOptionName(key);
      if (name === undefined) {
        this.extras.set(key, text);
        this.#warnUnknown(key, file, OPTION_NAMES);
      } else if (name === "configStorePath") {
        if (text.trim() !== file) {
          this.#warn("option has no effect in a file", { file, key, used: file });
        }
      } else if (key !== name && values.has(name)) {
        this.#warn("option given twice", { file, key, used: name });
      } else {
        this.#putFromFile(name, text, file, raw.get(key));
      }
    }
  }

  /** @param raw the value as the file spells it, where that may be a mistake */
  #putFromFile(name: OptionName, text: string, file: string, raw: string | undefined): void {
    const commented = raw !== undefined && hasComment(text);
    if (!this.put(name, text, file, commented ? `; ${COMMENT_HINT}` : "")) return;
    this.given.add(name);
    const option = optionOf(name);
    if (isSecret(option)) return;
    const fields = { file, key: name, value: String(this.options[name]) };
    if (commented) this.#warn("suspicious value", { ...fields, reason: COMMENT_HINT });
    if (raw !== undefined && option.type === "path" && losesBackslashes(raw)) {
      this.#warn("suspicious value", { ...fields, reason: WINDOWS_PATH_HINT });
    }
  }

  takeTlsFile({ values, raw }: ConfigEntries, file: string): void {
    const names = OPTION_NAMES.filter((name) =>
      name.startsWith("tls.") && name !== "tls.config.file"
    );
    for (const [key, text] of values) {
      if (isOptionName(key) && names.includes(key)) {
        this.#putFromFile(key, text, file, raw.get(key));
      } else if (!key.startsWith("tls.client.") && key !== "tls.enable") {
        // Brokers and clients use the same file, so other keys may be theirs.
        this.#warnUnknown(key, file, names);
      }
    }
  }

  /** @throws ConfigValueError */
  finish(): LoadedConfiguration {
    const { options, given, extras, notices } = this;
    if (this.#problems.size === 0) {
      for (const { name, reason, cause = name } of findContradictions(options)) {
        const source = this.#sources.get(name) ?? this.#sources.get(cause) ?? "default";
        const value = quoteValue(name, String(options[name]));
        this.#problems.add(`${source}: ${value}: ${reason}`);
      }
    }
    this.#warnOfUnusedCertificates();
    if (this.#problems.size > 0) throw new ConfigValueError([...this.#problems]);
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
    const nearest = MISNAMED.get(key.toLowerCase()) ?? nearestName(key, names);
    this.#warn("unknown option", { file, key, ...(nearest !== undefined && { nearest }) });
  }

  #warn(event: EventAt<"WARN">, fields: Notice["fields"]): void {
    this.notices.push({ level: "warn", event, fields });
  }
}
