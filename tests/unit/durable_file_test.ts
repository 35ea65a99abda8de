import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { join } from "node:path";
import { DurableFile, DurableFileError, removeLeftovers } from "../../src/durable_file.ts";
import { type Crash, MemoryDisk } from "../support/memory_disk.ts";

const PATH = "/data/kv.json";
const OLD = "the old content, longer than one write takes";
const NEW = "the new content, which is a good deal longer than the old one";

const CRASHES: Crash[] = ["process", "power, names written", "power, names lost"];

describe("DurableFile.probe", () => {
  it("leaves the file as it is, and nothing beside it", async () => {
    const disk = MemoryDisk.with(PATH, OLD);
    await new DurableFile(PATH, disk).probe();
    assert.equal(disk.text(PATH), OLD);
    assert.deepEqual(disk.names(), [PATH]);
    assert.ok(disk.calls.some((call) => call.startsWith("sync ")));
  });

  it("finds a folder that is to be made", async () => {
    const disk = new MemoryDisk();
    await new DurableFile(PATH, disk).probe();
    assert.deepEqual(disk.names(), []);
  });

  for (const step of ["mkdir", "open", "write", "sync"]) {
    it(`tells that a write would fail at ${step}, and leaves nothing`, async () => {
      const disk = MemoryDisk.with(PATH, OLD);
      disk.before = (call) => {
        if (call.startsWith(step)) throw new Error("No space left on device");
      };
      await assert.rejects(new DurableFile(PATH, disk).probe(), (error) => {
        assert.ok(error instanceof DurableFileError);
        assert.match(error.message, /^cannot write \/data\/kv\.json: .*: No space left on device$/);
        return true;
      });
      assert.deepEqual(disk.names(), [PATH]);
    });
  }

  it("tells that something else is in the file's place", async () => {
    const disk = MemoryDisk.with(PATH, OLD);
    disk.put(PATH, OLD, { isFile: false });
    await assert.rejects(new DurableFile(PATH, disk).probe(), /is not a regular file/);
  });

  it("does not get in the way of writes", async () => {
    const disk = MemoryDisk.with(PATH, OLD);
    const file = new DurableFile(PATH, disk);
    await Promise.all([file.write("1"), file.probe(), file.write("2"), file.probe()]);
    assert.equal(disk.text(PATH), "2");
    assert.deepEqual(disk.names(), [PATH, `${PATH}.bak`]);
  });
});

describe("DurableFile on a real disk", () => {
  let folder = "";
  beforeEach(() => {
    folder = Deno.makeTempDirSync();
  });
  afterEach(() => Deno.removeSync(folder, { recursive: true }));

  const namesIn = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

  it("reads undefined where there is no file", async () => {
    assert.equal(await new DurableFile(`${folder}/none`).read(), undefined);
    assert.equal(await new DurableFile(`${folder}/none`).read(".bak"), undefined);
    assert.equal(await new DurableFile(`${folder}/no/folder`).readBytes(), undefined);
  });

  it("makes the folder, and a file that is its owner's alone", async () => {
    const file = new DurableFile(`${folder}/a/b/kv.json`);
    await file.write("löng ☃ text");
    assert.equal(await file.read(), "löng ☃ text");
    assert.deepEqual(namesIn(`${folder}/a/b`), ["kv.json"]);
    assert.equal(Deno.statSync(file.path).mode! & 0o777, 0o600);
  });

  it("keeps the content before as .bak, and the file's mode", async () => {
    const file = new DurableFile(`${folder}/kv.json`);
    Deno.writeTextFileSync(file.path, "one");
    Deno.chmodSync(file.path, 0o640);
    await file.write("two");
    await file.write("three");
    assert.equal(await file.read(), "three");
    assert.equal(await file.read(".bak"), "two");
    assert.deepEqual(namesIn(folder), ["kv.json", "kv.json.bak"]);
    assert.equal(Deno.statSync(file.path).mode! & 0o777, 0o640);
    assert.equal(Deno.statSync(`${file.path}.bak`).mode! & 0o777, 0o640);
  });

  it("keeps the content before under another name when asked to", async () => {
    const file = new DurableFile(`${folder}/kv.json`);
    await file.write("one");
    await file.write("two");
    await file.write("three", ".broken");
    assert.deepEqual(
      [await file.read(), await file.read(".bak"), await file.read(".broken")],
      ["three", "one", "two"],
    );
  });

  it("writes many at once one after the other, in order", async () => {
    const file = new DurableFile(`${folder}/kv.json`);
    await Promise.all(Array.from({ length: 20 }, (_, i) => file.write(`text ${i}`)));
    assert.equal(await file.read(), "text 19");
    assert.equal(await file.read(".bak"), "text 18");
    assert.deepEqual(namesIn(folder), ["kv.json", "kv.json.bak"]);
  });

  it("is not stopped by what a crashed write left", async () => {
    const file = new DurableFile(`${folder}/kv.json`);
    await file.write("one");
    Deno.writeTextFileSync(`${file.path}.${Deno.pid}.tmp`, "half a fi");
    Deno.writeTextFileSync(`${file.path}.bak.${Deno.pid}.tmp`, "half a fi");
    await file.write("two");
    assert.equal(await file.read(), "two");
    assert.deepEqual(namesIn(folder), ["kv.json", "kv.json.bak"]);
  });

  it("writes through links and leaves them", async () => {
    Deno.mkdirSync(`${folder}/real`);
    Deno.writeTextFileSync(`${folder}/real/kv.json`, "one");
    Deno.symlinkSync("real/kv.json", `${folder}/link`);
    Deno.symlinkSync(`${folder}/link`, `${folder}/link2`);
    const file = new DurableFile(`${folder}/link2`);
    assert.equal(await file.read(), "one");
    await file.write("two");
    assert.equal(await file.read(), "two");
    assert.equal(await file.read(".bak"), "one");
    assert.deepEqual(namesIn(folder), ["link", "link2", "real"]);
    assert.deepEqual(namesIn(`${folder}/real`), ["kv.json", "kv.json.bak"]);
    assert.ok(Deno.lstatSync(`${folder}/link`).isSymlink);
  });

  it("makes the file that a link points to when it is missing", async () => {
    Deno.symlinkSync("real/kv.json", `${folder}/link`);
    const file = new DurableFile(`${folder}/link`);
    assert.equal(await file.read(), undefined);
    await file.write("one");
    assert.equal(Deno.readTextFileSync(`${folder}/real/kv.json`), "one");
    assert.ok(Deno.lstatSync(`${folder}/link`).isSymlink);
  });

  it("writes into a folder that is a link", async () => {
    Deno.mkdirSync(`${folder}/real`);
    Deno.symlinkSync("real", `${folder}/link`);
    await new DurableFile(`${folder}/link/kv.json`).write("one");
    assert.equal(Deno.readTextFileSync(`${folder}/real/kv.json`), "one");
  });

  it("refuses links that go round, and folders", async () => {
    Deno.symlinkSync("b", `${folder}/a`);
    Deno.symlinkSync("a", `${folder}/b`);
    await assert.rejects(new DurableFile(`${folder}/a`).write("x"), isError("symbolic links"));
    Deno.mkdirSync(`${folder}/dir`);
    await assert.rejects(new DurableFile(`${folder}/dir`).write("x"), isError("regular file"));
    await assert.rejects(new DurableFile(`${folder}/dir`).read(), isError(`${folder}/dir`));
    assert.deepEqual(namesIn(folder), ["a", "b", "dir"]);
  });

  it("does not wait for the other end of a named pipe", async () => {
    const disk = new MemoryDisk();
    disk.put(PATH, "", { isFile: false });
    disk.readFile = () => new Promise(() => {});
    await assert.rejects(new DurableFile(PATH, disk).read(), isError("it is not a regular file"));
  });

  it("has a summary without paths for every failure", async () => {
    const reasons: [error: Error, summary: string][] = [
      [
        new Error("No space left on device (os error 28): open '/data/x'"),
        "renaming: No space left on device (os error 28)",
      ],
      [
        new Deno.errors.NotCapable(`Requires write access to "/data"`),
        "renaming: not permitted; the log names the flag of Deno",
      ],
      [new Error("/data/kv.json is odd"), "renaming: failed"],
    ];
    for (const [error, summary] of reasons) {
      const disk = MemoryDisk.with(PATH, OLD);
      disk.before = (call) => {
        if (call.startsWith("rename") && call.endsWith(` ${PATH}`)) throw error;
      };
      await assert.rejects(new DurableFile(PATH, disk).write(NEW), { summary });
    }
  });

  it("refuses text that is not UTF-8, naming the file; its bytes can be read", async () => {
    const file = new DurableFile(`${folder}/latin1`);
    Deno.writeFileSync(file.path, new Uint8Array([0x61, 0xfc]));
    await assert.rejects(file.read(), isError(`${folder}/latin1: it is not UTF-8`));
    assert.deepEqual(await file.readBytes(), new Uint8Array([0x61, 0xfc]));
  });
});

describe("DurableFile on a failing disk", () => {
  it("fails at any step with the old content in place and nothing left over", async () => {
    const sound = MemoryDisk.with(PATH, OLD);
    await new DurableFile(PATH, sound).write(NEW);
    assert.equal(sound.text(PATH), NEW);
    for (const [step, call] of sound.calls.entries()) {
      const disk = MemoryDisk.with(PATH, OLD);
      failAt(disk, step, new Error("Input/output error"));
      const file = new DurableFile(PATH, disk);
      // A copy does instead of a link.
      if (call.startsWith("link ")) continue;
      await assert.rejects(file.write(NEW), isError(`cannot write ${PATH}: `), call);
      assert.equal(disk.text(PATH), OLD, call);
      assert.deepEqual(disk.names().filter((name) => name.endsWith(".tmp")), [], call);
      await file.write(NEW);
      assert.equal(disk.text(PATH), NEW, `after ${call}`);
      assert.equal(disk.text(`${PATH}.bak`), OLD, `after ${call}`);
    }
  });

  it("fails at any step of the first write with no file in place", async () => {
    const sound = new MemoryDisk();
    await new DurableFile(PATH, sound).write(NEW);
    for (const [step, call] of sound.calls.entries()) {
      const disk = new MemoryDisk();
      failAt(disk, step, new Error("Input/output error"));
      await assert.rejects(new DurableFile(PATH, disk).write(NEW), DurableFileError, call);
      assert.deepEqual(disk.names(), [], call);
    }
  });

  it("names the step and the reason", async () => {
    const steps: [call: RegExp, message: string][] = [
      [/^mkdir /, `cannot write ${PATH}: making its folder: No space left`],
      [/^open \/data$/, `cannot write ${PATH}: opening its folder: No space left`],
      [/^write .*json\.\d+\.tmp/, `cannot write ${PATH}: writing aside: No space left`],
      [/^sync .*json\.\d+\.tmp/, `cannot write ${PATH}: writing aside: No space left`],
      [/^(link|write) .*bak/, `cannot write ${PATH}: keeping .bak: No space left`],
      [/^rename .*json$/, `cannot write ${PATH}: renaming: No space left`],
      [/^sync \/data$/, `cannot write ${PATH}: syncing its folder: No space left`],
    ];
    for (const [pattern, message] of steps) {
      const disk = MemoryDisk.with(PATH, OLD);
      disk.before = (call) => {
        if (pattern.test(call)) throw new Error("No space left");
      };
      await assert.rejects(new DurableFile(PATH, disk).write(NEW), { message });
    }
  });

  it("says so when the old content can't be put back either", async () => {
    const disk = MemoryDisk.with(PATH, OLD);
    disk.before = (call) => {
      if (call === "sync /data") disk.before = () => Promise.reject(new Error("I/O error"));
      if (call === "sync /data") throw new Error("I/O error");
    };
    await assert.rejects(
      new DurableFile(PATH, disk).write(NEW),
      isError("syncing its folder, then putting the old content back: I/O error"),
    );
  });

  it("does without syncing folders where the file system can't", async () => {
    const cannot = [
      new Deno.errors.NotSupported("Operation not supported"),
      Object.assign(new TypeError("Invalid argument"), { code: "EINVAL" }),
    ];
    for (const error of cannot) {
      const disk = MemoryDisk.with(PATH, OLD);
      disk.before = (call) => {
        if (call === "sync /data") throw error;
      };
      await new DurableFile(PATH, disk).write(NEW);
      assert.equal(disk.text(PATH), NEW);
    }
  });

  it("names the flags that Deno's permissions want", async () => {
    const disk = MemoryDisk.with(PATH, OLD);
    const deny = (call: string) => {
      disk.before = (each) => {
        if (each.startsWith(call)) throw new Deno.errors.NotCapable("Requires write access");
      };
    };
    const file = new DurableFile(PATH, disk);
    deny("lstat");
    await assert.rejects(file.write(NEW), isError("that of its link's target"));
    deny("open");
    await assert.rejects(file.write(NEW), isError("--allow-read=/data --allow-write=/data"));
    deny("readFile");
    await assert.rejects(file.read(), isError(`cannot read ${PATH}: `));
    await assert.rejects(file.read(), isError(`--allow-read=${PATH}`));
  });

  it("gives the new file to the old one's owner, where it may", async () => {
    const disk = new MemoryDisk();
    disk.put(PATH, OLD, { uid: 7, gid: 8, mode: 0o100640 });
    await new DurableFile(PATH, disk).write(NEW);
    const { uid, gid, mode } = disk.status(PATH);
    assert.deepEqual({ uid, gid, mode }, { uid: 7, gid: 8, mode: 0o640 });

    disk.before = (call) => {
      if (call.startsWith("chown")) throw new Deno.errors.PermissionDenied("not root");
    };
    disk.put(PATH, OLD, { uid: 7, gid: 8 });
    await new DurableFile(PATH, disk).write(NEW);
    assert.equal(disk.text(PATH), NEW);
  });

  it("copies the content before where there can be no hard link", async () => {
    const disk = MemoryDisk.with(PATH, OLD);
    disk.before = (call) => {
      if (call.startsWith("link ")) throw new Deno.errors.PermissionDenied("no link");
    };
    await new DurableFile(PATH, disk).write(NEW);
    assert.equal(disk.text(PATH, "power, names lost"), NEW);
    assert.equal(disk.text(`${PATH}.bak`, "power, names lost"), OLD);
    assert.deepEqual(disk.names(), [PATH, `${PATH}.bak`]);
  });

  it("goes on with the next write after a failed one", async () => {
    const disk = MemoryDisk.with(PATH, OLD);
    failAt(disk, 3, new Error("Input/output error"));
    const file = new DurableFile(PATH, disk);
    const results = await Promise.allSettled([file.write("a"), file.write("b"), file.write("c")]);
    assert.deepEqual(results.map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
    assert.equal(disk.text(PATH), "c");
    assert.equal(disk.text(`${PATH}.bak`), "b");
  });
});

describe("DurableFile on a mount point", () => {
  function mounted(): MemoryDisk {
    const disk = MemoryDisk.with(PATH, OLD);
    disk.mounts.add(PATH);
    return disk;
  }

  it("knows it, and leaves nothing beside it", async () => {
    const disk = mounted();
    assert.equal(await new DurableFile(PATH, disk).isMountPoint(), true);
    assert.equal(await new DurableFile("/data/none", disk).isMountPoint(), false);
    disk.put("/data/plain", OLD);
    assert.equal(await new DurableFile("/data/plain", disk).isMountPoint(), false);
    assert.deepEqual(disk.names(), [PATH, "/data/plain"]);
  });

  it("overwrites the file, and keeps the content before as .bak", async () => {
    const disk = mounted();
    const file = new DurableFile(PATH, disk);
    await file.write(NEW);
    await file.write("short");
    assert.equal(disk.text(PATH, "power, names lost"), "short");
    assert.equal(disk.text(`${PATH}.bak`, "power, names lost"), NEW);
    assert.deepEqual(disk.names(), [PATH, `${PATH}.bak`]);
  });

  it("fails at any step with the old content in place, now or after a crash in .bak", async () => {
    const sound = mounted();
    await new DurableFile(PATH, sound).write(NEW);
    for (const [step, call] of sound.calls.entries()) {
      const failing = mounted();
      failAt(failing, step, new Error("Input/output error"));
      const failed = new DurableFile(PATH, failing).write(NEW);
      // The last step only removes what the write has left aside, and a copy does instead of a link.
      const isNeeded = step < sound.calls.length - 1 && !call.startsWith("link ");
      if (!isNeeded) await failed.catch(() => {});
      else await assert.rejects(failed, isError(`cannot write ${PATH}: `), call);
      if (isNeeded) assert.equal(failing.text(PATH), OLD, call);

      for (const crash of CRASHES) {
        const disk = mounted();
        await crashAt(disk, step, () => new DurableFile(PATH, disk).write(NEW));
        const text = disk.text(PATH, crash);
        const whole = text === OLD || text === NEW;
        assert.ok(whole || disk.text(`${PATH}.bak`, crash) === OLD, `${crash} before ${call}`);
        assert.ok(whole || NEW.startsWith(text!), "no mixture of both");
      }
    }
  });

  it("can't be written when it is mounted read-only, and the probe says so", async () => {
    const disk = mounted();
    disk.before = (call) => {
      if (call === `open ${PATH}`) throw new Error("Read-only file system (os error 30): open 'x'");
    };
    const file = new DurableFile(PATH, disk);
    const message = `cannot write ${PATH}: opening the mounted file: Read-only file system`;
    await assert.rejects(file.probe(), isError(message));
    await assert.rejects(file.write(NEW), isError(message));
    assert.equal(disk.text(PATH), OLD);
    disk.before = () => {};
    await file.probe();
    assert.equal(disk.text(PATH), OLD);
  });
});

describe("DurableFile after a crash", () => {
  it("holds the old or the new content, whenever the crash comes and whatever it loses", async () => {
    const sound = MemoryDisk.with(PATH, OLD);
    await new DurableFile(PATH, sound).write(NEW);
    const seen = new Set<string | undefined>();
    for (const [step, call] of sound.calls.entries()) {
      const disk = MemoryDisk.with(PATH, OLD);
      disk.put(`${PATH}.bak`, "older");
      await crashAt(disk, step, () => new DurableFile(PATH, disk).write(NEW));
      for (const crash of CRASHES) {
        const text = disk.text(PATH, crash);
        assert.ok(text === OLD || text === NEW, `${crash} before ${call}: ${text}`);
        seen.add(text);
        const backup = disk.text(`${PATH}.bak`, crash);
        assert.ok(backup === OLD || backup === "older", `${crash} before ${call}: ${backup}`);
      }
    }
    assert.deepEqual([...seen], [OLD, NEW]);
  });

  it("holds nothing or the whole content when the first write is hit", async () => {
    const sound = new MemoryDisk();
    await new DurableFile(PATH, sound).write(NEW);
    for (const [step, call] of sound.calls.entries()) {
      const disk = new MemoryDisk();
      await crashAt(disk, step, () => new DurableFile(PATH, disk).write(NEW));
      for (const crash of CRASHES) {
        const text = disk.text(PATH, crash);
        assert.ok(text === undefined || text === NEW, `${crash} before ${call}: ${text}`);
      }
    }
  });

  it("holds what a resolved write wrote, whatever the crash loses", async () => {
    const disk = MemoryDisk.with(PATH, OLD);
    await new DurableFile(PATH, disk).write(NEW);
    for (const crash of CRASHES) {
      assert.equal(disk.text(PATH, crash), NEW, crash);
      assert.equal(disk.text(`${PATH}.bak`, crash), OLD, crash);
    }
  });
});

/** Makes the disk's call number `step` fail once. */
function failAt(disk: MemoryDisk, step: number, error: Error): void {
  disk.before = () => {
    if (disk.calls.length === step + 1) throw error;
  };
}

/** Runs until call number `step`; from then on nothing reaches the disk. */
async function crashAt(disk: MemoryDisk, step: number, run: () => Promise<void>): Promise<void> {
  disk.before = () => {
    if (disk.calls.length > step) throw new Error("crashed");
  };
  await assert.rejects(run());
}

function isError(part: string): (error: Error) => boolean {
  return (error) => {
    assert.ok(error instanceof DurableFileError, String(error));
    assert.ok(error.message.includes(part), error.message);
    assert.ok(!error.message.includes("\n"), error.message);
    return true;
  };
}

describe("removeLeftovers", () => {
  it("removes what crashes left a while ago, and nothing else", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const leftovers = ["kv.json.7.tmp", "kv.json.bak.123.tmp", "kv.json.broken.5.tmp"];
      const others = [
        "kv.json",
        "kv.json.bak",
        "kv.json.tmp",
        "kv.json.x.tmp",
        "kv.json.7.tmp.bak",
        "other.json.7.tmp",
      ];
      for (const name of [...leftovers, ...others]) {
        await Deno.writeTextFile(join(folder, name), "");
      }
      await Deno.mkdir(join(folder, "kv.json.9.tmp"));
      const path = join(folder, "kv.json");
      const names = async () => (await Array.fromAsync(Deno.readDir(folder))).map((it) => it.name);

      await removeLeftovers(path, Date.now());
      assert.equal((await names()).length, leftovers.length + others.length + 1);
      await removeLeftovers(path, Date.now() + 120_000);
      assert.deepEqual((await names()).sort(), [...others, "kv.json.9.tmp"].sort());
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  it("does not mind a folder that is not there", async () => {
    await removeLeftovers("/no/such/folder/kv.json", Date.now());
  });
});
