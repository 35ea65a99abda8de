import type { LoadedConfiguration } from "./load.ts";
import {
  type Applies,
  isOnlyOfController,
  type Option,
  OPTION_GROUPS,
  OPTION_NAMES,
  type OptionName,
  optionOf,
  type Options,
  resolveOptionName,
} from "./options.ts";
import { formatProperty } from "./properties.ts";
import { formatValue, HIDDEN, isSecret, showValue } from "./values.ts";

/** The parts of a configuration needed for reports. */
export type Reported = Pick<LoadedConfiguration, "options" | "given" | "extras">;

/** Formats all options as sorted `key=value` lines. Secrets are hidden. */
export function formatAllOptions(options: Readonly<Options>): string {
  return formatLines(OPTION_NAMES.map((name) => [name, formatValue(name, options[name])]));
}

/**
 * Formats the body of GET_NAMESRV_CONFIG (request code 319): sorted `key=value` lines. As in the
 * reference, options without a value are omitted, and tls.* keys and unknown keys are included when
 * a file sets them; so are options of the controller where there is none. Secrets are hidden.
 *
 * @param concerns whether an option is included
 */
export function formatForRequest(
  { options, given, extras }: Reported,
  concerns: (name: OptionName) => boolean = () => true,
): string {
  const isReported = (name: OptionName) => {
    if (!concerns(name)) return false;
    if (isOnlyOfController(name) && !options.enableControllerInNamesrv) return given.has(name);
    return name.startsWith("tls.") ? given.has(name) : options[name] !== "";
  };
  return formatLines([
    ...OPTION_NAMES.filter(isReported).map((name): [string, string] => [
      name,
      formatValue(name, options[name]),
    ]),
    ...[...extras].map(([key, value]): [string, string] => [
      key,
      showExtra(key, value),
    ]),
  ]);
}

/** A configuration for JSON output. */
export interface ConfigurationView {
  readonly options: readonly {
    readonly name: OptionName;
    readonly value: string | number | boolean;
    /** In words where it depends on the environment. */
    readonly default: string | number | boolean;
    /** Whether a file or the command line set it. */
    readonly given: boolean;
    readonly applies: Applies;
  }[];
  /** Keys of the configuration file that name no option. */
  readonly others: readonly { readonly key: string; readonly value: string }[];
}

/** All options in the order of the table, and the file's other keys. Secrets are hidden. */
export function viewConfiguration({ options, given, extras }: Reported): ConfigurationView {
  return {
    options: OPTION_NAMES.map((name) => ({
      name,
      value: showValue(name, options[name]),
      default: defaultOf(optionOf(name)),
      given: given.has(name),
      applies: optionOf(name).applies,
    })),
    others: Array.from(extras, ([key, value]) => ({ key, value: showExtra(key, value) })),
  };
}

/** An option with its row of the table, for people. */
export interface OptionView {
  readonly name: OptionName;
  readonly type: Option["type"];
  /** In words where it depends on the environment. */
  readonly default: string | number | boolean;
  readonly value: string | number | boolean;
  /** The allowed values of a number, or of a list; null for others. */
  readonly range: string | null;
  /** Whether a change takes effect without a restart. */
  readonly live: boolean;
  /** Whether its value is never shown. */
  readonly secret: boolean;
  /** Whether a file, the environment or the command line set it. */
  readonly given: boolean;
  /** Its effect, in sentences. */
  readonly text: string;
  /** The title of its group. */
  readonly group: string;
}

/** All options with their descriptions, in the order of the table. Secrets are hidden. */
export function describeOptions({ options, given }: Reported): OptionView[] {
  return OPTION_GROUPS.flatMap(({ title, names }) =>
    names.map((name) => {
      const option = optionOf(name);
      return {
        name,
        type: option.type,
        default: defaultOf(option),
        value: showValue(name, options[name]),
        range: rangeText(option),
        live: option.applies === "live",
        secret: isSecret(option),
        given: given.has(name),
        text: option.doc,
        group: title,
      };
    })
  );
}

/** The allowed values of an option, where its type does not say them. */
export function rangeText(option: Option): string | null {
  if (option.type === "int") {
    return `${option.min} to ${option.max}${option.orZero ? ", or 0" : ""}`;
  }
  return option.type === "enum" ? option.values.join(", ") : null;
}

function defaultOf(option: Option): string | number | boolean {
  return option.type === "path" ? option.defaultDoc ?? option.default : option.default;
}

/** The value of a key that names no option; one that looks secret is hidden. */
export function showExtra(key: string, value: string): string {
  return SECRET_KEYS.test(key) ? HIDDEN : value;
}

/** A value of a configuration that another server reports; a secret is hidden. */
export function showReported(key: string, value: string): string {
  const name = resolveOptionName(key);
  return name !== undefined && isSecret(optionOf(name)) ? HIDDEN : showExtra(key, value);
}

/** A shared file may contain keys of other components, such as tls.client.keyPassword. */
const SECRET_KEYS =
  /pass(word|wd|phrase)|pwd|secret|token|credential|(access|api|private)[-_.]?key$/i;

function formatLines(entries: [key: string, value: string][]): string {
  return entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => formatProperty(key, value) + "\n")
    .join("");
}
