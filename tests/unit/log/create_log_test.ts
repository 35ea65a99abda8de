import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { type Stub, stub } from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { createLog, type LogOptions } from "../../../src/log/create_log.ts";
import { LogError } from "../../../src/log/file.ts";

describe("createLog", () => {
  let folder = "";
  let time: FakeTime;
  let console_: Stub;
  let open: ReturnType<typeof createLog> | undefined;

  beforeEach(() => {
    folder = Deno.makeTempDirSync();
    time = new FakeTime("2026-11-22T12:00:00.123Z");
    console_ = stub(console, "error");
  });
  afterEach(() => {
    open?.close();
    open = undefined;
    console_.restore();
    time.restore();
    Deno.removeSync(folder, { recursive: true });
  });

  function create(options: Partial<LogOptions> = {}) {
    open = createLog({
      level: "INFO",
      format: "text",
      limits: { kind: 0, peers: 0 },
      console: false,
      dir: folder,
      maxBytes: 1e6,
      fileCount: 3,
      ...options,
    });
    return open;
  }
  const read = (name = "namesrv.log") => Deno.readTextFileSync(`${folder}/${name}`);
  const printed = () => console_.calls.map(({ args }) => args.join(" "));

  it("writes one line per event to the console and the file", () => {
    const { log, close } = create({ console: true });
    log.info("broker registered", { broker: "broker-a" });
    log.warn("careful", { peer: "127.0.0.1:1\nx" });
    log.error("bad");
    close();
    const lines = [
      "2026-11-22T12:00:00.123Z INFO broker registered broker=broker-a",
      `2026-11-22T12:00:00.123Z WARN careful peer="127.0.0.1:1\\nx"`,
      "2026-11-22T12:00:00.123Z ERROR bad",
    ];
    assert.deepEqual(printed(), lines);
    assert.equal(read(), lines.join("\n") + "\n");
  });

  it("writes JSON objects, a line each, when asked to", () => {
    const { log, close } = create({ console: true, format: "json" });
    log.info("broker registered", { broker: "broker-a", id: 0 });
    log.warn("careful", { peer: "127.0.0.1:1\nx" });
    close();
    const time = "2026-11-22T12:00:00.123Z";
    const expected = [
      { time, level: "INFO", event: "broker registered", broker: "broker-a", id: 0 },
      { time, level: "WARN", event: "careful", peer: "127.0.0.1:1\nx" },
    ];
    assert.deepEqual(printed().map((line) => JSON.parse(line)), expected);
    assert.deepEqual(read().trimEnd().split("\n"), printed());
  });

  it("writes so many events of a kind in a minute, and how many more there were", () => {
    const { log, setLimits, close } = create({ limits: { kind: 3, peers: 0 } });
    for (let i = 0; i < 10; i++) log.warn("connection refused", { i });
    log.info("connection refused");
    log.warn("other");
    const lines = () => read().trimEnd().split("\n").map((line) => line.slice(25));
    assert.deepEqual(lines(), [
      "WARN connection refused i=0",
      "WARN connection refused i=1",
      "WARN connection refused i=2",
      "INFO connection refused",
      "WARN other",
    ]);
    time.tick(60_000);
    assert.equal(
      lines().at(-1),
      `WARN log lines omitted of="connection refused" count=7 seconds=60`,
    );
    for (let i = 0; i < 5; i++) log.warn("connection refused", { i });
    assert.equal(lines().at(-1), "WARN connection refused i=2");
    setLimits({ kind: 0 });
    for (let i = 0; i < 5; i++) log.warn("connection refused", { i });
    assert.equal(lines().at(-1), "WARN connection refused i=4");
    // Lines omitted in an unfinished minute are reported on close, too.
    time.tick(700);
    close();
    assert.equal(
      lines().at(-1),
      `WARN log lines omitted of="connection refused" count=2 seconds=1`,
    );
  });

  it("counts lines below its level as little as it writes them", () => {
    const { log, setLevel } = create({ limits: { kind: 1, peers: 0 }, level: "WARN" });
    for (let i = 0; i < 5; i++) log.info("quiet");
    setLevel("INFO");
    log.info("quiet");
    log.warn("loud");
    assert.match(read(), /INFO quiet\n.*WARN loud\n$/);
  });

  it("writes to the console alone without a folder, to nothing without either", () => {
    const first = create({ console: true, dir: "" });
    first.log.info("seen");
    first.close();
    const second = create({ console: false, dir: "" });
    second.log.error("unseen");
    assert.deepEqual(printed(), ["2026-11-22T12:00:00.123Z INFO seen"]);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  });

  it("writes from its level on, which can change", () => {
    const { log, setLevel } = create({ console: true, dir: "" });
    const all = () => {
      log.debug("d");
      log.info("i");
      log.warn("w");
      log.error("e");
      return console_.calls.splice(0).map(({ args }) => String(args[0]).at(-1)).join("");
    };
    assert.equal(log.debugEnabled, false);
    assert.equal(all(), "iwe");
    setLevel("DEBUG");
    assert.equal(log.debugEnabled, true);
    assert.equal(all(), "Gdiwe");
    setLevel("WARN");
    assert.equal(log.debugEnabled, false);
    assert.equal(all(), "Nwe");
    setLevel("ERROR");
    assert.equal(all(), "Re");
    assert.equal(create({ level: "DEBUG" }).log.debugEnabled, true);
  });

  it("writes a change of its level at the level so far", () => {
    const { setLevel } = create({ console: true, dir: "", level: "INFO" });
    setLevel("INFO");
    for (const level of ["ERROR", "DEBUG", "WARN"] as const) setLevel(level);
    assert.deepEqual(printed().map((line) => line.slice(25)), [
      "INFO log level changed from=INFO to=ERROR",
      "ERROR log level changed from=ERROR to=DEBUG",
      "DEBUG log level changed from=DEBUG to=WARN",
    ]);
  });

  it("writes stacks at DEBUG only", () => {
    const { log, setLevel } = create({ console: true, dir: "" });
    log.error("e", { error: new Error("x") });
    setLevel("DEBUG");
    log.error("e", { error: new Error("x") });
    const errors = printed().filter((line) => line.includes("ERROR"));
    assert.deepEqual(errors.map((line) => line.includes("error.stack=")), [false, true]);
  });

  it("makes the folder, and goes on with a file that is there", () => {
    const dir = `${folder}/a/b`;
    create({ dir }).log.warn("one");
    open!.close();
    create({ dir }).log.warn("two");
    assert.equal(read("a/b/namesrv.log").split("\n").length, 3);
  });

  it("has the file at most a second behind, and not at all for warnings", () => {
    const { log } = create();
    log.info("one");
    assert.equal(read(), "");
    time.tick(1000);
    assert.match(read(), /one\n$/);
    log.info("two");
    log.warn("three");
    assert.match(read(), /two\n.*three\n$/);
  });

  it("rotates at maxBytes and keeps fileCount older files", () => {
    const { log, close } = create({ maxBytes: 100, fileCount: 2 });
    for (let i = 0; i < 9; i++) log.info(`event ${i}`);
    close();
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "namesrv.log",
      "namesrv.log.1",
      "namesrv.log.2",
    ]);
    const events = (name: string) => read(name).match(/event \d/g)!.map((event) => event.at(-1));
    assert.deepEqual(events("namesrv.log"), ["8"]);
    assert.deepEqual(events("namesrv.log.1"), ["6", "7"]);
    assert.deepEqual(events("namesrv.log.2"), ["4", "5"]);
  });

  it("refuses a folder that can't be used, naming logDir and the reason", () => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    const dir = `${folder}/file/logs`;
    assert.throws(
      () => create({ dir }),
      isLogError(`logDir=${dir}: can't write namesrv.log there: `),
    );
    Deno.mkdirSync(`${folder}/namesrv.log`);
    assert.throws(() => create(), isLogError(`logDir=${folder}: `));
  });

  it("names the flags that Deno's permissions want", () => {
    const denied = stub(Deno, "mkdirSync", () => {
      throw new Deno.errors.NotCapable("Requires write access");
    });
    try {
      const flags = `--allow-read=${folder} --allow-write=${folder}`;
      assert.throws(() => create(), isLogError(flags));
    } finally {
      denied.restore();
    }
  });

  it("survives a full disk: lines are lost, the console says so once a minute", () => {
    const { log } = create();
    const full = stub(Deno.FsFile.prototype, "writeSync", () => {
      throw new Error("No space left on device (os error 28)");
    });
    try {
      for (let i = 0; i < 2000; i++) log.warn("x".repeat(100));
      log.warn("y".repeat(100_000));
      time.tick(59_000);
      assert.deepEqual(printed(), [
        `2026-11-22T12:00:00.123Z ERROR log lines lost file=${folder}/namesrv.log` +
        ` error="No space left on device (os error 28)"`,
      ]);
      time.tick(2_000);
      log.warn("still");
      assert.equal(printed().length, 2);
    } finally {
      full.restore();
    }
    log.warn("space again");
    assert.match(read(), /space again\n$/);
  });

  it("survives a rotation that fails, and goes on in the file that is there", () => {
    const { log } = create({ maxBytes: 200 });
    log.warn("before");
    const failing = stub(Deno, "renameSync", () => {
      throw new Deno.errors.PermissionDenied("Permission denied (os error 13)");
    });
    try {
      for (let i = 0; i < 20; i++) log.warn(`meanwhile ${i}`);
    } finally {
      failing.restore();
    }
    assert.equal(printed().length, 1);
    assert.match(read(), /before\n(.*meanwhile \d+\n){20}$/);
    for (let i = 0; i < 20; i++) log.warn(`after ${i}`);
    assert.match(read(), /after 19\n$/);
    assert.ok(read().length <= 200);
  });

  it("finds its way back after its folder was away", () => {
    const { log } = create({ dir: `${folder}/logs`, maxBytes: 100 });
    Deno.removeSync(`${folder}/logs`, { recursive: true });
    for (let i = 0; i < 20; i++) log.warn(`meanwhile ${i}`);
    assert.equal(printed().length, 1);
    Deno.mkdirSync(`${folder}/logs`);
    log.warn("after");
    assert.match(read("logs/namesrv.log"), /after\n$/);
  });

  it("keeps its older files while no new one can be opened", () => {
    const { log } = create({ maxBytes: 100 });
    for (let i = 0; i < 7; i++) log.warn(`before ${i}`);
    const failing = stub(Deno, "openSync", () => {
      throw new Error("Too many open files (os error 24)");
    });
    try {
      for (let i = 0; i < 20; i++) log.warn(`meanwhile ${i}`);
    } finally {
      failing.restore();
    }
    log.warn("after");
    assert.match(read(), /after\n$/);
    assert.match(read("namesrv.log.1"), /before 6\n.*meanwhile 0\n$/);
    assert.match(read("namesrv.log.2"), /before 4\n.*before 5\n$/);
  });

  it("survives a console that can't be written", () => {
    console_.restore();
    console_ = stub(console, "error", () => {
      throw new Error("No space left on device");
    });
    create({ console: true, dir: "" }).log.error("unseen");
    assert.equal(console_.calls.length, 1);
  });

  it("leaves the console in use after close", () => {
    const { log, close } = create({ console: true });
    close();
    log.info("late".repeat(30_000));
    assert.deepEqual(printed(), [`2026-11-22T12:00:00.123Z INFO ${"late".repeat(30_000)}`]);
    assert.equal(read(), "");
    assert.equal(time.next(), false, "no timer is left");
  });
});

function isLogError(part: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof LogError, String(error));
    assert.ok(error.message.includes(part), error.message);
    assert.ok(!error.message.includes("\n"), error.message);
    return true;
  };
}
