import { Argument, type Command } from "commander";
import { UsageError } from "./failures.ts";
import type { Output } from "./output.ts";

/** A position on the command line that accepts a command or its options. */
interface Place {
  /** The commands before it, e.g. `["kv", "get"]`. */
  readonly path: readonly string[];
  readonly words: readonly Word[];
  /** Options, which are completed only after a `-`. */
  readonly options: readonly Word[];
}

interface Word {
  readonly text: string;
  readonly description: string;
}

type Shell = (name: string, places: readonly Place[]) => string;

const SHELLS: ReadonlyMap<string, Shell> = new Map([["bash", bash], ["zsh", zsh], ["fish", fish]]);
/** Options whose value is a file name. */
const FILE_OPTIONS = [
  "-c",
  "--configFile",
  "--tls-trust",
  "--tls-cert",
  "--tls-key",
  "--credentials",
];

/**
 * Adds the `completions` command. It must be added last, because it covers only commands that exist
 * by then.
 */
export function addCompletions(program: Command, out: Output): void {
  const shells = [...SHELLS.keys()];
  program.command("completions")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .action(async (name: string) => {
      const shell = SHELLS.get(name);
      if (shell === undefined) throw new UsageError(`unknown shell: ${name}`);
      // The server's options require the configuration module, which no other command needs.
      const { serverOptions } = await import("../cli/args.ts");
      const options = serverOptions().map(({ form, doc }) => ({ text: form, description: doc }));
      const places = placesOf(program, [])
        .map((place) => place.path.length === 0 ? { ...place, options } : place);
      await out.write(shell(program.name(), places));
    });
}

function placesOf(command: Command, path: readonly string[]): Place[] {
  const options = command.options.flatMap(({ short, long, description }) =>
    [short, long].filter((text) => text !== undefined).map((text) => ({ text, description }))
  );
  options.push({ text: "--help", description: "show help" });
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []);
  const words = [
    ...command.commands.map((it) => ({ text: it.name(), description: it.description() })),
    ...choices.map((text) => ({ text, description: "" })),
  ];
  if (path.length === 0) words.push({ text: "help", description: "list the commands" });
  return [
    { path, words, options },
    ...command.commands.flatMap((it) => placesOf(it, [...path, it.name()])),
  ];
}

const texts = (words: readonly Word[]) => words.map(({ text }) => text).join(" ");
const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** A position as the scripts write it: `/kv/get`, and empty for the start. */
const placeName = (path: readonly string[]) => quoted(path.map((name) => `/${name}`).join(""));

/** The positions that can be reached, as patterns for a shell's `case`. */
const reached = (places: readonly Place[], separator: string) =>
  places.filter(({ path }) => path.length > 0).map(({ path }) => placeName(path)).join(separator);

/** The end of the loop over the words before the cursor, and what can follow them (bash and zsh). */
function followWord(places: readonly Place[], cases: string): string {
  return `    case "$place/$word" in
      ${reached(places, "|")}) place="$place/$word" ;;
    esac
  done
  case "$place" in
${cases}  esac
`;
}

function bash(name: string, places: readonly Place[]): string {
  const cases = places.map(({ path, words, options }) =>
    `    ${placeName(path)}) words=${quoted(texts(words))} options=${quoted(texts(options))} ;;\n`
  ).join("");
  return `# Completion of ${name} in bash: source this file, or put it into
# /usr/share/bash-completion/completions/${name}
_${identifier(name)}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" place="" words="" options="" word i
  case "\${COMP_WORDS[COMP_CWORD-1]}" in
    ${FILE_OPTIONS.join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
${followWord(places, cases)}  if [[ $current == -* ]]; then words="$options"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _${identifier(name)} ${name}
`;
}

function zsh(name: string, places: readonly Place[]): string {
  const described = (words: readonly Word[]) =>
    words.map(({ text, description }) =>
      quoted(`${text.replaceAll(":", "\\:")}:${description.replaceAll(":", "\\:")}`)
    ).join(" ");
  const cases = places.map(({ path, words, options }) =>
    `    ${placeName(path)})\n` +
    `      words_here=(${described(words)})\n      options_here=(${described(options)}) ;;\n`
  ).join("");
  return `#compdef ${name}
# Completion of ${name} in zsh: put this file into a folder of $fpath, as _${name}
_${identifier(name)}() {
  local place="" word i
  local -a words_here options_here
  case "\${words[CURRENT-1]}" in
    ${FILE_OPTIONS.join("|")}) _files; return ;;
  esac
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
${followWord(places, cases)}  if [[ "\${words[CURRENT]}" == -* ]]; then
    _describe -o option options_here
  else
    _describe command words_here
  fi
}
if [[ "$funcstack[1]" == "_${name}" ]]; then
  _${identifier(name)}
else
  compdef _${identifier(name)} ${name}
fi
`;
}

function fish(name: string, places: readonly Place[]): string {
  const id = identifier(name);
  const lines = places.flatMap(({ path, words, options }) => {
    const condition = quoted(`__${id}_at ${placeName(path)}`
      .replaceAll("'", '"'));
    const line = (text: string, description: string) =>
      `complete -c ${name} -n ${condition} ${text}` +
      (description === "" ? "" : ` -d ${fishQuoted(description)}`);
    return [
      ...words.map((word) => line(`-a ${word.text}`, word.description)),
      ...options.map(({ text, description }) => {
        const flag = text.startsWith("--") ? `-l ${text.slice(2)}` : `-s ${text.slice(1)}`;
        return line(FILE_OPTIONS.includes(text) ? `${flag} -r -F` : flag, description);
      }),
    ];
  });
  return `# Completion of ${name} in fish: put this file into ~/.config/fish/completions
function __${id}_at
  set -l place ""
  for word in (commandline -opc)[2..-1]
    switch "$place/$word"
      case ${reached(places, " ")}
        set place "$place/$word"
    end
  end
  test "$place" = "$argv[1]"
end
complete -c ${name} -f
${lines.join("\n")}
`;
}

const fishQuoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function identifier(name: string): string {
  return name.replace(/\W/g, "_");
}
