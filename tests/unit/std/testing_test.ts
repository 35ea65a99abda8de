import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import {
  assertSpyCall,
  assertSpyCalls,
  MockError,
  resolvesNext,
  returnsNext,
  spy,
  stub,
} from "@std/testing/mock";
import { FakeTime } from "@std/testing/time";

describe("@std/testing/bdd", () => {
  const order: string[] = [];

  describe("a suite", () => {
    beforeAll(() => void order.push("outer beforeAll"));
    beforeEach(() => void order.push("outer beforeEach"));
    afterEach(() => void order.push("outer afterEach"));
    afterAll(() => void order.push("outer afterAll"));

    it("runs its first test", () => void order.push("first"));
    it("leaves out what is ignored", { ignore: true }, () => void order.push("ignored"));

    describe("in a suite", () => {
      beforeAll(() => void order.push("inner beforeAll"));
      beforeEach(async () => {
        await Promise.resolve();
        order.push("inner beforeEach");
      });
      afterEach(() => void order.push("inner afterEach"));
      afterAll(() => void order.push("inner afterAll"));

      it("runs its test", () => void order.push("second"));
    });
  });

  it("has run hooks and tests from the outside in and back", () => {
    deepEqual(order, [
      "outer beforeAll",
      "outer beforeEach",
      "first",
      "outer afterEach",
      "inner beforeAll",
      "outer beforeEach",
      "inner beforeEach",
      "second",
      "inner afterEach",
      "outer afterEach",
      "inner afterAll",
      "outer afterAll",
    ]);
  });

  it("hands a test its context", (t) => equal(t.name, "hands a test its context"));
});

describe("@std/testing/time FakeTime", () => {
  it("holds the clock, and gives the real one back", () => {
    const real = [Date, setTimeout, clearTimeout, setInterval, clearInterval, AbortSignal.timeout];
    {
      using time = new FakeTime(1000);
      deepEqual([Date.now(), new Date().getTime(), time.now, time.start], [1000, 1000, 1000, 1000]);
      time.tick(500);
      deepEqual([Date.now(), time.now, time.start], [1500, 1500, 1000]);
      equal(new Date(0).toISOString(), "1970-01-01T00:00:00.000Z");
      equal(Date.UTC(1970, 0), 0);
      ok(new Date() instanceof Date);
      throws(() => new FakeTime(), { name: "TimeError" });
    }
    deepEqual(
      [Date, setTimeout, clearTimeout, setInterval, clearInterval, AbortSignal.timeout],
      real,
    );
    ok(Date.now() > 1500);
  });

  it("starts at a date, a text, or the real time", () => {
    for (const start of [new Date(5), "1970-01-01T00:00:00.005Z"]) {
      using time = new FakeTime(start);
      equal(time.now, 5);
    }
    const before = Date.now();
    {
      using time = new FakeTime();
      ok(time.now >= before);
    }
    throws(() => new FakeTime("no time"), TypeError);
  });

  it("runs timers in order, each at its time", () => {
    using time = new FakeTime(0);
    const seen: [string, number][] = [];
    const note = (name: string) => seen.push([name, Date.now()]);
    setTimeout(note, 20, "b");
    setTimeout(note, 10, "a");
    setTimeout(note, 20, "c");
    setTimeout(() => {
      note("d");
      setTimeout(note, 5, "e");
      setTimeout(note, 500, "too late");
    }, 20);
    setTimeout(note, 0, "now");
    time.tick(19);
    deepEqual(seen, [["now", 0], ["a", 10]]);
    time.tick(20);
    deepEqual(seen.slice(2), [["b", 20], ["c", 20], ["d", 20], ["e", 25]]);
    equal(time.now, 39);
  });

  it("repeats intervals until they are cleared", () => {
    using time = new FakeTime(0);
    const call = spy();
    const id = setInterval(call, 10);
    time.tick(35);
    assertSpyCalls(call, 3);
    clearInterval(id);
    time.tick(35);
    assertSpyCalls(call, 3);
    const inner: ReturnType<typeof setInterval> = setInterval(() => {
      call();
      clearInterval(inner);
    }, 1);
    time.tick(10);
    assertSpyCalls(call, 4);
  });

  it("forgets timers that are cleared", () => {
    using time = new FakeTime(0);
    const call = spy();
    clearTimeout(setTimeout(call, 10));
    clearTimeout(undefined);
    clearTimeout(12345);
    time.tick(10);
    assertSpyCalls(call, 0);
  });

  it("goes to the next timer, or to all", async () => {
    using time = new FakeTime(0);
    const call = spy();
    for (const ms of [10, 20, 30, 40]) setTimeout(call, ms);
    equal(time.next(), true);
    deepEqual([call.calls.length, time.now], [1, 10]);
    equal(await time.nextAsync(), true);
    deepEqual([call.calls.length, time.now], [2, 20]);
    time.runAll();
    deepEqual([call.calls.length, time.now], [4, 40]);
    equal(time.next(), false);
    setTimeout(call, 1);
    await time.runAllAsync();
    assertSpyCalls(call, 5);
  });

  it("lets promises go on before it moves", async () => {
    using time = new FakeTime(0);
    const call = spy();
    const wait = (async () => {
      await Promise.resolve();
      await new Promise((resolve) => setTimeout(resolve, 10));
      call();
    })();
    time.tick(10);
    await time.runMicrotasks();
    assertSpyCalls(call, 0);
    await time.tickAsync(10);
    await wait;
    assertSpyCalls(call, 1);
  });

  it("aborts signals of a timeout", () => {
    using time = new FakeTime(0);
    const signal = AbortSignal.timeout(10);
    time.tick(9);
    equal(signal.aborted, false);
    time.tick(1);
    equal(signal.aborted, true);
    equal(signal.reason.name, "TimeoutError");
  });

  it("never goes back", () => {
    using time = new FakeTime(10);
    throws(() => time.now = 9, RangeError);
    time.now = 11;
    equal(Date.now(), 11);
  });

  it("lets an error of a callback out", () => {
    using time = new FakeTime(0);
    setTimeout(() => {
      throw new Error("of the callback");
    }, 5);
    throws(() => time.tick(10), /of the callback/);
    equal(time.now, 5);
  });

  it("runs by itself at the given rate", async () => {
    using time = new FakeTime(0, { advanceRate: 1000 });
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    ok(time.now >= 60_000);
  });

  it("is restored once", () => {
    const time = new FakeTime();
    time.restore();
    throws(() => time.restore(), { name: "TimeError" });
  });
});

describe("@std/testing/mock", () => {
  it("remembers the calls of a function", () => {
    const add = spy((a: number, b: number) => a + b);
    equal(add(1, 2), 3);
    equal(add(3, 4), 7);
    assertSpyCalls(add, 2);
    assertSpyCall(add, 0, { args: [1, 2], returned: 3 });
    assertSpyCall(add, 1, { args: [3, 4], returned: 7 });
    const nothing = spy();
    equal(nothing("x"), undefined);
    assertSpyCall(nothing, 0, { args: ["x"], returned: undefined });
  });

  it("remembers errors", () => {
    const fail = spy(() => {
      throw new RangeError("out of range");
    });
    throws(() => fail(), RangeError);
    assertSpyCall(fail, 0, { error: { Class: RangeError, msgIncludes: "of range" } });
    throws(() => assertSpyCall(fail, 0, { error: { Class: TypeError } }), {
      name: "AssertionError",
    });
    throws(() => assertSpyCall(fail, 0, { error: { msgIncludes: "in" + "side" } }), {
      name: "AssertionError",
    });
    throws(() => assertSpyCall(fail, 0, { returned: undefined as never }), {
      name: "AssertionError",
    });
  });

  it("finds calls that differ from what is expected", () => {
    const echo = spy((value: unknown) => value);
    echo({ a: [1] });
    assertSpyCall(echo, 0, { args: [{ a: [1] }] });
    throws(() => assertSpyCalls(echo, 0), { name: "AssertionError" });
    throws(() => assertSpyCalls(echo, 2), { name: "AssertionError" });
    throws(() => assertSpyCall(echo, 1), { name: "AssertionError" });
    throws(() => assertSpyCall(echo, 0, { args: [{ a: [2] }] }), { name: "AssertionError" });
    throws(() => assertSpyCall(echo, 0, { returned: { a: [2] } }), { name: "AssertionError" });
    throws(() => assertSpyCall(echo, 0, { error: {} }), { name: "AssertionError" });
  });

  it("spies on a method and puts it back", () => {
    const counter = {
      base: 1,
      add: function (n: number) {
        return this.base + n;
      },
    };
    const original = counter.add;
    {
      using add = spy(counter, "add");
      equal(counter.add(2), 3);
      assertSpyCall(add, 0, { args: [2], returned: 3, self: counter });
      throws(() => stub(counter, "add"), MockError);
    }
    equal(counter.add, original);
  });

  it("replaces a method of an object or of its class, and puts it back", () => {
    class Clock {
      now(): number {
        return 1;
      }
    }
    const clock = new Clock();
    const now = stub(clock, "now", () => 5);
    equal(clock.now(), 5);
    equal(new Clock().now(), 1);
    assertSpyCalls(now, 1);
    equal(now.restored, false);
    now.restore();
    equal(now.restored, true);
    equal(clock.now(), 1);
    equal(Object.hasOwn(clock, "now"), false);
    throws(() => now.restore(), MockError);
    {
      using _ = stub(clock, "now");
      equal(clock.now(), undefined);
    }
    throws(() => stub({ a: 1 }, "a"), MockError);
  });

  it("returns or throws values in turn", () => {
    const next = returnsNext([1, new Error("second"), 3]);
    equal(next(), 1);
    throws(() => next(), /second/);
    equal(next(), 3);
    throws(() => next(), MockError);
  });

  it("resolves or rejects to values in turn", async () => {
    const next = resolvesNext([1, new Error("second"), Promise.resolve(3)]);
    equal(await next(), 1);
    await rejects(() => next(), /second/);
    equal(await next(), 3);
    await rejects(() => next(), MockError);
  });
});
