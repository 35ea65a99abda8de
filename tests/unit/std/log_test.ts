import { deepEqual, equal, throws } from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { spy, stub } from "@std/testing/mock";
import {
  BaseHandler,
  ConsoleHandler,
  FileHandler,
  getLogger,
  LogLevels,
  RotatingFileHandler,
  setup,
} from "@std/log";
import { LogRecord } from "@std/log/logger";

class ListHandler extends BaseHandler {
  readonly lines: string[] = [];
  readonly states: string[] = [];

  override log(line: string): void {
    this.lines.push(line);
  }

  override setup(): void {
    this.states.push("up");
  }

  override destroy(): void {
    this.states.push("down");
  }
}

describe("@std/log", () => {
  afterEach(() => setup({}));

  it("passes on messages at or above the levels of the logger and of the handler", () => {
    const handler = new ListHandler("WARN");
    setup({
      handlers: { list: handler },
      loggers: { main: { level: "DEBUG", handlers: ["list"] } },
    });
    const logger = getLogger("main");
    logger.info("too low");
    logger.warn("warned");
    logger.error("wrong");
    logger.critical("worst");
    deepEqual(handler.lines, ["WARN warned", "ERROR wrong", "CRITICAL worst"]);
    logger.levelName = "ERROR";
    equal(logger.level, LogLevels.ERROR);
    logger.warn("too low now");
    handler.levelName = "DEBUG";
    logger.level = LogLevels.DEBUG;
    equal(logger.levelName, "DEBUG");
    logger.debug("fine");
    deepEqual(handler.lines.slice(3), ["DEBUG fine"]);
  });

  it("refuses names of levels that there are none of", () => {
    const logger = getLogger("main");
    throws(() => logger.levelName = "LOUD" as "INFO", Error);
    throws(() => new ListHandler("LOUD" as "INFO"), Error);
    equal(logger.levelName, "NOTSET");
  });

  it("makes lazy messages only when the level lets them through", () => {
    const handler = new ListHandler("NOTSET");
    setup({
      handlers: { list: handler },
      loggers: { main: { level: "INFO", handlers: ["list"] } },
    });
    const message = spy(() => "made");
    equal(getLogger("main").debug(message), undefined);
    equal(message.calls.length, 0);
    equal(getLogger("main").info(message), "made");
    deepEqual(handler.lines, ["INFO made"]);
  });

  it("hands formatters a record", () => {
    const handler = new ListHandler("NOTSET", {
      formatter: ({ level, levelName, loggerName, msg, args, datetime }) =>
        JSON.stringify([level, levelName, loggerName, msg, args, datetime instanceof Date]),
    });
    setup({
      handlers: { list: handler },
      loggers: { main: { level: "INFO", handlers: ["list"] } },
    });
    getLogger("main").info("text", { a: 1 }, 2);
    deepEqual(handler.lines, ['[20,"INFO","main","text",[{"a":1},2],true]']);
  });

  it("makes texts of other values", () => {
    const handler = new ListHandler("NOTSET", { formatter: ({ msg }) => msg });
    setup({
      handlers: { list: handler },
      loggers: { main: { level: "INFO", handlers: ["list"] } },
    });
    for (const value of [1, 2n, true, null, undefined, { a: "b", c: { d: 1 } }, ["x"]]) {
      getLogger("main").info(value);
    }
    deepEqual(handler.lines, [
      "1",
      "2",
      "true",
      "null",
      "undefined",
      '{"a":"b","c":{"d":1}}',
      '{"0":"x"}',
    ]);
  });

  it("sets handlers up, and destroys them when others are set up", () => {
    const handler = new ListHandler("INFO");
    setup({ handlers: { list: handler }, loggers: { main: { handlers: ["list", "none"] } } });
    const logger = getLogger("main");
    equal(logger.levelName, "INFO");
    deepEqual(handler.states, ["up"]);
    deepEqual(logger.handlers, [handler]);
    setup({});
    deepEqual(handler.states, ["up", "down"]);
    deepEqual(getLogger("main").handlers, []);
    equal(getLogger("main").levelName, "NOTSET");
    equal(getLogger().levelName, "INFO");
  });

  it("writes to the console", () => {
    using log = stub(console, "log");
    const record = new LogRecord({ msg: "x", args: [], level: LogLevels.WARN, loggerName: "main" });
    new ConsoleHandler("INFO", { useColors: false }).handle(record);
    const [before, after] = Deno.noColor ? ["", ""] : ["\x1b[33m", "\x1b[39m"];
    new ConsoleHandler("INFO").handle(record);
    new ConsoleHandler("ERROR").handle(record);
    deepEqual(log.calls.map((call) => call.args), [["WARN x"], [`${before}WARN x${after}`]]);
  });
});

describe("@std/log files", () => {
  let folder: string;
  let filename: string;

  beforeEach(() => {
    folder = Deno.makeTempDirSync();
    filename = `${folder}/app.log`;
  });

  afterEach(() => Deno.removeSync(folder, { recursive: true }));

  const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
  const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  const record = (msg: string, level: LogRecord["level"] = LogLevels.INFO) =>
    new LogRecord({ msg, args: [], level: level as 20, loggerName: "main" });
  const rotating = (options: Partial<ConstructorParameters<typeof RotatingFileHandler>[1]> = {}) =>
    new RotatingFileHandler("INFO", {
      filename,
      maxBytes: 10,
      maxBackupCount: 2,
      formatter: ({ msg }) => msg,
      ...options,
    });

  it("keeps lines in a buffer until it is full, flushed or destroyed", () => {
    const handler = new FileHandler("INFO", { filename, bufferSize: 16 });
    handler.setup();
    handler.handle(record("one"));
    equal(read("app.log"), "");
    handler.flush();
    equal(read("app.log"), "INFO one\n");
    handler.handle(record("two"));
    handler.handle(record("three"));
    equal(read("app.log"), "INFO one\nINFO two\n");
    handler.handle(record("far too long for the buffer"));
    equal(read("app.log").split("\n").length, 5);
    handler.handle(record("end"));
    handler.destroy();
    equal(read("app.log").endsWith("buffer\nINFO end\n"), true);
    handler.destroy();
  });

  it("writes critical records at once", () => {
    using handler = new FileHandler("INFO", { filename });
    handler.setup();
    handler.handle(record("bad", LogLevels.ERROR));
    equal(read("app.log"), "");
    handler.handle(record("worse", LogLevels.CRITICAL));
    equal(read("app.log"), "ERROR bad\nCRITICAL worse\n");
  });

  it("appends, begins anew or refuses an existing file", () => {
    Deno.writeTextFileSync(filename, "old\n");
    for (const [mode, text] of [["a", "old\nINFO x\n"], ["w", "INFO x\n"]] as const) {
      using handler = new FileHandler("INFO", { filename, mode });
      handler.setup();
      handler.handle(record("x"));
      handler.flush();
      equal(read("app.log"), text);
    }
    throws(
      () => new FileHandler("INFO", { filename, mode: "x" }).setup(),
      Deno.errors.AlreadyExists,
    );
  });

  it("throws what the system says against the file", () => {
    const handler = new FileHandler("INFO", { filename: `${folder}/none/app.log` });
    throws(() => handler.setup(), Deno.errors.NotFound);
    handler.destroy();
  });

  it("keeps maxBackupCount full files", () => {
    using handler = rotating();
    handler.setup();
    for (const line of ["1111", "2222", "33333", "4444", "5555", "666", "777777777"]) {
      handler.handle(record(line));
    }
    handler.flush();
    deepEqual(names(), ["app.log", "app.log.1", "app.log.2"]);
    equal(read("app.log.2"), "4444\n5555\n");
    equal(read("app.log.1"), "666\n");
    equal(read("app.log"), "777777777\n");
  });

  it("counts bytes, also those of the file that it appends to", () => {
    Deno.writeTextFileSync(filename, "12345\n");
    using handler = rotating();
    handler.setup();
    handler.handle(record("\u00e9"));
    handler.handle(record("\u00e9"));
    handler.flush();
    deepEqual(names(), ["app.log", "app.log.1"]);
    equal(read("app.log.1"), "12345\n\u00e9\n");
    equal(read("app.log"), "\u00e9\n");
  });

  it("removes or refuses older files when it begins anew", () => {
    for (const name of ["app.log.1", "app.log.2", "app.log.3"]) {
      Deno.writeTextFileSync(`${folder}/${name}`, "");
    }
    throws(() => rotating({ mode: "x" }).setup(), Deno.errors.AlreadyExists);
    using handler = rotating({ mode: "w" });
    handler.setup();
    deepEqual(names(), ["app.log", "app.log.3"]);
  });

  it("refuses a size or a count below one", () => {
    throws(() => rotating({ maxBytes: 0 }).setup(), /maxBytes/);
    throws(() => rotating({ maxBackupCount: 0 }).setup(), /maxBackupCount/);
    deepEqual(names(), []);
  });
});
