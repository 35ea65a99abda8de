/**
 * The packaging suite: release files, packages and monitoring, and the system tests on the bundle.
 * Downloads its tools (tools/packaging_tools.sh). If a program for that is missing, nothing runs: a
 * banner says so, and with CI=true in the environment that is a failure.
 */

import { PROJECT } from "../../tools/release.ts";

const NEEDED = [
  "go version",
  "python3 -m pip --version",
  "apt-get --version",
  "dpkg-deb --version",
];

/** Runs a command in the project with inherited output; returns whether it succeeded. */
async function runs(program: string, ...args: string[]): Promise<boolean> {
  const command = new Deno.Command(program, { args, cwd: PROJECT, stdin: "null" });
  return (await command.spawn().status).success;
}

async function isThere(command: string): Promise<boolean> {
  const [program, ...args] = command.split(" ");
  try {
    return (await new Deno.Command(program, { args, stdin: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const missing: string[] = [];
for (const command of NEEDED) {
  if (!await isThere(command)) missing.push(command.replace(/ \S*version$/, ""));
}
if (missing.length > 0) {
  const line = "!".repeat(72);
  console.log(`${line}
!!  SKIPPED: the packaging suite did not run.
!!  Not found on this machine: ${missing.join(", ")}.
!!  Nothing was shown about release files, packages and monitoring.
${line}`);
  Deno.exit(Deno.env.get("CI") === "true" ? 1 : 0);
}

console.log("fetching and building tools: some minutes on the first run");
if (!await runs("sh", "tools/packaging_tools.sh")) Deno.exit(1);
const files = await runs(
  Deno.execPath(),
  ...["test", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read", "--allow-write"],
  ...["--allow-run", "--allow-env", "--allow-sys=uid", "tests/packaging"],
);
const bundle = await runs(Deno.execPath(), "task", "test:bundle");
Deno.exit(files && bundle ? 0 : 1);
