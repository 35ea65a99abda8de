import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { systemClock } from "../../../src/clock.ts";
import { defaultOptions, type Options } from "../../../src/config/options.ts";
import { DurableFile } from "../../../src/durable_file.ts";
import { EtcdClient } from "../../../src/etcd/client.ts";
import type { KvStore } from "../../../src/kv/kv_store.ts";
import { openKv } from "../../../src/kv/open_kv.ts";
import { WorkSlice } from "../../../src/work_slice.ts";
import { FakeEtcd, fault } from "../../support/fake_etcd.ts";
import { NO_WATCH } from "../../support/kv.ts";
import { MemoryDisk } from "../../support/memory_disk.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { until, withLimit } from "../../support/wait.ts";

const PATH = "/data/kv.json";
const PREFIX = "/rocketmq-namesrv/kv/";

/** A name server's KV table, with its disk and log. */
class Table implements AsyncDisposable {
  readonly log = new RecordedLog();
  readonly changes: string[] = [];

  private constructor(
    readonly kv: KvStore,
    readonly disk: MemoryDisk,
    readonly client: EtcdClient | undefined,
    log: RecordedLog,
  ) {
    this.log = log;
    kv.subscribe((namespace, key) => void this.changes.push(`${namespace}/${key}`));
  }

  /** Loads a table, which follows nothing yet. */
  static async load(
    disk: MemoryDisk,
    endpoints: string,
    given: Partial<Options> = {},
  ): Promise<Table> {
    const log = new RecordedLog();
    const options = { ...defaultOptions(), etcdEndpoints: endpoints, ...given };
    const client = endpoints === "" ? undefined : await EtcdClient.open({ options, files: Deno });
    const kv = await openKv({
      file: new DurableFile(PATH, disk),
      origin: new DurableFile(`${PATH}.etcd`, disk),
      files: NO_WATCH,
      log,
      limits: options,
      slice: new WorkSlice(systemClock.soon),
      options,
      ...(client && { etcd: client }),
    });
    return new Table(kv, disk, client, log);
  }

  /** Loads a table that follows etcd. */
  static async following(
    etcd: FakeEtcd,
    disk = new MemoryDisk(),
    given: Partial<Options> = {},
  ): Promise<Table> {
    const table = await Table.load(disk, etcd.url, given);
    table.kv.watch();
    await until(() => table.kv.etcd?.problem === undefined && etcd.watchers > 0, "it follows etcd");
    return table;
  }

  content(): Record<string, string> {
    return Object.fromEntries(
      [...this.kv.entries()].map(([namespace, key, value]) => [`${namespace}/${key}`, value]),
    );
  }

  file(suffix = ""): unknown {
    const text = this.disk.text(PATH + suffix);
    return text === undefined ? undefined : JSON.parse(text).configTable;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kv.close();
    this.client?.close();
    await this.kv.flush();
  }
}

function diskWith(table: Record<string, Record<string, string>>): MemoryDisk {
  return MemoryDisk.with(PATH, JSON.stringify({ configTable: table }));
}

/** Keys of the table in etcd, without what is before them. */
function keysIn(etcd: FakeEtcd): string[] {
  const folder = `${PREFIX}${etcd.value(`${PREFIX}table`)}/`;
  return etcd.keys().filter((key) => key.startsWith(folder)).map((key) => key.slice(folder.length));
}

/** The key in etcd. */
function at(etcd: FakeEtcd, name: string): string {
  return `${PREFIX}${etcd.value(`${PREFIX}table`)}/${name}`;
}

/** The message of the error of a change that must fail. */
async function refusal(change: Promise<void>): Promise<string> {
  const error = await withLimit(
    change.then(() => undefined, (error) => error),
    "neither success nor failure",
  );
  assert.ok(error instanceof Error, "it did not fail");
  return error.message;
}

describe("KV table in etcd", () => {
  it("answers a change when etcd and the copy on disk have it", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    const from = { peer: "10.0.0.1:5" };
    await table.kv.put("a/b%", "k/1", "v", from);
    assert.equal(etcd.value(at(etcd, "a%2Fb%25/k/1")), "v");
    assert.deepEqual(table.file(), { "a/b%": { "k/1": "v" } });
    assert.deepEqual(table.content(), { "a/b%/k/1": "v" });
    await table.kv.delete("a/b%", "k/1");
    await table.kv.delete("nothing", "here");
    assert.deepEqual(keysIn(etcd), []);
    assert.deepEqual(table.file(), { "a/b%": {} });
    const puts = table.log.events.filter(({ event }) => event === "KV put");
    assert.deepEqual(puts.map(({ fields }) => fields.peer), ["10.0.0.1:5"]);
  });

  it("makes a change only if its condition holds for etcd's value at that moment", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    await table.kv.put("ns", "k", "one");
    let between = 1;
    etcd.after = (path) => {
      // Somebody else changes the key after it was read.
      if (path === "kv/txn" && between-- === 1) etcd.set([at(etcd, "ns/k"), "other"]);
      return undefined;
    };
    const changed = table.kv.put("ns", "k", "two", undefined, (now) => now === "one");
    const beside = table.kv.put("ns", "beside", "1");
    assert.match(await refusal(changed), /changed meanwhile/);
    await beside;
    await table.kv.put("ns", "k", "three", undefined, (now) => now === "other");
    await table.kv.put("ns", "k", "three", undefined, () => false);
    assert.match(await refusal(table.kv.delete("ns", "k", undefined, () => false)), /meanwhile/);
    assert.deepEqual(table.content(), { "ns/k": "three", "ns/beside": "1" });
  });

  it("does not answer while the disk has not taken the change", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    const held = Promise.withResolvers<void>();
    table.disk.before = (call) => call.startsWith("rename") ? held.promise : undefined;
    let answered = false;
    const put = table.kv.put("ns", "k", "v").then(() => void (answered = true));
    try {
      await until(() => keysIn(etcd).length === 1);
      assert.equal(table.kv.get("ns", "k"), undefined);
      assert.equal(answered, false);
    } finally {
      held.resolve();
    }
    await withLimit(put, "no answer");
    assert.equal(table.kv.get("ns", "k"), "v");
  });

  it("takes the changes of other name servers, all of a revision at once", async () => {
    await using etcd = new FakeEtcd();
    await using one = await Table.following(etcd);
    await using two = await Table.following(etcd);
    await Promise.all(["a", "b", "c"].map((key) => one.kv.put("ns", key, "1")));
    await until(() => two.kv.valueCount === 3);
    const seen: unknown[] = [];
    two.kv.subscribe(() => void seen.push(two.content()));
    etcd.set([at(etcd, "ns/a"), "2"], [at(etcd, "ns/b"), undefined], [at(etcd, "ns/d"), "2"]);
    await until(() => one.kv.get("ns", "d") === "2" && seen.length === 3);
    const after = { "ns/a": "2", "ns/c": "1", "ns/d": "2" };
    assert.deepEqual(seen, [after, after, after]);
    assert.deepEqual(one.content(), after);
    assert.deepEqual(two.file(), { ns: { a: "2", c: "1", d: "2" } });
  });

  it("puts the table into an empty etcd at the first start, whichever server is first", async () => {
    await using etcd = new FakeEtcd();
    const many = Object.fromEntries(
      Array.from({ length: 250 }, (_, i) => [`k${String(i).padStart(3, "0")}`, `${i}`]),
    );
    await using one = await Table.load(diskWith({ many, other: { x: "1" } }), etcd.url);
    await using two = await Table.load(diskWith({ many, other: { x: "2", y: "2" } }), etcd.url);
    one.kv.watch();
    two.kv.watch();
    await until(() => etcd.watchers === 2);
    await until(() => !one.kv.etcd?.problem && !two.kv.etcd?.problem);
    assert.deepEqual(one.content(), two.content());
    assert.equal(keysIn(etcd).length, one.kv.valueCount);
    // No leftovers of the one that was slower.
    assert.equal(etcd.keys().length, one.kv.valueCount + 1);
    const [winner, loser] = one.kv.valueCount === 251 ? [one, two] : [two, one];
    assert.deepEqual(winner.file(".before-etcd"), undefined);
    assert.notDeepEqual(loser.file(".before-etcd"), undefined);
    assert.deepEqual(loser.log.namesAt("WARN"), [
      "KV table of etcd taken, it differs from this server's",
    ]);
  });

  it("takes etcd's table at the first start, and keeps the old file", async () => {
    await using etcd = new FakeEtcd();
    etcd.set([`${PREFIX}table`, "t"], [`${PREFIX}t/ns/a`, "etcd"], [`${PREFIX}t/ns/c`, "etcd"]);
    await using table = await Table.following(
      etcd,
      diskWith({ ns: { a: "here", b: "here" }, gone: { x: "1" } }),
    );
    assert.deepEqual(table.content(), { "ns/a": "etcd", "ns/c": "etcd" });
    assert.deepEqual(table.file(".before-etcd"), {
      ns: { a: "here", b: "here" },
      gone: { x: "1" },
    });
    assert.deepEqual(table.log.at("WARN"), [{
      level: "WARN",
      event: "KV table of etcd taken, it differs from this server's",
      fields: { put: 2, deleted: 2 },
    }]);
    assert.deepEqual(table.changes.sort(), ["gone/x", "ns/a", "ns/b", "ns/c"]);
  });

  it("reads from the copy without etcd, also after a restart, and refuses changes", async () => {
    await using etcd = new FakeEtcd();
    const disk = new MemoryDisk();
    {
      await using table = await Table.following(etcd, disk);
      await table.kv.put("ns", "k", "v");
      etcd.answer = () => fault(503, 14, "etcdserver: request timed out");
      assert.match(
        await refusal(table.kv.put("ns", "k", "w")),
        /^the KV table can't be changed: etcd does not answer; nothing was changed$/,
      );
      assert.equal(table.kv.get("ns", "k"), "v");
    }
    await using table = await Table.load(disk.afterKill(), etcd.url);
    table.kv.watch();
    await until(() => table.log.namesAt("WARN").length > 0);
    assert.deepEqual(table.content(), { "ns/k": "v" });
    assert.match(table.kv.etcd?.problem ?? "", /etcd does not answer/);
    assert.match(
      await refusal(table.kv.put("ns", "k", "w")),
      /etcd does not answer \(kvStore=etcd\)/,
    );
    etcd.answer = () => undefined;
    etcd.set([at(etcd, "ns/k"), "missed"]);
    await until(() => table.kv.get("ns", "k") === "missed" && !table.kv.etcd?.problem);
    // A change that was missed is no reason to keep the old file.
    assert.equal(table.file(".before-etcd"), undefined);
    assert.deepEqual(table.log.namesAt("WARN"), ["KV table does not follow etcd"]);
    await table.kv.put("ns", "k", "w");
  });

  it("repeats a change of unknown outcome, and makes it once", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    let lost = 2;
    etcd.after = (path) =>
      path === "kv/txn" && etcd.requests.at(-1)!.body.success !== undefined &&
        JSON.stringify(etcd.requests.at(-1)!.body).includes("request_put") && lost-- > 0
        ? fault(503, 14, "etcdserver: request timed out")
        : undefined;
    const before = etcd.revision;
    await table.kv.put("ns", "k", "v");
    assert.equal(etcd.revision, before + 1);
    assert.equal(table.kv.get("ns", "k"), "v");
  });

  it("says when the outcome stays unknown", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    etcd.after = (path) => {
      if (path !== "kv/txn" || !JSON.stringify(etcd.requests.at(-1)).includes("request_put")) {
        return;
      }
      etcd.answer = () => fault(503, 14, "etcdserver: request timed out");
      return fault(503, 14, "etcdserver: request timed out");
    };
    assert.match(
      await refusal(table.kv.put("ns", "k", "v")),
      /etcd does not answer; it is not known whether the change was made/,
    );
  });

  it("does not overwrite what others put between its reading and its writing", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    let between = 1;
    etcd.after = (path) => {
      if (path === "kv/txn" && between-- === 1) etcd.set([at(etcd, "ns/k"), "other"]);
      return undefined;
    };
    await table.kv.put("ns", "k", "mine");
    await until(() => table.kv.get("ns", "k") === "mine");
    assert.equal(etcd.value(at(etcd, "ns/k")), "mine");
    const puts = table.log.events.filter(({ event }) => event === "KV put");
    assert.deepEqual(puts.map(({ fields }) => fields.value), ["other", "mine"]);
  });

  it("holds the limits for what comes by the watch", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd, new MemoryDisk(), {
      maxOrderTopicConfigBytes: 100,
    });
    await table.kv.put("ORDER_TOPIC_CONFIG", "t", "a:1");
    etcd.set([at(etcd, "ORDER_TOPIC_CONFIG/t"), "x".repeat(200)], [at(etcd, "ns/k"), "1"]);
    etcd.set([`${at(etcd, "odd")}`, "1"], [at(etcd, "ns/raw"), new Uint8Array([0xff])]);
    await until(() => table.kv.etcd?.refused === 3);
    assert.deepEqual(table.content(), { "ORDER_TOPIC_CONFIG/t": "a:1", "ns/k": "1" });
    const [first] = table.log.at("WARN");
    assert.equal(first?.event, "KV entry of etcd not taken");
    assert.match(String(first?.fields.reason), /maxOrderTopicConfigBytes/);
    assert.match(
      await refusal(table.kv.put("ORDER_TOPIC_CONFIG", "u", "x".repeat(99))),
      /maxOrderTopicConfigBytes/,
    );
    assert.match(await refusal(table.kv.put("ns", "\ud800", "v")), /valid Unicode/);
  });

  it("holds the limits for the table that it finds", async () => {
    await using etcd = new FakeEtcd();
    etcd.set(
      [`${PREFIX}table`, "t"],
      ...Array.from({ length: 5 }, (_, i) => [`${PREFIX}t/ns/${i}`, "v"] as const),
    );
    await using table = await Table.following(etcd, new MemoryDisk(), { maxKvKeys: 3 });
    assert.equal(table.kv.valueCount, 3);
    assert.equal(table.kv.etcd?.refused, 2);
  });

  it("writes one line about all that it does not take when it reads the table", async () => {
    await using etcd = new FakeEtcd();
    etcd.set(
      [`${PREFIX}table`, "t"],
      ...Array.from({ length: 5 }, (_, i) => [`${PREFIX}t/foreign${i}`, "v"] as const),
    );
    await using table = await Table.following(etcd);
    assert.deepEqual(table.log.at("WARN"), [{
      level: "WARN",
      event: "KV entries of etcd not taken",
      fields: {
        entries: 5,
        key: `${PREFIX}t/foreign0`,
        reason: "it is not a namespace, a slash and a key in UTF-8",
      },
    }]);
    assert.equal(table.kv.etcd?.refused, 5);
  });

  it("refuses a change that a limit forbids when the table is read again", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd, new MemoryDisk(), {
      maxOrderTopicConfigBytes: 100,
    });
    const isWrite = (path: string) =>
      path === "kv/txn" && etcd.requests.filter((it) => it.path === path).length === writing;
    const writing = etcd.requests.filter(({ path }) => path === "kv/txn").length + 2;
    etcd.answer = (path) => {
      // The watch does not bring it.
      if (isWrite(path)) etcd.dropWatchers();
      return undefined;
    };
    etcd.after = (path) => {
      if (!isWrite(path)) return undefined;
      etcd.set([at(etcd, "ORDER_TOPIC_CONFIG/a"), "x".repeat(60)]);
      etcd.compacted = etcd.revision;
      return undefined;
    };
    const answer = await refusal(table.kv.put("ORDER_TOPIC_CONFIG", "k", "x".repeat(60)));
    assert.match(answer, /maxOrderTopicConfigBytes/);
    assert.deepEqual(keysIn(etcd), ["ORDER_TOPIC_CONFIG/a"]);
  });

  it("takes changes while it reads the table again", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    const held = Promise.withResolvers<void>();
    let isReading = false;
    etcd.answer = async (path) => {
      if (path !== "kv/range") return undefined;
      isReading = true;
      await held.promise;
      return undefined;
    };
    try {
      etcd.revision += 10;
      etcd.compacted = etcd.revision;
      etcd.dropWatchers();
      await until(() => isReading);
      const put = table.kv.put("ns", "k", "v");
      await until(() => keysIn(etcd).length === 1);
      held.resolve();
      await withLimit(put, "no answer");
    } finally {
      held.resolve();
    }
    assert.equal(table.kv.get("ns", "k"), "v");
  });

  it("lets no more changes wait for etcd than maxKvWaitingWrites", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd, new MemoryDisk(), { maxKvWaitingWrites: 2 });
    const hang = Promise.withResolvers<Response>();
    let isAsked = false;
    etcd.answer = (path) => {
      isAsked ||= path === "kv/txn";
      return path === "kv/txn" ? hang.promise : undefined;
    };
    const waiting = ["1", "2"].map((key) => refusal(table.kv.put("ns", key, "v")));
    assert.match(
      await refusal(table.kv.put("ns", "3", "v")),
      /2 changes wait for etcd already \(maxKvWaitingWrites\)/,
    );
    assert.equal(table.kv.etcd?.refusedWrites, 1);
    await until(() => isAsked);
    hang.resolve(fault(503, 14, "etcdserver: request timed out"));
    await Promise.all(waiting);
    etcd.answer = () => undefined;
    await table.kv.put("ns", "3", "v");
  });

  it("takes a change back when others have filled the table meanwhile", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd, new MemoryDisk(), { maxKvKeys: 1 });
    let between = 1;
    etcd.after = (path) => {
      if (path === "kv/txn" && between-- === 1) etcd.set([at(etcd, "ns/other"), "1"]);
      return undefined;
    };
    assert.match(await refusal(table.kv.put("ns", "k", "v")), /at most 1 keys \(maxKvKeys\)/);
    assert.deepEqual(keysIn(etcd), ["ns/other"]);
  });

  it("reads the table again when etcd no longer keeps the changes", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    await table.kv.put("ns", "a", "1");
    etcd.answer = () => fault(503, 14, "etcdserver: request timed out");
    etcd.dropWatchers();
    etcd.set([at(etcd, "ns/a"), undefined], [at(etcd, "ns/b"), "2"]);
    etcd.revision += 10;
    etcd.compacted = etcd.revision;
    etcd.answer = () => undefined;
    await until(() => table.kv.get("ns", "b") === "2" && !table.kv.etcd?.problem);
    assert.deepEqual(table.content(), { "ns/b": "2" });
    await table.kv.put("ns", "c", "3");
  });

  it("puts its copy back when the table was removed from etcd", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    await table.kv.put("ns", "k", "v");
    const old = at(etcd, "");
    etcd.set(...etcd.keys().map((key) => [key, undefined] as const));
    await until(() => etcd.value(`${PREFIX}table`) !== undefined && at(etcd, "") !== old);
    await until(() => table.kv.etcd?.problem === undefined);
    assert.deepEqual(keysIn(etcd), ["ns/k"]);
    assert.deepEqual(table.content(), { "ns/k": "v" });
  });

  it("tries again when the copy can't be written, and tells those who wait", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    table.disk.before = (call) => {
      if (call.startsWith("write")) throw new Error("No space left on device");
    };
    assert.match(await refusal(table.kv.put("ns", "k", "v")), /No space left on device/);
    assert.match(table.kv.etcd?.problem ?? "", /the copy can't be written/);
    assert.equal(table.kv.get("ns", "k"), undefined);
    table.disk.before = () => {};
    await until(() => table.kv.get("ns", "k") === "v");
    assert.equal(table.kv.etcd?.problem, undefined);
  });

  it("overwrites what others write into the copy", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    await table.kv.put("ns", "k", "v");
    table.disk.put(PATH, `{"configTable":{"ns":{"k":"edited"}}}`);
    await table.kv.put("ns", "l", "v");
    assert.deepEqual(table.file(), { ns: { k: "v", l: "v" } });
  });

  it("keeps the file when the server worked without etcd in between", async () => {
    await using etcd = new FakeEtcd();
    const disk = new MemoryDisk();
    {
      await using table = await Table.following(etcd, disk);
      await table.kv.put("ns", "k", "etcd");
    }
    {
      await using table = await Table.load(disk, "");
      await table.kv.put("ns", "k", "file");
    }
    await using table = await Table.following(etcd, disk);
    assert.deepEqual(table.content(), { "ns/k": "etcd" });
    assert.deepEqual(table.file(".before-etcd"), { ns: { k: "file" } });
  });

  it("answers a deletion when the copy has it, also if others have deleted the key in etcd", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    await table.kv.put("ns", "k", "v");
    const held = Promise.withResolvers<void>();
    table.disk.before = (call) => call.startsWith("rename") ? held.promise : undefined;
    etcd.set([at(etcd, "ns/k"), undefined]);
    let answered = false;
    const done = table.kv.delete("ns", "k").then(() => void (answered = true));
    try {
      await until(() => etcd.requests.at(-1)?.path === "kv/txn");
      await table.client?.get("/");
      assert.deepEqual([answered, table.kv.get("ns", "k")], [false, "v"]);
    } finally {
      held.resolve();
    }
    await done;
    assert.equal(table.kv.get("ns", "k"), undefined);
  });

  it("refuses all changes that wait when etcd does not answer the first", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    const hang = Promise.withResolvers<Response>();
    etcd.answer = (path) => path === "kv/txn" ? hang.promise : undefined;
    const asked = () => etcd.requests.filter(({ path }) => path === "kv/txn").length;
    const before = asked();
    const answers = ["1", "2", "3"].map((value) => refusal(table.kv.put("ns", "k", value)));
    await until(() => asked() > before);
    hang.resolve(fault(503, 14, "etcdserver: request timed out"));
    for (const answer of await Promise.all(answers)) {
      assert.match(answer, /etcd does not answer; nothing was changed/);
    }
    assert.equal(asked(), before + 1);
  });

  it("leaves nothing in etcd from tries to put its table there", async () => {
    await using etcd = new FakeEtcd();
    const key = btoa(`${PREFIX}table`);
    let refused = 0;
    etcd.answer = (path, { success }) =>
      path === "kv/txn" && JSON.stringify(success).includes(key) && refused++ < 2
        ? fault(400, 8, "etcdserver: mvcc: database space exceeded")
        : undefined;
    await using table = await Table.following(etcd, diskWith({ ns: { a: "1", b: "2" } }));
    assert.deepEqual(keysIn(etcd), ["ns/a", "ns/b"]);
    assert.equal(etcd.keys().length, 3);
    assert.equal(table.kv.valueCount, 2);
  });

  it("ends at once, with the changes that wait", async () => {
    await using etcd = new FakeEtcd();
    await using table = await Table.following(etcd);
    const hang = Promise.withResolvers<Response>();
    etcd.answer = () => hang.promise;
    const put = refusal(table.kv.put("ns", "k", "v"));
    await until(() => etcd.requests.at(-1)?.path === "kv/txn");
    table.kv.close();
    assert.match(await put, /can't be changed|stopping/);
    hang.resolve(new Response("{}"));
  });
});
