import { parseArgs } from "@std/cli/parse-args";
import { isOptionName, type OptionName, optionOf } from "../config/options.ts";
import { allowedValues, isSecret, parseValue, quoteValue } from "../config/values.ts";

/** The parsed command line. */
export interface CommandLine {
  readonly help: boolean;
  readonly version: boolean;
  readonly printConfigItem: boolean;
  readonly configFile?: string;
  /** Options set by arguments, as validated text. */
  readonly overrides: ReadonlyMap<OptionName, string>;
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
    doc: "TCP port; overrides all files",
  },
  {
    name: "bindAddress",
    value: "ADDR",
    option: "bindAddress",
    doc: "address or host name to listen on; overrides all files",
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

/** TLS options as the reference takes them: as JVM properties. */
const TLS_PROPERTY = /^-D(tls\.[^=]*)(?:=(.*))?$/s;

/**
 * Parses the arguments of mqnamesrv and our own. Besides the usual forms (`-c FILE`, `--configFile
 * FILE`, `--configFile=FILE`) it accepts those of commons-cli, which the reference uses: `-cFILE`,
 * `-c=FILE`, `-configFile FILE`, and prefixes of long names; and for TLS options
 * `-Dtls.server.mode=enforcing`, which the reference's scripts pass to the JVM.
 *
 * @throws CommandLineError for anything else
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const strange: string[] = [];
  const properties = args.filter((arg) => TLS_PROPERTY.test(arg));
  const others = args.filter((arg) => !TLS_PROPERTY.test(arg));
  const parsed = parseArgs(others.map(normalize), {
    boolean: ARGUMENTS.filter(({ value }) => !value).map(({ name }) => name),
    string: ["_", ...ARGUMENTS.filter(({ value }) => value).map(({ name }) => name)],
    alias: Object.fromEntries(
      ARGUMENTS.flatMap(({ name, letter }) => letter ? [[name, letter]] : []),
    ),
    unknown: (arg, key) => {
      strange.push(key === undefined ? `unexpected argument: ${arg}` : `unknown option: ${arg}`);
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
    overrides: new Map([...readOverrides(values), ...readProperties(properties)]),
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

function readOverrides(values: ReadonlyMap<string, string>): ReadonlyMap<OptionName, string> {
  const overrides = new Map<OptionName, string>();
  for (const { name, option } of ARGUMENTS) {
    const text = values.get(name);
    if (option === undefined || text === undefined) continue;
    if (parseValue(option, text) === undefined) {
      const allowed = allowedValues(optionOf(option));
      throw new CommandLineError(`--${quoteValue(name, text)}: must be ${allowed}`);
    }
    overrides.set(option, text);
  }
  return overrides;
}

function readProperties(args: readonly string[]): ReadonlyMap<OptionName, string> {
  const overrides = new Map<OptionName, string>();
  for (const arg of args) {
    const [, name = "", text] = TLS_PROPERTY.exec(arg) ?? [];
    if (!isOptionName(name)) throw new CommandLineError(`unknown option: -D${name}`);
    if (isSecret(optionOf(name))) {
      throw new CommandLineError(
        `-D${name}: set it in a file, because other users can read arguments`,
      );
    }
    if (text === undefined || parseValue(name, text) === undefined) {
      const allowed = allowedValues(optionOf(name));
      throw new CommandLineError(`-D${quoteValue(name, text ?? "")}: must be ${allowed}`);
    }
    overrides.set(name, text);
  }
  return overrides;
}

/** Every form of every argument, e.g. `-c` and `--configFile`. */
export function serverOptions(): { form: string; doc: string }[] {
  return ARGUMENTS.flatMap(({ name, letter, doc }) => [
    ...(letter ? [{ form: `-${letter}`, doc }] : []),
    { form: `--${name}`, doc },
  ]);
}

/** Every argument once, as in `-c, --configFile FILE`. */
export function argumentRows(): { forms: string; doc: string }[] {
  const rows = ARGUMENTS.map(({ name, letter, value, doc }) => {
    const short = letter ? `-${letter}, ` : "";
    return { forms: `${short}--${name}${value ? ` ${value}` : ""}`, doc };
  });
  return [...rows, { forms: "-Dtls.KEY=VALUE", doc: "a TLS option; overrides all files" }];
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
  ].join("\n");
}
