import { Command, type OutputConfiguration } from "commander";
import { addAccessCommands } from "./access.ts";
import { addBench } from "./bench.ts";
import { addBrokerCommands } from "./brokers.ts";
import { addCompletions } from "./completions.ts";
import { addConfigCommands } from "./config.ts";
import { addControllerCommands } from "./controller.ts";
import { addDiff } from "./diff.ts";
import { addKvCommands } from "./kv.ts";
import { addPing } from "./ping.ts";
import { Registry, type Surroundings } from "./registry.ts";
import { addTop } from "./top.ts";
import { addTopicCommands } from "./topics.ts";
import { addWatch } from "./watch.ts";

/** The executable's name, in help texts and error messages. */
export const PROGRAM = "rocketmq-namesrv";

/** Makes the tree of all admin commands. Help and errors go where `output` says. */
export function createProgram(surroundings: Surroundings, output: OutputConfiguration): Command {
  // Commands inherit both: they have to be there before the first is added.
  const program = new Command(PROGRAM).exitOverride().configureOutput(output);
  program
    .usage("<command> [options]")
    .description(
      "Queries and changes name servers. Without a command, starts a name server: " +
        `\`${PROGRAM} --help\` lists its options.`,
    )
    .addHelpText(
      "after",
      `\nSee \`${PROGRAM} <command> --help\`. Exit codes: 0 success, 1 failure (diff: different), ` +
        "2 usage error.",
    );
  const registry = new Registry(program, surroundings);
  addPing(registry);
  addBrokerCommands(registry);
  addTopicCommands(registry);
  addKvCommands(registry);
  addConfigCommands(registry);
  addControllerCommands(registry);
  addAccessCommands(registry);
  addDiff(registry);
  addTop(registry);
  addWatch(registry);
  addBench(registry);
  addCompletions(program, surroundings.out);
  return program;
}
