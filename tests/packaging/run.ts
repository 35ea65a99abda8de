/**
 * The packaging suite: release files, packages and monitoring, and the system tests on the bundle.
 * Downloads its tools (tools/packaging_tools.sh). If a program for that is missing, nothing runs: a
 * banner says so, and with CI=true in the environment that is a failure.
 */

import { PROJECT } from "../../tools/release.ts";
import { requirePrograms } from "../support/needed_programs.ts";

/** Runs a command in the project with inherited output; returns whether it succeeded. */
async function runs(program: string, ...args: string[]): Promise<boolean> {
  const command = new Deno.Command(program, { args, cwd: PROJECT, stdin: "null" });
  return (await command.spawn().status).success;
}

await requirePrograms({
  name: "packaging",
  needs: ["go version", "python3 -m pip --version", "apt-get --version", "dpkg-deb --version"],
  subject: "release files, packages and monitoring",
});

console.log("fetching and building tools: some minutes on the first run");
if (!await runs("sh", "tools/packaging_tools.sh")) Deno.exit(1);
const files = await runs(
  Deno.execPath(),
  ...["test", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read", "--allow-write"],
  ...["--allow-run", "--allow-env", "--allow-sys=uid", "tests/packaging"],
);
const bundle = await runs(Deno.execPath(), "task", "test:bundle");
Deno.exit(files && bundle ? 0 : 1);
