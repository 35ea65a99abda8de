import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import type { AppendFileSystem } from "../../../src/audit/append_file.ts";
import { AuditFileError } from "../../../src/audit/audit_file.ts";
import { AuditLog, type AuditOptions } from "../../../src/audit/audit_log.ts";
import type { AuditRecord } from "../../../src/audit/record.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { until } from "../../support/wait.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";

const OPTIONS: AuditOptions = {
  auditFile: "",
  auditRefusalsFile: "",
  auditFileMaxBytes: 1_000_000,
  auditFileCount: 2,
  auditSync: false,
  auditRequired: false,
  auditMaxWaitingBytes: 10_000,
  auditRecentRecords: 5,
  auditRecentMaxBytes: 10_000,
};

function record(resource: string, more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    time: "2026-01-01T00:00:00.000Z",
    outcome: "done",
    action: "kv:write",
    request: RequestCode.PUT_KV_CONFIG,
    resource,
    authenticated: "no",
    peer: "10.0.0.1:1",
    ...more,
  };
}

/** The resources of the records in a file. */
function resources(path: string): string[] {
  const lines = Deno.readTextFileSync(path).split("\n");
  assert.equal(lines.pop(), "");
  return lines.map((line) => (JSON.parse(line) as AuditRecord).resource);
}

/** A file system that can be made to fail, after some bytes of a write. */
class FailingDisk implements AppendFileSystem {
  full = false;
  /** Writes wait for it. */
  hangs: Promise<void> | undefined;
  syncs = 0;
  rename = Deno.rename;

  async open(path: string, options: Deno.OpenOptions) {
    const file = await Deno.open(path, options);
    return {
      write: async (bytes: Uint8Array) => {
        await this.hangs;
        if (!this.full) return await file.write(bytes);
        if (bytes.length > 20) return await file.write(bytes.subarray(0, 20));
        throw new Error("No space left on device (os error 28)");
      },
      sync: async () => {
        this.syncs++;
        await file.sync();
      },
      truncate: (length: number) => file.truncate(length),
      stat: () => file.stat(),
      seek: (offset: number, whence: Deno.SeekMode) => file.seek(offset, whence),
      read: (buffer: Uint8Array) => file.read(buffer),
      close: () => file.close(),
    };
  }
}

describe("AuditLog", () => {
  async function withFile(
    run: (
      path: string,
      open: (options?: Partial<AuditOptions>) => Promise<AuditLog>,
    ) => Promise<void>,
    disk: AppendFileSystem = Deno,
    log = new RecordedLog(),
  ) {
    const folder = await Deno.makeTempDir({ prefix: "namesrv-audit-" });
    const path = `${folder}/audit.log`;
    const open = (options: Partial<AuditOptions> = {}) =>
      AuditLog.open({ ...OPTIONS, auditFile: path, ...options }, disk, log, Date.now);
    try {
      await run(path, open);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }

  it("adds each record as a line to its owner's file, also after a restart and a torn line", async () => {
    await withFile(async (path, open) => {
      for (const names of [["a", "b"], ["c"]]) {
        const audit = await open();
        for (const name of names) audit.add(record(name));
        await audit.close();
      }
      assert.deepEqual(resources(path), ["a", "b", "c"]);
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
      await Deno.writeTextFile(path, '{"torn', { append: true });
      const audit = await open();
      audit.add(record("d"));
      await audit.close();
      const lines = (await Deno.readTextFile(path)).split("\n");
      assert.equal(lines[3], '{"torn');
      assert.equal(JSON.parse(lines[4]!).resource, "d");
    });
  });

  it("rotates by size, and keeps so many files", async () => {
    await withFile(async (path, open) => {
      const size = JSON.stringify(record("0")).length + 1;
      const audit = await open({ auditFileMaxBytes: 2 * size, auditSync: true });
      for (let i = 0; i < 9; i++) await audit.add(record(`${i}`));
      await audit.close();
      assert.deepEqual(resources(path), ["8"]);
      assert.deepEqual(resources(`${path}.1`), ["6", "7"]);
      assert.deepEqual(resources(`${path}.2`), ["4", "5"]);
      await assert.rejects(Deno.stat(`${path}.3`), Deno.errors.NotFound);
    });
  });

  it("loses no change to refusals, however many there are", async () => {
    await withFile(async (path, open) => {
      const audit = await open({ auditFileMaxBytes: 1000, auditMaxWaitingBytes: 2000 });
      audit.add(record("change"));
      for (let i = 0; i < 100; i++) await audit.add(record("refused", { outcome: "denied" }));
      audit.add(record("another"));
      assert.deepEqual(
        audit.recent({}, 100).map(({ resource }) => resource),
        ["another", ...new Array(5).fill("refused"), "change"],
      );
      await audit.close();
      assert.deepEqual(resources(path), ["change", "another"]);
      assert.deepEqual(new Set(resources(`${path}.refused`)), new Set(["refused"]));
    });
    await withFile(async (path, open) => {
      const audit = await open({ auditRefusalsFile: `${path}.elsewhere` });
      audit.add(record("refused", { outcome: "denied" }));
      await audit.close();
      assert.deepEqual(resources(`${path}.elsewhere`), ["refused"]);
      await assert.rejects(open({ auditRefusalsFile: path }), AuditFileError);
    });
  });

  it("has records on the disk before they are answered, where that is wanted", async () => {
    const disk = new FailingDisk();
    await withFile(async (path, open) => {
      const audit = await open({ auditSync: true });
      const done = audit.add(record("a"));
      assert.ok(done instanceof Promise);
      await done;
      assert.equal(disk.syncs, 1);
      assert.deepEqual(resources(path), ["a"]);
      await audit.close();
      const other = await open();
      assert.equal(other.add(record("b")), undefined);
      await other.close();
      assert.equal(disk.syncs, 1);
    }, disk);
  });

  it("on a full disk, keeps records until it has room, tells of it once, and tears no line", async () => {
    const disk = new FailingDisk();
    const log = new RecordedLog();
    await withFile(
      async (path, open) => {
        const audit = await open({ auditRequired: true, auditSync: true });
        await audit.add(record("a"));
        disk.full = true;
        // Waiting requests are answered, because their changes were made.
        await audit.add(record("b"));
        assert.match(audit.failure!, /No space left/);
        assert.equal(audit.obstacle, audit.failure);
        assert.equal(audit.add(record("c")), undefined);
        assert.deepEqual(resources(path), ["a"]);
        disk.full = false;
        await until(() => audit.failure === undefined);
        assert.equal(audit.obstacle, undefined);
        await audit.close();
        assert.deepEqual(resources(path), ["a", "b", "c"]);
        assert.equal(audit.lost, 0);
        assert.equal(audit.waitingBytes, 0);
        assert.deepEqual(log.events.map(({ level, event }) => `${level} ${event}`), [
          "ERROR audit file can't be written",
          "INFO audit file can be written again",
        ]);
      },
      disk,
      log,
    );
  });

  it("counts what it loses when a disk stays full for longer than memory may hold", async () => {
    const disk = new FailingDisk();
    await withFile(async (_, open) => {
      using _time = new FakeTime();
      const audit = await open({ auditMaxWaitingBytes: 1000 });
      disk.full = true;
      for (let i = 0; i < 100; i++) audit.add(record("x"));
      assert.ok(audit.waitingBytes <= 1000);
      assert.equal(audit.records, 100);
      assert.equal(audit.lost, 100 - audit.waitingBytes / (JSON.stringify(record("x")).length + 1));
      await audit.close();
    }, disk);
  });

  it("says that it loses records when a disk hangs, and lets nothing be changed meanwhile", async () => {
    const disk = new FailingDisk();
    const log = new RecordedLog();
    await withFile(
      async (_, open) => {
        const audit = await open({ auditMaxWaitingBytes: 1000, auditRequired: true });
        const { promise, resolve } = Promise.withResolvers<void>();
        disk.hangs = promise;
        for (let i = 0; i < 100; i++) audit.add(record("x"));
        assert.ok(audit.lost > 0);
        assert.match(audit.obstacle!, /auditMaxWaitingBytes/);
        assert.deepEqual(log.events.map(({ level, event }) => `${level} ${event}`), [
          "ERROR audit file can't be written",
        ]);
        resolve();
        await until(() => audit.obstacle === undefined);
        await audit.close();
      },
      disk,
      log,
    );
  });

  it("can be asked for the last records, by outcome, account and action", async () => {
    const audit = await AuditLog.open(OPTIONS, Deno, new RecordedLog(), Date.now);
    for (let i = 0; i < 50; i++) {
      audit.add(record(`${i}`, i % 2 === 0 ? { outcome: "denied", account: "AK" } : {}));
    }
    const names = (filter = {}, limit = 100) =>
      audit.recent(filter, limit).map(({ resource }) => resource);
    assert.deepEqual(
      names(),
      Array.from({ length: 10 }, (_, i) => `${49 - i}`),
      "five of each kind",
    );
    assert.deepEqual(names({}, 2), ["49", "48"]);
    assert.deepEqual(names({ outcome: "denied", account: "AK" }), ["48", "46", "44", "42", "40"]);
    assert.deepEqual(names({ action: "kv:read" }), []);
    await audit.close();
  });

  it("forgets the oldest records when the last ones are large", async () => {
    const audit = await AuditLog.open(OPTIONS, Deno, new RecordedLog(), Date.now);
    const names = () => audit.recent({}, 100).map(({ resource }) => resource);
    for (let i = 0; i < 20; i++) {
      audit.add(record(`${i}`, { change: { after: "x".repeat(3000) } }));
    }
    assert.deepEqual(names(), ["19", "18", "17"]);
    audit.add(record("larger than all may be", { change: { after: "x".repeat(10_000) } }));
    assert.deepEqual(names(), []);
    audit.add(record("small"));
    assert.deepEqual(names(), ["small"]);
    await audit.close();
  });

  it("goes on with a new file after another program has moved it away", async () => {
    await withFile(async (path, open) => {
      const audit = await open();
      audit.add(record("a"));
      await audit.reopen();
      await Deno.rename(path, `${path}-moved`);
      audit.add(record("b"));
      await audit.close();
      assert.deepEqual(resources(`${path}-moved`), ["a"]);
      assert.deepEqual(resources(path), ["b"]);
    });
  });

  it("does not start with a file that can't be opened, and says which option it is", async () => {
    const options = { ...OPTIONS, auditFile: "/nowhere/audit.log" };
    await assert.rejects(
      AuditLog.open(options, Deno, new RecordedLog(), Date.now),
      (error: unknown) =>
        error instanceof AuditFileError &&
        /^cannot open \/nowhere\/audit.log \(auditFile\): No such file/.test(error.message),
    );
  });
});
