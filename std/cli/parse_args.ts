/**
 * Stand-in for `@std/cli/parse-args`, used through `links` where JSR cannot be reached.
 *
 * @module
 */

/** Parsing options; names are given without hyphens. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
> {
  /** Whether arguments after `--` go to a list of their own instead of `_`. */
  "--"?: boolean;
  /** Aliases of an option. */
  alias?: Record<string, string | readonly string[]>;
  /** Options that take no value and are false when missing. */
  boolean?: B | readonly B[];
  /** Options that `--no-<name>` sets to false. */
  negatable?: string | readonly string[];
  /** Options whose values are never converted to numbers. */
  string?: S | readonly S[];
  /** Options whose values are collected into a list; otherwise the last one wins. */
  collect?: C | readonly C[];
  /** Default values. */
  default?: Record<string, unknown>;
  /** Whether everything from the first non-option argument on goes to `_` unparsed. */
  stopEarly?: boolean;
  /** Called for unknown options and arguments; they are dropped if it returns false. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** The parsed options by name, and the other arguments under `_`. */
export type Args<B extends string = never, S extends string = never, C extends string = never> =
  & Record<string, unknown>
  & { _: (string | number)[]; "--"?: string[] }
  & { [K in Exclude<B, C>]: boolean }
  & { [K in Exclude<S, C>]?: string }
  & { [K in C]: K extends B ? boolean[] : K extends S ? string[] : unknown[] };

type Value = string | number | boolean;
type Tree = { [key: string]: unknown };

const list = <T extends string>(value: T | readonly T[] = []): readonly T[] =>
  typeof value === "string" ? [value] : value;

/**
 * Parses command line arguments: `--name value`, `--name=value`, `--flag`, `-f value`, `-fgh`,
 * `-n1`, `-f=value`. A dot in a name creates an object.
 */
export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
>(args: readonly string[], options: ParseOptions<B, S, C> = {}): Args<B, S, C> {
  const groups = Object.entries(options.alias ?? {}).map(([key, names]) => [key, ...list(names)]);
  const namesOf = (
    key: string,
  ) => [...new Set([key, ...groups.filter((group) => group.includes(key)).flat()])];
  const withAliases = (names?: string | readonly string[]) => new Set(list(names).flatMap(namesOf));
  const booleans = withAliases(options.boolean);
  const strings = withAliases(options.string);
  const collected = withAliases(options.collect);
  const negatable = withAliases(options.negatable);
  const aliased = new Set(groups.flat());
  const known = new Set([...booleans, ...strings, ...collected, ...aliased]);
  const result: Tree & { _: (string | number)[] } = { _: [] };

  const put = (key: string, value: Value, arg: string, collect = true) => {
    if (!known.has(key) && options.unknown?.(arg, key, value) === false) return;
    const typed = typeof value === "string" && !strings.has(key) ? numberOr(value) : value;
    for (const name of namesOf(key)) setPath(result, name, typed, collect && collected.has(name));
  };

  const end = args.indexOf("--");
  const read = end < 0 ? args : args.slice(0, end);
  const rest = end < 0 ? [] : args.slice(end + 1);

  /**
   * Uses the argument after `at` as the value of `key`, if possible; returns how many arguments it
   * took.
   */
  const putWithNext = (
    key: string,
    at: number,
    arg: string,
    isOption: (next: string) => boolean,
  ) => {
    const next = read[at + 1];
    if (next && !booleans.has(key) && !isOption(next)) put(key, next, arg);
    else if (next === "true" || next === "false") put(key, next === "true", arg);
    else {
      put(key, strings.has(key) ? "" : true, arg);
      return 0;
    }
    return 1;
  };

  for (let i = 0; i < read.length; i++) {
    const arg = read[i]!;
    const name = arg.startsWith("--") ? arg.slice(2) : "";
    const negated = /^no-./s.test(name);
    const start = negated ? 3 : 0;
    const equals = name.indexOf("=", start + 1);
    if (equals > 0) {
      const key = name.slice(start, equals);
      const value = name.slice(equals + 1);
      put(key, booleans.has(key) ? value !== "false" : value, arg);
    } else if (negated && negatable.has(name.slice(start))) {
      put(name.slice(start), false, arg, false);
    } else if (name) {
      i += putWithNext(name, i, arg, (next) => next.startsWith("-"));
    } else if (arg.length > 1 && arg.startsWith("-")) {
      const last = putLetters(arg, strings, put);
      if (last && last !== "-") i += putWithNext(last, i, arg, (next) => /^--?[^-]/.test(next));
    } else {
      if (options.unknown?.(arg) !== false) result._.push(strings.has("_") ? arg : numberOr(arg));
      if (options.stopEarly) {
        result._.push(...read.slice(i + 1));
        break;
      }
    }
  }

  for (const [key, value] of Object.entries(options.default ?? {})) {
    if (!hasPath(result, key)) {
      for (const name of namesOf(key)) setPath(result, name, value, false);
    }
  }
  for (const key of booleans) {
    if (!hasPath(result, key)) setPath(result, key, collected.has(key) ? [] : false, false);
  }
  for (const key of strings) {
    if (collected.has(key) && !hasPath(result, key)) setPath(result, key, [], false);
  }
  if (options["--"]) result["--"] = rest;
  else result._.push(...rest);
  return result as Args<B, S, C>;
}

/**
 * Parses a group of letters (`-abc`, `-n5`, `-f=x`). Returns the last letter if the next argument
 * may be its value.
 */
function putLetters(
  arg: string,
  strings: Set<string>,
  put: (key: string, value: Value, arg: string) => void,
): string | undefined {
  for (let i = 1; i < arg.length - 1; i++) {
    const letter = arg[i]!;
    const tail = arg.slice(i + 1);
    const isLetter = /[A-Za-z]/.test(letter);
    const assigned = /=(.+)/.exec(tail)?.[1];
    if (tail === "-") put(letter, tail, arg);
    else if (tail === "=") return void put(letter, "", arg);
    else if (isLetter && assigned !== undefined) return void put(letter, assigned, arg);
    else if (isLetter && /-?\d+(\.\d*)?(e-?\d+)?$/.test(tail)) return void put(letter, tail, arg);
    else if (i + 1 < arg.length - 1 && /\W/.test(tail[0]!)) return void put(letter, tail, arg);
    else put(letter, strings.has(letter) ? "" : true, arg);
  }
  return arg.at(-1);
}

function numberOr(text: string): string | number {
  return /\S/.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Sets the value at `path`, whose dots create objects; never touches a prototype. */
function setPath(tree: Tree, path: string, value: unknown, collect: boolean): void {
  const keys = path.split(".");
  const last = keys.pop()!;
  for (const key of keys) {
    if (isUnsafe(tree, key)) return;
    tree = (tree[key] ??= {}) as Tree;
  }
  if (isUnsafe(tree, last)) return;
  const before = tree[last];
  if (!collect) tree[last] = value;
  else if (Array.isArray(before)) before.push(value);
  else tree[last] = before ? [before, value] : [value];
}

function isUnsafe(tree: Tree, key: string): boolean {
  return key === "__proto__" || (key === "constructor" && typeof tree[key] === "function");
}

function hasPath(tree: Tree, path: string): boolean {
  let at: unknown = tree;
  for (const key of path.split(".")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return false;
    at = (at as Tree)[key];
  }
  return true;
}
