import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { usage } from "../../../src/cli/args.ts";
import { prepare, VERSION } from "../../../src/cli/prepare.ts";
import {
  environmentWith,
  type FileContent,
  filesWith,
  notCapable,
} from "../../support/config_fixtures.ts";

const run = (args: string[], files: Record<string, FileContent> = {}) =>
  prepare(args, environmentWith({ HOME: "/home/mq" }), filesWith(files));

describe("prepare", () => {
  it("starts with no arguments", async () => {
    const prepared = await run([]);
    assert.equal(prepared.kind, "start");
    assert.equal(prepared.kind === "start" && prepared.configuration.options.listenPort, 9876);
  });

  it("starts with a file and what the command line says", async () => {
    const prepared = await run(["-c", "x.yaml", "--listenPort", "0"], {
      "x.yaml": "listenPort: 1\nclusterTest: true",
    });
    assert.ok(prepared.kind === "start");
    assert.equal(prepared.configuration.options.listenPort, 0);
    assert.equal(prepared.configuration.options.clusterTest, true);
  });

  it("prints help and version without a look at the configuration", async () => {
    const files = { "/home/mq/namesrv/namesrv.properties": "listenPort=x" };
    const exit = { kind: "exit", code: 0, err: "" };
    assert.deepEqual(await run(["-h"], files), { ...exit, out: usage() + "\n" });
    assert.deepEqual(await run(["--version"], files), { ...exit, out: VERSION + "\n" });
    assert.match(VERSION, /^rocketmq-namesrv \d+\.\d+\.\d+ \(protocol V5_5_0\)$/);
  });

  it("prints the options, and warnings apart from them", async () => {
    const prepared = await run(["-p", "-c", "x.conf", "--listenPort=7"], {
      "x.conf": "clusterTest=true\nlistenport=5",
    });
    assert.ok(prepared.kind === "exit");
    assert.equal(prepared.code, 0);
    assert.match(prepared.out, /^clusterTest=true$/m);
    assert.match(prepared.out, /^listenPort=7$/m);
    assert.match(prepared.out, /^configStorePath=x\.conf$/m);
    assert.match(prepared.err, /^unknown option file=x\.conf key=listenport nearest=listenPort\n$/);
  });

  const failures: [
    what: string,
    args: string[],
    files: Record<string, FileContent>,
    err: RegExp,
  ][] = [
    ["an unknown option", ["--nope"], {}, /^unknown option: --nope [^\n]*\n$/],
    ["a missing file", ["-c", "no.conf"], {}, /^cannot read [^\n]* no\.conf: No such file\n$/],
    [
      "a denied permission",
      ["-c", "/x"],
      { "/x": notCapable("read", "/x") },
      /^[^\n]*--allow-read=\/x\n$/,
    ],
    ["a wrong value", ["-c", "x"], { x: "listenPort=x" }, /^x: listenPort=x: must be [^\n]*\n$/],
    [
      "two wrong values",
      ["-c", "x", "-p"],
      { x: "listenPort=x\nlogLevel=y" },
      /^x: listenPort=x: [^\n]*\nx: logLevel=y: [^\n]*\n$/,
    ],
    ["a broken file", ["-c", "x"], { x: "a=\\u1" }, /^x, line 1: [^\n]*\n$/],
  ];
  for (const [what, args, files, err] of failures) {
    it(`exits with 1 at ${what}, a line for each`, async () => {
      const prepared = await run(args, files);
      assert.ok(prepared.kind === "exit");
      assert.equal(prepared.code, 1);
      assert.equal(prepared.out, "");
      assert.match(prepared.err, err);
    });
  }
});
