/**
 * The browser suite: the console in a real browser, with a name server and brokers behind it. Installs
 * Chromium where it may (tools/browser_tools.sh). Without a browser nothing runs: a banner says so, and
 * with CI=true in the environment that is a failure. `--screenshots` makes the pictures of the
 * documentation anew.
 */

import { PROJECT } from "../../tools/release.ts";
import { requirePrograms } from "../support/needed_programs.ts";
import { findBrowser } from "./find_browser.ts";

/** The argument for the pictures of the documentation; see screenshots_test.ts. */
const SCREENSHOTS = "--screenshots";

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
const options = Deno.args.filter((it) => it.startsWith("-") && it !== SCREENSHOTS);
const named = Deno.args.filter((it) => !it.startsWith("-"));
const screenshots = Deno.args.includes(SCREENSHOTS);
const files = named.length > 0
  ? named
  : [screenshots ? "tests/browser/screenshots_test.ts" : "tests/browser"];
const own = screenshots ? ["--", SCREENSHOTS] : [];
const passed = await runs(
  Deno.execPath(),
  "test",
  "--no-prompt",
  "-A",
  ...options,
  ...files,
  ...own,
);
Deno.exit(passed ? 0 : 1);
