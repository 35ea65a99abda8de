import assert from "node:assert/strict";
import { beforeEach, describe, it } from "@std/testing/bdd";
import { type BrokerSet, encodeBrokerSet } from "../../../src/controller/broker_set.ts";
import { FileStore } from "../../../src/controller/file_store.ts";
import { NotLeaderError, StoreError } from "../../../src/controller/store.ts";
import { DurableFile } from "../../../src/durable_file.ts";
import { StartupError } from "../../../src/startup_error.ts";
import { brokerSet } from "../../support/broker_sets.ts";
import { MemoryDisk } from "../../support/memory_disk.ts";
import { RecordedLog } from "../../support/recorded_log.ts";

const PATH = "/data/controller-sets.json";

describe("FileStore", () => {
  let disk: MemoryDisk;

  beforeEach(() => void (disk = new MemoryDisk()));

  function create(): FileStore {
    const file = new DurableFile(PATH, disk);
    const self = { id: "n0", address: "127.0.0.1:9878" };
    return new FileStore({ file, self, log: new RecordedLog() });
  }

  async function open() {
    const store = create();
    let sets = new Map<string, BrokerSet>();
    let leads = false;
    await store.start({
      leading: (stored) => {
        leads = true;
        sets = stored;
      },
      following: () => void (leads = false),
    });
    return { store, sets, leads: () => leads };
  }

  const fileWith = (set: BrokerSet) => `{"format":1,"sets":[${encodeBrokerSet(set)}]}`;
  const named = (brokerName: string, changes: Partial<BrokerSet> = {}) =>
    brokerSet({ brokerName, ...changes });

  it("keeps what was committed over a power failure", async () => {
    const first = await open();
    assert.ok(first.leads());
    const hostile = named("__proto__", { masterBrokerId: undefined, masterEpoch: 7 });
    await first.store.commit("a", named("a"));
    await first.store.commit("__proto__", hostile);
    await first.store.commit("b", named("b"));
    await first.store.commit("b", undefined);
    const kept = disk.text(PATH, "power, names lost");
    await first.store.stop();
    assert.ok(!first.leads());
    disk = MemoryDisk.with(PATH, kept ?? "");
    const second = await open();
    assert.deepEqual([...second.sets], [["a", named("a")], ["__proto__", hostile]]);
    await second.store.stop();
  });

  it("writes changes that come at once together: all of them or none", async () => {
    const { store } = await open();
    const before = disk.calls.length;
    await Promise.all(["a", "b", "c", "d"].map((name) => store.commit(name, named(name))));
    const renames = disk.calls.slice(before).filter((call) => call.startsWith("rename"));
    assert.equal(renames.filter((call) => call.endsWith(` ${PATH}`)).length, 1);
    const text = disk.text(PATH);
    disk.before = (call) => {
      if (call.startsWith("write")) throw new Error("No space left on device");
    };
    const outcomes = await Promise.allSettled(
      ["a", "e"].map((name) => store.commit(name, undefined)),
    );
    assert.deepEqual(outcomes.map(({ status }) => status), ["rejected", "rejected"]);
    assert.equal(disk.text(PATH), text);
    disk.before = () => {};
    await store.stop();
  });

  it("rejects a change that the disk does not take, and keeps the state before", async () => {
    const { store } = await open();
    await store.commit("a", named("a"));
    disk.before = (call) => {
      if (call.startsWith("write")) throw new Error("No space left on device");
    };
    const failure = await store.commit("a", named("a", { masterEpoch: 9 }))
      .catch((error) => error);
    assert.ok(failure instanceof StoreError);
    assert.match(failure.message, /controllerStorePath/);
    assert.doesNotMatch(failure.message, /data/);
    disk.before = () => {};
    await store.commit("b", named("b"));
    assert.match(disk.text(PATH) ?? "", /"brokerName":"a".*"masterEpoch":1,/);
    await store.stop();
  });

  it("does not start with a file that it can't read: epochs must not go back", async () => {
    const wrong = [
      "",
      "{",
      "[]",
      '{"format":2,"sets":[]}',
      '{"format":1,"sets":[{"brokerName":"a"}]}',
      `{"format":1,"sets":[${JSON.stringify({ ...brokerSet(), replicas: [] })}]}`,
      fileWith(brokerSet({ masterEpoch: 0 })),
      fileWith(brokerSet({ masterBrokerId: undefined, masterEpoch: 0 })),
      fileWith(brokerSet({ syncStateSetEpoch: 0 })),
      fileWith(brokerSet({ masterEpoch: 2_147_483_648 })),
    ];
    for (const text of wrong) {
      disk = MemoryDisk.with(PATH, text);
      const failed = create();
      const failure = await failed.start({ leading: () => {}, following: () => {} })
        .catch((error) => error);
      assert.ok(failure instanceof StartupError, text);
      assert.match(failure.message, /controller-sets\.json.*controllerStorePath/);
      await failed.stop();
      assert.equal(disk.text(PATH), text);
    }
  });

  it("does not start without its file if the content before the last change is there", async () => {
    disk = MemoryDisk.with(`${PATH}.bak`, '{"format":1,"sets":[]}');
    await assert.rejects(open(), /controller-sets\.json: it is missing.*controllerStorePath/);
    assert.equal(disk.text(PATH), undefined);
  });

  it("does not share its file, and gives it up when it stops", async () => {
    const { store } = await open();
    await assert.rejects(open(), /another process uses it \(controllerStorePath\)/);
    await store.stop();
    await assert.rejects(store.commit("a", named("a")), NotLeaderError);
    const next = await open();
    await next.store.stop();
  });

  it("does not start on a disk that takes nothing", async () => {
    disk.before = (call) => {
      if (call.startsWith("write")) throw new Error("Read-only file system");
    };
    await assert.rejects(open(), StartupError);
  });
});
