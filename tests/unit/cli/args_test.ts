import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { OPTION_NAMES, optionOf } from "../../../src/config/options.ts";
import { isSecret } from "../../../src/config/values.ts";
import { CommandLineError, parseCommandLine, usage } from "../../../src/cli/args.ts";

describe("parseCommandLine", () => {
  it("is content with nothing", () => {
    assert.deepEqual(parseCommandLine([]), {
      help: false,
      version: false,
      printConfigItem: false,
      configFile: undefined,
      overrides: new Map(),
      userHome: undefined,
      ignored: [],
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

  it("finds every option by its own name", () => {
    const args = ["--clusterTest", "true", "--tls.server.mode=enforcing", "-p"];
    const { overrides, printConfigItem } = parseCommandLine([...args, "--logDir=/a=b"]);
    assert.deepEqual(
      overrides,
      new Map([["clusterTest", "true"], ["tls.server.mode", "enforcing"], ["logDir", "/a=b"]]),
    );
    assert.equal(printConfigItem, true);
    for (const name of OPTION_NAMES) {
      const option = optionOf(name);
      if (isSecret(option)) continue;
      const text = option.type === "enum" ? option.values[0]! : `${option.default}` || "x";
      assert.equal(parseCommandLine([`--${name}`, text]).overrides.get(name), text);
    }
  });

  it("takes properties of a JVM that mean something here, and reports the rest as ignored", () => {
    const { overrides, userHome, ignored } = parseCommandLine([
      ...["-server", "-Xms4g", "-XX:+UseG1GC", "-Djava.ext.dirs=/lib", "-Dtls.client.keyPath=/k"],
      ...["-Duser.home=/srv/mq", "-Drocketmq.home.dir=/opt/mq", "-Drocketmq.namesrv.domain=ns:80"],
      "-Dcom.rocketmq.remoting.frameMaxLength=2000",
    ]);
    assert.deepEqual([...overrides], [
      ["rocketmqHome", "/opt/mq"],
      ["addressServiceDomain", "ns:80"],
      ["frameMaxLength", "2000"],
    ]);
    assert.equal(userHome, "/srv/mq");
    assert.deepEqual(
      ignored,
      ["-server", "-Xms4g", "-XX:+UseG1GC", "-Djava.ext.dirs=/lib", "-Dtls.client.keyPath=/k"],
    );
  });

  const refused: [args: string[], message: string][] = [
    [["-Dtls.server.mod=x"], "unknown option: -Dtls.server.mod"],
    [
      ["-Dtls.server.mode=x"],
      "-Dtls.server.mode=x: must be one of disabled, permissive, enforcing",
    ],
    [
      ["-Dtls.server.keyPassword=hush"],
      "-Dtls.server.keyPassword: set it in a file or in NAMESRV_TLS_SERVER_KEY_PASSWORD, because other users can read arguments",
    ],
    [["-x"], "unknown option: -x"],
    [["-l", "1"], "unknown option: -l"],
    [["-px"], "unknown option: -px"],
    [["--wrong"], "unknown option: --wrong"],
    [["--wrong=1"], "unknown option: --wrong=1"],
    [["--helpme"], "unknown option: --helpme; did you mean --help?"],
    [["--loglevel=INFO"], "unknown option: --loglevel=INFO; did you mean --logLevel?"],
    [["--logLevel"], "missing VALUE after --logLevel"],
    [["--clusterTest", "-p"], "missing VALUE after --clusterTest"],
    [["--clusterTest", "yes"], "--clusterTest=yes: must be true or false"],
    [
      ["--tls.server.keyPassword=hush"],
      "--tls.server.keyPassword: set it in a file or in NAMESRV_TLS_SERVER_KEY_PASSWORD, because other users can read arguments",
    ],
    [["--listenPort.x=1"], "unknown option: --listenPort.x=1; did you mean --listenPort?"],
    [["--__proto__=1"], "unknown option: --__proto__=1"],
    [["--constructor"], "unknown option: --constructor"],
    [["--no-help"], "unknown option: --no-help; did you mean --help?"],
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
        "--OPTION VALUE ",
        "NAMESRV_LISTEN_PORT",
      ]
    ) assert.ok(text.includes(form), form);
  });
});
