import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Peer } from "../support/peer.ts";
import {
  type Ended,
  freePort,
  Home,
  itWithFlags,
  ServerProcess,
  START_FLAGS,
} from "../support/server_process.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

/** Asserts that a start failed with one line that contains all these words. */
function assertRefused({ code, out, err }: Ended, ...words: string[]): void {
  assert.equal(code, 1, err.join("\n"));
  assert.deepEqual(out, []);
  assert.equal(err.length, 1, err.join("\n"));
  for (const word of words) assert.ok(err[0]!.includes(word), `${word} is not in: ${err[0]}`);
}

/** The flags of the task `start` without a permission, or with a narrower one. */
function flagsWith(name: string, ...instead: string[]): string[] {
  const others = START_FLAGS.filter((flag) => !flag.startsWith(`--allow-${name}`));
  assert.equal(others.length, START_FLAGS.length - 1);
  return [...others, ...instead];
}

describe("a start", () => {
  it("prints the boot line when the server listens, and nothing else to stdout", async () => {
    await using home = await Home.make();
    const port = freePort();
    const begin = performance.now();
    await using server = await ServerProcess.start({ home, args: [`--listenPort=${port}`] });
    const booted = performance.now();
    await using peer = await Peer.connect(port);
    const answer = await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO });
    const answered = performance.now();
    assert.equal(answer.code, 0);
    assert.equal(
      new TextDecoder().decode(answer.body),
      '{"brokerAddrTable":{},"clusterAddrTable":{}}',
    );
    const { code, out } = await server.stop();
    assert.equal(code, 0);
    assert.deepEqual(out, [
      `The Name Server boot success. serializeType=JSON, address 0.0.0.0:${port}`,
    ]);
    console.log(
      `measured: boot line after ${(booted - begin).toFixed()} ms, ` +
        `first answer after ${(answered - begin).toFixed()} ms`,
    );
  });

  it("listens on IPv4 and IPv6, also for HTTP, and names peers by their own addresses", async () => {
    await using home = await Home.make();
    const httpPort = freePort();
    await using server = await ServerProcess.start({
      home,
      args: ["--httpBindAddress=0.0.0.0", `--httpPort=${httpPort}`],
    });
    for (const [hostname, peer] of [["127.0.0.1", "127.0.0.1"], ["::1", "[::1]"]] as const) {
      using connection = await Deno.connect({ hostname, port: server.port });
      const response = await fetch(`http://${peer}:${httpPort}/api/v1/connections`);
      const body = await response.text();
      const { port } = connection.localAddr as Deno.NetAddr;
      assert.ok(body.includes(`"${peer}:${port}"`), body);
    }
  });

  it("listens on the bindAddress and shows it", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home, args: ["--bindAddress=127.0.0.1"] });
    assert.equal(server.host, "127.0.0.1");
    await using peer = await Peer.connect(server.port);
    assert.equal((await peer.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
  });

  it("takes the configuration from properties and from YAML, by the file's ending", async () => {
    await using home = await Home.make();
    const files = [
      await home.write("a.conf", "productEnvName = \\u5317\nlistenPort: 0\n"),
      await home.write("a.yaml", "productEnvName: 北\nlistenPort: 0\n"),
    ];
    for (const file of files) {
      await using server = await ServerProcess.start({ home, args: ["-c", file] });
      await using peer = await Peer.connect(server.port);
      const { body } = await peer.call({ code: RequestCode.GET_NAMESRV_CONFIG });
      const lines = new TextDecoder().decode(body).split("\n");
      assert.ok(lines.includes(`configStorePath=${file}`), file);
      assert.ok(lines.some((line) => /^productEnvName=(北|\\u5317)$/.test(line)), file);
    }
  });

  it("takes options from the environment, and from the command line before it", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({
      home,
      env: {
        NAMESRV_BIND_ADDRESS: "127.0.0.1",
        NAMESRV_LOG_LEVEL: "ERROR",
        NAMESRV_LISTEN_PORT: "1",
      },
      args: ["--logLevel", "INFO"],
    });
    assert.equal(server.host, "127.0.0.1");
    assert.ok(server.err.all.some((line) => line.includes(" INFO started ")));
  });

  it("warns of an unknown key and names the nearest one", async () => {
    await using home = await Home.make();
    const file = await home.configFile({ suportActingMaster: "true" });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    const warning = await server.err.find(/WARN/);
    for (const word of [file, "suportActingMaster", "supportActingMaster"]) {
      assert.ok(warning.includes(word), warning);
    }
  });

  it("writes its log below ROCKETMQ_HOME, too", async () => {
    await using home = await Home.make();
    const env = { ROCKETMQ_HOME: home.file("rocketmq") };
    await using server = await ServerProcess.start({ home, env });
    const { err, out } = await server.stop();
    const log = await Deno.readTextFile(home.file("rocketmq/logs/rocketmqlogs/namesrv.log"));
    assert.deepEqual(log.trimEnd().split("\n"), err);
    assert.ok(log.includes(out[0]!));
  });
});

describe("what ends at once", () => {
  it("-h prints the arguments", async () => {
    await using home = await Home.make();
    for (const arg of ["-h", "--help"]) {
      const { code, out, err } = await ServerProcess.run({ home, args: [arg] });
      assert.equal(code, 0);
      assert.deepEqual(err, []);
      for (const name of ["--configFile", "--printConfigItem", "--listenPort", "--bindAddress"]) {
        assert.ok(out.some((line) => line.includes(name)), name);
      }
    }
  });

  it("--version prints one line", async () => {
    await using home = await Home.make();
    const { code, out, err } = await ServerProcess.run({ home, args: ["--version"] });
    assert.deepEqual([code, err, out.length], [0, [], 1]);
    assert.match(out[0]!, /\d+\.\d+\.\d+/);
  });

  it("-p prints every option with its value", async () => {
    await using home = await Home.make();
    const file = await home.configFile({ supportActingMaster: "true" });
    const args = ["-p", "-c", file, "--listenPort=19876"];
    const { code, out, err } = await ServerProcess.run({ home, args });
    assert.deepEqual([code, err], [0, []]);
    assert.deepEqual(out, out.toSorted());
    const expected = [
      "bindAddress=0.0.0.0",
      "listenPort=19876",
      "supportActingMaster=true",
      "waitSecondsForService=45",
      `configStorePath=${file}`,
      `kvConfigPath=${home.path}/namesrv/kvConfig.json`,
    ];
    for (const line of expected) assert.ok(out.includes(line), line);
  });
});

describe("a start is refused", () => {
  it("at an unknown argument", async () => {
    await using home = await Home.make();
    assertRefused(await ServerProcess.run({ home, args: ["--listenPrt=1"] }), "--listenPrt");
    assertRefused(await ServerProcess.run({ home, args: ["-p", "9876"] }), "9876");
  });

  it("at a configuration file that can't be read", async () => {
    await using home = await Home.make();
    const missing = home.file("missing.properties");
    assertRefused(await ServerProcess.run({ home, args: ["-c", missing] }), missing);
    assertRefused(await ServerProcess.run({ home, args: ["-c", home.path] }), home.path);
    const broken = await home.write("broken.yaml", "listenPort: [1,\n");
    assertRefused(await ServerProcess.run({ home, args: ["-c", broken] }), broken);
  });

  it("at wrong values, with a line for each", async () => {
    await using home = await Home.make();
    const file = await home.configFile({
      scanNotActiveBrokerInterval: "5s",
      clusterTest: "yes",
      waitSecondsForService: "-1",
    });
    const { code, out, err } = await ServerProcess.run({ home, args: ["-c", file] });
    assert.deepEqual([code, out, err.length], [1, [], 3], err.join("\n"));
    const expected: [RegExp, string[]][] = [
      [/scanNotActiveBrokerInterval/, ["5s", "whole number"]],
      [/clusterTest/, ["yes", "true or false"]],
      [/waitSecondsForService/, ["-1", "from 0"]],
    ];
    for (const [key, words] of expected) {
      const line = err.find((it) => key.test(it)) ?? "";
      for (const word of [file, ...words]) assert.ok(line.includes(word), `${word}: ${line}`);
    }
    assertRefused(
      await ServerProcess.run({ home, args: ["--listenPort=65536"] }),
      "listenPort",
      "65536",
      "65535",
    );
  });

  it("at a port that is taken", async () => {
    await using home = await Home.make();
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const args = ["--bindAddress=127.0.0.1", `--listenPort=${taken.addr.port}`];
    const { code, out, err } = await ServerProcess.run({ home, args });
    assert.deepEqual([code, out], [1, []]);
    // The lines before it report the steps until then.
    const lines = err.filter((line) => line.includes(`127.0.0.1:${taken.addr.port}`));
    assert.equal(lines.length, 1, err.join("\n"));
    assert.equal(lines[0], err.at(-1));
  });
});

describe("a start without a permission is refused with the flag that allows it", () => {
  itWithFlags("--allow-net", async () => {
    await using home = await Home.make();
    const { code, out, err } = await ServerProcess.run({ home, flags: flagsWith("net") });
    assert.deepEqual([code, out], [1, []]);
    assert.ok(err.at(-1)!.includes("--allow-net"), err.join("\n"));
    assert.equal(err.filter((line) => line.includes("--allow-")).length, 1);
  });

  itWithFlags("--allow-read", async () => {
    await using home = await Home.make();
    assertRefused(
      await ServerProcess.run({ home, flags: flagsWith("read") }),
      "--allow-read",
      home.path,
    );
  });

  itWithFlags("--allow-env", async () => {
    await using home = await Home.make();
    assertRefused(
      await ServerProcess.run({ home, flags: flagsWith("env") }),
      "--allow-env=ROCKETMQ_HOME",
    );
    const narrowed = flagsWith("env", "--allow-env=ROCKETMQ_HOME");
    assertRefused(await ServerProcess.run({ home, flags: narrowed }), "--allow-env=HOME");
  });

  itWithFlags("--allow-write, for the log", async () => {
    await using home = await Home.make();
    assertRefused(
      await ServerProcess.run({
        home,
        args: ["-c", await home.configFile({ logDir: home.file("logs") })],
        flags: flagsWith("write"),
      }),
      "--allow-write",
      "logDir",
    );
  });

  itWithFlags("--allow-write, in the log when a change is refused", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home, flags: flagsWith("write") });
    await using peer = await Peer.connect(server.port);
    const put = {
      code: RequestCode.PUT_KV_CONFIG,
      extFields: { namespace: "n", key: "k", value: "v" },
    };
    const refused = await peer.call(put);
    assert.equal(refused.code, 1);
    assert.match(refused.remark!, /kvConfigPath.*the log names the flag of Deno$/);
    await server.err.find(/ERROR KV changes can't be written .*--allow-write=/);
    const { code } = await peer.call({
      code: RequestCode.GET_KV_CONFIG,
      extFields: { namespace: "n", key: "k" },
    });
    assert.equal(code, 22);
  });

  itWithFlags("needs no more than the paths that it uses", async () => {
    await using home = await Home.make();
    const paths = `${home.path},/etc/rocketmq`;
    const flags = [
      "run",
      "--no-prompt",
      "--allow-net=0.0.0.0",
      `--allow-read=${paths}`,
      `--allow-write=${home.path}`,
      "--allow-env=HOME,USERPROFILE,ROCKETMQ_HOME",
    ];
    await using server = await ServerProcess.start({ home, flags });
    await using peer = await Peer.connect(server.port);
    const put = {
      code: RequestCode.PUT_KV_CONFIG,
      extFields: { namespace: "n", key: "k", value: "v" },
    };
    assert.equal((await peer.call(put)).code, 0);
    assert.equal((await server.stop()).code, 0);
  });
});

describe("a broken KV file", () => {
  const BROKEN = '{"configTable":{"ns":{"k":"v"';
  const GOOD = '{"configTable":{"ns":{"k":"older"}}}';

  it("stops the start, and stays as it is", async () => {
    await using home = await Home.make();
    const file = await home.write("namesrv/kvConfig.json", BROKEN);
    const { code, out, err } = await ServerProcess.run({ home });
    assert.deepEqual([code, out], [1, []]);
    assert.ok(err.at(-1)!.includes(file), err.join("\n"));
    assert.equal(await Deno.readTextFile(file), BROKEN);
    assert.deepEqual([...Deno.readDirSync(home.file("namesrv"))].map(({ name }) => name), [
      "kvConfig.json",
    ]);
  });

  it("is replaced by its .bak, with a loud warning, and stays until the next change", async () => {
    await using home = await Home.make();
    const file = await home.write("namesrv/kvConfig.json", BROKEN);
    await home.write("namesrv/kvConfig.json.bak", GOOD);
    await using server = await ServerProcess.start({ home });
    const warning = await server.err.find(/WARN.*BACKUP/);
    assert.ok(warning.includes(file), warning);
    await using peer = await Peer.connect(server.port);
    const get = { code: RequestCode.GET_KV_CONFIG, extFields: { namespace: "ns", key: "k" } };
    assert.deepEqual((await peer.call(get)).extFields, new Map([["value", "older"]]));
    assert.equal(await Deno.readTextFile(file), BROKEN);
    const put = {
      code: RequestCode.PUT_KV_CONFIG,
      extFields: { namespace: "ns", key: "k", value: "newer" },
    };
    assert.equal((await peer.call(put)).code, 0);
    assert.equal(await Deno.readTextFile(file), '{"configTable":{"ns":{"k":"newer"}}}');
  });
});
