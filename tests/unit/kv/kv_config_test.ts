import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { DurableFileError } from "../../../src/durable_file.ts";
import { KvConfigError, KvConflictError } from "../../../src/kv/kv_config.ts";
import type { KvLimits } from "../../../src/kv/kv_limits.ts";
import type { Fields, Log } from "../../../src/log/log.ts";
import { loadKv } from "../../support/kv.ts";
import { MemoryDisk } from "../../support/memory_disk.ts";
import { pause } from "../../support/wait.ts";

const PATH = "/data/kv.json";
const BAK = `${PATH}.bak`;

class RecordedLog implements Log {
  readonly debugEnabled = true;
  readonly events: { level: string; event: string; fields: Fields }[] = [];
  debug = (event: string, fields: Fields = {}) => void this.#add("DEBUG", event, fields);
  info = (event: string, fields: Fields = {}) => void this.#add("INFO", event, fields);
  warn = (event: string, fields: Fields = {}) => void this.#add("WARN", event, fields);
  error = (event: string, fields: Fields = {}) => void this.#add("ERROR", event, fields);

  at(level: string) {
    return this.events.filter((event) => event.level === level);
  }

  #add(level: string, event: string, fields: Fields) {
    this.events.push({ level, event, fields });
  }
}

async function load(disk: MemoryDisk, limits?: Partial<KvLimits>) {
  const log = new RecordedLog();
  return { kv: await loadKv(PATH, disk, log, limits), log };
}

/** Number of replacements of the file itself. */
function writes(disk: MemoryDisk): number {
  return disk.calls.filter((call) => call.startsWith("rename") && call.endsWith(` ${PATH}`)).length;
}

function failWrites(disk: MemoryDisk): void {
  disk.before = (call) => {
    if (call.startsWith("write")) throw new Error("No space left on device");
  };
}

/** Blocks the next replacement of the file until the returned function is called. */
function holdNextWrite(disk: MemoryDisk): { reached: Promise<void>; release: () => void } {
  const reached = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  disk.before = (call) => {
    if (!call.startsWith("rename") || !call.endsWith(` ${PATH}`)) return;
    disk.before = () => {};
    reached.resolve();
    return held.promise;
  };
  return { reached: reached.promise, release: held.resolve };
}

describe("KvConfig.load", () => {
  it("reads the reference's file", async () => {
    const { kv, log } = await load(MemoryDisk.with(
      PATH,
      `{"configTable":{"ORDER_TOPIC_CONFIG":{"T":"broker-a:8;broker-b:8"},"empty":{}}}`,
    ));
    assert.deepEqual([...kv.entries()], [["ORDER_TOPIC_CONFIG", "T", "broker-a:8;broker-b:8"]]);
    assert.deepEqual([...kv.list("empty")!], []);
    assert.equal(kv.list("other"), undefined);
    assert.equal(kv.get("ORDER_TOPIC_CONFIG", "T"), "broker-a:8;broker-b:8");
    assert.equal(kv.get("ORDER_TOPIC_CONFIG", "U"), undefined);
    assert.equal(kv.get("other", "T"), undefined);
    assert.deepEqual(log.at("WARN"), []);
  });

  it("reads files as people and fastjson write them", async () => {
    const files = [
      `\n{\n\t"configTable" : {\r\n    "ns": { "k": "v" }\n  }\n}\n`,
      `{configTable:{ns:{k:"v"}}}`,
      `{'configTable':{'ns':{'k':'v',},},}`,
      `\ufeff{"configTable":{"ns":{"k":"v"}}}`,
      `{"other":[1,{"a":null}],"configTable":{"ns":{"k":"v"}},"more":{}}`,
      `{"configTable":{"ns":{"k":"u"}, "ns":{"k":"x", "k":"v"}}}`,
    ];
    for (const text of files) {
      const { kv } = await load(MemoryDisk.with(PATH, text));
      assert.deepEqual([...kv.entries()], [["ns", "k", "v"]], text);
    }
  });

  it("takes numbers and booleans as their text", async () => {
    const { kv } = await load(MemoryDisk.with(
      PATH,
      `{"configTable":{"ns":{"a":12345678901234567890,"b":1.0,"c":true,"d":-1e3}}}`,
    ));
    assert.deepEqual([...kv.list("ns")!], [
      ["a", "12345678901234567890"],
      ["b", "1.0"],
      ["c", "true"],
      ["d", "-1e3"],
    ]);
  });

  it("leaves nulls out, with a warning for each", async () => {
    const { kv, log } = await load(
      MemoryDisk.with(PATH, `{"configTable":{"gone":null,"ns":{"k":null,"l":"v"}}}`),
    );
    assert.deepEqual([...kv.entries()], [["ns", "l", "v"]]);
    assert.equal(kv.list("gone"), undefined);
    assert.deepEqual(log.at("WARN").map(({ fields }) => fields), [
      { file: PATH, namespace: "gone", key: undefined },
      { file: PATH, namespace: "ns", key: "k" },
    ]);
  });

  it("begins empty without a file, and names a backup that it does not use", async () => {
    const none = await load(new MemoryDisk());
    assert.deepEqual([...none.kv.entries()], []);
    assert.equal(none.log.events[0]?.fields.unusedBackup, undefined);

    const left = await load(MemoryDisk.with(BAK, `{"configTable":{"ns":{"k":"v"}}}`));
    assert.deepEqual([...left.kv.entries()], []);
    assert.equal(left.log.events[0]?.fields.unusedBackup, BAK);
  });

  const broken: [text: string, reason: string][] = [
    ["null", "it has no configTable"],
    ["{}", "it has no configTable"],
    [`{"configTable":null}`, "it has no configTable"],
    ["[]", "an object expected"],
    [`{"configTable":[]}`, "an object expected"],
    [`{"configTable":{"ns":"v"}}`, "an object expected"],
    [`{"configTable":{"ns":{"k":{"a":1}}}}`, "a string expected"],
    [`{"configTable":{"ns":{"k":["a"]}}}`, "a string expected"],
    [`{"configTable":{"ns":{"k":"v"}}}x`, "the text goes on"],
  ];
  const whole = `{"configTable":{"ns":{"k":"v"}}}`;
  for (let end = 1; end < whole.length; end++) broken.push([whole.slice(0, end), ""]);

  it("refuses a broken file, naming it and the reason, and leaves it alone", async () => {
    for (const [text, reason] of broken) {
      const disk = MemoryDisk.with(PATH, text);
      await assert.rejects(load(disk), isKvError(`KV file ${PATH} is broken: `, reason), text);
      assert.equal(disk.text(PATH), text);
      assert.deepEqual(disk.names(), [PATH]);
    }
  });

  it("takes an empty file without a backup for an empty table, with a warning", async () => {
    for (const text of ["", " \n"]) {
      const disk = MemoryDisk.with(PATH, text);
      const { kv, log } = await load(disk);
      assert.deepEqual([...kv.entries()], []);
      assert.deepEqual(log.at("WARN").map(({ fields }) => fields), [{ file: PATH }]);
      await kv.put("ns", "k", "v");
      assert.equal(disk.text(PATH), `{"configTable":{"ns":{"k":"v"}}}`);
    }
  });

  it("refuses an empty file with a backup that is broken", async () => {
    const disk = MemoryDisk.with(PATH, "");
    disk.put(BAK, "{");
    await assert.rejects(load(disk), isKvError(`KV file ${PATH} is broken: it is empty; `));
  });

  it("uses the backup of an empty file", async () => {
    const disk = MemoryDisk.with(PATH, "");
    disk.put(BAK, whole);
    assert.equal((await load(disk)).kv.get("ns", "k"), "v");
  });

  it("refuses what is not a file, at once", async () => {
    const disk = new MemoryDisk();
    disk.put(PATH, "", { isFile: false });
    disk.readFile = () => new Promise(() => {});
    await assert.rejects(load(disk), isKvError(PATH, "it is not a regular file"));
  });

  it("refuses a broken file with a backup that is broken too", async () => {
    const disk = MemoryDisk.with(PATH, "{");
    disk.put(BAK, "");
    await assert.rejects(load(disk), isKvError(PATH, "its backup .bak: it is empty"));
  });

  it("uses the backup of a broken file, with a warning that names both", async () => {
    for (const [text] of broken) {
      const disk = MemoryDisk.with(PATH, text);
      disk.put(BAK, `{"configTable":{"ns":{"k":"old"}}}`);
      const { kv, log } = await load(disk);
      assert.equal(kv.get("ns", "k"), "old");
      const [warning] = log.at("WARN");
      assert.equal(warning?.fields.file, PATH);
      assert.equal(warning?.fields.backup, BAK);
      assert.equal(disk.text(PATH), text);
    }
  });

  it("then keeps the broken content aside, and the good backup", async () => {
    const disk = MemoryDisk.with(PATH, "{torn");
    const backup = `{"configTable":{"ns":{"k":"old"}}}`;
    disk.put(BAK, backup);
    const { kv } = await load(disk);
    failWrites(disk);
    await assert.rejects(kv.put("ns", "k", "1"), DurableFileError);
    assert.equal(disk.text(PATH), "{torn");
    disk.before = () => {};
    await kv.put("ns", "k", "2");
    assert.equal(disk.text(BAK), backup);
    assert.equal(disk.text(`${PATH}.broken`), "{torn");
    await kv.put("ns", "k", "3");
    assert.equal(disk.text(BAK), `{"configTable":{"ns":{"k":"2"}}}`);
    assert.equal(disk.text(`${PATH}.broken`), "{torn");
  });

  it("refuses a file that can't be read, also where there is a backup", async () => {
    const disk = MemoryDisk.with(PATH, whole);
    disk.put(BAK, whole);
    disk.before = (call) => {
      if (call === `readFile ${PATH}`) throw new Deno.errors.PermissionDenied("Permission denied");
    };
    await assert.rejects(load(disk), isKvError(PATH, "Permission denied"));
  });

  it("refuses a file that is not UTF-8", async () => {
    const disk = MemoryDisk.with(PATH, whole);
    disk.readFile = () => Promise.resolve(new Uint8Array([0x7b, 0xff, 0x7d]));
    await assert.rejects(load(disk), isKvError(PATH, "it is not UTF-8"));
  });
});

describe("KvConfig changes", () => {
  it("are made only if their condition holds for what they replace at that moment", async () => {
    const disk = new MemoryDisk();
    const { kv } = await load(disk);
    await kv.put("ns", "k", "one");
    const was = (value: string | undefined) => (now: string | undefined) => now === value;
    const outcomes = await Promise.allSettled([
      kv.put("ns", "k", "two", undefined, was("one")),
      kv.put("ns", "k", "three", undefined, was("one")),
      kv.delete("ns", "k", undefined, was("one")),
      kv.put("ns", "k", "two", undefined, was("one")),
      kv.put("ns", "new", "x", undefined, was(undefined)),
      kv.put("ns", "new", "y", undefined, was(undefined)),
    ]);
    assert.deepEqual(
      outcomes.map((it) => it.status === "fulfilled" || it.reason instanceof KvConflictError || it),
      outcomes.map(() => true),
    );
    assert.deepEqual(outcomes.map(({ status }) => status), [
      "fulfilled",
      "rejected",
      "rejected",
      // It has that value already.
      "fulfilled",
      "fulfilled",
      "rejected",
    ]);
    assert.deepEqual([...kv.list("ns") ?? []], [["k", "two"], ["new", "x"]]);
    assert.deepEqual(JSON.parse(disk.text(PATH)!).configTable, { ns: { k: "two", new: "x" } });
  });

  it("are written as the reference writes them", async () => {
    const disk = new MemoryDisk();
    const { kv } = await load(disk);
    await kv.put("ns", "k", `q"uo\\te\nünï`);
    await kv.put("10", "2", "two");
    await kv.put("10", "1", "");
    assert.equal(
      disk.text(PATH),
      `{"configTable":{"ns":{"k":"q\\"uo\\\\te\\nünï"},"10":{"2":"two","1":""}}}`,
    );
  });

  it("take any names and values, and bring them back after a restart", async () => {
    const names = [
      "",
      "__proto__",
      "constructor",
      "toString",
      "null",
      "名前 \u2028",
      "a\ud800b",
    ];
    const disk = new MemoryDisk();
    const { kv } = await load(disk);
    const expected: [string, string, string][] = [];
    for (const namespace of names) {
      for (const key of names) expected.push([namespace, key, `${key}=${namespace}`]);
    }
    expected.push(["ns", "\ufeffbom", "\ufeffvalue\0\x7f"]);
    await Promise.all(expected.map((entry) => kv.put(...entry)));
    assert.deepEqual([...kv.entries()], expected);
    assert.deepEqual([...(await load(disk)).kv.entries()], expected);
    assert.equal(kv.get("__proto__", "hasOwnProperty"), undefined);
  });

  it("take names of 255 bytes and values of 48 KiB, and nothing longer", async () => {
    const name = "é".repeat(127) + "x";
    const value = "é".repeat(24_575) + "xx";
    const disk = new MemoryDisk();
    const { kv } = await load(disk);
    await kv.put(name, name, value);
    const refused: [namespace: string, key: string, value: string, reason: string][] = [
      [`${name}x`, "k", "v", "the field <namespace> has more than 255 bytes of UTF-8"],
      ["ns", `${name}x`, "v", "the field <key> has more than 255 bytes of UTF-8"],
      ["n\ns", "k", "v", "the field <namespace> has a control character"],
      ["ns", "k\x7f", "v", "the field <key> has a control character"],
      ["ns", "k", `${value}x`, "value has 49153 bytes: at most 49152 (maxKvValueBytes)"],
    ];
    for (const [namespace, key, value, message] of refused) {
      await assert.rejects(kv.put(namespace, key, value), { name: "KvConfigError", message });
    }
    const restarted = (await load(disk)).kv;
    assert.ok(restarted.get(name, name) === value);
    assert.equal(restarted.valueCount, 1);
  });

  it("are logged with the peer that asked for them", async () => {
    const { kv, log } = await load(new MemoryDisk());
    await kv.put("ns", "k", "v", { peer: "10.0.0.9:1" });
    await kv.delete("ns", "k", { peer: "10.0.0.8:2", proxied: "192.0.2.9:1" });
    const changes = log.at("INFO").filter(({ event }) => /^KV (put|deleted)$/.test(event));
    assert.deepEqual(changes.map(({ event, fields }) => [event, fields]), [
      ["KV put", { peer: "10.0.0.9:1", namespace: "ns", key: "k", value: "v" }],
      ["KV deleted", { peer: "10.0.0.8:2", proxied: "192.0.2.9:1", namespace: "ns", key: "k" }],
    ]);
  });

  it("leave an emptied namespace behind", async () => {
    const disk = new MemoryDisk();
    const { kv } = await load(disk);
    await kv.put("ns", "k", "v");
    await kv.delete("ns", "k");
    assert.deepEqual([...kv.list("ns")!], []);
    assert.equal(disk.text(PATH), `{"configTable":{"ns":{}}}`);
  });

  it("are seen by readers when the disk has them, not before", async () => {
    const disk = MemoryDisk.with(PATH, `{"configTable":{"ns":{"k":"old"}}}`);
    const { kv } = await load(disk);
    const write = holdNextWrite(disk);
    const put = kv.put("ns", "k", "new");
    await write.reached;
    assert.equal(kv.get("ns", "k"), "old");
    write.release();
    await put;
    assert.equal(kv.get("ns", "k"), "new");
    assert.equal(disk.text(PATH, "power, names lost"), `{"configTable":{"ns":{"k":"new"}}}`);
  });

  it("share a write while they wait", async () => {
    const disk = new MemoryDisk();
    const { kv } = await load(disk);
    const write = holdNextWrite(disk);
    const first = [kv.put("ns", "a", "1"), kv.put("ns", "b", "1")];
    await write.reached;
    const waiting = Array.from({ length: 100 }, (_, i) => kv.put("ns", `k${i}`, "v"));
    waiting.push(kv.delete("ns", "a"), kv.put("ns", "b", "2"), kv.put("ns", "b", "3"));
    assert.equal(writes(disk), 1);
    write.release();
    await Promise.all(first);
    assert.equal(kv.get("ns", "a"), "1");
    await Promise.all(waiting);
    assert.equal(writes(disk), 2);
    assert.equal(kv.get("ns", "a"), undefined);
    assert.equal(kv.get("ns", "b"), "3");
    assert.equal(kv.list("ns")!.size, 101);
  });

  it("cost no write when they change nothing", async () => {
    const disk = MemoryDisk.with(PATH, `{"configTable":{"ns":{"k":"v"}}}`);
    const { kv } = await load(disk);
    const changed: string[] = [];
    kv.subscribe((namespace, key) => changed.push(`${namespace}/${key}`));
    await kv.put("ns", "k", "v");
    await kv.delete("ns", "other");
    await kv.delete("other", "k");
    assert.equal(writes(disk), 0);
    assert.equal(kv.list("other"), undefined);
    assert.deepEqual(changed, []);
  });

  it("wait for the disk when they change nothing but follow one that does", async () => {
    const disk = new MemoryDisk();
    const { kv } = await load(disk);
    failWrites(disk);
    const results = await Promise.allSettled([kv.put("ns", "k", "v"), kv.put("ns", "k", "v")]);
    assert.deepEqual(results.map(({ status }) => status), ["rejected", "rejected"]);
  });

  it("fail with the disk, exactly those in the write, and change nothing then", async () => {
    const disk = MemoryDisk.with(PATH, `{"configTable":{"ns":{"k":"old"}}}`);
    const { kv, log } = await load(disk);
    const changed: string[] = [];
    kv.subscribe((_, key) => changed.push(key));
    const write = holdNextWrite(disk);
    const first = kv.put("ns", "a", "1");
    await write.reached;
    const failing = [kv.put("ns", "k", "new"), kv.delete("ns", "a"), kv.put("new", "k", "v")];
    failWrites(disk);
    write.release();
    await first;
    for (const { status, reason } of await Promise.allSettled(failing) as PromiseRejectedResult[]) {
      assert.equal(status, "rejected");
      assert.ok(reason instanceof DurableFileError);
      assert.match(reason.message, /\/data\/kv\.json.*No space left/);
    }
    assert.deepEqual([...kv.entries()], [["ns", "k", "old"], ["ns", "a", "1"]]);
    assert.equal(kv.list("new"), undefined);
    assert.equal(disk.text(PATH), `{"configTable":{"ns":{"k":"old","a":"1"}}}`);

    await assert.rejects(kv.put("ns", "k", "again"), DurableFileError);
    assert.equal(log.at("ERROR").length, 1, "one line until the disk works again");
    disk.before = () => {};
    await kv.put("ns", "k", "new");
    assert.equal(kv.get("ns", "k"), "new");
    assert.deepEqual(changed, ["a", "k"]);
    failWrites(disk);
    await assert.rejects(kv.put("ns", "k", "x"), DurableFileError);
    assert.equal(log.at("ERROR").length, 2);
  });

  it("fail without harm to others when the table is full", async () => {
    const disk = new MemoryDisk();
    const { kv } = await load(disk, { maxKvBytes: 100 });
    const results = await Promise.allSettled([
      kv.put("ns", "a", "v".repeat(40)),
      kv.put("ns", "b", "v".repeat(60)),
      kv.put("ns", "c", "v".repeat(20)),
    ]);
    assert.deepEqual(results.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
    const { reason } = results[1] as PromiseRejectedResult;
    assert.ok(reason instanceof KvConfigError);
    assert.match(reason.message, /full.* 100 /);
    assert.equal(disk.text(PATH)!.length <= 100 + `{"configTable":{}}`.length, true);

    await kv.put("ns", "a", "");
    await kv.put("ns", "b", "v".repeat(30));
    await assert.rejects(kv.put("ns", "d", "v".repeat(20)), KvConfigError);
    const { kv: restarted } = await load(disk, { maxKvBytes: 20 });
    await assert.rejects(restarted.put("ns", "d", ""), KvConfigError);
    await restarted.delete("ns", "b");
    await restarted.put("ns", "c", "shorter");
    assert.deepEqual([...restarted.entries()], [["ns", "a", ""], ["ns", "c", "shorter"]]);
  });

  it("are passed to listeners in order, once they are on disk", async () => {
    const disk = new MemoryDisk();
    const { kv, log } = await load(disk);
    const seen: [string, string, string | undefined][] = [];
    kv.subscribe(() => {
      throw new Error("a bug");
    });
    kv.subscribe((namespace, key) => seen.push([namespace, key, kv.get(namespace, key)]));
    await Promise.all([kv.put("ns", "a", "1"), kv.put("ns", "b", "2"), kv.delete("ns", "a")]);
    assert.deepEqual(seen, [["ns", "a", undefined], ["ns", "b", "2"], ["ns", "a", undefined]]);
    assert.equal(log.at("ERROR").length, 3);
  });

  it("are all written, or failed, after flush", async () => {
    const disk = new MemoryDisk();
    const { kv } = await load(disk);
    await kv.flush();
    const write = holdNextWrite(disk);
    void kv.put("ns", "a", "1");
    await write.reached;
    void kv.put("ns", "b", "2");
    const flushed = kv.flush();
    write.release();
    await flushed;
    assert.equal(disk.text(PATH), `{"configTable":{"ns":{"a":"1","b":"2"}}}`);

    failWrites(disk);
    const failed = assert.rejects(kv.put("ns", "c", "3"));
    await kv.flush();
    await failed;
  });
});

describe("KvConfig limits", () => {
  const refused = (put: Promise<void>, ...parts: string[]) =>
    assert.rejects(put, (error: Error) => isKvError(...parts)(error));

  it("count bytes of UTF-8", async () => {
    const { kv } = await load(new MemoryDisk(), { maxKvBytes: 100 });
    await refused(kv.put("ns", "k", "é".repeat(45)), "100", "(maxKvBytes)");
    await kv.put("ns", "k", "e".repeat(45));
    await refused(kv.put("ns", "l", "\u0001".repeat(9)), "(maxKvBytes)");
    assert.equal(kv.bytes, `"ns":{"k":"${"e".repeat(45)}",},`.length);
  });

  it("hold a namespace, and ORDER_TOPIC_CONFIG more narrowly", async () => {
    const limits = { maxKvNamespaceBytes: 100, maxOrderTopicConfigBytes: 50 };
    const { kv } = await load(new MemoryDisk(), limits);
    const value = "v".repeat(60);
    await kv.put("ns", "k", value);
    await refused(kv.put("ns", "l", value), "100", "(maxKvNamespaceBytes)");
    await kv.put("other", "k", value);
    await refused(kv.put("ORDER_TOPIC_CONFIG", "T", value), "50", "(maxOrderTopicConfigBytes)");
    await kv.put("ORDER_TOPIC_CONFIG", "T", "b:8");
  });

  it("hold the number of keys and namespaces", async () => {
    const { kv } = await load(new MemoryDisk(), { maxKvKeys: 3, maxKvNamespaces: 2 });
    await Promise.all([kv.put("a", "1", ""), kv.put("a", "2", ""), kv.put("b", "1", "")]);
    await refused(kv.put("a", "3", ""), "3", "(maxKvKeys)");
    await kv.delete("b", "1");
    await refused(kv.put("c", "1", ""), "2", "(maxKvNamespaces)");
    await kv.put("a", "3", "");
    await kv.put("a", "1", "changed");
  });

  it("let a file that is over them be used and reduced, with a warning for each", async () => {
    const limits = { maxKvBytes: 60, maxKvKeys: 1, maxKvNamespaces: 1, maxKvNamespaceBytes: 50 };
    const value = "v".repeat(60);
    const { kv, log } = await load(
      MemoryDisk.with(PATH, `{"configTable":{"ns":{"k":"${value}","l\\n":""},"other":{}}}`),
      { ...limits, maxKvValueBytes: 10 },
    );
    assert.deepEqual(
      log.at("WARN").map(({ fields: { option, limit, found, namespace } }) => [
        option,
        limit,
        found,
        namespace,
      ]),
      [
        ["maxKvBytes", 60, 95, undefined],
        ["maxKvKeys", 1, 2, undefined],
        ["maxKvNamespaces", 1, 2, undefined],
        ["maxKvNamespaceBytes", 50, 76, "ns"],
      ],
    );
    assert.equal(kv.get("ns", "k"), value);
    await kv.put("ns", "k", value.replaceAll("v", "w"));
    await refused(kv.put("ns", "k", `${value}x`), "(maxKvValueBytes)");
    await refused(kv.put("other", "k", ""), "(maxKvKeys)");
    await kv.put("ns", "k", value.slice(20));
    await kv.delete("ns", "l\n");
    await kv.delete("ns", "k");
    await kv.put("other", "k", "v");
  });
});

describe("KvConfig beside other processes", () => {
  it("loses no change of any of them", async () => {
    const disk = new MemoryDisk();
    const servers = await Promise.all([load(disk), load(disk), load(disk)]);
    const puts = servers.flatMap(({ kv }, i) =>
      Array.from({ length: 20 }, async (_, k) => {
        // Some at once, some after others.
        for (let turn = 0; turn < k % 7; turn++) await pause(1);
        await kv.put("ns", `${i}-${k}`, "v");
      })
    );
    await Promise.all(puts);
    assert.equal((await load(disk)).kv.list("ns")!.size, 60);
    for (const { kv } of servers) {
      await kv.look();
      assert.equal(kv.list("ns")!.size, 60);
      assert.ok(kv.writes < 40, "changes still share writes");
    }
  });

  it("loses none in a file that is mounted by itself", async () => {
    const disk = MemoryDisk.with(PATH, "");
    disk.mounts.add(PATH);
    const [a, b] = await Promise.all([load(disk), load(disk)]);
    for (let i = 0; i < 5; i++) {
      await Promise.all([a.kv.put("ns", `a${i}`, "v"), b.kv.put("ns", `b${i}`, "v")]);
    }
    assert.equal((await load(disk)).kv.list("ns")!.size, 10);
  });

  it("takes their changes, and tells its listeners", async () => {
    const disk = MemoryDisk.with(PATH, `{"configTable":{"ns":{"a":"1","b":"1"},"gone":{"k":"v"}}}`);
    const { kv, log } = await load(disk);
    const changed: string[] = [];
    kv.subscribe((namespace, key) => changed.push(`${namespace}/${key}=${kv.get(namespace, key)}`));
    await kv.look();
    assert.deepEqual(changed, []);
    disk.put(PATH, `{"configTable":{"ns":{"b":"2","c":"1"}}}`);
    await kv.look();
    assert.deepEqual(changed, ["ns/a=undefined", "gone/k=undefined", "ns/b=2", "ns/c=1"]);
    const taken = log.events.find(({ event }) => event === "KV changes of another process taken");
    assert.deepEqual(taken?.fields, { file: PATH, put: 2, deleted: 2 });
    assert.equal(writes(disk), 0);
  });

  it("answers a put that changes nothing by what is on disk now", async () => {
    const disk = MemoryDisk.with(PATH, `{"configTable":{"ns":{"k":"1"}}}`);
    const { kv } = await load(disk);
    disk.put(PATH, `{"configTable":{"ns":{"k":"2"}}}`);
    await kv.put("ns", "k", "1");
    assert.equal(disk.text(PATH), `{"configTable":{"ns":{"k":"1"}}}`);
  });

  it("keeps its table when the file is broken or removed, and writes it again", async () => {
    const whole = `{"configTable":{"ns":{"k":"v"}}}`;
    const disk = MemoryDisk.with(PATH, whole);
    const { kv, log } = await load(disk);
    disk.put(PATH, "{torn");
    await kv.look();
    await kv.look();
    assert.equal(kv.get("ns", "k"), "v");
    assert.deepEqual(log.at("WARN").map(({ fields }) => fields.file), [PATH], "one line");
    await kv.put("ns", "l", "1");
    assert.equal(disk.text(PATH), `{"configTable":{"ns":{"k":"v","l":"1"}}}`);
    assert.equal(disk.text(`${PATH}.broken`), "{torn");
    await disk.remove(PATH);
    await kv.look();
    await kv.put("ns", "l", "1");
    assert.equal(
      disk.text(PATH),
      `{"configTable":{"ns":{"k":"v","l":"1"}}}`,
      "also by a put of the same",
    );
  });

  it("goes on without locks, with one warning", async () => {
    const disk = new MemoryDisk();
    disk.before = (call) => {
      if (call.startsWith("lock ")) throw new Error("No locks available (os error 37)");
    };
    const { kv, log } = await load(disk);
    await kv.put("ns", "k", "1");
    await kv.put("ns", "k", "2");
    assert.deepEqual(log.at("WARN").map(({ event, fields }) => [event, fields]), [[
      "KV file can't be locked: no other process may write it",
      { file: PATH, reason: "No locks available (os error 37)" },
    ]]);
  });
});

function isKvError(...parts: string[]): (error: Error) => boolean {
  return (error) => {
    assert.ok(error instanceof KvConfigError, String(error));
    for (const part of parts) assert.ok(error.message.includes(part), error.message);
    assert.ok(!error.message.includes("\n"), error.message);
    return true;
  };
}
