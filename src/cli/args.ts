import { parseArgs } from "@std/cli/parse-args";
import { variableOf } from "../config/environment.ts";
import { nearestName } from "../config/nearest.ts";
import { OPTION_NAMES, type OptionName, optionOf, resolveOptionName } from "../config/options.ts";
import { allowedValues, isSecret, parseValue, quoteValue } from "../config/values.ts";

/** The parsed command line. */
export interface CommandLine {
  readonly help: boolean;
  readonly version: boolean;
  readonly printConfigItem: boolean;
  readonly configFile?: string;
  /** Options set by arguments, as validated text. */
  readonly overrides: ReadonlyMap<OptionName, string>;
  /** The home folder of -Duser.home. */
  readonly userHome?: string;
  /** Options of a JVM that have no effect here. */
  readonly ignored: readonly string[];
}

/** An invalid argument. The message is one line and names it. */
export class CommandLineError extends Error {
  override readonly name = "CommandLineError";
}

interface Argument {
  readonly name: string;
  readonly letter?: string;
  /** Placeholder for the argument's value in the usage text; without it, the argument is a flag. */
  readonly value?: string;
  /** The configuration option that it sets. */
  readonly option?: OptionName;
  readonly doc: string;
}

const ARGUMENTS: readonly Argument[] = [
  { name: "configFile", letter: "c", value: "FILE", doc: "configuration file: properties or YAML" },
  {
    name: "namesrvAddr",
    letter: "n",
    value: "ADDR",
    option: "namesrvAddr",
    doc: "accepted and reported, but without effect",
  },
  {
    name: "printConfigItem",
    letter: "p",
    doc: "print every option with its value, then exit",
  },
  { name: "help", letter: "h", doc: "print this text, then exit" },
  { name: "version", doc: "print the version, then exit" },
  {
    name: "listenPort",
    value: "PORT",
    option: "listenPort",
    doc: "TCP port",
  },
  {
    name: "bindAddress",
    value: "ADDR",
    option: "bindAddress",
    doc: "address or host name to listen on",
  },
  {
    name: "httpPort",
    value: "PORT",
    option: "httpPort",
    doc: "port for health, metrics and the API; 0 for none",
  },
  {
    name: "httpBindAddress",
    value: "ADDR",
    option: "httpBindAddress",
    doc: "address or host name of the HTTP port",
  },
];

/** Options of a JVM, which the reference's scripts pass to it. */
const JVM_OPTION = /^-(?:D.|X.|server$|client$|verbose:|ea$|da$)/;
const JVM_PROPERTY = /^-D([^=]+)(?:=(.*))?$/s;

/** Properties of the reference that are options here, by names of their own. */
const PROPERTIES: ReadonlyMap<string, OptionName> = new Map([
  ["rocketmq.home.dir", "rocketmqHome"],
  ["rocketmq.namesrv.domain", "addressServiceDomain"],
]);

/**
 * Parses the arguments of mqnamesrv and our own. Besides the usual forms (`-c FILE`, `--configFile
 * FILE`, `--configFile=FILE`) it accepts those of commons-cli, which the reference uses: `-cFILE`,
 * `-c=FILE`, `-configFile FILE`, and prefixes of long names; `--OPTION VALUE` and `--OPTION=VALUE` for
 * each option of the configuration; and options of a JVM, as the reference's scripts pass them:
 * `-Dtls.server.mode=enforcing` and other properties that mean something here are taken, the rest is
 * ignored.
 *
 * @throws CommandLineError for anything else
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const strange: string[] = [];
  const jvm = readJvmOptions(args.filter((arg) => JVM_OPTION.test(arg)));
  const { options, others } = takeOptions(args.filter((arg) => !JVM_OPTION.test(arg)));
  const parsed = parseArgs(others.map(normalize), {
    boolean: ARGUMENTS.filter(({ value }) => !value).map(({ name }) => name),
    string: ["_", ...ARGUMENTS.filter(({ value }) => value).map(({ name }) => name)],
    alias: Object.fromEntries(
      ARGUMENTS.flatMap(({ name, letter }) => letter ? [[name, letter]] : []),
    ),
    unknown: (arg, key) => {
      strange.push(
        key === undefined ? `unexpected argument: ${arg}` : `unknown option: ${arg}${hint(arg)}`,
      );
      return false;
    },
  });
  // Nothing is allowed after `--`.
  strange.push(...parsed._.map((arg) => `unexpected argument: ${arg}`));

  const values = new Map<string, string>();
  for (const { name, value } of ARGUMENTS) {
    const given = parsed[name];
    if (value === undefined || given === undefined) continue;
    if (given === "") throw new CommandLineError(`missing ${value} after --${name}`);
    values.set(name, String(given));
  }
  if (strange[0] !== undefined) throw new CommandLineError(strange[0]);
  return {
    help: parsed.help === true,
    version: parsed.version === true,
    printConfigItem: parsed.printConfigItem === true,
    configFile: values.get("configFile"),
    overrides: new Map([...readOverrides(values), ...options, ...jvm.overrides]),
    userHome: jvm.userHome,
    ignored: jvm.ignored,
  };
}

/**
 * Rewrites prefixes of long names and the forms that only commons-cli knows to forms that parseArgs
 * reads. Anything else is returned unchanged for parseArgs to judge.
 */
function normalize(arg: string): string {
  const [, hyphens, key = "", assigned] = /^(--?)([^-=][^=]*)(=.*)?$/s.exec(arg) ?? [];
  const isLetter = hyphens === "-" && key.length === 1;
  const argument = ARGUMENTS.find(({ name, letter }) =>
    isLetter ? letter === key : key !== "" && name.startsWith(key)
  );
  if (argument) {
    if (assigned !== undefined && argument.value === undefined) {
      throw new CommandLineError(`--${argument.name} takes no value: ${arg}`);
    }
    return `--${argument.name}${assigned ?? ""}`;
  }
  const glued = ARGUMENTS.find(({ letter, value }) =>
    hyphens === "-" && value !== undefined && letter === key[0]
  );
  return glued ? `--${glued.name}=${arg.slice(2)}` : arg;
}

/** Suggests the option that an unknown one may stand for. */
function hint(arg: string): string {
  const [, key] = /^--([^=]+)/.exec(arg) ?? [];
  const nearest = key && nearestName(key, [...ARGUMENTS.map(({ name }) => name), ...OPTION_NAMES]);
  return nearest ? `; did you mean --${nearest}?` : "";
}

function readOverrides(values: ReadonlyMap<string, string>): ReadonlyMap<OptionName, string> {
  const overrides = new Map<OptionName, string>();
  for (const { name, option } of ARGUMENTS) {
    const text = values.get(name);
    if (option !== undefined && text !== undefined) {
      overrides.set(option, checked(option, text, `--${name}`));
    }
  }
  return overrides;
}

/** Takes `--OPTION VALUE` and `--OPTION=VALUE` out of the arguments, but for those of ARGUMENTS. */
function takeOptions(
  args: readonly string[],
): { options: ReadonlyMap<OptionName, string>; others: readonly string[] } {
  const options = new Map<OptionName, string>();
  const others: string[] = [];
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") return { options, others: [...others, arg, ...rest] };
    const [, key = "", assigned] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const option = resolveOptionName(key);
    if (option === undefined || ARGUMENTS.some(({ name }) => name === key)) {
      others.push(arg);
      continue;
    }
    const text = assigned ?? (rest[0]?.startsWith("-") ? undefined : rest.shift());
    if (text === undefined) throw new CommandLineError(`missing VALUE after --${key}`);
    options.set(option, checked(option, text, `--${key}`));
  }
  return { options, others };
}

function readJvmOptions(
  args: readonly string[],
): Required<Pick<CommandLine, "overrides" | "ignored">> & Pick<CommandLine, "userHome"> {
  const overrides = new Map<OptionName, string>();
  const ignored: string[] = [];
  let userHome: string | undefined;
  for (const arg of args) {
    const [, key = "", text = ""] = JVM_PROPERTY.exec(arg) ?? [];
    const option = PROPERTIES.get(key) ?? resolveProperty(key);
    if (option !== undefined) overrides.set(option, checked(option, text, `-D${key}`));
    else if (key === "user.home" && text !== "") userHome = text;
    else if (/^tls\.(?!client\.|enable$)/.test(key)) {
      throw new CommandLineError(`unknown option: -D${key}`);
    } else ignored.push(arg);
  }
  return { overrides, ignored, userHome };
}

/** The option that the reference also reads as a JVM property of this name. */
function resolveProperty(key: string): OptionName | undefined {
  return key.includes(".") ? resolveOptionName(key) : undefined;
}

/**
 * Returns a value if the option may have it.
 *
 * @param form the argument without its value, for messages
 */
function checked(option: OptionName, text: string, form: string): string {
  const row = optionOf(option);
  if (isSecret(row)) {
    throw new CommandLineError(
      `${form}: set it in a file or in ${
        variableOf(option)
      }, because other users can read arguments`,
    );
  }
  if (parseValue(option, text) === undefined) {
    throw new CommandLineError(`${quoteValue(form, text)}: must be ${allowedValues(row)}`);
  }
  return text;
}

/** Every form of every argument, e.g. `-c` and `--configFile`. */
export function serverOptions(): { form: string; doc: string }[] {
  const options = OPTION_NAMES.filter((name) =>
    !ARGUMENTS.some((argument) => argument.name === name) && !isSecret(optionOf(name))
  );
  return [
    ...ARGUMENTS.flatMap(({ name, letter, doc }) => [
      ...(letter ? [{ form: `-${letter}`, doc }] : []),
      { form: `--${name}`, doc },
    ]),
    ...options.map((name) => ({ form: `--${name}`, doc: firstSentence(optionOf(name).doc) })),
  ];
}

function firstSentence(text: string): string {
  const [first = text] = text.split(/\.(?: |$)/);
  return first;
}

/** Every argument once, as in `-c, --configFile FILE`. */
export function argumentRows(): { forms: string; doc: string }[] {
  const rows = ARGUMENTS.map(({ name, letter, value, doc }) => {
    const short = letter ? `-${letter}, ` : "";
    return { forms: `${short}--${name}${value ? ` ${value}` : ""}`, doc };
  });
  return [
    ...rows,
    { forms: "--OPTION VALUE", doc: "any other option of the configuration, by its name" },
    { forms: "-Dtls.KEY=VALUE", doc: "a TLS option, as for a JVM" },
  ];
}

/** The text of `--help`. */
export function usage(): string {
  const rows = argumentRows().map(({ forms, doc }) => (
    { forms: `${/^-\w,/.test(forms) ? "  " : "      "}${forms}`, doc }
  ));
  const width = Math.max(...rows.map(({ forms }) => forms.length)) + 2;
  return [
    "usage: rocketmq-namesrv [options]    starts the name server",
    "       rocketmq-namesrv <command>    admin commands; see `rocketmq-namesrv help`",
    "",
    ...rows.map(({ forms, doc }) => forms.padEnd(width) + doc),
    "",
    "An option also has an environment variable: listenPort has NAMESRV_LISTEN_PORT.",
    "Defaults, files, environment, command line: later ones override earlier ones.",
  ].join("\n");
}
