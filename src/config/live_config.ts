import type { DurableFile } from "../durable_file.ts";
import { formatOf } from "./config_file.ts";
import {
  ConfigConflictError,
  ConfigDeniedError,
  ConfigFileError,
  ConfigSyntaxError,
  ConfigValueError,
} from "./errors.ts";
import type { LoadedConfiguration } from "./load.ts";
import {
  isControllerOption,
  type OptionName,
  optionOf,
  type Options,
  resolveOptionName,
} from "./options.ts";
import { parseProperties } from "./properties.ts";
import {
  type ConfigurationView,
  describeOptions,
  formatForRequest,
  type OptionView,
  type Reported,
  showExtra,
  viewConfiguration,
} from "./report.ts";
import {
  allowedValues,
  findContradictions,
  formatValue,
  isLegalText,
  LEGAL_TEXT,
  parseValue,
  quoteValue,
  setValue,
} from "./values.ts";

/** Limits of an update request: far more than all options, and parsed in a few milliseconds. */
export const UPDATE_LIMITS = { maxLength: 131_072, maxKeys: 1000 };

/** The file in which updates are stored. */
export type ConfigStore = Pick<DurableFile, "readBytes" | "write">;

type Listener = (value: Options[OptionName]) => void;

/** A value that an update has set. */
export interface ConfigChange {
  readonly key: string;
  readonly before: string;
  readonly after: string;
}

/** How an update is made. */
export interface UpdateOptions {
  /** Called with the keys when they are on disk, before they take effect. */
  stored?(keys: readonly string[]): void;
  /** Whether an option may be in the request; others are ignored like unknown keys. */
  concerns?(name: OptionName): boolean;
  /** Asked about the values that would change, secrets hidden, unless all have the new ones already. */
  condition?(now: ReadonlyMap<string, string>): boolean;
}

/** A validated update. */
interface Plan {
  readonly options: ReadonlyMap<OptionName, Options[OptionName]>;
  readonly extras: ReadonlyMap<string, string>;
}

/**
 * The configuration of a running server, and the only way to change it. A change takes effect after
 * it is on disk, and is applied as a whole or not at all.
 */
export class LiveConfig {
  /** The values in effect. Always the same object, updated in place. */
  readonly values: Readonly<Options>;
  readonly #options: Options;
  readonly #given: ReadonlySet<OptionName>;
  readonly #extras: Map<string, string>;
  readonly #store: ConfigStore;
  readonly #denied: ReadonlySet<string>;
  readonly #listeners = new Map<OptionName, Listener[]>();
  readonly #changeListeners: ((changes: readonly ConfigChange[]) => void)[] = [];
  /** Updates run one after another: each starts when the previous one has settled. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param store the file at `loaded.options.configStorePath` */
  constructor(loaded: LoadedConfiguration, store: ConfigStore) {
    this.#options = { ...loaded.options };
    this.values = this.#options;
    this.#given = loaded.given;
    this.#extras = new Map(loaded.extras);
    this.#store = store;
    this.#denied = new Set(loaded.options.configBlackList.split(";").map((key) => key.trim()));
  }

  /** The body of GET_NAMESRV_CONFIG (request code 319). */
  format(): string {
    return formatForRequest(this.#reported);
  }

  /** The body of GET_CONTROLLER_CONFIG (request code 1010). */
  formatForController(controllerPort: number): string {
    const options = { ...this.values, listenPort: controllerPort };
    return formatForRequest({ ...this.#reported, options, extras: new Map() }, isControllerOption);
  }

  /** The configuration in effect, secrets hidden. */
  view(): ConfigurationView {
    return viewConfiguration(this.#reported);
  }

  /** All options with their descriptions, secrets hidden. */
  describe(): OptionView[] {
    return describeOptions(this.#reported);
  }

  /**
   * Applies an UPDATE_NAMESRV_CONFIG (request code 318) or UPDATE_CONTROLLER_CONFIG (1009). Keys that neither
   * name an option nor occur in the configuration file are ignored.
   *
   * @param text the request's body, in properties syntax
   * @returns the changes, once they are on disk and in effect; secrets are hidden
   * @throws ConfigSyntaxError when the text is malformed or too long
   * @throws ConfigConflictError when the condition does not hold
   * @throws ConfigDeniedError for a key that no request may change
   * @throws ConfigValueError for values that are not allowed, or need a restart
   * @throws ConfigFileError when the store's content does not match its ending; DurableFileError
   * when it can't be read or written
   */
  update(text: string, options: UpdateOptions = {}): Promise<readonly ConfigChange[]> {
    const update = this.#last.then(() => this.#update(text, options));
    this.#last = update.catch(() => {});
    return update;
  }

  /** Calls `listener` with each new value of an option. It must not throw. */
  subscribe<N extends OptionName>(name: N, listener: (value: Options[N]) => void): void {
    const listeners = this.#listeners.get(name) ?? [];
    listeners.push(listener as Listener);
    this.#listeners.set(name, listeners);
  }

  /** Calls `listener` with the changes of each update that is in effect. It must not throw. */
  subscribeToAll(listener: (changes: readonly ConfigChange[]) => void): void {
    this.#changeListeners.push(listener);
  }

  async #update(
    text: string,
    { stored, concerns, condition }: UpdateOptions,
  ): Promise<readonly ConfigChange[]> {
    const entries = parseProperties(text, "request", UPDATE_LIMITS);
    for (const key of entries.keys()) {
      if (this.#isDenied(key)) throw new ConfigDeniedError(key);
      const name = resolveOptionName(key);
      if (name !== undefined && concerns?.(name) === false) entries.delete(key);
    }
    const plan = this.#plan(entries);
    const changes = new Map([
      ...[...plan.options].map(([name, value]): [string, string] => [name, String(value)]),
      ...plan.extras,
    ]);
    if (changes.size === 0) return [];
    const keys = [...changes.keys()];
    const before = new Map(keys.map((key) => [key, this.#shown(key)]));
    const same = keys.every((key) => changes.get(key) === before.get(key));
    if (!same && condition?.(before) === false) throw new ConfigConflictError();
    await this.#persist(changes);
    stored?.(keys);
    this.#apply(plan);
    const done = [...before].map(([key, text]) => ({
      key,
      before: text,
      after: this.#shown(key),
    }));
    for (const listener of this.#changeListeners) listener(done);
    return done;
  }

  /** Paths and TLS options are always denied: a request once chose a path (CVE-2023-37582). */
  #isDenied(key: string): boolean {
    const name = resolveOptionName(key);
    return this.#denied.has(key) || key === "configBlackList" || key.startsWith("tls.") ||
      (name !== undefined && (this.#denied.has(name) || optionOf(name).type === "path"));
  }

  /** A value in effect as text; a secret is hidden. */
  #shown(key: string): string {
    const name = resolveOptionName(key);
    if (name === undefined) return showExtra(key, this.#extras.get(key) ?? "");
    return formatValue(name, this.values[name]);
  }

  #plan(entries: ReadonlyMap<string, string>): Plan {
    const options = new Map<OptionName, Options[OptionName]>();
    const extras = new Map<string, string>();
    const problems: string[] = [];
    for (const [key, text] of entries) {
      const name = resolveOptionName(key);
      if (name === undefined) {
        if (!this.#extras.has(key)) continue;
        if (isLegalText(text)) extras.set(key, text);
        else problems.push(`${key}: must be ${LEGAL_TEXT}`);
        continue;
      }
      const option = optionOf(name);
      const value = parseValue(name, text);
      if (value === undefined) {
        problems.push(`${quoteValue(key, text)}: must be ${allowedValues(option)}`);
      } else if (option.applies === "live") {
        options.set(name, value);
      } else if (value !== this.values[name]) {
        const quoted = quoteValue(key, text);
        problems.push(`${quoted}: needs a restart, change it in the file of configStorePath`);
      }
    }
    if (problems.length === 0) problems.push(...this.#contradictions(options));
    if (problems.length > 0) throw new ConfigValueError(problems);
    return { options, extras };
  }

  get #reported(): Reported {
    return { options: this.values, given: this.#given, extras: this.#extras };
  }

  /** Replaces a default that can't be used at the start by the value in use. */
  settle<N extends OptionName>(name: N, value: Options[N]): void {
    this.#options[name] = value;
  }

  /** Whether a key names an option, or occurs in the configuration file. */
  knows(key: string): boolean {
    return resolveOptionName(key) !== undefined || this.#extras.has(key);
  }

  /** Whether a file or the command line set an option. */
  given(name: OptionName): boolean {
    return this.#given.has(name);
  }

  #contradictions(changes: Plan["options"]): string[] {
    const candidate = { ...this.values };
    for (const [name, value] of changes) setValue(candidate, name, value);
    return findContradictions(candidate).map(({ name, reason }) =>
      `${quoteValue(name, String(candidate[name]))}: ${reason}`
    );
  }

  /** Edits the changes into the store; its other content, comments and order are kept. */
  async #persist(changes: ReadonlyMap<string, string>): Promise<void> {
    const path = this.values.configStorePath;
    const bytes = await this.#store.readBytes() ?? new Uint8Array();
    const format = formatOf(path);
    let stored: string;
    let edited: string;
    try {
      stored = format.decode(bytes, path);
      edited = format.edit(stored, changes, path);
    } catch (error) {
      // The file is malformed, not the text of the request.
      if (error instanceof ConfigSyntaxError) throw new ConfigFileError(error.message);
      throw error;
    }
    if (edited !== stored) await this.#store.write(edited);
  }

  #apply({ options, extras }: Plan): void {
    const changed = [...options].filter(([name, value]) => value !== this.values[name]);
    for (const [name, value] of changed) setValue(this.#options, name, value);
    for (const [key, value] of extras) this.#extras.set(key, value);
    for (const [name, value] of changed) {
      for (const listener of this.#listeners.get(name) ?? []) listener(value);
    }
  }
}
