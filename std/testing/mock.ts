/**
 * Stand-in for `@std/testing/mock`, used through `links` where JSR is unreachable: functions that
 * record their calls, checked with `node:assert`.
 *
 * @module
 */
import assert from "node:assert/strict";

// deno-lint-ignore no-explicit-any -- any function can be spied on, as with the original
type Any = any;

/** One call of a spy. */
export interface SpyCall<Self = Any, Args extends unknown[] = Any[], Return = Any> {
  args: Args;
  self?: Self;
  returned?: Return;
  error?: Error;
}

/** A function that records its calls. */
export interface Spy<Self = Any, Args extends unknown[] = Any[], Return = Any> {
  (this: Self, ...args: Args): Return;
  /** The function to which calls are passed. */
  original: (this: Self, ...args: Args) => Return;
  calls: SpyCall<Self, Args, Return>[];
  restored: boolean;
  /** Restores the original method. */
  restore(): void;
}

/** A spy that replaces a method; disposing it restores the original. */
export interface MethodSpy<Self = Any, Args extends unknown[] = Any[], Return = Any>
  extends Spy<Self, Args, Return>, Disposable {}

/** A method replaced by another function. */
export interface Stub<Self = Any, Args extends unknown[] = Any[], Return = Any>
  extends MethodSpy<Self, Args, Return> {
  fake: (this: Self, ...args: Args) => Return;
}

/** Expected properties of a call; absent ones are not checked. */
export interface ExpectedSpyCall<Self, Args extends unknown[], Return> {
  args?: [...Args, ...unknown[]];
  self?: Self;
  returned?: Return;
  error?: { Class?: new (...args: Any[]) => Error; msgIncludes?: string };
}

type ArgsOf<Self, Key extends keyof Self> = Self[Key] extends (...args: infer Args) => unknown
  ? Args
  : unknown[];
type ReturnOf<Self, Key extends keyof Self> = Self[Key] extends (...args: Any[]) => infer Return
  ? Return
  : unknown;

/** Misuse of spies or stubs, or too many calls of a {@linkcode returnsNext} function. */
export class MockError extends Error {
  override name = "MockError";
}

const spies = new WeakSet<object>();

/** Creates a function that calls `target` and records each call; `extras` become its properties. */
function recorder(target: Any, extras: PropertyDescriptorMap): Any {
  const calls: SpyCall[] = [];
  const recording = function (this: unknown, ...args: unknown[]): unknown {
    const call: SpyCall = { args };
    if (this) call.self = this;
    try {
      call.returned = target.apply(this, args);
      return call.returned;
    } catch (error) {
      call.error = error as Error;
      throw error;
    } finally {
      calls.push(call);
    }
  };
  spies.add(recording);
  return Object.defineProperties(recording, {
    calls: { value: calls, enumerable: true },
    ...extras,
  });
}

/** Replaces the method `key` of `self` with a recorder of `fake`. */
function replaceMethod(self: Any, key: PropertyKey, fake: Any): Any {
  const original = self[key];
  const own = Object.getOwnPropertyDescriptor(self, key);
  if (original !== undefined && typeof original !== "function") {
    throw new MockError(`Not a method: ${String(key)}`);
  }
  if (spies.has(original)) throw new MockError(`A spy already: ${String(key)}`);
  if (own?.configurable === false) throw new MockError(`Cannot be replaced: ${String(key)}`);
  let restored = false;
  const restore = () => {
    if (restored) throw new MockError(`Restored already: ${String(key)}`);
    restored = true;
    if (own) Object.defineProperty(self, key, own);
    else delete self[key];
  };
  const value = recorder(fake ?? original, {
    original: { value: original, enumerable: true },
    fake: { value: fake, enumerable: true },
    restored: { get: () => restored, enumerable: true },
    restore: { value: restore, enumerable: true },
    [Symbol.dispose]: { value: restore },
  });
  Object.defineProperty(self, key, {
    configurable: true,
    enumerable: own?.enumerable ?? false,
    writable: own?.writable ?? false,
    value,
  });
  return value;
}

/**
 * Records the calls of `func`, of a no-op, or of the method `key` of `self`, and passes them on.
 */
export function spy<Self = Any, Args extends unknown[] = Any[], Return = undefined>(): Spy<
  Self,
  Args,
  Return
>;
export function spy<Self, Args extends unknown[], Return>(
  func: (this: Self, ...args: Args) => Return,
): Spy<Self, Args, Return>;
export function spy<Self, Key extends keyof Self>(
  self: Self,
  key: Key,
): MethodSpy<Self, ArgsOf<Self, Key>, ReturnOf<Self, Key>>;
export function spy(funcOrSelf?: Any, key?: PropertyKey): Any {
  if (key !== undefined) {
    if (typeof funcOrSelf[key] !== "function") throw new MockError(`Not a method: ${String(key)}`);
    return replaceMethod(funcOrSelf, key, undefined);
  }
  const original = funcOrSelf ?? (() => {});
  return recorder(original, {
    original: { value: original, enumerable: true },
    restored: { value: false, enumerable: true },
    restore: {
      value: () => {
        throw new MockError("A spy on a plain function has nothing to restore");
      },
    },
  });
}

/** Replaces the method `key` of `self` with `func` (or a no-op) and records the calls. */
export function stub<Self, Key extends keyof Self>(
  self: Self,
  key: Key,
  func?: (this: Self, ...args: ArgsOf<Self, Key>) => ReturnOf<Self, Key>,
): Stub<Self, ArgsOf<Self, Key>, ReturnOf<Self, Key>> {
  return replaceMethod(self, key, func ?? (() => {}));
}

/**
 * Asserts how often a spy was called.
 *
 * @throws {AssertionError} When the number differs.
 */
export function assertSpyCalls<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  expectedCalls: number,
): void {
  assert.equal(spy.calls.length, expectedCalls, `${spy.calls.length} calls, not ${expectedCalls}`);
}

/**
 * Asserts that a spy was called at least `callIndex + 1` times, and checks that call.
 *
 * @throws {AssertionError} When the call is missing or differs.
 */
export function assertSpyCall<Self, Args extends unknown[], Return>(
  spy: Spy<Self, Args, Return>,
  callIndex: number,
  expected: ExpectedSpyCall<Self, Args, Return> = {},
): void {
  const call = spy.calls[callIndex];
  assert.ok(call, `No call ${callIndex}: there were ${spy.calls.length}`);
  if (expected.args) assert.deepEqual(call.args, expected.args);
  if ("self" in expected) assert.deepEqual(call.self, expected.self);
  if ("returned" in expected) {
    assert.ok(!call.error, `Call ${callIndex} threw`);
    assert.deepEqual(call.returned, expected.returned);
  }
  if ("error" in expected) {
    const { Class = Error, msgIncludes = "" } = expected.error ?? {};
    assert.ok(call.error instanceof Class, `Call ${callIndex} did not throw a ${Class.name}`);
    assert.ok(call.error.message.includes(msgIncludes), `Another message: ${call.error.message}`);
  }
}

/** Creates a function that returns the values in turn; an Error among them is thrown. */
export function returnsNext<Return>(values: Iterable<Return | Error>): (...args: Any[]) => Return {
  const iterator = values[Symbol.iterator]();
  let calls = 0;
  return () => {
    const { done, value } = iterator.next();
    if (done) throw new MockError(`Only ${calls} calls were expected`);
    calls++;
    if (value instanceof Error) throw value;
    return value;
  };
}

/** Creates a function whose promises resolve to the values in turn; an Error among them rejects. */
export function resolvesNext<Return>(
  values: Iterable<Return | Error | Promise<Return | Error>>,
): (...args: Any[]) => Promise<Return> {
  const next = returnsNext(values);
  return async () => {
    const value = await next();
    if (value instanceof Error) throw value;
    return value;
  };
}
