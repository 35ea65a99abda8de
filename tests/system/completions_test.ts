import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { isInstalled, runCommand, runShell } from "./command_process.ts";
import { Home } from "../support/server_process.ts";

/** The typed words, the last of which is completed, and the expected suggestions. */
const CASES: [string[], string[]][] = [
  [["p"], ["perm", "ping"]],
  [["kv", ""], ["copy", "delete", "diff", "get", "list", "put"]],
  [["kv", "get", "--tls-t"], ["--tls-trust"]],
  [["topics", "--cl"], ["--cluster"]],
  [["completions", ""], ["bash", "fish", "zsh"]],
  [["config", "get", "listenPort", "--js"], ["--json"]],
  [["--listenP"], ["--listenPort"]],
];

/** A script for each shell that prints its suggestions, one per line. */
const SHELLS: Record<string, (file: string, typed: string[]) => string> = {
  bash: (file, typed) => `
    source ${file}
    COMP_WORDS=(rocketmq-namesrv ${typed.map((word) => `'${word}'`).join(" ")})
    COMP_CWORD=${typed.length}
    _rocketmq_namesrv
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  // The functions that the completion calls print instead of using the line editor.
  zsh: (file, typed) => `
    compdef() { :; }
    _describe() { local list="\${@[-1]}"; print -rl -- "\${(@P)list}"; }
    source ${file}
    words=(rocketmq-namesrv ${typed.map((word) => `'${word}'`).join(" ")})
    CURRENT=${typed.length + 1}
    _rocketmq_namesrv`,
  fish: (file, typed) => `
    source ${file}
    complete -C 'rocketmq-namesrv ${typed.join(" ")}'`,
};

describe("completions", () => {
  let home: Home;
  beforeAll(async () => {
    home = await Home.make();
  });
  afterAll(() => home[Symbol.asyncDispose]());

  for (const [shell, script] of Object.entries(SHELLS)) {
    it(`offer commands and options in ${shell}`, async () => {
      const { code, out, err } = await runCommand(["completions", shell]);
      assert.deepEqual([code, err], [0, ""]);
      if (!await isInstalled(shell)) {
        return console.log(`SKIPPED: there is no ${shell} here, its completions were not tried`);
      }
      const file = await home.write(`completions.${shell}`, out);
      for (const [typed, expected] of CASES) {
        const env = { HOME: home.path };
        const ran = await runShell(shell, script(file, typed), env);
        assert.deepEqual([ran.code, ran.err], [0, ""]);
        const offered = ran.out.split("\n").map((line) => line.split(/[:\t]/)[0]!)
          .filter((word) => word !== "");
        const last = typed.at(-1)!;
        // Only zsh filters the suggestions itself.
        const fitting = offered.filter((word) => word.startsWith(last)).sort();
        assert.deepEqual(fitting, expected, typed.join(" "));
      }
    });
  }
});
