import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readConfigFile } from "../../../src/config/config_file.ts";
import { loadConfiguration } from "../../../src/config/load.ts";
import { defaultOptions, OPTION_NAMES } from "../../../src/config/options.ts";
import { generate } from "../../../tools/docs.ts";
import { environmentWith, filesWith } from "../../support/config_fixtures.ts";

const project = new URL("../../../", import.meta.url);
const README = "# x\n<!-- options:begin -->\nstale text\n<!-- options:end -->\nrest\n";

describe("tools/docs.ts", () => {
  it("has written the files as the table of options is now", () => {
    const readme = Deno.readTextFileSync(new URL("README.md", project));
    for (const { path, text } of generate(readme)) {
      assert.equal(Deno.readTextFileSync(new URL(path, project)), text, `${path} is stale`);
    }
  });

  it("documents every option", () => {
    const [page] = generate(undefined);
    for (const name of OPTION_NAMES) assert.ok(page!.text.includes(`| \`${name}\` |`), name);
  });

  it("fills the block of README.md, again and again alike", () => {
    const fill = (text: string) => generate(text).find(({ path }) => path === "README.md")?.text;
    const filled = fill(README)!;
    assert.match(filled, /^# x\n<!-- options:begin -->\n[^]*\| `listenPort` \|[^]*\nrest\n$/);
    assert.ok(!filled.includes("stale text"));
    assert.equal(fill(filled), filled);
    assert.equal(fill("# no markers\n"), undefined);
  });
});

describe("the files in conf", () => {
  const samples = generate(undefined).filter(({ path }) => path.startsWith("conf/"));
  for (const { path, text } of samples) {
    it(`${path} starts a server as no file does`, async () => {
      assert.equal((await readConfigFile(path, filesWith({ [path]: text }))).size, 0);
    });

    it(`${path} has every option at its default`, async () => {
      const uncommented = text.replace(/^#(?=\S)/gm, "");
      const loaded = await loadConfiguration(
        { configFile: path },
        environmentWith({ HOME: "/home/mq" }),
        filesWith({ [path]: uncommented, "/etc/rocketmq/tls.properties": "" }),
      );
      assert.equal(loaded.extras.size, 0);
      assert.deepEqual(
        [...loaded.given, "configStorePath"].sort(),
        [...OPTION_NAMES].sort(),
      );
      assert.deepEqual(loaded.options, {
        ...defaultOptions(),
        configStorePath: path,
        kvConfigPath: "/home/mq/namesrv/kvConfig.json",
      });
    });
  }
});
