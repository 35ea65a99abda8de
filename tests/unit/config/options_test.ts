import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { nearestName } from "../../../src/config/nearest.ts";
import {
  defaultOptions,
  isOptionName,
  OPTION_GROUPS,
  OPTION_NAMES,
  type OptionName,
  optionOf,
  OPTIONS,
  resolveOptionName,
} from "../../../src/config/options.ts";
import {
  allowedValues,
  findContradictions,
  formatValue,
  parseValue,
  quoteValue,
  waterMarks,
} from "../../../src/config/values.ts";

describe("OPTIONS", () => {
  it("has an allowed default for each, which is read back from its text", () => {
    for (const name of OPTION_NAMES) {
      const option = optionOf(name);
      assert.deepEqual(parseValue(name, String(option.default)), option.default, name);
    }
    assert.deepEqual(findContradictions(defaultOptions()), []);
  });

  it("has each in exactly one group, with a sentence", () => {
    const grouped = OPTION_GROUPS.flatMap(({ names }) => names);
    assert.deepEqual([...grouped].sort(), [...OPTION_NAMES].sort());
    for (const name of OPTION_NAMES) assert.match(optionOf(name).doc, /\.$/, name);
  });

  it("lets no path and nothing of TLS change live", () => {
    for (const name of OPTION_NAMES) {
      const option = optionOf(name);
      if (option.type === "path" || name.startsWith("tls.")) {
        assert.equal(option.applies, "restart", name);
      }
    }
  });

  it("has the reference's defaults", () => {
    assert.equal(OPTIONS.listenPort.default, 9876);
    assert.equal(OPTIONS.scanNotActiveBrokerInterval.default, 5000);
    assert.equal(OPTIONS["tls.server.mode"].default, "permissive");
  });

  it("finds names, and no properties of Object", () => {
    assert.ok(isOptionName("listenPort"));
    for (const key of ["__proto__", "constructor", "toString", "ListenPort", ""]) {
      assert.equal(isOptionName(key), false, key);
      assert.equal(resolveOptionName(key), undefined, key);
    }
    assert.equal(resolveOptionName("com.rocketmq.remoting.frameMaxLength"), "frameMaxLength");
  });
});

describe("parseValue", () => {
  const cases: [name: OptionName, text: string, value: unknown][] = [
    ["clusterTest", "true", true],
    ["clusterTest", " FALSE ", false],
    ["clusterTest", "yes", undefined],
    ["clusterTest", "1", undefined],
    ["clusterTest", "", undefined],
    ["listenPort", "0", 0],
    ["listenPort", " +65535\t", 65535],
    ["listenPort", "0009876", 9876],
    ["listenPort", "-0", 0],
    ["listenPort", "65536", undefined],
    ["listenPort", "-1", undefined],
    ["listenPort", "9876.0", undefined],
    ["listenPort", "1e3", undefined],
    ["listenPort", "0x50", undefined],
    ["listenPort", "9_876", undefined],
    ["listenPort", "९", undefined],
    ["listenPort", "", undefined],
    ["listenPort", "99999999999999999999", undefined],
    ["logLevel", "debug", "DEBUG"],
    ["logLevel", "TRACE", undefined],
    ["tls.server.mode", "ENFORCING", "enforcing"],
    ["tls.server.mode", "", undefined],
    ["productEnvName", " center ", "center"],
    ["productEnvName", "", ""],
    ["productEnvName", "a\nb", undefined],
    ["productEnvName", "x".repeat(4096), "x".repeat(4096)],
    ["productEnvName", "x".repeat(4097), undefined],
    ["kvConfigPath", " /a b/c ", "/a b/c"],
    ["kvConfigPath", "/a\0b", undefined],
    ["tls.server.keyPassword", " secret ", " secret "],
  ];
  for (const [name, text, value] of cases) {
    it(`reads ${name}=${JSON.stringify(text.slice(0, 30))} (${text.length})`, () => {
      assert.equal(parseValue(name, text), value);
    });
  }

  it("goes with what allowedValues says", () => {
    assert.equal(allowedValues(OPTIONS.listenPort), "a whole number from 0 to 65535");
    assert.equal(allowedValues(OPTIONS.clusterTest), "true or false");
    assert.equal(allowedValues(OPTIONS.logLevel), "one of DEBUG, INFO, WARN, ERROR");
  });
});

describe("quoteValue", () => {
  it("keeps a value on one line, of a readable length", () => {
    assert.equal(quoteValue("listenPort", "98\n76"), "listenPort=98\\n76");
    assert.equal(quoteValue("listenPort", "9".repeat(300)), `listenPort=${"9".repeat(200)}...`);
  });

  it("never shows a secret", () => {
    assert.equal(quoteValue("tls.server.keyPassword", "hush"), "tls.server.keyPassword=******");
    assert.equal(formatValue("tls.server.keyPassword", "hush"), "******");
    assert.equal(formatValue("tls.server.keyPassword", ""), "");
  });
});

describe("findContradictions", () => {
  const reasons = (changes: Partial<ReturnType<typeof defaultOptions>>) =>
    findContradictions({ ...defaultOptions(), ...changes }).map(({ name }) => name);

  it("finds a low water mark above the high one, whatever zeros stand for", () => {
    assert.deepEqual(reasons({ writeBufferLowWaterMark: 1_048_577 }), ["writeBufferLowWaterMark"]);
    assert.deepEqual(reasons({ writeBufferLowWaterMark: 1_048_576 }), []);
    assert.deepEqual(
      reasons({ writeBufferHighWaterMark: 10, writeBufferLowWaterMark: 11 }),
      ["writeBufferLowWaterMark"],
    );
    assert.deepEqual(reasons({ writeBufferHighWaterMark: 1 }), []);
  });

  it("finds a memory bound below a frame, the controller and an empty address", () => {
    assert.deepEqual(reasons({ maxBufferedRequestBytes: 1024 }), ["maxBufferedRequestBytes"]);
    assert.deepEqual(reasons({ enableControllerInNamesrv: true }), ["controllerDLegerPeers"]);
    assert.deepEqual(reasons({ bindAddress: "" }), ["bindAddress"]);
    assert.deepEqual(reasons({ bindAddress: "10.0.0.1:9876" }), ["bindAddress"]);
    assert.deepEqual(reasons({ bindAddress: "[::1]", httpBindAddress: "::1" }), []);
    assert.deepEqual(reasons({ productEnvNamesrvAddr: "a:1;b:x" }), ["productEnvNamesrvAddr"]);
    assert.deepEqual(reasons({ addressServiceDomain: "http://x/" }), ["addressServiceDomain"]);
    assert.deepEqual(reasons({ namesrvAddrs: "a:1;b:x" }), ["namesrvAddrs"]);
    assert.deepEqual(reasons({ namesrvAddrsByUnit: "a:1" }), ["namesrvAddrsByUnit"]);
    assert.deepEqual(reasons({ advertisedAddress: "a:1;b:1" }), ["advertisedAddress"]);
    assert.deepEqual(reasons({ httpBindAddress: "" }), ["httpBindAddress"]);
    assert.deepEqual(reasons({ httpBindAddress: "", httpPort: 0 }), []);
  });

  it("finds options of etcd that don't fit, if anything is kept there", () => {
    const good = { kvStore: "etcd", etcdEndpoints: "http://a:2379;https://[::1]:443/" } as const;
    const secure = { kvStore: "etcd", etcdEndpoints: "https://a:2379" } as const;
    assert.deepEqual(reasons({ etcdEndpoints: "nonsense", etcdUser: "x" }), []);
    assert.deepEqual(reasons(good), []);
    assert.deepEqual(reasons({ kvStore: "etcd" }), ["etcdEndpoints"]);
    for (const url of ["a:2379", "http://a", "ftp://a:1", "http://u:p@a:1", "http://a:1/v3"]) {
      assert.deepEqual(reasons({ ...good, etcdEndpoints: `http://b:1,${url}` }), ["etcdEndpoints"]);
    }
    assert.deepEqual(reasons({ ...good, etcdPrefix: "" }), ["etcdPrefix"]);
    assert.deepEqual(reasons({ ...good, etcdPrefix: "/a/" }), ["etcdPrefix"]);
    assert.deepEqual(reasons({ ...good, etcdUser: "u" }), ["etcdPasswordFile"]);
    assert.deepEqual(reasons({ ...good, etcdPasswordFile: "/p" }), ["etcdUser"]);
    assert.deepEqual(reasons({ ...secure, etcdCertFile: "/c" }), ["etcdKeyFile"]);
    assert.deepEqual(reasons({ ...secure, etcdKeyFile: "/k" }), ["etcdCertFile"]);
    assert.deepEqual(reasons({ ...good, etcdCaFile: "/ca" }), ["etcdCaFile"]);
    assert.deepEqual(reasons({ ...secure, etcdCaFile: "/ca" }), []);
  });
});

describe("the default ports", () => {
  it("are of no other part of RocketMQ, nor where a second name server would be", () => {
    const { listenPort, httpPort } = defaultOptions();
    assert.equal(listenPort, 9876);
    const customary = [9876, 9877, 9878, 9879, 8080, 8081, 10909, 10910, 10911, 10912, 5557];
    assert.ok(!customary.includes(httpPort), `${httpPort}`);
  });
});

describe("what empty values stand for", () => {
  it("is half of the high water mark for the low one", () => {
    const options = defaultOptions();
    assert.deepEqual(waterMarks(options), { high: 1_048_576, low: 524_288 });
    options.writeBufferHighWaterMark = 101;
    assert.deepEqual(waterMarks(options), { high: 101, low: 50 });
    options.writeBufferLowWaterMark = 7;
    assert.deepEqual(waterMarks(options), { high: 101, low: 7 });
  });
});

describe("nearestName", () => {
  it("finds the name with the least edits, letter case apart", () => {
    assert.equal(nearestName("listenport", OPTION_NAMES), "listenPort");
    assert.equal(nearestName("listenPorts", OPTION_NAMES), "listenPort");
    assert.equal(nearestName("kvConfigPaht", OPTION_NAMES), "kvConfigPath");
    assert.equal(nearestName("tls.server.certpath", OPTION_NAMES), "tls.server.certPath");
  });

  it("finds the name that the key is a part of", () => {
    assert.equal(nearestName("port", ["logDir", "listenPort"]), "listenPort");
    assert.equal(nearestName("tls.keyPath", OPTION_NAMES), "tls.server.keyPath");
  });

  it("offers nothing that has too little in common with the key", () => {
    for (const key of ["", "x".repeat(100_000), "9876", "diskMaxUsedSpaceRatio", "flushDiskType"]) {
      assert.equal(nearestName(key, OPTION_NAMES), undefined, key);
    }
    assert.equal(nearestName("a", []), undefined);
  });
});
