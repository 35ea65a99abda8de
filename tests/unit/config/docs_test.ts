import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { readConfigFile } from "../../../src/config/config_file.ts";
import { loadConfiguration } from "../../../src/config/load.ts";
import { defaultOptions, OPTION_NAMES } from "../../../src/config/options.ts";
import { generate } from "../../../tools/docs.ts";
import { environmentWith, filesWith } from "../../support/config_fixtures.ts";

const project = new URL("../../../", import.meta.url);

describe("tools/docs.ts", () => {
  it("has written the files as the table of options is now", () => {
    for (const { path, text } of generate()) {
      assert.equal(Deno.readTextFileSync(new URL(path, project)), text, `${path} is stale`);
    }
  });

  it("documents every option", () => {
    const [page] = generate();
    for (const name of OPTION_NAMES) assert.ok(page!.text.includes(`| \`${name}\` |`), name);
  });
});

describe("the files in conf", () => {
  const samples = generate().filter(({ path }) => path.startsWith("conf/"));
  for (const { path, text } of samples) {
    it(`${path} starts a server as no file does`, async () => {
      assert.equal((await readConfigFile(path, filesWith({ [path]: text }))).values.size, 0);
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
