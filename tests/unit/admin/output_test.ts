import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Output, styled } from "../../../src/admin/output.ts";
import { printable, printableJson } from "../../../src/admin/text.ts";
import { text } from "../../support/bytes.ts";
import { type Behaviour, FakeNameServers, run } from "../../support/fake_name_servers.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const A = "10.0.0.1:9876";
/** Colours and clears a terminal, sets its title, and writes its own line. */
const EVIL = "\x1b[31m\x1b[2J\x9b1m\x1b]0;x\x07\r\nok\u202e\u2028\x7f";
// deno-lint-ignore no-control-regex
const COMMANDS = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/;

function output(terminal: boolean, noColor = false): { out: Output; written: () => string } {
  let bytes = new Uint8Array(0);
  const stream = {
    isTerminal: () => terminal,
    write: (chunk: Uint8Array) => {
      bytes = new Uint8Array([...bytes, ...chunk]);
      return Promise.resolve(chunk.length);
    },
  };
  return { out: new Output(stream, noColor), written: () => text(bytes) };
}

describe("what came over the network", () => {
  it("is spelt out where a terminal would obey it", () => {
    assert.equal(printable("a\x1b[1m\nb\u202e"), "a\\x1b[1m\\x0ab\\u202e");
    assert.equal(printable("日本 é😀 a\\b"), "日本 é😀 a\\b");
    assert.doesNotMatch(printable(EVIL), COMMANDS);
  });

  it("is escaped in JSON, which gives it back", () => {
    const json = printableJson({ name: EVIL });
    assert.doesNotMatch(json, COMMANDS);
    assert.deepEqual(JSON.parse(json), { name: EVIL });
  });

  it("is harmless in each place that it can stand in", async () => {
    const name = JSON.stringify(EVIL);
    const broker = `{"brokerAddrs":{"0":${name}},"brokerName":${name},"cluster":${name}}`;
    const evil: Behaviour = ({ code }) => {
      if (code === RequestCode.GET_BROKER_CLUSTER_INFO) {
        return {
          body: `{"brokerAddrTable":{${name}:${broker}},"clusterAddrTable":{${name}:[${name}]}}`,
        };
      }
      if (code === RequestCode.GET_ROUTEINFO_BY_TOPIC) {
        return {
          body: `{"brokerDatas":[${broker}],"queueDatas":[{"brokerName":${name},"perm":6}],` +
            `"orderTopicConf":${name},"filterServerTable":{${name}:[${name}]}}`,
        };
      }
      if (code === RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER) {
        return { body: `{"topicList":[${name}]}` };
      }
      if (code === RequestCode.GET_KVLIST_BY_NAMESPACE) {
        return { body: `{"table":{${name}:${name}}}` };
      }
      if (code === RequestCode.GET_NAMESRV_CONFIG) return { body: "key=\\u001b[31m\n" };
      if (code === RequestCode.GET_KV_CONFIG) return { fields: { value: EVIL }, language: EVIL };
      return { code: 1, remark: EVIL };
    };
    const commands = [
      ["ping"],
      ["clusters"],
      ["brokers"],
      ["topics"],
      ["topics", "--names"],
      ["route", "T"],
      ["kv", "get", "n", "k"],
      ["kv", "list", "n"],
      ["config", "get"],
      ["config", "set", "k", "v"],
      ["perm", "wipe", "b"],
      ["brokers", "--cluster", "other"],
      ["top", "--count", "1", "--http", "127.0.0.1:1"],
      ["bench", "--duration", "1ms"],
    ];
    for (const args of commands) {
      for (const json of args[0] === "config" && args[1] === "set" ? [[]] : [[], ["--json"]]) {
        const servers = new FakeNameServers(new Map([[A, evil]]));
        const { out, err } = await run(servers, [...args, "-n", A, ...json]);
        assert.notEqual(out + err, "", args.join(" "));
        assert.doesNotMatch(out + err, COMMANDS, args.join(" "));
        if (json.length > 0 && out !== "") JSON.parse(out);
      }
    }
  });
});

describe("Output", () => {
  it("makes columns as wide as they need to be, in letters of two columns, too", async () => {
    const { out, written } = output(false);
    await out.table(["NAME", "N"], [["日本", 1], ["a", 22]]);
    assert.equal(written(), "NAME  N\n日本  1\na     22\n");
  });

  it("has colour on a terminal only, and not with NO_COLOR", async () => {
    const table = async (terminal: boolean, noColor: boolean) => {
      const { out, written } = output(terminal, noColor);
      await out.table(["A", "B"], [[styled("red", "x"), "y"]]);
      return written();
    };
    assert.ok((await table(true, false)).endsWith("\x1b[31mx\x1b[39m  y\n"));
    assert.equal(await table(true, true), "A  B\nx  y\n");
    assert.equal(await table(false, false), "A  B\nx  y\n");
  });

  it("ends quietly when the output is closed", async () => {
    const servers = new FakeNameServers(new Map([[A, () => ({ body: '{"topicList":["T"]}' })]]));
    for (const args of [["topics", "--names", "-n", A], ["help"], ["top", "-n", A]]) {
      const { code, err } = await run(servers, args, { closed: true });
      assert.deepEqual([code, err], [0, ""], args.join(" "));
    }
  });

  it("keeps the exit code of a failed command when the output is closed", async () => {
    const B = "10.0.0.2:9876";
    const knowing = (topic: string): Behaviour => ({ code }) => {
      if (code === RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER) {
        return { body: `{"topicList":["${topic}"]}` };
      }
      if (code === RequestCode.GET_BROKER_CLUSTER_INFO) {
        return { body: '{"brokerAddrTable":{},"clusterAddrTable":{}}' };
      }
      return { code: code === RequestCode.GET_ROUTEINFO_BY_TOPIC ? 17 : 22 };
    };
    const different = new FakeNameServers(new Map([[A, knowing("A")], [B, knowing("B")]]));
    const { code, err } = await run(different, ["diff", "-n", `${A};${B}`], { closed: true });
    assert.deepEqual([code, err], [1, ""]);
    const none = new FakeNameServers(new Map());
    for (const [args, expected] of [[["clusters", "-n", A], 1], [["clusterz"], 2]] as const) {
      assert.equal((await run(none, args, { errClosed: true })).code, expected);
    }
    assert.equal((await run(none, ["kv", "put", "n", "k", "v"], { errClosed: true })).code, 1);
    assert.equal((await run(none, ["ping"], { closed: true })).code, 1);
  });
});
