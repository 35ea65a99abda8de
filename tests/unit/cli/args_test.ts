import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { CommandLineError, parseCommandLine, usage } from "../../../src/cli/args.ts";

describe("parseCommandLine", () => {
  it("is content with nothing", () => {
    assert.deepEqual(parseCommandLine([]), {
      help: false,
      version: false,
      printConfigItem: false,
      configFile: undefined,
      overrides: new Map(),
    });
  });

  const configFiles = [
    ["-c", "a.conf"],
    ["--configFile", "a.conf"],
    ["--configFile=a.conf"],
    ["-ca.conf"],
    ["-c=a.conf"],
    ["-configFile", "a.conf"],
    ["-configFile=a.conf"],
    ["--config", "a.conf"],
    ["--c=a.conf"],
    ["-pc", "a.conf"],
    ["-c", "other.conf", "-c", "a.conf"],
  ];
  for (const args of configFiles) {
    it(`finds the file in ${args.join(" ")}`, () => {
      assert.equal(parseCommandLine(args).configFile, "a.conf");
    });
  }

  it("takes values as they are", () => {
    for (const file of ["007", "true", "a=b", "a b", "é", "1e3", "a.b.c", "__proto__"]) {
      assert.equal(parseCommandLine(["-c", file]).configFile, file);
      assert.equal(parseCommandLine([`--configFile=${file}`]).configFile, file);
    }
    assert.equal(parseCommandLine(["--configFile=-x"]).configFile, "-x");
  });

  it("finds the flags in all forms", () => {
    for (const arg of ["-p", "--printConfigItem", "-printConfigItem", "--print"]) {
      assert.equal(parseCommandLine([arg]).printConfigItem, true, arg);
    }
    for (const arg of ["-h", "--help", "-help"]) {
      assert.equal(parseCommandLine([arg]).help, true, arg);
    }
    for (const arg of ["--version", "-version"]) {
      assert.equal(parseCommandLine([arg]).version, true, arg);
    }
    const both = parseCommandLine(["-ph"]);
    assert.deepEqual([both.printConfigItem, both.help], [true, true]);
  });

  it("finds the options of the configuration", () => {
    const args = ["-n", "a:9876;b:9876", "--listenPort", "0", "--bindAddress=::1"];
    assert.deepEqual(
      parseCommandLine(args).overrides,
      new Map([["namesrvAddr", "a:9876;b:9876"], ["listenPort", "0"], ["bindAddress", "::1"]]),
    );
    assert.equal(parseCommandLine(["-nhost:1"]).overrides.get("namesrvAddr"), "host:1");
  });

  it("finds TLS options as properties of a JVM", () => {
    const args = ["-Dtls.server.mode=enforcing", "-c", "a.conf", "-Dtls.ciphers=A=B", "-p"];
    const { overrides, configFile, printConfigItem } = parseCommandLine(args);
    assert.deepEqual(
      overrides,
      new Map([["tls.server.mode", "enforcing"], ["tls.ciphers", "A=B"]]),
    );
    assert.deepEqual([configFile, printConfigItem], ["a.conf", true]);
  });

  const refused: [args: string[], message: string][] = [
    [["-Dtls.server.mod=x"], "unknown option: -Dtls.server.mod"],
    [["-Dother=x"], "unknown option: -Dother=x"],
    [
      ["-Dtls.server.mode=x"],
      "-Dtls.server.mode=x: must be one of disabled, permissive, enforcing",
    ],
    [
      ["-Dtls.server.keyPassword=hush"],
      "-Dtls.server.keyPassword: set it in a file, because other users can read arguments",
    ],
    [["-x"], "unknown option: -x"],
    [["-l", "1"], "unknown option: -l"],
    [["-px"], "unknown option: -px"],
    [["--wrong"], "unknown option: --wrong"],
    [["--wrong=1"], "unknown option: --wrong=1"],
    [["--helpme"], "unknown option: --helpme"],
    [["--listenPort.x=1"], "unknown option: --listenPort.x=1"],
    [["--__proto__=1"], "unknown option: --__proto__=1"],
    [["--constructor"], "unknown option: --constructor"],
    [["--no-help"], "unknown option: --no-help"],
    [["start"], "unexpected argument: start"],
    [["-p", "start"], "unexpected argument: start"],
    [["--", "start"], "unexpected argument: start"],
    [["007"], "unexpected argument: 007"],
    [["-"], "unexpected argument: -"],
    [["-c"], "missing FILE after --configFile"],
    [["-c", ""], "missing FILE after --configFile"],
    [["-c", "-p"], "missing FILE after --configFile"],
    [["--configFile="], "missing FILE after --configFile"],
    [["--listenPort"], "missing PORT after --listenPort"],
    [["--listenPort", "x"], "--listenPort=x: must be a whole number from 0 to 65535"],
    [["--listenPort=65536"], "--listenPort=65536: must be a whole number from 0 to 65535"],
    [["--help=1"], "--help takes no value: --help=1"],
    [["-p=false"], "--printConfigItem takes no value: -p=false"],
  ];
  for (const [args, message] of refused) {
    it(`refuses ${JSON.stringify(args)}`, () => {
      assert.throws(
        () => parseCommandLine(args),
        (error) => error instanceof CommandLineError && error.message === message,
      );
    });
  }
});

describe("usage", () => {
  it("names every form", () => {
    const text = usage();
    for (
      const form of [
        "-c, --configFile FILE",
        "-n, --namesrvAddr ADDR",
        "-p, --printConfigItem ",
        "-h, --help ",
        "--version ",
        "--listenPort PORT",
        "--bindAddress ADDR",
        "--httpPort PORT",
        "--httpBindAddress ADDR",
        "-Dtls.KEY=VALUE ",
      ]
    ) assert.ok(text.includes(form), form);
  });
});
