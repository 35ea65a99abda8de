import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parseJson } from "../support/json.ts";
import { kvGet, kvPut, registration, routeQuery } from "../support/brokers.ts";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { pause } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { nth } from "../support/lists.ts";

function update(text: string) {
  return { code: RequestCode.UPDATE_NAMESRV_CONFIG, body: text };
}

/** Returns an option from the response to GET_NAMESRV_CONFIG. */
async function option(peer: Peer, name: string): Promise<string | undefined> {
  const { body } = await peer.call({ code: RequestCode.GET_NAMESRV_CONFIG });
  const lines = new TextDecoder().decode(body).split("\n");
  return lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
}

describe("after a restart", () => {
  it("the KV table is what it was, in the reference's format", async () => {
    await using home = await Home.make();
    const entries: [string, string, string][] = [
      ["ORDER_TOPIC_CONFIG", "TopicA", "broker-a:8;broker-b:8"],
      ["__proto__", "constructor", "päivää 一 😀"],
      ["empty", "value", ""],
      ["control", 'quote " and \\', "tab\tnewline\nend"],
    ];
    {
      await using server = await ServerProcess.start({ home });
      await using peer = await Peer.connect(server.port);
      for (const entry of entries) assert.equal((await peer.call(kvPut(...entry))).code, 0);
      await peer.call(kvPut("gone", "key", "value"));
      const gone = {
        code: RequestCode.DELETE_KV_CONFIG,
        extFields: { namespace: "gone", key: "key" },
      };
      assert.equal((await peer.call(gone)).code, 0);
      assert.equal((await server.stop()).code, 0);
    }
    const file = await Deno.readTextFile(home.file("namesrv/kvConfig.json"));
    assert.ok(file.startsWith('{"configTable":{'), file);
    {
      await using server = await ServerProcess.start({ home });
      await using peer = await Peer.connect(server.port);
      for (const [namespace, key, value] of entries) {
        const answer = await peer.call(kvGet(namespace, key));
        assert.deepEqual(answer.extFields, new Map([["value", value]]));
      }
      assert.equal((await peer.call(kvGet("gone", "key"))).code, 22);
    }
  });

  it("a live update without -c is in effect, kept in the default store", async () => {
    await using home = await Home.make();
    {
      await using server = await ServerProcess.start({ home });
      await using peer = await Peer.connect(server.port);
      assert.equal(
        (await peer.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).code,
        0,
      );
      assert.equal((await peer.call(update("enableAllTopicList=false\n"))).code, 0);
      assert.equal(
        (await peer.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).remark,
        "disable",
      );
      assert.equal((await server.stop()).code, 0);
    }
    assert.match(
      await Deno.readTextFile(home.file("namesrv/namesrv.properties")),
      /^enableAllTopicList=false$/m,
    );
    {
      await using server = await ServerProcess.start({ home });
      await using peer = await Peer.connect(server.port);
      assert.equal(await option(peer, "enableAllTopicList"), "false");
      assert.equal(
        (await peer.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).remark,
        "disable",
      );
    }
  });

  it("a live update with -c is in effect, and the file's comments are still there", async () => {
    for (
      const [name, text, changed] of [
        [
          "namesrv.conf",
          "# our cluster\nclusterTest = false\n\n! limits\nwaitSecondsForService: 45\n",
          "# our cluster\nclusterTest = false\n\n! limits\nwaitSecondsForService=7\n",
        ],
        [
          "namesrv.yaml",
          "# our cluster\nclusterTest: false\nwaitSecondsForService: 45 # limits\n",
          "# our cluster\nclusterTest: false\nwaitSecondsForService: 7 # limits\n",
        ],
      ]
    ) {
      await using home = await Home.make();
      const file = await home.write(name!, text!);
      {
        await using server = await ServerProcess.start({ home, args: ["-c", file] });
        await using peer = await Peer.connect(server.port);
        assert.equal((await peer.call(update("waitSecondsForService=7\n"))).code, 0);
        assert.equal((await server.stop()).code, 0);
      }
      assert.equal(await Deno.readTextFile(file), changed);
      {
        await using server = await ServerProcess.start({ home, args: ["-c", file] });
        await using peer = await Peer.connect(server.port);
        assert.equal(await option(peer, "waitSecondsForService"), "7");
      }
    }
  });
});

describe("an update of the configuration", () => {
  it("never changes a path, or anything else beside it", async () => {
    await using home = await Home.make();
    const file = await home.configFile({
      configBlackList: "clusterTest",
      waitSecondsForService: "45",
    });
    const before = await Deno.readTextFile(file);
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    await using peer = await Peer.connect(server.port);
    const denied = [
      "configBlackList",
      "configStorePath",
      "kvConfigPath",
      "rocketmqHome",
      "logDir",
      "tls.config.file",
      "tls.server.keyPath",
      "clusterTest",
    ];
    for (const key of denied) {
      const answer = await peer.call(update(`waitSecondsForService=1\n${key}=${home.path}/evil\n`));
      assert.deepEqual(
        [key, answer.code, answer.remark],
        [key, 16, "Can not update config in black list."],
      );
    }
    assert.equal(await option(peer, "waitSecondsForService"), "45");
    assert.equal(await Deno.readTextFile(file), before);
    assert.equal((await peer.call(kvPut("ns", "key", "value"))).code, 0);
    assert.deepEqual(
      [...Deno.readDirSync(home.path)].map(({ name }) => name).sort(),
      ["namesrv", "test.properties"],
    );
  });

  it("is refused whole at a wrong value, with a remark that names it", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using peer = await Peer.connect(server.port);
    const answer = await peer.call(update("orderMessageEnable=true\nwaitSecondsForService=soon\n"));
    assert.equal(answer.code, 1);
    for (const word of ["waitSecondsForService", "soon"]) {
      assert.ok(answer.remark!.includes(word), answer.remark!);
    }
    assert.equal(await option(peer, "orderMessageEnable"), "false");
    const unreadable = await peer.call(update("a=\\uZZZZ\n"));
    assert.deepEqual([unreadable.code, unreadable.remark], [1, "string2Properties error"]);
  });

  it("reaches routes that are cached", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    await using peer = await Peer.connect(server.port);
    const topics = [{ name: "TopicA" }, { name: "TopicB" }];
    await peer.call(registration({ name: "broker-a", addr: "10.0.0.1:10911", topics }));
    await peer.call(kvPut("ORDER_TOPIC_CONFIG", "TopicA", "broker-a:8"));
    const orderConf = async () => {
      const { body } = await peer.call(routeQuery("TopicA"));
      return (parseJson(new TextDecoder().decode(body)).value as Map<string, unknown>)
        .get("orderTopicConf");
    };
    assert.equal(await orderConf(), undefined);
    await peer.call(update("orderMessageEnable=true\n"));
    assert.equal(await orderConf(), "broker-a:8");
    await peer.call(kvPut("ORDER_TOPIC_CONFIG", "TopicA", "broker-a:4"));
    assert.equal(await orderConf(), "broker-a:4");
    await peer.call(update("orderMessageEnable=false\n"));
    assert.equal(await orderConf(), undefined);
  });
});

describe("a kill in the middle of KV changes", () => {
  const ROUNDS = 5;
  const PEERS = 4;
  const PUTS_AT_ONCE = 50;

  it("loses none that was answered, and leaves a file that can be read", async () => {
    await using home = await Home.make();
    const answered = new Map<string, string>();
    for (let round = 0; round < ROUNDS; round++) {
      await using server = await ServerProcess.start({ home });
      let count = 0;
      const enough = Promise.withResolvers<void>();
      const storms = Array.from({ length: PEERS }, async (_, peerNumber) => {
        await using peer = await Peer.connect(server.port);
        for (let batch = 0;; batch++) {
          const entries = Array.from({ length: PUTS_AT_ONCE }, (_, i): [string, string] => [
            `key-${peerNumber}-${(batch * PUTS_AT_ONCE + i) % 500}`,
            `round ${round}, batch ${batch}, ${"x".repeat(i)}`,
          ]);
          // Until the response arrives, either value may be present.
          for (const [key] of entries) answered.delete(key);
          const answers = peer.callAll(entries.map(([key, value]) => kvPut("storm", key, value)));
          for (const [i, answer] of answers.entries()) {
            if ((await answer).code !== 0) throw new Error("a change was refused");
            answered.set(...nth(entries, i));
            if (++count === 100 + 150 * round) enough.resolve();
          }
        }
      });
      const outcomes = Promise.allSettled(storms);
      await enough.promise;
      // Each round interrupts the writes at another point.
      await pause(3 * round);
      server.kill("SIGKILL");
      for (const outcome of await outcomes) {
        assert.equal(outcome.status, "rejected");
        assert.equal(outcome.reason.message, "the connection was closed");
      }
      const { configTable } = JSON.parse(
        await Deno.readTextFile(home.file("namesrv/kvConfig.json")),
      );
      assert.ok(answered.size > 0);
      for (const [key, value] of answered) assert.equal(configTable.storm[key], value, key);
    }
    await using server = await ServerProcess.start({ home });
    await using peer = await Peer.connect(server.port);
    for (const [key, value] of answered) {
      const answer = await peer.call(kvGet("storm", key));
      assert.deepEqual(answer.extFields, new Map([["value", value]]));
    }
    console.log(`measured: ${answered.size} answered values found after ${ROUNDS} kills`);
  });
});
