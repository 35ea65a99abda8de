/**
 * Stand-in for `@std/testing/bdd`, used through `links` where JSR is unreachable: the functions
 * that this project's tests use, based on `Deno.test` and its steps.
 *
 * @module
 */

/** Options of a test or suite. */
export type TestOptions = Pick<
  Deno.TestDefinition,
  "ignore" | "sanitizeExit" | "sanitizeOps" | "sanitizeResources"
>;

type TestBody = (t: Deno.TestContext) => void | Promise<void>;
type Hook = () => void | Promise<void>;
type Step = {
  name: string;
  options: TestOptions;
  run: (t: Deno.TestContext, path: Suite[]) => Promise<void>;
};

class Suite {
  readonly steps: Step[] = [];
  readonly beforeAll: Hook[] = [];
  readonly beforeEach: Hook[] = [];
  readonly afterEach: Hook[] = [];
  readonly afterAll: Hook[] = [];

  /** Runs the steps; `path` lists the enclosing suites, outermost first. */
  async run(t: Deno.TestContext, path: Suite[]): Promise<void> {
    await runHooks(this.beforeAll);
    try {
      for (const { name, options, run } of this.steps) {
        await t.step({ ...options, name, fn: (step) => run(step, [...path, this]) });
      }
    } finally {
      await runHooks(this.afterAll);
    }
  }
}

/** The suite being defined, to which `it` and the hooks add. */
let current: Suite | undefined;

async function runHooks(hooks: Hook[]): Promise<void> {
  for (const hook of hooks) await hook();
}

async function runTest(t: Deno.TestContext, path: Suite[], body: TestBody): Promise<void> {
  const [suite, ...inner] = path;
  if (suite === undefined) return await body(t);
  await runHooks(suite.beforeEach);
  try {
    await runTest(t, inner, body);
  } finally {
    await runHooks(suite.afterEach);
  }
}

function register(step: Step): void {
  if (current !== undefined) {
    current.steps.push(step);
  } else {
    Deno.test({ ...step.options, name: step.name, fn: (t) => step.run(t, []) });
  }
}

/** Registers a suite: calls `fn` at once, which registers tests, hooks and nested suites. */
export function describe(name: string, fn: () => void): void;
export function describe(name: string, options: TestOptions, fn: () => void): void;
export function describe(
  name: string,
  optionsOrFn: TestOptions | (() => void),
  maybeFn?: () => void,
): void {
  const [options, fn] = split(optionsOrFn, maybeFn);
  const suite = new Suite();
  const outer = current;
  current = suite;
  try {
    fn();
  } finally {
    current = outer;
  }
  register({ name, options, run: (t, path) => suite.run(t, path) });
}

/** Registers a test in the enclosing suite, or by itself. */
export function it(name: string, fn: TestBody): void;
export function it(name: string, options: TestOptions, fn: TestBody): void;
export function it(name: string, optionsOrFn: TestOptions | TestBody, maybeFn?: TestBody): void {
  const [options, fn] = split(optionsOrFn, maybeFn);
  register({ name, options, run: (t, path) => runTest(t, path, fn) });
}

function split<F extends (...args: never[]) => unknown>(
  optionsOrFn: TestOptions | F,
  fn?: F,
): [TestOptions, F] {
  if (typeof optionsOrFn === "function") return [{}, optionsOrFn];
  return [optionsOrFn, fn!];
}

function addHook(name: "beforeAll" | "beforeEach" | "afterEach" | "afterAll", hook: Hook): void {
  if (current === undefined) throw new Error(`${name} must be called in a describe`);
  current[name].push(hook);
}

/** Runs `hook` once, before the suite's first test. */
export function beforeAll(hook: Hook): void {
  addHook("beforeAll", hook);
}

/** Runs `hook` before each test of the suite and its nested suites; outer hooks run first. */
export function beforeEach(hook: Hook): void {
  addHook("beforeEach", hook);
}

/** Runs `hook` after each test of the suite, even a failed one; inner hooks run first. */
export function afterEach(hook: Hook): void {
  addHook("afterEach", hook);
}

/** Runs `hook` once, after the suite's last test. */
export function afterAll(hook: Hook): void {
  addHook("afterAll", hook);
}
