import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { ACTIONS } from "../../../src/access/actions.ts";
import { Dispatcher } from "../../../src/processor/dispatcher.ts";
import { RequestError } from "../../../src/processor/errors.ts";
import {
  optionalBoolean,
  optionalInt,
  optionalLong,
  requiredField,
  requiredLong,
} from "../../../src/processor/fields.ts";
import { type Handler, RequestQueue } from "../../../src/processor/request_queue.ts";
import { FastjsonError } from "../../../src/protocol/fastjson_reader.ts";
import type { Peer } from "../../../src/remoting/peer.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { type Answer, command, connection, readable } from "../../support/route_processors.ts";

/** A dispatcher with one handler, for request code 7. */
function dispatcher(handler: Handler) {
  const log = new RecordedLog(false);
  const gone: Peer[] = [];
  const queue = new RequestQueue({
    capacity: () => 10,
    concurrency: () => 1,
    budget: { take: () => true, give: () => {} },
  });
  const action = ACTIONS.GET_NAMESRV_CONFIG;
  const it = new Dispatcher(
    new Map([[7, { action, queue, handler }]]),
    log,
    (closed) => gone.push(closed),
  );
  const ask = async (code: number): Promise<Answer> =>
    readable(await it.handle(command(code), connection()));
  return { it, ask, log, gone };
}

describe("Dispatcher", () => {
  it("gives a request to the handler of its code", () => {
    const seen: unknown[] = [];
    const { it } = dispatcher((...args) => {
      seen.push(...args);
      return { code: 0, remark: "done" };
    });
    const [request, peer] = [command(7), connection()];
    assert.deepEqual(it.handle(request, peer), { code: 0, remark: "done" });
    assert.deepEqual(seen, [request, peer]);
  });

  for (const code of [999, -1, 40000, 0]) {
    it(`does not know the code ${code}`, async () => {
      const { ask, log } = dispatcher(() => ({ code: 0 }));
      assert.deepEqual(await ask(code), { code: 3, remark: ` request type ${code} not supported` });
      assert.deepEqual(log.events, []);
    });
  }

  for (
    const [what, thrown, answer, logged] of [
      ["a request error", new RequestError(16, "no"), { code: 16, remark: "no" }, 0],
      [
        "an unreadable body",
        new FastjsonError("a value expected"),
        { code: 1, remark: "unreadable body: a value expected" },
        0,
      ],
      ["an unexpected error", new TypeError("oh"), { code: 1, remark: "oh" }, 1],
      ["what is no error", "oh", { code: 1, remark: "oh" }, 1],
    ] as const
  ) {
    it(`answers ${what}, thrown at once or later${logged ? ", and logs it" : ""}`, async () => {
      const handlers: Handler[] = [
        () => {
          throw thrown;
        },
        async () => {
          await Promise.resolve();
          throw thrown;
        },
      ];
      for (const handler of handlers) {
        const { ask, log } = dispatcher(handler);
        assert.deepEqual(await ask(7), answer);
        assert.equal(log.events.length, logged);
        if (logged === 0) continue;
        assert.deepEqual(log.events[0], {
          level: "ERROR",
          event: "request failed",
          fields: { code: 7, error: thrown },
        });
      }
    });
  }

  it("sends GO_AWAY to clients that understand it, whatever they request", () => {
    let handled = 0;
    const { it } = dispatcher(() => {
      handled++;
      return { code: 0 };
    });
    const code = (request: number, version: number) => {
      const answer = it.handle(command(request, {}, { version }), connection());
      return answer instanceof Promise ? assert.fail("answered later") : answer;
    };
    assert.deepEqual(code(7, 513), { code: 0 });
    it.goAway();
    for (const version of [476, 513]) {
      for (const request of [7, 999]) {
        assert.deepEqual(code(request, version), { code: 1500, remark: "please go away" });
      }
    }
    assert.equal(handled, 1);
    for (const version of [0, 475]) assert.deepEqual(code(7, version), { code: 0 });
    assert.equal(code(999, 475).code, 3);
  });

  it("hands on that a connection is gone", () => {
    const { it, gone } = dispatcher(() => ({ code: 0 }));
    const peer = connection();
    it.disconnected(peer);
    assert.deepEqual(gone, [peer]);
  });
});

describe("fields of a request", () => {
  const request = command(7, {
    empty: "",
    word: "abc",
    int: "-12",
    long: "9007199254740993",
    True: "tRuE",
    no: "yes",
  });

  it("are there, or the answer names the one that is not", () => {
    assert.equal(requiredField(request, "empty"), "");
    for (const name of ["missing", "__proto__", "constructor"]) {
      assert.throws(() => requiredField(request, name), {
        name: "RequestError",
        code: 1,
        message: `the field <${name}> is missing`,
      });
    }
  });

  it("are numbers of 64 or 32 bits, or the answer names the one that is not", () => {
    assert.equal(requiredLong(request, "int"), -12);
    assert.throws(() => requiredLong(request, "missing"), /the field <missing> is missing/);
    for (const name of ["empty", "word"]) {
      const message = `the field <${name}> is not an integer: ${
        JSON.stringify(request.extFields.get(name))
      }`;
      assert.throws(() => requiredLong(request, name), { code: 1, message });
    }
  });

  it("are numbers of 64 or 32 bits, or nothing where they are optional", () => {
    const log = new RecordedLog(false);
    assert.equal(optionalLong(request, "long", log), 9007199254740993n);
    assert.equal(optionalInt(request, "int", log), -12);
    for (const name of ["missing", "empty", "word"]) {
      assert.equal(optionalLong(request, name, log), undefined);
      assert.equal(optionalInt(request, name, log), undefined);
    }
    assert.equal(optionalInt(request, "long", log), undefined);
  });

  it("are true only for true, in any case", () => {
    assert.equal(optionalBoolean(request, "True"), true);
    assert.equal(optionalBoolean(request, "no"), false);
    assert.equal(optionalBoolean(request, "empty"), false);
    assert.equal(optionalBoolean(request, "missing"), undefined);
  });
});
