/**
 * The browser suite: the console in a real browser, with a name server and brokers behind it. Installs
 * Chromium where it may (tools/browser_tools.sh). Without a browser nothing runs: a banner says so, and
 * with CI=true in the environment that is a failure.
 */

import { PROJECT } from "../../tools/release.ts";
import { requirePrograms } from "../support/needed_programs.ts";
import { findBrowser } from "./find_browser.ts";

/** Runs a command in the project with inherited output; returns whether it succeeded. */
async function runs(program: string, ...args: string[]): Promise<boolean> {
  const command = new Deno.Command(program, { args, cwd: PROJECT, stdin: "null" });
  return (await command.spawn().status).success;
}

if (await findBrowser() === undefined) await runs("sh", "tools/browser_tools.sh");
await requirePrograms({
  name: "browser",
  needs: [`${await findBrowser() ?? "chromium"} --version`],
  subject: "the console in a browser",
});
// playwright-core looks into /proc, which Deno allows with -A only.
const files = Deno.args.some((it) => !it.startsWith("-"))
  ? Deno.args
  : [...Deno.args, "tests/browser"];
const passed = await runs(Deno.execPath(), "test", "--no-prompt", "-A", ...files);
Deno.exit(passed ? 0 : 1);
