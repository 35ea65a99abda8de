/**
 * Writes what follows from the table of options: docs/configuration.md, docs/limits.md and the two files in conf;
 * from that of metrics: docs/metrics.md; from that of log events: docs/log-events.md; from that of alerts:
 * monitoring/rules.yaml; and from those of
 * arguments, commands and options: the manual page. With `--check` it writes nothing, and fails when
 * one of them is stale. Runs in the project's folder.
 *
 * @module
 */
import { type Option, OPTION_GROUPS, type OptionName, optionOf } from "../src/config/options.ts";
import { alertRules } from "./alert_rules.ts";
import { rangeText } from "../src/config/report.ts";
import { logEventsPage } from "./log_events_page.ts";
import { limitsPage } from "./limits_page.ts";
import { manPage } from "./man_page.ts";
import { metricsPage } from "./metrics_page.ts";
import { table } from "./table.ts";

/** A generated file: its path in the project and its expected content. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

const INTRODUCTION = `<!-- deno-fmt-ignore-file -->
<!-- Generated from src/config/options.ts by \`deno task docs\`. -->

# Configuration

Every option has a default: the server starts without any configuration.

## Where values come from

Later sources override earlier ones:

1. Defaults, and the environment variable \`ROCKETMQ_HOME\` for \`rocketmqHome\`.
2. The configuration file: the one given with \`-c\`, or else \`~/namesrv/namesrv.properties\` if it exists. The reference does not read the latter at start; this server does, so that live updates survive a restart.
3. The \`tls.*\` keys of \`tls.config.file\`.
4. Environment variables: \`NAMESRV_\` and the option's name in capitals, with \`_\` between its words. \`listenPort\` has \`NAMESRV_LISTEN_PORT\`, \`tls.server.mode\` has \`NAMESRV_TLS_SERVER_MODE\`. An empty variable counts as not set.
5. The command line: \`--OPTION VALUE\` or \`--OPTION=VALUE\` for every option, by its own name, as in \`--logLevel WARN --tls.server.mode=enforcing\`. Secrets are refused there, because other users can read arguments.

So a container needs no mounted file: \`docker run --env NAMESRV_ORDER_MESSAGE_ENABLE=true ...\`. Live updates are then stored in \`configStorePath\`, which is also read at the next start; without \`-c\` it can be set by a variable or argument. A value that a variable or argument sets overrides a live update of it after a restart.

\`~/\` at the start of a path is the home folder: \`-Duser.home\`, \`HOME\` or \`USERPROFILE\`. Without them, it is the current folder, and the log says so.

\`-p\` prints every option with the resulting value; of a running server, [\`/api/v1/config\`](http.md#the-configuration) shows it.

## Command line

| Argument | What it does |
| --- | --- |
| \`-c, --configFile FILE\` | reads options from a \`.properties\` or \`.yaml\` file |
| \`-n, --namesrvAddr ADDR\` | accepted and reported, but without effect, as in \`mqnamesrv\` |
| \`-p, --printConfigItem\` | prints every option with its value, then exits |
| \`--OPTION VALUE\` | sets any option |
| \`-Dtls.KEY=VALUE\` | sets a TLS option, as for the JVM |
| \`-Duser.home=FOLDER\`, \`-Drocketmq.home.dir=FOLDER\`, \`-Drocketmq.namesrv.domain=HOST\`, \`-Dcom.rocketmq.remoting.frameMaxLength=BYTES\` | as for the JVM: the home folder, \`rocketmqHome\`, \`addressServiceDomain\`, \`frameMaxLength\` |
| \`-D...\`, \`-X...\`, \`-server\` | other options of a JVM are ignored, and a warning names each |
| \`--version\`, \`-h, --help\` | print the version / this help, then exit |

An invalid argument ends the program with exit code 1 and a one-line error. If the first argument is not an option, it is an admin command: see [admin.md](admin.md).

## Files

A file whose name ends in \`.yaml\` or \`.yml\` is YAML: keys and single values; nested keys are joined with dots. Any other file has the syntax of \`java.util.Properties\`, in UTF-8 or else ISO-8859-1. \`conf\` holds one of each with all options commented out.

- The server does not start with an invalid value. The errors name the file, the key, the value and the allowed values. The reference would ignore it.
- An unknown key is reported with the closest option name. It is kept, and GET_NAMESRV_CONFIG returns it.
- In a properties file, \`\\\` begins an escape: write Windows paths with \`/\` or \`\\\\\`. A comment needs a line of its own. The log warns of values that look like such mistakes.
- \`true\`, \`false\` and values from a list are not case-sensitive. Blanks around values are ignored, except in a password.

## Addresses

- \`bindAddress\` and \`httpBindAddress\` are an IPv4 address, an IPv6 address (\`::1\` or \`[::1]\`) or a host name.
- \`0.0.0.0\` and \`::\` are all addresses of the machine, IPv4 and IPv6, whether one of them is the default or written out: that is also what the reference listens on. On a machine without IPv6, \`0.0.0.0\` listens on IPv4 alone. To listen on one family only, name an address of that family.
- Addresses with a port are \`host:port\`, with brackets around an IPv6 address: \`[2001:db8::1]:9876\`. Without a port, the brackets may be left out.
- Lists of servers are separated by \`;\` or \`,\`. A server may also be written \`http://host:port\`, as RocketMQ's clients take it.

## Live updates

UPDATE_NAMESRV_CONFIG (\`mqadmin updateNamesrvConfig\`) changes the options that are marked live. The response is sent when the change is on disk and in effect. A request is applied as a whole or not at all:

- Paths, \`tls.*\`, \`configBlackList\` and the keys listed in \`configBlackList\` are refused with NO_PERMISSION.
- Wrong values, and options that need a restart, are refused with a remark that says why. The reference would accept and ignore them.
- Keys that name no option are ignored, unless the configuration file has them.

Changes are written to \`configStorePath\`. The file's comments, order and other keys are kept; defaults and values from the command line are not written. The previous content is kept as \`.bak\`.

## Options

*Effect*: **full**, as in the reference; **mapped**, controls the counterpart of a JVM thread pool or a Netty buffer; **none**, accepted and reported only.
`;

/** All generated files. */
export function generate(): GeneratedFile[] {
  return [
    { path: "docs/configuration.md", text: configurationPage() },
    { path: "conf/namesrv.properties", text: sampleFile("=") },
    { path: "conf/namesrv.yaml", text: sampleFile(": ") },
    { path: "docs/limits.md", text: limitsPage() },
    { path: "docs/metrics.md", text: metricsPage() },
    { path: "docs/log-events.md", text: logEventsPage() },
    { path: "monitoring/rules.yaml", text: alertRules() },
    { path: "packaging/man/rocketmq-namesrv.1", text: manPage() },
  ];
}

function configurationPage(): string {
  const groups = OPTION_GROUPS.map(({ title, names }) =>
    `\n### ${title}\n\n` + table(
      ["Option", "Default", "Allowed", "Live", "Effect", "What it does"],
      names.map((name) => {
        const option = optionOf(name);
        return [
          `\`${name}\``,
          defaultText(option),
          rangeText(option) ?? "",
          option.applies === "live" ? "yes" : "",
          option.effect,
          option.doc,
        ];
      }),
    )
  );
  return INTRODUCTION + groups.join("");
}

/** A file with every option commented out at its default. */
function sampleFile(separator: string): string {
  const lines = [
    "# Every option of the name server, commented out, with its default value.",
    "# Removing the # sets the option. With the default value that changes nothing, except for three:",
    "# the server does not start if httpPort or httpBindAddress is set and the port can't be opened, or",
    "# if tls.config.file is set and the file does not exist.",
    "# Generated from src/config/options.ts; see docs/configuration.md.",
  ];
  for (const { title, names } of OPTION_GROUPS) {
    lines.push("", `# ---- ${title} ----`);
    for (const name of names) lines.push("", ...sample(name, separator));
  }
  return lines.join("\n") + "\n";
}

function sample(name: OptionName, separator: string): string[] {
  const option = optionOf(name);
  const notes = [
    rangeText(option) === null ? "" : `${rangeText(option)}.`,
    option.applies === "live" ? "Live." : "",
    option.effect === "none" ? "Without effect here." : "",
    option.type === "path" && option.defaultDoc ? `Default: ${option.defaultDoc}.` : "",
  ].filter(Boolean).join(" ");
  return [
    ...wrap(`${option.doc} ${notes}`.trim(), 96).map((line) => `# ${line}`),
    `#${name}${separator}${option.default}`.trimEnd(),
  ];
}

function defaultText(option: Option): string {
  if (option.type === "path" && option.defaultDoc) return escapeCell(option.defaultDoc);
  return option.default === "" ? "" : `\`${option.default}\``;
}

function escapeCell(text: string): string {
  return text.replace(/[<>]/g, (char) => char === "<" ? "&lt;" : "&gt;");
}

function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  const check = Deno.args.includes("--check");
  for (const { path, text } of generate()) {
    if (await readIfThere(path) === text) continue;
    if (check) {
      console.error(`${path} is stale: run deno task docs`);
      Deno.exitCode = 1;
    } else {
      await Deno.writeTextFile(path, text);
      console.log(`wrote ${path}`);
    }
  }
}
