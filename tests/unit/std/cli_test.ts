import { deepEqual } from "node:assert/strict";
import { parseArgs } from "@std/cli/parse-args";
import { describe, it } from "@std/testing/bdd";

/** The options in an object without the prototype and the index signature of the result. */
function read(args: string, options: Parameters<typeof parseArgs>[1] = {}): unknown {
  return { ...parseArgs(args === "" ? [] : args.split(" "), options) };
}

describe("@std/cli parseArgs", () => {
  it("takes a value from the next argument, from behind = and from behind a letter", () => {
    deepEqual(read("--name a --port=9 -c file -n5 -x=y"), {
      _: [],
      name: "a",
      port: 9,
      c: "file",
      n: 5,
      x: "y",
    });
  });

  it("does not take an option for a value", () => {
    deepEqual(read("--name --port", { string: ["name", "port"] }), { _: [], name: "", port: "" });
    deepEqual(read("-c -n", { string: ["c", "n"] }), { _: [], c: "", n: "" });
    deepEqual(read("--offset -1", { string: "offset" }), { _: [], offset: "", 1: true });
  });

  it("makes numbers of what looks like one, but not of a string option", () => {
    deepEqual(read("--a 09 --b 0x10 --c 1e3 --d 1.2.3 7"), {
      _: [7],
      a: 9,
      b: 16,
      c: 1000,
      d: "1.2.3",
    });
    deepEqual(read("--a 09 7", { string: ["a", "_"] }), { _: ["7"], a: "09" });
  });

  it("sets boolean options that are missing to false and takes no value for others", () => {
    const boolean = ["help", "print"];
    deepEqual(read("--help file", { boolean }), { _: ["file"], help: true, print: false });
    deepEqual(read("--help=false --print false", { boolean }), {
      _: [],
      help: false,
      print: false,
    });
    deepEqual(read("--help= --print=no", { boolean }), { _: [], help: true, print: true });
  });

  it("gives an option and its aliases one value and one kind", () => {
    const options = {
      boolean: ["help"],
      string: ["file"],
      alias: { h: "help", file: ["c", "conf"] },
    };
    deepEqual(read("-h -c 01", options), {
      _: [],
      h: true,
      help: true,
      c: "01",
      conf: "01",
      file: "01",
    });
    deepEqual(read("--conf=x", options), {
      _: [],
      h: false,
      help: false,
      c: "x",
      conf: "x",
      file: "x",
    });
  });

  it("reads letters in one argument as options of their own", () => {
    deepEqual(read("-pc file", { boolean: ["p"], string: ["c"] }), { _: [], p: true, c: "file" });
    deepEqual(read("-cfile", { string: ["c"] }), {
      _: [],
      c: "",
      f: true,
      i: true,
      l: true,
      e: true,
    });
    deepEqual(read("-a-"), { _: [], a: "-" });
    deepEqual(read("-a="), { _: [], a: "" });
    deepEqual(read("-"), { _: ["-"] });
  });

  it("negates only what may be negated", () => {
    deepEqual(read("--no-color", { boolean: ["color"], negatable: ["color"] }), {
      _: [],
      color: false,
    });
    deepEqual(read("--no-color", { boolean: ["color"] }), {
      _: [],
      color: false,
      "no-color": true,
    });
    deepEqual(read("--no-color=1"), { _: [], color: 1 });
  });

  it("lets the last of several values count, or collects them", () => {
    deepEqual(read("--a 1 --a 2"), { _: [], a: 2 });
    deepEqual(read("--a 1 --a 2", { string: ["a", "b"], collect: ["a", "b"] }), {
      _: [],
      a: ["1", "2"],
      b: [],
    });
  });

  it("fills in defaults, also under the aliases", () => {
    const options = { string: ["file"], alias: { file: "c" }, default: { file: "x", port: 1 } };
    deepEqual(read("", options), { _: [], file: "x", c: "x", port: 1 });
    deepEqual(read("-c y --port 2", options), { _: [], file: "y", c: "y", port: 2 });
  });

  it("hands what nothing names to unknown, which may leave it out", () => {
    const seen: unknown[][] = [];
    const unknown = (...args: unknown[]) => {
      seen.push(args);
      return false;
    };
    const options = { boolean: ["help"], string: ["file"], alias: { file: "c" }, unknown };
    deepEqual(read("--help --file x -c x --bad=1 --worse 2 -z rest", options), {
      _: [],
      help: true,
      file: "x",
      c: "x",
    });
    deepEqual(seen, [["--bad=1", "bad", "1"], ["--worse", "worse", "2"], ["-z", "z", "rest"]]);
    seen.length = 0;
    deepEqual(read("rest", { unknown }), { _: [] });
    deepEqual(seen, [["rest"]]);
  });

  it("stops parsing at the first other argument with stopEarly", () => {
    deepEqual(read("--a 1 b --c", { stopEarly: true }), { _: ["b", "--c"], a: 1 });
  });

  it("reads nothing after --", () => {
    deepEqual(read("--a -- --b 1"), { _: ["--b", "1"], a: true });
    deepEqual(read("--a -- --b", { "--": true }), { _: [], "--": ["--b"], a: true });
  });

  it("makes objects of dotted names and reaches no prototype", () => {
    deepEqual(read("--tls.mode=x --tls.port 1"), { _: [], tls: { mode: "x", port: 1 } });
    deepEqual(read("--__proto__.polluted=1 --constructor.prototype.polluted=1"), { _: [] });
    deepEqual(Reflect.get({}, "polluted"), undefined);
  });

  it("knows the types of what it read", () => {
    const args = parseArgs(["--help", "-c", "x"], {
      boolean: ["help"],
      string: ["file", "list"],
      collect: ["list"],
      alias: { file: "c" },
    });
    const help: boolean = args.help;
    const file: string | undefined = args.file;
    const lists: string[] = args.list;
    deepEqual([help, file, lists], [true, "x", []]);
  });
});
