import { describe, it } from "@std/testing/bdd";
import { assertSpyCalls, spy } from "@std/testing/mock";
import assert from "node:assert/strict";
import {
  ConfigDeniedError,
  ConfigFileError,
  ConfigSyntaxError,
  ConfigValueError,
} from "../../../src/config/errors.ts";
import { LiveConfig } from "../../../src/config/live_config.ts";
import { loadConfiguration } from "../../../src/config/load.ts";
import { OPTION_NAMES, optionOf } from "../../../src/config/options.ts";
import { DurableFile, DurableFileError } from "../../../src/durable_file.ts";
import { environmentWith } from "../../support/config_fixtures.ts";
import { MemoryDisk } from "../../support/memory_disk.ts";

const CONF = "/conf/namesrv.properties";

/** A server's configuration from the file at `path`, which live updates change. */
async function start(text: string, path = CONF) {
  const disk = MemoryDisk.with(path, text);
  const environment = environmentWith({ HOME: "/home/mq" });
  const loaded = await loadConfiguration({ configFile: path }, environment, disk);
  const live = new LiveConfig(loaded, new DurableFile(path, disk));
  return { live, disk, text: () => disk.text(path) };
}

async function refused(update: Promise<unknown>): Promise<Error> {
  return await update.then(() => assert.fail("was accepted"), (error) => error);
}

describe("LiveConfig.update", () => {
  it("changes the values, tells the listeners, and keeps the rest of the file", async () => {
    const { live, text } = await start("# mine\nlistenPort=1234\nenableTopicList=true\n");
    const { values } = live;
    const changed = spy((_: boolean) => {});
    const other = spy((_: boolean) => {});
    live.subscribe("orderMessageEnable", changed);
    live.subscribe("clusterTest", other);
    assert.deepEqual(
      await live.update("orderMessageEnable=TRUE\nenableTopicList = false\n"),
      [
        { key: "orderMessageEnable", before: "false", after: "true" },
        { key: "enableTopicList", before: "true", after: "false" },
      ],
    );
    assert.equal(live.values, values);
    assert.equal(values.orderMessageEnable, true);
    assert.equal(values.enableTopicList, false);
    assert.deepEqual(changed.calls.map(({ args }) => args), [[true]]);
    assertSpyCalls(other, 0);
    assert.equal(
      text(),
      "# mine\nlistenPort=1234\nenableTopicList=false\norderMessageEnable=true\n",
    );
    assert.match(live.format(), /^orderMessageEnable=true$/m);
  });

  it("is on disk before it is in effect", async () => {
    const { live, disk, text } = await start("");
    const seen: unknown[] = [];
    live.subscribe("orderMessageEnable", () => seen.push(text()));
    disk.before = () => void seen.push(live.values.orderMessageEnable);
    await live.update("orderMessageEnable=true");
    assert.equal(seen.pop(), "orderMessageEnable=true\n");
    assert.ok(seen.length > 0 && seen.every((value) => value === false));
  });

  it("says what is stored before it takes effect", async () => {
    const { live, text } = await start("");
    const seen: unknown[] = [];
    await live.update("orderMessageEnable=true", {
      stored: (keys) => seen.push(keys, text(), live.values.orderMessageEnable),
    });
    assert.deepEqual(seen, [["orderMessageEnable"], "orderMessageEnable=true\n", false]);
  });

  it("is made only if its condition holds for the values at that moment", async () => {
    const { live, text } = await start("");
    const wasFalse = (now: ReadonlyMap<string, string>) =>
      now.get("orderMessageEnable") === "false";
    const outcomes = await Promise.allSettled([
      live.update("orderMessageEnable=true", { condition: wasFalse }),
      live.update("orderMessageEnable=true\nclusterTest=true", { condition: wasFalse }),
      live.update("orderMessageEnable=true", { condition: wasFalse }),
    ]);
    assert.deepEqual(outcomes.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    assert.match(String((outcomes[1] as PromiseRejectedResult).reason), /changed meanwhile/);
    assert.equal(live.values.clusterTest, false);
    assert.equal(text(), "orderMessageEnable=true\n");
  });

  it("survives a restart", async () => {
    const { live, disk } = await start("");
    await live.update("scanNotActiveBrokerInterval=7000");
    const again = await start(disk.text(CONF, "power, names written")!);
    assert.equal(again.live.values.scanNotActiveBrokerInterval, 7000);
  });

  it("makes the store where there is none", async () => {
    const disk = new MemoryDisk();
    const loaded = await loadConfiguration({}, environmentWith({ HOME: "/home/mq" }), disk);
    const path = loaded.options.configStorePath;
    const live = new LiveConfig(loaded, new DurableFile(path, disk));
    await live.update("clusterTest=true");
    assert.equal(disk.text(path), "clusterTest=true\n");
  });

  it("edits a YAML file", async () => {
    const { live, text } = await start("# mine\norderMessageEnable: false # why\n", "/c/x.yaml");
    await live.update("orderMessageEnable=true\nproductEnvName=a: b");
    assert.equal(text(), '# mine\norderMessageEnable: true # why\nproductEnvName: "a: b"\n');
  });

  it("keeps what somebody edited into the file meanwhile", async () => {
    const { live, disk, text } = await start("");
    disk.put(CONF, "# new\nlistenPort=1\n");
    await live.update("clusterTest=true");
    assert.equal(text(), "# new\nlistenPort=1\nclusterTest=true\n");
    assert.equal(live.values.listenPort, 9876);
  });

  it("writes a value down that is already in effect, and nothing that is already there", async () => {
    const { live, disk, text } = await start("");
    const listener = spy((_: boolean) => {});
    live.subscribe("clusterTest", listener);
    await live.update("clusterTest=false");
    assert.equal(text(), "clusterTest=false\n");
    disk.calls.length = 0;
    await live.update("clusterTest=FALSE");
    assert.deepEqual(disk.calls.filter((call) => !/^(stat|readFile) /.test(call)), []);
    assertSpyCalls(listener, 0);
  });

  it("changes nothing for an empty text or for unknown keys", async () => {
    const { live, disk } = await start("# x\n");
    disk.calls.length = 0;
    for (const text of ["", "# c\n", "brokerName=b\n__proto__=1\ntoString=2"]) {
      assert.deepEqual(await live.update(text), []);
    }
    assert.deepEqual(disk.calls, []);
    assert.ok(!live.format().includes("brokerName"));
  });

  it("changes unknown keys that the file has", async () => {
    const { live, text } = await start("my.key=1\n");
    await live.update("my.key=zwei ü\nother=3");
    assert.match(live.format(), /^my\.key=zwei \\u00fc$/m);
    assert.equal(text(), "my.key=zwei \\u00fc\n");
  });

  it("carries out updates in the order of the calls", async () => {
    const { live, text } = await start("");
    const seen: number[] = [];
    live.subscribe("waitSecondsForService", (value) => seen.push(value));
    await Promise.all([1, 2, 3].map((value) => live.update(`waitSecondsForService=${value}`)));
    assert.deepEqual(seen, [1, 2, 3]);
    assert.equal(text(), "waitSecondsForService=3\n");
  });
});

describe("LiveConfig.update, several at once", () => {
  it("loses none", async () => {
    const { live, text } = await start("");
    await Promise.all(
      ["clusterTest", "orderMessageEnable"].map((key) => live.update(`${key}=true`)),
    );
    assert.equal(text(), "clusterTest=true\norderMessageEnable=true\n");
  });

  it("judges each by the values that the one before has left", async () => {
    const { live } = await start("");
    const first = live.update("writeBufferHighWaterMark=100000");
    const second = refused(live.update("writeBufferLowWaterMark=200000"));
    await first;
    assert.ok(await second instanceof ConfigValueError);
  });
});

describe("LiveConfig.update, refused", () => {
  /** Asserts that the update is refused and that memory, listeners and disk are unchanged. */
  async function refusedWhole(configured: string, update: string): Promise<Error> {
    const { live, disk, text } = await start(configured);
    const before = live.format();
    live.subscribe("clusterTest", () => assert.fail("a listener was called"));
    disk.calls.length = 0;
    const error = await refused(live.update(`clusterTest=true\n${update}`));
    assert.equal(live.format(), before);
    assert.equal(live.values.clusterTest, false);
    assert.equal(text(), configured);
    assert.deepEqual(disk.calls, []);
    return error;
  }

  it("denies every path, all of tls.* and the black list itself, whatever the option says", async () => {
    const keys = [
      ...OPTION_NAMES.filter((name) => optionOf(name).type === "path" || name.startsWith("tls.")),
      "tls.client.keyPath",
      "configBlackList",
    ];
    assert.ok(keys.includes("kvConfigPath") && keys.includes("logDir"));
    for (const key of keys) {
      const error = await refusedWhole("configBlackList=\ntls.client.keyPath=/a\n", `${key}=/evil`);
      assert.ok(error instanceof ConfigDeniedError, key);
      assert.equal(error.key, key);
    }
  });

  it("denies keys however they are escaped", async () => {
    const error = await refusedWhole("", "kv\\u0043onfigPa\\\nth : /evil");
    assert.ok(error instanceof ConfigDeniedError);
  });

  it("denies what configBlackList names", async () => {
    const error = await refusedWhole("configBlackList=logLevel; my.key \n", "logLevel=DEBUG");
    assert.ok(error instanceof ConfigDeniedError);
    const extra = await refusedWhole("configBlackList=logLevel; my.key \nmy.key=1\n", "my.key=2");
    assert.ok(extra instanceof ConfigDeniedError);
    const alias = await refusedWhole(
      "configBlackList=frameMaxLength\n",
      "com.rocketmq.remoting.frameMaxLength=16777216",
    );
    assert.ok(alias instanceof ConfigDeniedError);
  });

  it("denies before it looks at values", async () => {
    const error = await refusedWhole("", "listenPort=x\nkvConfigPath=/evil");
    assert.ok(error instanceof ConfigDeniedError);
  });

  it("names every wrong value", async () => {
    const error = await refusedWhole("my.key=1\n", "logLevel=LOUD\nlistenPort=x\nmy.key=a\\nb");
    assert.ok(error instanceof ConfigValueError);
    assert.deepEqual(error.problems.slice(0, 2), [
      "logLevel=LOUD: must be one of DEBUG, INFO, WARN, ERROR",
      "listenPort=x: must be a whole number from 0 to 65535",
    ]);
    assert.match(error.problems[2]!, /^my\.key: must be/);
  });

  it("says which options need a restart, and where to change them", async () => {
    for (
      const key of [
        "listenPort",
        "serverSocketBacklog",
        "frameMaxLength",
        "com.rocketmq.remoting.frameMaxLength",
      ]
    ) {
      const error = await refusedWhole("", `${key}=2000`);
      assert.ok(error instanceof ConfigValueError);
      assert.equal(
        error.message,
        `${key}=2000: needs a restart, change it in the file of configStorePath`,
      );
    }
  });

  it("lets an option that needs a restart keep its value", async () => {
    const { live, text } = await start("");
    assert.deepEqual(await live.update("listenPort=9876\nclusterTest=true"), [
      { key: "clusterTest", before: "false", after: "true" },
    ]);
    assert.equal(text(), "clusterTest=true\n");
  });

  it("refuses what does not go together with the values in effect", async () => {
    const error = await refusedWhole(
      "writeBufferHighWaterMark=100000\n",
      "writeBufferLowWaterMark=200000",
    );
    assert.ok(error instanceof ConfigValueError);
    assert.match(error.message, /^writeBufferLowWaterMark=200000: must be at most .* 100000$/);
  });

  it("refuses a text that is not properties, too long, or of too many keys", async () => {
    const texts = [
      "productEnvName=\\u12",
      `#${"x".repeat(131_072)}`,
      Array.from({ length: 1001 }, (_, index) => `k${index}`).join("\n"),
    ];
    for (const text of texts) {
      assert.ok(await refusedWhole("", text) instanceof ConfigSyntaxError);
    }
  });
});

describe("LiveConfig.update with a failing disk", () => {
  it("rejects and changes nothing, and goes on with the next", async () => {
    const { live, disk, text } = await start("# old\n");
    const listener = spy((_: boolean) => {});
    live.subscribe("clusterTest", listener);
    disk.before = (call) => {
      if (call.startsWith("rename")) throw new Error("the disk is on fire");
    };
    const failing = live.update("clusterTest=true");
    const following = live.update("orderMessageEnable=true");
    const error = await refused(failing);
    assert.ok(error instanceof DurableFileError);
    assert.match(error.message, /\/conf\/namesrv\.properties.*on fire/);
    await refused(following);
    assert.equal(live.values.clusterTest, false);
    assertSpyCalls(listener, 0);
    assert.equal(text(), "# old\n");

    disk.before = () => {};
    await live.update("orderMessageEnable=true");
    assert.equal(live.values.orderMessageEnable, true);
    assert.equal(text(), "# old\norderMessageEnable=true\n");
  });

  it("blames the file, and not the request, when the file has become unreadable", async () => {
    const { live, disk, text } = await start("");
    disk.put(CONF, "a=\\u12");
    const error = await refused(live.update("clusterTest=true"));
    assert.ok(error instanceof ConfigFileError);
    assert.match(error.message, /^\/conf\/namesrv\.properties, line 1: /);
    assert.equal(text(), "a=\\u12");
    assert.equal(live.values.clusterTest, false);
  });
});
