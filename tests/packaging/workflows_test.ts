import assert from "node:assert/strict";
import { parse } from "@std/yaml";
import { describe, it } from "@std/testing/bdd";
import { VERSION } from "../../tools/release.ts";
import { PROJECT, Scratch } from "./tools.ts";

const ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12";
const FOLDER = `${PROJECT}/.github/workflows`;

interface Workflow {
  jobs: Record<string, { steps: { name?: string; run?: string }[] }>;
}

async function runsOf(file: string): Promise<{ name?: string; run?: string }[]> {
  const { jobs } = parse(await Deno.readTextFile(`${FOLDER}/${file}`)) as Workflow;
  return Object.values(jobs).flatMap(({ steps }) => steps);
}

async function run(program: string, args: string[], options: Deno.CommandOptions = {}) {
  const command = new Deno.Command(program, { ...options, args, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  return { success, output: text.decode(stdout) + text.decode(stderr) };
}

describe("the workflows", () => {
  it("are sound, by actionlint", async () => {
    const files = [...Deno.readDirSync(FOLDER)].map(({ name }) => `${FOLDER}/${name}`);
    assert.equal(files.length, 2);
    const { success, output } = await run("go", ["run", ACTIONLINT, ...files]);
    assert.ok(success, output);

    await using folder = await Scratch.make();
    const wrong = `${folder.path}/check.yml`;
    const text = await Deno.readTextFile(`${FOLDER}/check.yml`);
    await Deno.writeTextFile(wrong, text.replace("runs-on:", "run-on:"));
    const found = await run("go", ["run", ACTIONLINT, wrong]);
    assert.ok(!found.success && found.output.includes("run-on"), found.output);
  });

  it("run .ci/run for each commit", async () => {
    assert.ok((await runsOf("check.yml")).some((step) => step.run === ".ci/run"));
  });

  it("release a tag only with its version and its dated notes", async () => {
    const steps = await runsOf("release.yml");
    const script = steps.find(({ name }) => name === "Check the tag and take the notes")?.run;
    assert.ok(script !== undefined);
    await using folder = await Scratch.make();
    await Deno.copyFile(`${PROJECT}/deno.json`, `${folder.path}/deno.json`);
    const check = (tag: string) =>
      run("bash", ["-e", "-c", script], { cwd: folder.path, env: { GITHUB_REF_NAME: tag } });
    const changes = (heading: string) =>
      Deno.writeTextFile(
        `${folder.path}/CHANGELOG.md`,
        `# Changes\n\n## 99.0.0\n\n- later\n\n## ${heading}\n\n- ours\n\n## 0.0.1 (2020-01-01)\n\n- before\n`,
      );

    await changes(`${VERSION} (2026-01-31)`);
    const good = await check(`v${VERSION}`);
    assert.ok(good.success, good.output);
    assert.equal(await Deno.readTextFile(`${folder.path}/notes.md`), "\n- ours\n\n");
    assert.match((await check("v99.0.0")).output, /the tag is v99\.0\.0/);

    await changes(VERSION);
    const undated = await check(`v${VERSION}`);
    assert.ok(!undated.success);
    assert.match(undated.output, /no dated heading/);
  });
});
