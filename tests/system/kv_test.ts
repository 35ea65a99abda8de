import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { Peer } from "../support/peer.ts";
import { Home, type Launch, ServerProcess } from "../support/server_process.ts";
import { until } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const PUT = 100;
const GET = 101;
const LIST = 219;

function put(namespace: string, key: string, value: string) {
  return { code: PUT, extFields: { namespace, key, value } };
}

/** The text of a KV file. */
function kvFile(table: Record<string, Record<string, string>>): string {
  return JSON.stringify({ configTable: table });
}

function entries(count: number, value: string): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`key-${i}`, value]));
}

async function start(home: Home, options: Record<string, string> = {}): Promise<ServerProcess> {
  const launch: Launch = { home, args: ["-c", await home.configFile(options)] };
  return await ServerProcess.start(launch);
}

/** CPU seconds that a process has used, and bytes that it has written. */
async function usage(server: ServerProcess): Promise<{ cpu: number; written: number }> {
  // Deno allows reading /proc only with -A, so cat does it.
  const files = [`/proc/${server.pid}/stat`, `/proc/${server.pid}/io`];
  const { stdout } = await new Deno.Command("cat", { args: files }).output();
  const text = new TextDecoder().decode(stdout);
  const fields = text.slice(text.indexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  return { cpu: ticks / 100, written: Number(/^wchar: (\d+)$/m.exec(text)![1]) };
}

describe("a put into a full table", () => {
  const tables: [name: string, table: Record<string, string>][] = [
    ["of large values", entries(340, "v".repeat(46_000))],
    ["of small values", entries(199_000, "v")],
  ];
  for (const [name, table] of tables) {
    it(`costs in proportion to the change, and one write of the file: ${name}`, async () => {
      await using home = await Home.make();
      const text = kvFile({ full: table, other: { k: "v" } });
      await home.write("namesrv/kvConfig.json", text);
      await using server = await start(home);
      await using peer = await Peer.connect(server.port);
      // The first ones find code that is not compiled yet.
      for (let i = 0; i < 5; i++) {
        assert.equal((await peer.call(put("full", "key-7", `${i}`))).code, 0);
      }
      const before = await usage(server);
      const puts = 10;
      for (let i = 0; i < puts; i++) {
        assert.equal((await peer.call(put("full", "key-7", `w${i}`))).code, 0);
      }
      const after = await usage(server);
      const cpu = (after.cpu - before.cpu) / puts;
      const written = (after.written - before.written) / puts;

      assert.ok(cpu < 0.12, `${cpu} CPU-s for a put`);
      assert.ok(written < 1.1 * text.length, `${written} bytes for a file of ${text.length}`);
      const file = JSON.parse(await Deno.readTextFile(home.file("namesrv/kvConfig.json")));
      assert.equal(file.configTable.full["key-7"], "w9");
      assert.equal(Object.keys(file.configTable.full).length, Object.keys(table).length);
    });
  }
});

describe("limits of the KV table", () => {
  it("are counted in bytes of UTF-8, and named when a put is refused", async () => {
    await using home = await Home.make();
    const options = { maxKvBytes: "2097152", maxOrderTopicConfigBytes: "65536" };
    await using server = await start(home, options);
    await using peer = await Peer.connect(server.port);
    const refused = async (namespace: string, key: string, value: string, remark: RegExp) => {
      const answer = await peer.call(put(namespace, key, value));
      assert.equal(answer.code, 1);
      assert.match(answer.remark!, remark);
    };
    await refused(
      "n",
      "k",
      "é".repeat(25_000),
      /^value has 50000 .*maxKvValueBytes/,
    );
    await refused("n".repeat(256), "k", "v", /^the field <namespace> has more than 255 bytes/);
    await refused("n", "k\n", "v", /^the field <key> has a control character/);
    const value = "é".repeat(20_000);
    assert.equal((await peer.call(put("ORDER_TOPIC_CONFIG", "T", value))).code, 0);
    await refused("ORDER_TOPIC_CONFIG", "U", value, /maxOrderTopicConfigBytes/);
    let stored = 1;
    while ((await peer.call(put("n", `k${stored}`, value))).code === 0 && stored < 1000) stored++;
    assert.equal(stored, Math.floor(2_097_152 / 40_020));
    await refused("n", "more", value, /at most 2097152 bytes of JSON \(maxKvBytes\)$/);
    const { size } = await Deno.stat(home.file("namesrv/kvConfig.json"));
    assert.ok(size <= 2_097_152 + 20, `${size} bytes`);
  });

  it("let a larger file load; nothing of it makes an answer over 16 MiB", async () => {
    await using home = await Home.make();
    const large = entries(400, "é".repeat(30_000));
    await home.write(
      "namesrv/kvConfig.json",
      kvFile({ large, ORDER_TOPIC_CONFIG: large, one: { k: "v".repeat(17_000_000) } }),
    );
    await using server = await start(home);
    await server.err.find(/WARN KV table is over a limit .*option=maxKvBytes/);
    await server.err.find(/WARN KV table is over a limit .*option=maxOrderTopicConfigBytes/);
    await using peer = await Peer.connect(server.port);
    const get = await peer.call({ code: GET, extFields: { namespace: "large", key: "key-7" } });
    assert.equal(get.extFields!.get("value")!.length, 30_000);
    const list = await peer.call({ code: LIST, extFields: { namespace: "large" } });
    assert.match(
      `${list.code} ${list.remark}`,
      /^1 namespace is too large: \d+ bytes \(maxKvNamespaceBytes\)$/,
    );
    const one = await peer.call({ code: GET, extFields: { namespace: "one", key: "k" } });
    assert.equal(one.code, 1);
    const registered = await peer.call({
      code: RequestCode.REGISTER_BROKER,
      extFields: { clusterName: "c", brokerName: "b", brokerAddr: "10.0.0.1:1", brokerId: "0" },
    });
    assert.ok((registered.body?.length ?? 0) < 1000);
    assert.equal((await peer.call(put("large", "more", "v"))).code, 1);
    assert.equal((await peer.call(put("large", "key-7", "smaller"))).code, 0);
  });
});

describe("two name servers with one KV file", () => {
  it("lose no acknowledged change, and both serve all, also when one is killed", async () => {
    await using home = await Home.make();
    const acknowledged = new Map<string, string>();
    /** Puts until the server is gone. */
    const putMany = async (server: ServerProcess, name: string, count: number) => {
      await using peer = await Peer.connect(server.port);
      for (let i = 0; i < count; i++) {
        const key = `${name}-${i}`;
        try {
          const { code, remark } = await peer.call(put("shared", key, `v${i}`));
          assert.equal(code, 0, `${remark}`);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          return;
        }
        acknowledged.set(key, `v${i}`);
      }
    };
    await using steady = await start(home);
    for (let round = 0; round < 3; round++) {
      await using killed = await start(home);
      const mine = putMany(steady, `steady${round}`, 20);
      const others = putMany(killed, `killed${round}`, 1000);
      await mine;
      killed.kill("SIGKILL");
      await others;
    }
    await using other = await start(home);
    await putMany(other, "other", 20);
    await putMany(steady, "steady", 20);
    assert.ok(acknowledged.size >= 100);
    for (const server of [steady, other]) {
      await using peer = await Peer.connect(server.port);
      // The other's last changes come by the watch.
      await until(async () => {
        const { body } = await peer.call({ code: LIST, extFields: { namespace: "shared" } });
        const { table } = JSON.parse(new TextDecoder().decode(body!));
        return [...acknowledged].every(([key, value]) => table[key] === value);
      }, "each server has all that was acknowledged");
    }
    const file = JSON.parse(await Deno.readTextFile(home.file("namesrv/kvConfig.json")));
    for (const [key, value] of acknowledged) assert.equal(file.configTable.shared[key], value);
  });
});
