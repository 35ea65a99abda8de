import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  ConfigFileError,
  ConfigSyntaxError,
  ConfigValueError,
} from "../../../src/config/errors.ts";
import { loadConfiguration, type LoadedConfiguration } from "../../../src/config/load.ts";
import { variableOf } from "../../../src/config/environment.ts";
import { defaultOptions, OPTION_NAMES, type OptionName } from "../../../src/config/options.ts";
import {
  environmentWith,
  type FileContent,
  filesWith,
  notCapable,
} from "../../support/config_fixtures.ts";

const HOME = { HOME: "/home/mq" };
const STORE = "/home/mq/namesrv/namesrv.properties";
const TLS_FILE = "/etc/rocketmq/tls.properties";

interface Given {
  configFile?: string;
  overrides?: [OptionName, string][];
  userHome?: string;
  files?: Record<string, FileContent>;
  environment?: Record<string, string>;
}

function load(given: Given = {}): Promise<LoadedConfiguration> {
  return loadConfiguration(
    {
      configFile: given.configFile,
      overrides: new Map(given.overrides),
      userHome: given.userHome,
    },
    environmentWith(given.environment ?? HOME),
    filesWith(given.files),
  );
}

/** Loads a configuration from one file with -c. */
const loadFile = (configFile: string, content: FileContent) =>
  load({ configFile, files: { [configFile]: content } });

const warnings = ({ notices }: LoadedConfiguration): Record<string, string>[] =>
  notices.filter(({ level }) => level === "warn").map(({ event, fields }) => ({
    event,
    ...fields,
  }));

async function problemsOf(loading: Promise<unknown>): Promise<readonly string[]> {
  const error = await loading.then(() => undefined, (error) => error);
  assert.ok(error instanceof ConfigValueError, String(error));
  assert.deepEqual(error.lines, error.problems);
  return error.problems;
}

describe("loadConfiguration without any file", () => {
  it("gives the defaults, with paths below the home folder", async () => {
    const { options, given, extras, notices } = await load();
    assert.deepEqual(options, {
      ...defaultOptions(),
      configStorePath: STORE,
      kvConfigPath: "/home/mq/namesrv/kvConfig.json",
      routeSnapshotPath: "/home/mq/namesrv/routes-9876.snapshot",
    });
    assert.equal(given.size, 0);
    assert.equal(extras.size, 0);
    assert.deepEqual(notices, []);
  });

  it("takes USERPROFILE for the home folder where there is no HOME", async () => {
    const { options } = await load({ environment: { USERPROFILE: "C:\\Users\\mq\\", HOME: "" } });
    assert.equal(options.kvConfigPath, "C:\\Users\\mq/namesrv/kvConfig.json");
  });

  it("takes the current folder without either, and says so once", async () => {
    const loaded = await load({ environment: {} });
    assert.equal(loaded.options.kvConfigPath, "./namesrv/kvConfig.json");
    assert.equal(loaded.options.configStorePath, "./namesrv/namesrv.properties");
    assert.deepEqual(warnings(loaded).map(({ event }) => event), [
      "no home folder, using the current folder",
    ]);
  });

  it("takes ROCKETMQ_HOME, which a file overrides", async () => {
    const environment = { ...HOME, ROCKETMQ_HOME: "/opt/mq" };
    assert.equal((await load({ environment })).options.rocketmqHome, "/opt/mq");
    const files = { [STORE]: "rocketmqHome=/opt/other" };
    assert.equal((await load({ environment, files })).options.rocketmqHome, "/opt/other");
  });

  it("does not ask for a home folder that no path needs", async () => {
    const environment = {
      get(name: string) {
        if (/^(HOME|USERPROFILE)$/.test(name)) throw notCapable("env", name);
        return undefined;
      },
    };
    const files = filesWith({ "x.properties": "kvConfigPath=/data/kv.json" });
    const { options } = await loadConfiguration(
      { configFile: "x.properties" },
      environment,
      files,
    );
    assert.equal(options.kvConfigPath, "/data/kv.json");
    await assert.rejects(
      loadConfiguration({}, environment, files),
      (error) =>
        error instanceof ConfigFileError && /HOME: .*--allow-env=HOME$/.test(error.message),
    );
  });
});

describe("loadConfiguration from files", () => {
  it("reads properties and YAML alike", async () => {
    const properties = await loadFile(
      "x.conf",
      "listenPort = 1234\nclusterTest: TRUE\ntls.server.mode disabled\n",
    );
    const yaml = await loadFile(
      "x.YML",
      "listenPort: 1234\nclusterTest: TRUE\ntls:\n  server:\n    mode: disabled\n",
    );
    for (const { options, given } of [properties, yaml]) {
      assert.equal(options.listenPort, 1234);
      assert.equal(options.clusterTest, true);
      assert.equal(options["tls.server.mode"], "disabled");
      assert.deepEqual([...given], ["listenPort", "clusterTest", "tls.server.mode"]);
    }
  });

  it("stores live updates in the file of -c, whatever the file says", async () => {
    const loaded = await loadFile("a/x.conf", "configStorePath=/elsewhere");
    assert.equal(loaded.options.configStorePath, "a/x.conf");
    assert.deepEqual(warnings(loaded), [{
      event: "option has no effect in a file",
      file: "a/x.conf",
      key: "configStorePath",
      used: "a/x.conf",
    }]);
    assert.deepEqual(warnings(await loadFile("a/x.conf", "configStorePath=a/x.conf")), []);
  });

  it("reads the store of earlier live updates when there is no -c", async () => {
    const files = { [STORE]: "enableTopicList=false", "x.conf": "listenPort=1" };
    const fromStore = await load({ files });
    assert.equal(fromStore.options.enableTopicList, false);
    assert.deepEqual(fromStore.notices, [
      { level: "info", event: "configuration file loaded", fields: { file: STORE } },
    ]);
    assert.equal((await load({ files, configFile: "x.conf" })).options.enableTopicList, true);
  });

  it("lets the command line win", async () => {
    const loaded = await load({
      configFile: "x.conf",
      files: { "x.conf": "listenPort=1\nbindAddress=::" },
      overrides: [["listenPort", "2"]],
    });
    assert.equal(loaded.options.listenPort, 2);
    assert.equal(loaded.options.bindAddress, "::");
  });

  it("reads UTF-8 with and without a mark, and else ISO-8859-1", async () => {
    const latin1 = Uint8Array.from("productEnvName=caf\xe9\x80", (char) => char.charCodeAt(0));
    assert.equal(
      (await loadFile("x", latin1)).options.productEnvName,
      "café\x80".slice(0, 4) + "\x80",
    );
    const utf8 = await loadFile("x", "\ufeffproductEnvName=café中");
    assert.equal(utf8.options.productEnvName, "café中");
    assert.deepEqual(warnings(utf8), []);
  });

  it("puts the log folder below rocketmqHome, unless a file names another", async () => {
    const environment = { ...HOME, ROCKETMQ_HOME: "/opt/mq" };
    const logDir = async (text = "") =>
      (await load({ environment, files: { [STORE]: text } })).options.logDir;
    assert.equal(await logDir(), "/opt/mq/logs/rocketmqlogs");
    assert.equal(await logDir("rocketmqHome=/opt/other"), "/opt/other/logs/rocketmqlogs");
    assert.equal(await logDir("logDir=/var/log/mq"), "/var/log/mq");
    assert.equal((await load({ environment: HOME })).options.logDir, "");
  });

  it("keeps unknown keys, and names the nearest option", async () => {
    const loaded = await loadFile("x.conf", "listenport=1\n__proto__= a b \nbrokerName=b");
    assert.deepEqual([...loaded.extras], [
      ["listenport", "1"],
      ["__proto__", "a b "],
      ["brokerName", "b"],
    ]);
    assert.deepEqual(warnings(loaded)[0], {
      event: "unknown option",
      file: "x.conf",
      key: "listenport",
      nearest: "listenPort",
    });
    assert.equal(warnings(loaded).length, 3);
    assert.equal(loaded.options.listenPort, 9876);
  });

  it("takes the reference's name for frameMaxLength", async () => {
    const alias = "com.rocketmq.remoting.frameMaxLength";
    const loaded = await loadFile("x.conf", `${alias}=2000`);
    assert.equal(loaded.options.frameMaxLength, 2000);
    assert.equal(loaded.extras.size, 0);
    for (
      const text of [`${alias}=2000\nframeMaxLength=3000`, `frameMaxLength=3000\n${alias}=2000`]
    ) {
      const both = await loadFile("x.conf", text);
      assert.equal(both.options.frameMaxLength, 3000);
      assert.equal(warnings(both)[0]?.event, "option given twice");
    }
  });

  it("takes an empty path for the default one", async () => {
    const { options } = await loadFile("x.conf", "kvConfigPath=");
    assert.equal(options.kvConfigPath, "/home/mq/namesrv/kvConfig.json");
  });

  for (
    const [text, path] of [
      ["kvConfigPath=/data/kv.json\nlistenPort=1234", "/data/routes-1234.snapshot"],
      ["listenPort=0", ""],
      ["routeSnapshotPath=", ""],
      ["routeSnapshotPath=~/r\nlistenPort=0", "/home/mq/r"],
    ] as const
  ) {
    it(`has ${path || "no snapshot of routes"} with ${JSON.stringify(text)}`, async () => {
      assert.equal((await loadFile("x.conf", text)).options.routeSnapshotPath, path);
    });
  }
});

describe("loadConfiguration from the environment", () => {
  it("has a variable for each option", () => {
    const names = OPTION_NAMES.map(variableOf);
    assert.equal(new Set(names).size, OPTION_NAMES.length);
    assert.equal(variableOf("listenPort"), "NAMESRV_LISTEN_PORT");
    assert.equal(variableOf("tls.server.mode"), "NAMESRV_TLS_SERVER_MODE");
    for (const name of names) assert.match(name, /^NAMESRV_[A-Z][A-Z\d_]*$/);
  });

  it("lets a variable override the files, and the command line override it", async () => {
    const environment = {
      ...HOME,
      NAMESRV_LISTEN_PORT: "2",
      NAMESRV_LOG_LEVEL: "WARN",
      NAMESRV_TLS_CONFIG_FILE: "/t",
      NAMESRV_TLS_SERVER_MODE: "disabled",
      NAMESRV_CLUSTER_TEST: "",
    };
    const { options, given } = await load({
      environment,
      configFile: "x.conf",
      files: { "x.conf": "listenPort=1\nlogLevel=DEBUG", "/t": "tls.server.mode=enforcing" },
      overrides: [["listenPort", "3"]],
    });
    assert.equal(options.listenPort, 3);
    assert.equal(options.logLevel, "WARN");
    assert.equal(options["tls.server.mode"], "disabled");
    assert.equal(options.clusterTest, false);
    assert.ok(given.has("logLevel"));
    assert.ok(!given.has("clusterTest"));
  });

  it("names the variable of a wrong value", async () => {
    const environment = { ...HOME, NAMESRV_LISTEN_PORT: "x" };
    assert.deepEqual(await problemsOf(load({ environment })), [
      "NAMESRV_LISTEN_PORT: listenPort=x: must be a whole number from 0 to 65535",
    ]);
  });

  it("reads the store of live updates that a variable names", async () => {
    const environment = { ...HOME, NAMESRV_CONFIG_STORE_PATH: "/data/ns.properties" };
    const files = { "/data/ns.properties": "listenPort=1", "x.conf": "" };
    const { options } = await load({ environment, files });
    assert.deepEqual([options.configStorePath, options.listenPort], ["/data/ns.properties", 1]);
    assert.deepEqual(await problemsOf(load({ environment, files, configFile: "x.conf" })), [
      "NAMESRV_CONFIG_STORE_PATH: configStorePath=/data/ns.properties: " +
      "must be the file given with -c, or without -c",
    ]);
  });

  it("goes on without variables that it may not read, and says so", async () => {
    const environment = {
      get(name: string) {
        if (name.startsWith("NAMESRV_") && name !== "NAMESRV_LISTEN_PORT") {
          throw notCapable("env", name);
        }
        return new Map([["HOME", "/h"], ["NAMESRV_LISTEN_PORT", "1"]]).get(name);
      },
    };
    const loaded = await loadConfiguration({}, environment, filesWith());
    assert.equal(loaded.options.listenPort, 1);
    const [warning, ...others] = warnings(loaded);
    assert.deepEqual(others, []);
    assert.equal(warning?.event, "environment not read");
    assert.match(warning?.reason ?? "", /--allow-env=NAMESRV_\*$/);
  });
});

describe("loadConfiguration from files as people write them", () => {
  it("warns of Windows paths whose backslashes are lost", async () => {
    const loaded = await loadFile("x.conf", "kvConfigPath=C:\\Users\\me\nlogDir=..\\logs");
    assert.deepEqual(warnings(loaded), [
      {
        event: "suspicious value",
        file: "x.conf",
        key: "kvConfigPath",
        value: "C:Usersme",
        reason: "looks like a Windows path: write / or \\\\ in it",
      },
      {
        event: "suspicious value",
        file: "x.conf",
        key: "logDir",
        value: "..logs",
        reason: "looks like a Windows path: write / or \\\\ in it",
      },
    ]);
    await assert.rejects(
      loadFile("x.conf", "a=b\nkvConfigPath=C:\\users\\me"),
      { message: "x.conf, line 2: looks like a Windows path: write / or \\\\ in it" },
    );
    const right = "kvConfigPath=C:\\\\Users\\\\me\nlogDir=/a\\ b/caf\\u00e9";
    assert.deepEqual(warnings(await loadFile("x.conf", right)), []);
    assert.deepEqual(warnings(await loadFile("x.yaml", "kvConfigPath: C:\\Users\\me")), []);
  });

  it("says that a comment needs a line of its own", async () => {
    assert.deepEqual(await problemsOf(loadFile("x.conf", "listenPort=9876\t# the port")), [
      "x.conf: listenPort=9876\\t# the port: must be a whole number from 0 to 65535; " +
      "a comment needs a line of its own",
    ]);
    const [warning] = warnings(await loadFile("x.conf", "productEnvName=é # where"));
    assert.equal(warning?.value, "é # where");
    assert.equal(warning?.reason, "a comment needs a line of its own");
    assert.deepEqual(warnings(await loadFile("x.conf", "productEnvName=a#b")), []);
    assert.deepEqual(warnings(await loadFile("x.yaml", "productEnvName: a # where")), []);
  });

  it("shows values as they are written", async () => {
    const [problem] = await problemsOf(loadFile("x.conf", "listenPort=é: \\\\1"));
    assert.equal(problem, "x.conf: listenPort=é: \\1: must be a whole number from 0 to 65535");
  });

  it("names the option that a short word stands for", async () => {
    const nearest = (await warningsOf("port=1\nPort=1\nhost=a\n")).map(({ nearest }) => nearest);
    assert.deepEqual(nearest, ["listenPort", "listenPort", "bindAddress"]);
  });

  it("takes ~/ for the home folder", async () => {
    const { options } = await load({
      files: { [STORE]: "kvConfigPath=~/kv.json\nlogDir=~user/logs\nproductEnvName=~/x" },
    });
    assert.equal(options.kvConfigPath, "/home/mq/kv.json");
    assert.equal(options.logDir, "~user/logs");
    assert.equal(options.productEnvName, "~/x");
    const given = await load({ userHome: "/srv", configFile: "~/x", files: { "/srv/x": "" } });
    assert.equal(given.options.configStorePath, "/srv/x");
    assert.equal(given.options.kvConfigPath, "/srv/namesrv/kvConfig.json");
  });

  const warningsOf = async (text: string) => warnings(await loadFile("x.conf", text));
});

describe("loadConfiguration with wrong values", () => {
  it("tells all of them with file, key, value and what is allowed", async () => {
    assert.deepEqual(
      await problemsOf(
        loadFile(
          "x.conf",
          "listenPort=99999\nclusterTest=maybe\nlogLevel=TRACE\nenableTopicList=1",
        ),
      ),
      [
        "x.conf: listenPort=99999: must be a whole number from 0 to 65535",
        "x.conf: clusterTest=maybe: must be true or false",
        "x.conf: logLevel=TRACE: must be one of DEBUG, INFO, WARN, ERROR",
        "x.conf: enableTopicList=1: must be true or false",
      ],
    );
  });

  it("refuses what does not go together, and names where the value stands", async () => {
    assert.deepEqual(
      await problemsOf(
        loadFile("x.yaml", "writeBufferLowWaterMark: 90000\nwriteBufferHighWaterMark: 80000"),
      ),
      [
        "x.yaml: writeBufferLowWaterMark=90000: must be at most writeBufferHighWaterMark, which is 80000",
      ],
    );
  });

  it("refuses several controllers that keep their sets in a file", async () => {
    const peers = "controllerDLegerPeers=n0-10.0.0.1:9878;n1-10.0.0.2:9878";
    const [problem] = await problemsOf(
      loadFile("x.conf", `enableControllerInNamesrv=true\n${peers}\ncontrollerDLegerSelfId=n0`),
    );
    assert.match(problem!, /^x\.conf: controllerDLegerPeers=.*controllerStore=file.*only one/);
  });

  it("keeps each problem on one line, and secrets hidden", async () => {
    const [port, password] = await problemsOf(
      loadFile("x.conf", "listenPort=1\\n2\ntls.server.keyPassword=hush\\u0000"),
    );
    assert.equal(port, "x.conf: listenPort=1\\n2: must be a whole number from 0 to 65535");
    assert.match(password!, /^x\.conf: tls\.server\.keyPassword=\*{6}: must be/);
  });
});

describe("loadConfiguration with unreadable files", () => {
  const failing = async (
    given: Given,
    type: typeof ConfigFileError | typeof ConfigSyntaxError,
    message: RegExp,
  ) => {
    const error = await load(given).then(() => undefined, (error) => error);
    assert.ok(error instanceof type, String(error));
    assert.match(error.message, message);
    assert.ok(!error.message.includes("\n"));
  };

  it("names a missing file of -c", () =>
    failing({ configFile: "no/x.conf" }, ConfigFileError, /file no\/x\.conf: No such file/));

  it("names the flag that would allow it", () =>
    failing(
      { configFile: "/a/x.conf", files: { "/a/x.conf": notCapable("read", "/a/x.conf") } },
      ConfigFileError,
      /\/a\/x\.conf: .*--allow-read=\/a\/x\.conf$/,
    ));

  it("does not go on without a store that it may not read", () =>
    failing(
      { files: { [STORE]: notCapable("read", STORE) } },
      ConfigFileError,
      /--allow-read=\/home\/mq\/namesrv\/namesrv\.properties$/,
    ));

  it("names file and line of a wrong escape", () =>
    failing(
      { configFile: "x.conf", files: { "x.conf": "a=b\nc=\\u12" } },
      ConfigSyntaxError,
      /^x\.conf, line 2: /,
    ));

  it("names a YAML file that is not UTF-8", () =>
    failing(
      { configFile: "x.yaml", files: { "x.yaml": Uint8Array.of(0x61, 0x3a, 0x20, 0xe9) } },
      ConfigSyntaxError,
      /^x\.yaml: is not UTF-8$/,
    ));
});

describe("loadConfiguration with tls.config.file", () => {
  it("lets its tls.* keys win over those of the configuration file", async () => {
    const { options, given } = await load({
      configFile: "x.conf",
      files: {
        "x.conf": "tls.server.mode=disabled\ntls.server.certPath=/a\ntls.config.file=/t.properties",
        "/t.properties": "tls.server.certPath=/b\ntls.server.need.client.auth=REQUIRE",
      },
    });
    assert.equal(options["tls.server.mode"], "disabled");
    assert.equal(options["tls.server.certPath"], "/b");
    assert.equal(options["tls.server.need.client.auth"], "require");
    assert.ok(given.has("tls.server.need.client.auth"));
  });

  it("lets the command line name it, and win over it", async () => {
    const { options } = await load({
      overrides: [["tls.config.file", "/t.properties"], ["tls.server.certPath", "/c"]],
      files: { "/t.properties": "tls.server.certPath=/b\ntls.server.mode=enforcing" },
    });
    assert.equal(options["tls.server.certPath"], "/c");
    assert.equal(options["tls.server.mode"], "enforcing");
  });

  it("takes nothing else from it, and leaves clients' keys to them", async () => {
    const loaded = await load({
      files: {
        [TLS_FILE]:
          "listenPort=1\ntls.client.keyPassword=x\ntls.enable=true\ntls.server.keypath=/k\n" +
          "tls.config.file=/other",
      },
    });
    assert.equal(loaded.options.listenPort, 9876);
    assert.equal(loaded.options["tls.config.file"], TLS_FILE);
    assert.equal(loaded.extras.size, 0);
    assert.deepEqual(
      warnings(loaded),
      ["listenPort", "tls.server.keypath", "tls.config.file"].map((key, index) => ({
        event: "unknown option",
        file: TLS_FILE,
        key,
        ...(index === 1 && { nearest: "tls.server.keyPath" }),
      })),
    );
  });

  it("does without the default file", async () => {
    assert.deepEqual((await load()).notices, []);
  });

  it("warns where it may not look for the default file", async () => {
    const [warning] = warnings(await load({ files: { [TLS_FILE]: notCapable("read", TLS_FILE) } }));
    assert.equal(warning?.event, "default TLS configuration file skipped");
    assert.match(warning?.reason ?? "", /--allow-read=\/etc\/rocketmq\/tls\.properties$/);
  });

  it("does not go on without a given file that it may not read", async () => {
    const files = { "x.conf": "tls.config.file=/t", "/t": notCapable("read", "/t") };
    await assert.rejects(load({ configFile: "x.conf", files }), /--allow-read=\/t$/);
  });

  it("does not go on without a default file that the system keeps from it", async () => {
    const files = {
      [TLS_FILE]: new Deno.errors.PermissionDenied("Permission denied (os error 13)"),
    };
    await assert.rejects(load({ files }), /\/etc\/rocketmq\/tls\.properties: Permission denied/);
  });

  it("does not go on without a file that was given", async () => {
    for (const path of ["/t.properties", TLS_FILE]) {
      await assert.rejects(
        loadFile("x.conf", `tls.config.file=${path}`),
        (error) => error instanceof ConfigFileError && error.message.includes(`file ${path}: No`),
      );
    }
  });

  it("looks for no file when the option is empty", async () => {
    const files = { "x.conf": "tls.config.file=", [TLS_FILE]: "tls.server.mode=disabled" };
    const { options } = await load({ configFile: "x.conf", files });
    assert.equal(options["tls.server.mode"], "permissive");
  });

  it("names it with a wrong value", async () => {
    assert.deepEqual(await problemsOf(load({ files: { [TLS_FILE]: "tls.server.mode=on" } })), [
      `${TLS_FILE}: tls.server.mode=on: must be one of disabled, permissive, enforcing`,
    ]);
  });
});
