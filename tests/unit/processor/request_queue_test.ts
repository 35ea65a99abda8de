import { beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  type Handler,
  RequestQueue,
  type RequestQueueOptions,
} from "../../../src/processor/request_queue.ts";
import type { Reply } from "../../../src/remoting/wire/command.ts";
import { ByteBudget } from "../../../src/remoting/memory_budget.ts";
import { WorkSlice } from "../../../src/work_slice.ts";
import { command, connection } from "../../support/route_processors.ts";

const OK: Reply = { code: 0 };
const PEER = connection();

describe("RequestQueue", () => {
  const bounds = { capacity: 100, concurrency: 2, memory: 1000 };
  let turns: (() => void)[];
  let started: string[];
  let budget: ByteBudget;

  beforeEach(() => {
    Object.assign(bounds, { capacity: 100, concurrency: 2, memory: 1000 });
    turns = [];
    started = [];
    budget = new ByteBudget(() => bounds.memory);
  });

  function newClass(more: Partial<RequestQueueOptions> = {}): RequestQueue {
    return new RequestQueue({
      capacity: () => bounds.capacity,
      concurrency: () => bounds.concurrency,
      budget,
      ...more,
    });
  }

  /** A request whose handler runs until it is told to finish. */
  function slow(name: string) {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const handler: Handler = () => {
      started.push(name);
      return promise;
    };
    return { handler, end: () => resolve(OK), fail: (error: Error) => reject(error) };
  }

  const quick = (name: string): Handler => () => {
    started.push(name);
    return OK;
  };

  const request = (size = 0) => command(7, {}, { body: new Uint8Array(size) });

  it("answers at once while nothing is in the way", () => {
    const requests = newClass();
    assert.equal(requests.run(quick("a"), request(), PEER), OK);
    const { handler } = slow("b");
    assert.ok(requests.run(handler, request(), PEER) instanceof Promise);
    assert.equal(requests.run(quick("c"), request(), PEER), OK);
    assert.deepEqual(started, ["a", "b", "c"]);
    assert.equal(requests.waiting, 0);
  });

  it("throws what a handler throws at once, and goes on", () => {
    const requests = newClass();
    const failing: Handler = () => {
      throw new Error("oh");
    };
    assert.throws(() => requests.run(failing, request(), PEER), /oh/);
    assert.equal(requests.run(quick("a"), request(), PEER), OK);
  });

  it("has no more than so many in work, and starts the others in their order", async () => {
    const requests = newClass();
    const [a, b, c] = [slow("a"), slow("b"), slow("c")];
    void requests.run(a.handler, request(), PEER);
    const second = requests.run(b.handler, request(), PEER);
    const answers = [
      requests.run(c.handler, request(), PEER),
      requests.run(quick("d"), request(), PEER),
      requests.run(quick("e"), request(), PEER),
    ];
    assert.deepEqual(started, ["a", "b"]);
    assert.equal(requests.waiting, 3);
    assert.equal(requests.running, 2);
    b.end();
    await second;
    await Promise.resolve();
    assert.deepEqual(started, ["a", "b", "c"]);
    assert.equal(requests.waiting, 2);
    c.end();
    assert.deepEqual(await Promise.all(answers), [OK, OK, OK]);
    assert.deepEqual(started, ["a", "b", "c", "d", "e"]);
    assert.equal(requests.waiting, 0);
  });

  it("keeps the order over many that wait", async () => {
    bounds.concurrency = 1;
    const requests = newClass();
    const gate = slow("gate");
    void requests.run(gate.handler, request(), PEER);
    const names = Array.from({ length: 90 }, (_, i) => `${i}`);
    const answers = names.map((name, i) =>
      requests.run(
        i % 7 === 0
          ? async () => {
            started.push(name);
            await Promise.resolve();
            return OK;
          }
          : quick(name),
        request(),
        PEER,
      )
    );
    gate.end();
    await Promise.all(answers);
    assert.deepEqual(started, ["gate", ...names]);
  });

  it("goes on after handlers that fail, at once or later", async () => {
    bounds.concurrency = 1;
    const requests = newClass();
    const [a, b] = [slow("a"), slow("b")];
    const first = requests.run(a.handler, request(), PEER) as Promise<Reply>;
    const thrown = requests.run(
      () => {
        throw new Error("at once");
      },
      request(),
      PEER,
    ) as Promise<Reply>;
    const second = requests.run(b.handler, request(), PEER) as Promise<Reply>;
    const last = requests.run(quick("c"), request(), PEER) as Promise<Reply>;
    a.fail(new Error("later"));
    b.fail(new Error("later, too"));
    await assert.rejects(first, /^Error: later$/);
    await assert.rejects(thrown, /at once/);
    await assert.rejects(second, /later, too/);
    assert.equal(await last, OK);
  });

  it("is busy when too many wait, in the reference's words", async () => {
    Object.assign(bounds, { capacity: 2, concurrency: 1 });
    const requests = newClass();
    const a = slow("a");
    const first = requests.run(a.handler, request(), PEER);
    const waiting = ["b", "c"].map((name) => requests.run(quick(name), request(), PEER));
    const busy = {
      name: "RequestError",
      code: 2,
      message: "[OVERLOAD]system busy, start flow control for a while",
    };
    assert.throws(() => requests.run(quick("d"), request(), PEER), busy);
    bounds.capacity = 3;
    waiting.push(requests.run(quick("e"), request(), PEER));
    a.end();
    await first;
    await Promise.all(waiting);
    assert.deepEqual(started, ["a", "b", "c", "e"]);
    assert.equal(requests.run(quick("f"), request(), PEER), OK);
  });

  it("is busy when those that wait would take too much memory, and gives it back", async () => {
    bounds.concurrency = 1;
    const requests = newClass();
    const a = slow("a");
    void requests.run(a.handler, request(), PEER);
    assert.equal(budget.used, 0);
    const b = requests.run(quick("b"), request(600), PEER);
    assert.equal(budget.used, 600);
    assert.equal(requests.refused, 0);
    assert.throws(() => requests.run(quick("c"), request(401), PEER), { code: 2 });
    assert.equal(requests.refused, 1);
    const d = requests.run(quick("d"), request(400), PEER);
    assert.equal(budget.used, 1000);
    a.end();
    await Promise.all([b, d]);
    assert.equal(budget.used, 0);
    assert.deepEqual(started, ["a", "b", "d"]);
  });

  it("counts the fields of those that wait, too", async () => {
    bounds.concurrency = 1;
    const requests = newClass();
    const a = slow("a");
    void requests.run(a.handler, request(), PEER);
    const fields = (size: number) => command(7, { value: "x".repeat(size) });
    const b = requests.run(quick("b"), fields(300), PEER);
    assert.equal(budget.used, 2 * ("value".length + 300));
    assert.throws(() => requests.run(quick("c"), fields(300), PEER), { code: 2 });
    a.end();
    await b;
    assert.equal(budget.used, 0);
  });

  it("takes another bound on those in work when the next one ends, and keeps the order", async () => {
    bounds.concurrency = 1;
    const requests = newClass();
    const [a, b, c] = [slow("a"), slow("b"), slow("c")] as const;
    const answers = [a, b, c].map(({ handler }) => requests.run(handler, request(), PEER));
    bounds.concurrency = 2;
    answers.push(requests.run(quick("d"), request(), PEER));
    assert.deepEqual(started, ["a"]);
    a.end();
    await answers[0];
    await Promise.resolve();
    assert.deepEqual(started, ["a", "b", "c"]);
    bounds.concurrency = 1;
    b.end();
    await answers[1];
    await Promise.resolve();
    assert.deepEqual(started, ["a", "b", "c"]);
    c.end();
    await Promise.all(answers);
    assert.deepEqual(started, ["a", "b", "c", "d"]);
  });

  it("lets peers take turns, and keeps the order of each", async () => {
    bounds.concurrency = 1;
    const requests = newClass();
    const gate = slow("gate");
    const [hog, other] = [connection(), connection()];
    const answers = [requests.run(gate.handler, request(), hog)];
    for (const name of ["h1", "h2", "h3"]) answers.push(requests.run(quick(name), request(), hog));
    for (const name of ["o1", "o2"]) answers.push(requests.run(quick(name), request(), other));
    gate.end();
    await Promise.all(answers);
    assert.deepEqual(started, ["gate", "h1", "o1", "h2", "o2", "h3"]);
  });

  it("has only so many requests of one peer in progress, and no other peer waits for them", async () => {
    bounds.concurrency = 3;
    const requests = newClass({ perPeer: 1 });
    const [hog, other] = [connection(), connection()];
    const [a, b] = [slow("a"), slow("b")];
    const first = requests.run(a.handler, request(), hog);
    const second = requests.run(b.handler, request(), hog);
    const third = requests.run(quick("c"), request(), hog);
    assert.deepEqual(started, ["a"]);
    assert.deepEqual([requests.isBusyWith(hog), requests.isBusyWith(other)], [true, false]);
    assert.equal(requests.run(quick("other"), request(), other), OK);
    a.end();
    await first;
    await Promise.resolve();
    assert.deepEqual(started, ["a", "other", "b"]);
    b.end();
    assert.deepEqual(await Promise.all([second, third]), [OK, OK]);
    assert.deepEqual(started, ["a", "other", "b", "c"]);
    assert.equal(requests.isBusyWith(hog), false);
    assert.equal(requests.waiting, 0);
  });

  it("keeps the bodies of requests in progress in the budget", async () => {
    const requests = newClass();
    const a = slow("a");
    const first = requests.run(a.handler, request(600), PEER);
    assert.equal(budget.used, 600);
    assert.throws(() => requests.run(quick("b"), request(600), PEER), { code: 2 });
    assert.equal(requests.run(quick("c"), request(400), PEER), OK);
    a.end();
    await first;
    assert.equal(budget.used, 0);
  });

  describe("with a slice", () => {
    let now: number;
    let sliced: RequestQueue;

    beforeEach(() => {
      now = 1000;
      const slice = new WorkSlice((task) => void turns.push(task), () => now);
      sliced = newClass({ slice });
    });

    /** A handler that works for this many milliseconds of its clock. */
    const working = (name: string, ms: number): Handler => () => {
      started.push(name);
      now += ms;
      return OK;
    };

    it("starts a request that had to wait although the slice is no longer over meanwhile", async () => {
      let step = 0;
      const slice = new WorkSlice((task) => void turns.push(task), () => now += step);
      sliced = newClass({ slice });
      assert.equal(sliced.run(working("a", 6), request(), PEER), OK);
      // Each look at the clock takes so long that the first one finds the slice over, and no other.
      step = 3;
      const waiting = sliced.run(quick("b"), request(), PEER);
      assert.equal(turns.length, 1);
      turns.shift()!();
      assert.equal(await waiting, OK);
    });

    it("waits when it is over, so that others get their turn", async () => {
      assert.equal(sliced.run(working("a", 3), request(), PEER), OK);
      assert.equal(sliced.run(working("b", 3), request(), PEER), OK);
      assert.equal(turns.length, 0);
      const answers = [
        sliced.run(working("c", 6), request(), PEER),
        sliced.run(working("d", 1), request(), PEER),
        sliced.run(working("e", 1), request(), PEER),
      ];
      assert.deepEqual(started, ["a", "b"]);
      assert.equal(turns.length, 1);
      turns.shift()!();
      assert.deepEqual(started, ["a", "b", "c"]);
      assert.equal(turns.length, 1);
      turns.shift()!();
      assert.deepEqual(started, ["a", "b", "c", "d", "e"]);
      assert.deepEqual(await Promise.all(answers), [OK, OK, OK]);
      assert.equal(turns.length, 0);
      assert.equal(sliced.run(working("f", 1), request(), PEER), OK);
    });

    it("requests a turn also when the slice is over no more a moment later", async () => {
      let jumps: number[] = [];
      const slice = new WorkSlice(
        (task) => void turns.push(task),
        () => now += jumps.shift() ?? 0,
      );
      sliced = newClass({ slice });
      assert.equal(sliced.run(working("a", 4), request(), PEER), OK);
      // The first look finds it over, all later ones do not.
      jumps = [0, 10];
      const waiting = sliced.run(working("b", 1), request(), PEER);
      assert.equal(turns.length, 1);
      turns.shift()!();
      assert.equal(await waiting, OK);
    });

    it("counts work that fails", () => {
      const failing: Handler = () => {
        now += 6;
        throw new Error("oh");
      };
      assert.throws(() => sliced.run(failing, request(), PEER), /oh/);
      assert.ok(sliced.run(working("a", 1), request(), PEER) instanceof Promise);
    });

    it("requests one turn at a time, also while something is in progress", async () => {
      bounds.concurrency = 1;
      const a = slow("a");
      const first = sliced.run(
        (...args) => {
          now += 6;
          return a.handler(...args);
        },
        request(),
        PEER,
      );
      const second = sliced.run(working("b", 1), request(), PEER);
      assert.equal(turns.length, 1);
      a.end();
      await first;
      assert.deepEqual(started, ["a"]);
      turns.shift()!();
      assert.equal(await second, OK);
      assert.deepEqual(started, ["a", "b"]);
      assert.equal(turns.length, 0);
    });
  });
});
