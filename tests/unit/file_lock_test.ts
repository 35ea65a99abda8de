import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { FileLock, FileLockedError } from "../../src/file_lock.ts";
import { MemoryDisk } from "../support/memory_disk.ts";
import { pause } from "../support/wait.ts";

const PATH = "/data/kv.json.lock";

describe("FileLock", () => {
  it("lets one after the other in", async () => {
    const disk = MemoryDisk.with(PATH, "");
    const open = () => disk.open(PATH, { write: true });
    const order: string[] = [];
    await Promise.all(["a", "b", "c"].map(async (name) => {
      const release = await new FileLock().take(open);
      order.push(`${name} in`);
      await pause(1);
      order.push(`${name} out`);
      release();
    }));
    assert.deepEqual(order, ["a in", "a out", "b in", "b out", "c in", "c out"]);
  });

  it("gives up after a limit, with one wait at a time, and releases what comes too late", async () => {
    const disk = MemoryDisk.with(PATH, "");
    const open = () => disk.open(PATH, { write: true });
    const release = await new FileLock().take(open);
    const lock = new FileLock(20);
    for (let i = 0; i < 3; i++) await assert.rejects(lock.take(open), FileLockedError);
    assert.equal(disk.calls.filter((call) => call.startsWith("lock ")).length, 2);
    release();
    (await lock.take(open))();
    (await new FileLock().take(open))();
  });

  it("passes on that there are no locks", async () => {
    const disk = MemoryDisk.with(PATH, "");
    disk.before = (call) => {
      if (call.startsWith("lock ")) throw new Error("No locks available");
    };
    const take = new FileLock().take(() => disk.open(PATH, { write: true }));
    await assert.rejects(take, /No locks available/);
  });
});
