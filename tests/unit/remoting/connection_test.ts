import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import type { Command, Reply } from "../../../src/remoting/wire/command.ts";
import {
  Connection,
  type ConnectionContext,
  type RequestHandler,
} from "../../../src/remoting/connection.ts";
import { defaultOptions } from "../../../src/config/options.ts";
import { Networks } from "../../../src/ip_ranges.ts";
import { BufferPool } from "../../../src/remoting/buffer_pool.ts";
import { FrameEncoder } from "../../../src/remoting/wire/frame_encoder.ts";
import { HeaderMemo } from "../../../src/remoting/wire/header_memo.ts";
import { ByteBudget } from "../../../src/remoting/memory_budget.ts";
import { RemotingCounters } from "../../../src/remoting/remoting_counters.ts";
import { AnswerResult } from "../../../src/remoting/request_counters.ts";
import { concat, hex, int32, text, utf8 } from "../../support/bytes.ts";
import { FakeSocket } from "../../support/fake_socket.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { TestClock } from "../../support/test_clock.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import {
  binaryRequest,
  cutFrames,
  frame,
  opaques,
  readAnswers,
  request,
} from "../../support/frames.ts";
import { WorkSlice } from "../../../src/work_slice.ts";
import { setImmediate } from "node:timers";

const ONEWAY = 2;
const RESPONSE = 1;

/** A handler that records its requests and responds as told. */
class RecordedHandler implements RequestHandler {
  readonly requests: Command[] = [];
  readonly gone: Connection[] = [];
  answer: (request: Command, connection: Connection) => Reply | Promise<Reply>;

  constructor(answer: RecordedHandler["answer"] = () => ({ code: 0 })) {
    this.answer = answer;
  }

  handle(request: Command, connection: Connection): Reply | Promise<Reply> {
    this.requests.push(request);
    return this.answer(request, connection);
  }

  disconnected(connection: Connection): void {
    this.gone.push(connection);
  }

  get opaques(): number[] {
    return this.requests.map((request) => request.opaque);
  }
}

interface World {
  socket: FakeSocket;
  connection: Connection;
  handler: RecordedHandler;
  log: RecordedLog;
  budget: ByteBudget;
  closed: Connection[];
  context: ConnectionContext;
}

function connect(options: {
  answer?: RecordedHandler["answer"];
  high?: number;
  low?: number;
  budget?: number;
  frameMaxLength?: number;
  context?: ConnectionContext;
} = {}): World {
  const { answer, high = 1000, low = 500, budget = 1 << 20, frameMaxLength = 1 << 20 } = options;
  const handler = new RecordedHandler(answer);
  const log = new RecordedLog();
  const memory = new ByteBudget(() => budget);
  const closed: Connection[] = [];
  const context = options.context ?? {
    handler,
    encoder: new FrameEncoder(),
    memo: new HeaderMemo(),
    pool: new BufferPool(),
    budget: memory,
    counters: new RemotingCounters([RequestCode.GET_ROUTEINFO_BY_TOPIC], [0, 17]),
    slice: new WorkSlice(setImmediate),
    log,
    frameMaxLength,
    options: defaultOptions(),
    trustedProxies: new Networks([]),
    proxied: () => undefined,
    clock: new TestClock(),
    ended: (connection) => connection.end(),
    closed: (connection) => void closed.push(connection),
  };
  const socket = new FakeSocket({ high: () => high, low: () => low });
  const connection = new Connection(socket, context);
  connection.start();
  return { socket, connection, handler, log, budget: memory, closed, context };
}

function requests(from: number, count: number): Uint8Array {
  return concat(...Array.from({ length: count }, (_, i) => request({ opaque: from + i })));
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

/** Responses that the test triggers, by opaque. */
function heldAnswers() {
  const held = new Map<number, PromiseWithResolvers<Reply>>();
  const answer = ({ opaque }: Command) => {
    const promise = Promise.withResolvers<Reply>();
    held.set(opaque, promise);
    return promise.promise;
  };
  const give = async (opaque: number, response: Reply = { code: 0 }) => {
    held.get(opaque)!.resolve(response);
    await settled();
  };
  return { answer, give, held };
}

/** Runs pending promises. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

describe("Connection: requests and answers", () => {
  it("gives the handler what the peer sent, and the peer what the handler says", () => {
    const { socket, handler, connection } = connect({
      answer: () => ({ code: 17, remark: "none", extFields: [["a", "b"]], body: utf8("body") }),
    });
    socket.send(
      request({
        code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
        opaque: -5,
        extFields: { topic: "T" },
        body: utf8("question"),
      }),
    );
    assert.deepEqual(handler.requests, [{
      code: RequestCode.GET_ROUTEINFO_BY_TOPIC,
      language: "JAVA",
      version: 513,
      opaque: -5,
      flag: 0,
      remark: null,
      notes: undefined,
      extFields: new Map([["topic", "T"]]),
      serializeType: 0,
      body: utf8("question"),
    }]);
    assert.deepEqual(readAnswers(socket.received), [{
      code: 17,
      opaque: -5,
      flag: 1,
      language: "OTHER",
      version: 513,
      remark: "none",
      extFields: { a: "b" },
      serializeTypeCurrentRPC: "JSON",
      body: "body",
    }]);
    assert.equal(connection.socketAddress, "10.0.0.1:1");
    assert.equal(connection.closed, false);
  });

  it("answers in the serialization of each request", () => {
    const { socket } = connect();
    socket.send(binaryRequest({ opaque: 1 }), request({ opaque: 2 }));
    assert.deepEqual(cutFrames(socket.received).map((seen) => seen.serializeType), [1, 0]);
  });

  it("takes no body for null", () => {
    const { socket, handler } = connect();
    socket.send(request());
    assert.equal(handler.requests[0]!.body, null);
  });

  it("leaves a request's body as it is when the transport uses its buffer again", () => {
    const { socket, handler } = connect();
    const bytes = concat(
      request({ body: utf8("first") }),
      request({ body: utf8("second") }),
      request({ body: utf8("third") }),
    );
    socket.send(bytes.subarray(0, bytes.length - 3));
    socket.send(bytes.subarray(bytes.length - 3), request({ body: utf8("fourth") }));
    const bodies = handler.requests.map((request) => text(request.body!));
    assert.deepEqual(bodies, ["first", "second", "third", "fourth"]);
  });

  it("gives no answer to a oneway request, not even a late one or an error", async () => {
    const { answer, give } = heldAnswers();
    const { socket, handler } = connect({ answer });
    handler.answer = () => ({ code: 1, remark: "error" });
    socket.send(request({ opaque: 1, flag: ONEWAY }));
    handler.answer = answer;
    socket.send(request({ opaque: 2, flag: ONEWAY }));
    await give(2);
    assert.deepEqual(handler.opaques, [1, 2]);
    assert.deepEqual(socket.writes, []);
  });

  it("ignores responses", () => {
    const { socket, handler, connection } = connect();
    socket.send(
      request({ opaque: 1, flag: RESPONSE }),
      request({ opaque: 2, flag: RESPONSE | ONEWAY }),
      request({ opaque: 3 }),
    );
    assert.deepEqual(handler.opaques, [3]);
    assert.deepEqual(opaques(socket.received), [3]);
    assert.equal(connection.closed, false);
  });

  it("answers many requests of one chunk in one write", () => {
    const { socket } = connect({ high: 1 << 20 });
    socket.send(requests(0, 500));
    assert.equal(socket.writes.length, 1);
    assert.deepEqual(opaques(socket.received), range(0, 500));
  });

  it("takes requests at every cut", () => {
    const bytes = concat(request({ opaque: 1 }), binaryRequest({ opaque: 2, body: utf8("b") }));
    for (let at = 1; at < bytes.length; at++) {
      const { socket, handler, budget } = connect();
      socket.send(bytes.subarray(0, at));
      socket.send(bytes.subarray(at));
      assert.deepEqual(handler.opaques, [1, 2], `${at}`);
      assert.equal(budget.used, 0);
    }
  });

  it("answers late ones when they are ready, in the order in which they are", async () => {
    const { answer, give } = heldAnswers();
    const { socket, handler } = connect({ answer });
    socket.send(requests(0, 3));
    handler.answer = () => ({ code: 0 });
    socket.send(request({ opaque: 3 }));
    await give(2);
    await give(0, { code: 1, remark: "r" });
    await give(1);
    assert.deepEqual(opaques(socket.received), [3, 2, 0, 1]);
    assert.equal(readAnswers(socket.received)[2]!.remark, "r");
  });

  it("sends what is ready before a request whose frame is bad", () => {
    const { socket, connection } = connect();
    socket.send(request({ opaque: 1 }), request({ opaque: 2 }), int32(-1));
    assert.deepEqual(opaques(socket.received), [1, 2]);
    assert.ok(connection.closed && socket.closed);
  });
});

describe("Connection: what can't be read", () => {
  const bad: [string, Uint8Array, RegExp][] = [
    ["a length", int32(-1), /frame length -1/],
    ["a frame that is too long", int32((1 << 20) + 1), /frameMaxLength/],
    ["a header longer than its frame", hex("00000004 00000001"), /header/],
    ["a serializeType", hex("00000004 02000000"), /serializeType 2/],
    ["a JSON header", frame(utf8("{")), /header/],
    ["an empty header", frame(new Uint8Array(0)), /header/],
    ["a binary header", frame(new Uint8Array(20), undefined, 1), /21 bytes/],
    ["a PROXY header", utf8("PROXY x\r\n"), /PROXY/],
    ["a TLS handshake", hex("160301"), /TLS/],
    ["an HTTP request", utf8("GET / HTTP/1.1\r\n\r\n"), /length/],
  ];
  for (const [name, bytes, reason] of bad) {
    it(`closes the connection for ${name}, with one line that names the peer`, () => {
      const { socket, connection, handler, log, closed, context, budget } = connect();
      const other = connect({ context });
      socket.send(bytes);
      assert.ok(socket.closed);
      assert.ok(connection.closed);
      assert.deepEqual(handler.gone, [connection]);
      assert.deepEqual(closed, [connection]);
      assert.equal(budget.used, 0);
      const lines = log.at("WARN");
      assert.equal(lines.length, 1);
      assert.equal(lines[0]!.event, "connection refused");
      assert.equal(lines[0]!.fields.peer, "10.0.0.1:1");
      assert.match(String(lines[0]!.fields.reason), reason);
      assert.deepEqual(log.at("ERROR"), []);
      // Other connections are unaffected.
      other.socket.send(request({ opaque: 9 }));
      assert.deepEqual(opaques(other.socket.received), [9]);
    });
  }

  it("takes no request after a bad frame", () => {
    const { socket, handler } = connect();
    socket.send(request({ opaque: 1 }), frame(utf8("x")), request({ opaque: 2 }));
    assert.deepEqual(handler.opaques, [1]);
  });

  it("closes for a frame for which there is no memory", () => {
    const { socket, log, budget } = connect({ budget: 2000 });
    const large = request({ body: new Uint8Array(5000) });
    socket.send(large.subarray(0, 1500));
    assert.equal(socket.closed, false);
    socket.send(large.subarray(1500, 4000));
    assert.ok(socket.closed);
    assert.match(String(log.at("WARN")[0]!.fields.reason), /maxBufferedRequestBytes/);
    assert.equal(budget.used, 0);
  });

  it("closes one connection only when a handler throws, and logs an error", () => {
    const { socket, log, context, handler } = connect({
      answer: () => {
        throw new Error("fault");
      },
    });
    const other = connect({ context });
    socket.send(request({ opaque: 1 }));
    assert.ok(socket.closed);
    assert.equal(log.at("ERROR").length, 1);
    assert.equal(log.at("ERROR")[0]!.fields.peer, "10.0.0.1:1");
    handler.answer = () => ({ code: 0 });
    other.socket.send(request({ opaque: 2 }));
    assert.deepEqual(opaques(other.socket.received), [2]);
  });

  it("closes one connection only when an answer is rejected", async () => {
    const { socket, log, handler } = connect({ answer: () => Promise.reject(new Error("fault")) });
    socket.send(request({ opaque: 1 }));
    await settled();
    assert.ok(socket.closed);
    assert.equal(log.at("ERROR").length, 1);
    assert.equal(handler.gone.length, 1);
  });

  it("closes for an answer that no frame can hold, late or at once", async () => {
    const response: Reply = { code: 1, remark: "x".repeat(1 << 24) };
    for (const answer of [() => response, () => Promise.resolve(response)]) {
      const { socket, log, context, handler } = connect({ answer });
      socket.send(request({ opaque: 1 }));
      await settled();
      assert.ok(socket.closed);
      assert.match(String(log.at("WARN")[0]!.fields.reason), /response header/);
      // The shared encoder holds nothing of it.
      handler.answer = () => ({ code: 0 });
      const other = connect({ context });
      other.socket.send(request({ opaque: 2 }));
      assert.deepEqual(opaques(other.socket.received), [2]);
    }
  });
});

describe("Connection: PROXY protocol", () => {
  const line = utf8("PROXY TCP4 192.0.2.9 10.0.0.1 51234 9876\r\n");

  it("takes the peer's address from the header", () => {
    const { socket, connection } = connect();
    assert.equal(connection.socketAddress, "10.0.0.1:1");
    socket.send(line.subarray(0, 10));
    socket.send(line.subarray(10), request({ opaque: 1 }));
    assert.equal(connection.proxiedAddress, "192.0.2.9:51234");
    socket.send(request({ opaque: 2 }));
    assert.deepEqual(opaques(socket.received), [1, 2]);
  });

  it("keeps the socket's address for a proxy that speaks for itself", () => {
    const { socket, connection } = connect();
    socket.send(utf8("PROXY UNKNOWN\r\n"), request());
    assert.equal(connection.socketAddress, "10.0.0.1:1");
  });

  it("reads past the attributes of a v2 header", () => {
    const { socket, connection } = connect();
    socket.send(
      hex("0d0a0d0a000d0a515549540a 21 11 0010 c0000209 0a000001 c822 2694 e0 0001 78"),
      request({ opaque: 1 }),
    );
    assert.equal(connection.proxiedAddress, "192.0.2.9:51234");
    assert.deepEqual(opaques(socket.received), [1]);
  });

  it("names the proxied peer when a frame behind is bad", () => {
    const { socket, log } = connect();
    socket.send(line, int32(0));
    assert.equal(log.at("WARN")[0]!.fields.proxied, "192.0.2.9:51234");
    const tls = connect();
    tls.socket.send(line, hex("16"));
    assert.equal(tls.log.at("WARN")[0]!.fields.proxied, "192.0.2.9:51234");
  });
});

describe("Connection: a slow reader", () => {
  const body = new Uint8Array(100);

  it("is paused above the high water mark and loses nothing", () => {
    const { socket, handler, budget } = connect({ answer: () => ({ code: 0, body }) });
    socket.stopReading();
    let sent = 0;
    while (!socket.paused && sent < 10_000) socket.send(requests(sent++, 1));
    assert.ok(socket.unsent > 1000 && socket.unsent < 1500, `${socket.unsent}`);
    assert.equal(handler.requests.length, sent);
    socket.read();
    assert.equal(socket.paused, false);
    socket.send(requests(sent, 1));
    assert.deepEqual(opaques(socket.received), range(0, sent + 1));
    assert.equal(budget.used, 0);
  });

  it("leaves frames of one chunk unread while it is paused", () => {
    // Responses so large that each is a separate write.
    const large = new Uint8Array(300_000);
    const { socket, handler, budget } = connect({ answer: () => ({ code: 0, body: large }) });
    socket.stopReading();
    socket.send(requests(0, 50));
    assert.ok(socket.paused);
    assert.deepEqual(handler.opaques, [0]);
    assert.ok(budget.used > 0);
    for (let taken = 1; taken < 50; taken++) {
      // Header and body are separate writes.
      socket.read(2);
      assert.ok(socket.paused);
      assert.equal(handler.requests.length, taken + 1);
      assert.ok(socket.unsent < 310_000);
    }
    socket.read();
    assert.equal(socket.paused, false);
    assert.deepEqual(cutFrames(socket.received).length, 50);
    assert.deepEqual(handler.opaques, range(0, 50));
    assert.equal(budget.used, 0);
  });

  it("never has more than a batch and an answer above the mark", () => {
    const { socket } = connect({ answer: () => ({ code: 0, body: new Uint8Array(10_000) }) });
    socket.stopReading();
    socket.send(requests(0, 1000));
    assert.ok(socket.paused);
    assert.ok(socket.unsent <= 1000 + 256 * 1024 + 10_200, `${socket.unsent}`);
  });

  it("resumes after each pause, as often as it takes", () => {
    const { socket, handler } = connect({ answer: () => ({ code: 0, body }) });
    let opaque = 0;
    for (let round = 0; round < 20; round++) {
      socket.stopReading();
      for (; !socket.paused && opaque < 100_000; opaque += 3) socket.send(requests(opaque, 3));
      socket.read();
    }
    assert.deepEqual(opaques(socket.received), range(0, opaque));
    assert.deepEqual(handler.opaques, range(0, opaque));
  });

  it("is paused by late answers too", async () => {
    const { answer, give } = heldAnswers();
    const { socket, handler } = connect({ answer });
    socket.stopReading();
    socket.send(requests(0, 3));
    await give(0, { code: 0, body: new Uint8Array(2000) });
    assert.ok(socket.paused);
    await give(1);
    socket.read();
    assert.equal(socket.paused, false);
    socket.send(requests(3, 1));
    await give(3);
    await give(2);
    assert.deepEqual(opaques(socket.received.slice()), [0, 1, 3, 2]);
    assert.deepEqual(handler.opaques, [0, 1, 2, 3]);
  });

  it("is not paused when the socket took a large answer at once", () => {
    const { socket } = connect({ answer: () => ({ code: 0, body: new Uint8Array(500_000) }) });
    socket.send(requests(0, 5));
    assert.equal(socket.paused, false);
    assert.equal(cutFrames(socket.received).length, 5);
  });

  it("closes for a bad frame that waited", () => {
    const { socket, log, budget, closed } = connect({
      answer: () => ({ code: 0, body: new Uint8Array(300_000) }),
    });
    socket.stopReading();
    socket.send(request({ opaque: 1 }), frame(utf8("x")), request({ opaque: 2 }));
    assert.ok(socket.paused);
    assert.equal(socket.closed, false);
    socket.read();
    assert.ok(socket.closed);
    assert.equal(log.at("WARN").length, 1);
    assert.equal(closed.length, 1);
    assert.equal(budget.used, 0);
  });

  it("gives the memory of waiting frames back when the peer goes away", () => {
    const { socket, budget, handler } = connect({
      answer: () => ({ code: 0, body: new Uint8Array(300_000) }),
    });
    socket.stopReading();
    socket.send(requests(0, 50));
    assert.ok(budget.used > 0);
    socket.break("Connection reset by peer");
    assert.equal(budget.used, 0);
    assert.equal(handler.gone.length, 1);
  });
});

describe("Connection: requests that wait for their answers", () => {
  const LIMIT = 64;

  it("are 64 at the most; the others are read when one has left", async () => {
    const { answer, give } = heldAnswers();
    const { socket, handler, budget } = connect({ answer, high: 1 << 20 });
    socket.send(requests(0, LIMIT - 1));
    assert.equal(socket.paused, false);
    socket.send(requests(LIMIT - 1, 37));
    assert.ok(socket.paused);
    assert.deepEqual(handler.opaques, range(0, LIMIT));
    assert.ok(budget.used > 0);
    for (let count = 1; count <= 36; count++) {
      assert.ok(socket.paused);
      await give(count);
      assert.deepEqual(handler.opaques, range(0, LIMIT + count));
    }
    assert.ok(socket.paused);
    await give(0);
    assert.equal(socket.paused, false);
    socket.send(requests(100, 1));
    for (let opaque = 37; opaque <= 100; opaque++) await give(opaque);
    assert.equal(budget.used, 0);
    assert.deepEqual(opaques(socket.received), [...range(1, 36), 0, ...range(37, 64)]);
  });

  it("count when they are oneway too", async () => {
    const { answer, give } = heldAnswers();
    const { socket, handler } = connect({ answer });
    for (let opaque = 0; opaque < LIMIT; opaque++) socket.send(request({ opaque, flag: ONEWAY }));
    assert.ok(socket.paused);
    await give(5);
    assert.equal(socket.paused, false);
    assert.equal(handler.requests.length, LIMIT);
    assert.deepEqual(socket.writes, []);
  });

  it("let those that are answered at once wait behind them, in order", async () => {
    const { answer, give } = heldAnswers();
    const { socket, handler } = connect({ answer, high: 1 << 20 });
    handler.answer = (request) => request.opaque < LIMIT ? answer(request) : { code: 0 };
    socket.send(requests(0, LIMIT + 50));
    assert.deepEqual(opaques(socket.received), []);
    await give(3);
    assert.equal(socket.paused, false);
    assert.deepEqual(opaques(socket.received), [3, ...range(LIMIT, 50)]);
  });

  it("are all answered before the connection finishes", async () => {
    const { answer, give } = heldAnswers();
    const { socket, connection } = connect({ answer, high: 1 << 20 });
    socket.send(requests(0, LIMIT + 2));
    connection.finish();
    for (let opaque = 0; opaque < LIMIT + 2; opaque++) {
      assert.equal(socket.ending, false);
      await give(opaque);
    }
    assert.ok(socket.closed);
    assert.ok(socket.paused);
    assert.deepEqual(opaques(socket.received), range(0, LIMIT + 2));
  });

  it("may be joined by a slow reader: both have to be over", async () => {
    const { answer, give } = heldAnswers();
    const { socket, handler } = connect({ answer });
    socket.stopReading();
    socket.send(requests(0, LIMIT + 10));
    await give(0, { code: 0, body: new Uint8Array(5000) });
    assert.ok(socket.paused);
    assert.equal(handler.requests.length, LIMIT);
    socket.read();
    assert.equal(handler.requests.length, LIMIT + 1);
    assert.ok(socket.paused);
    for (let opaque = 1; opaque < LIMIT + 10; opaque++) await give(opaque);
    assert.equal(socket.paused, false);
    assert.deepEqual(opaques(socket.received), range(0, LIMIT + 10));
  });
});

describe("Connection: its end", () => {
  it("is reported once, with its reason in the log", () => {
    const { socket, connection, handler, closed, log } = connect();
    socket.break("Connection reset by peer");
    connection.close("expired");
    assert.ok(connection.closed);
    assert.deepEqual(handler.gone, [connection]);
    assert.deepEqual(closed, [connection]);
    assert.deepEqual(log.events, [{
      level: "DEBUG",
      event: "connection closed",
      fields: { peer: "10.0.0.1:1", reason: "Connection reset by peer" },
    }]);
  });

  it("closes when the peer sends no more and waits for nothing", () => {
    const { socket, connection, handler, closed } = connect();
    socket.send(requests(0, 2));
    socket.sendEnd();
    assert.ok(socket.closed);
    assert.deepEqual(opaques(socket.received), [0, 1]);
    assert.deepEqual(handler.gone, [connection]);
    assert.deepEqual(closed, [connection]);
  });

  it("gives the memory of a frame that never came back", () => {
    const { socket, budget } = connect();
    socket.send(request().subarray(0, 50));
    assert.ok(budget.used > 0);
    socket.sendEnd();
    assert.equal(budget.used, 0);
  });

  it("answers a peer that only sends no more, late requests too", async () => {
    const { answer, give } = heldAnswers();
    const { socket, connection, handler, closed } = connect({ answer });
    socket.send(requests(0, 2));
    socket.sendEnd();
    // Owners are notified at once; its socket stays open.
    assert.deepEqual(handler.gone, [connection]);
    assert.ok(connection.closed);
    assert.equal(socket.ending, false);
    await give(1);
    assert.equal(socket.ending, false);
    assert.deepEqual(closed, []);
    await give(0);
    assert.ok(socket.closed);
    assert.deepEqual(opaques(socket.received), [1, 0]);
    assert.deepEqual(closed, [connection]);
    assert.equal(handler.gone.length, 1);
  });

  it("lets answers leave that a peer has not read when it sends no more", () => {
    const { socket, closed } = connect({ high: 1 << 20 });
    socket.stopReading();
    socket.send(requests(0, 10));
    socket.sendEnd();
    assert.equal(socket.closed, false);
    assert.deepEqual(closed, []);
    socket.read();
    assert.ok(socket.closed);
    assert.deepEqual(opaques(socket.received), range(0, 10));
    assert.equal(closed.length, 1);
  });

  it("drops late answers after it was closed", async () => {
    const { answer, give } = heldAnswers();
    const { socket, connection, log } = connect({ answer });
    socket.send(requests(0, 1));
    connection.close("expired");
    await give(0);
    assert.deepEqual(socket.writes, []);
    assert.deepEqual(log.at("ERROR"), []);
  });

  it("may be asked for by the handler in the middle of a chunk", () => {
    const { socket, handler, connection, budget } = connect({
      answer: ({ opaque }, connection) => {
        if (opaque === 1) connection.close("expired");
        return { code: 0 };
      },
    });
    socket.send(requests(0, 5), request().subarray(0, 20));
    assert.deepEqual(handler.opaques, [0, 1]);
    assert.deepEqual(handler.gone, [connection]);
    assert.equal(budget.used, 0);
  });

  it("may be asked for by the handler of another connection", () => {
    const first = connect();
    const second = connect({ context: first.context });
    first.handler.answer = () => {
      second.connection.close("expired");
      return { code: 0 };
    };
    first.socket.send(requests(0, 2));
    assert.ok(second.socket.closed);
    assert.deepEqual(opaques(first.socket.received), [0, 1]);
  });
});

describe("Connection.finish", () => {
  it("closes at once when no answer is due", () => {
    const { socket, connection, closed } = connect();
    socket.send(requests(0, 1));
    connection.finish();
    assert.ok(socket.closed);
    assert.deepEqual(opaques(socket.received), [0]);
    assert.deepEqual(closed, [connection]);
  });

  it("answers what was read, and closes", async () => {
    const { answer, give } = heldAnswers();
    const { socket, connection, handler } = connect({ answer });
    socket.send(requests(0, 2), request({ opaque: 2 }).subarray(0, 30));
    connection.finish();
    assert.ok(socket.paused);
    await give(0);
    assert.equal(socket.ending, false);
    await give(1);
    assert.ok(socket.closed);
    assert.deepEqual(opaques(socket.received), [0, 1]);
    assert.deepEqual(handler.opaques, [0, 1]);
  });

  it("lets unsent answers leave", () => {
    const { socket, connection } = connect({ high: 1 << 20 });
    socket.stopReading();
    socket.send(requests(0, 3));
    connection.finish();
    assert.equal(socket.closed, false);
    socket.read();
    assert.ok(socket.closed);
    assert.deepEqual(opaques(socket.received), [0, 1, 2]);
  });

  it("answers a slow reader's frames that wait, and reads no more", () => {
    const { socket, connection, handler } = connect({
      answer: () => ({ code: 0, body: new Uint8Array(300_000) }),
    });
    socket.stopReading();
    socket.send(requests(0, 4));
    connection.finish();
    assert.equal(socket.ending, false);
    socket.read(2);
    assert.ok(socket.paused);
    socket.read();
    assert.ok(socket.closed);
    assert.ok(socket.paused);
    assert.deepEqual(handler.opaques, [0, 1, 2, 3]);
    assert.equal(cutFrames(socket.received).length, 4);
  });
});

describe("Connection.idleSince", () => {
  it("tells when bytes came last", () => {
    using time = new FakeTime(1000);
    const { socket, connection } = connect();
    assert.equal(connection.idleSince(1000), false);
    time.tick(10);
    assert.equal(connection.idleSince(1001), true);
    socket.send(request().subarray(0, 1));
    assert.equal(connection.idleSince(1010), false);
    assert.equal(connection.idleSince(1011), true);
  });

  it("counts bytes that leave", () => {
    using time = new FakeTime(1000);
    const { socket, connection } = connect({
      answer: () => ({ code: 0, body: new Uint8Array(400) }),
    });
    socket.stopReading();
    socket.send(request());
    socket.send(request());
    assert.equal(connection.idleSince(1000), false);
    time.tick(100);
    assert.equal(connection.idleSince(1001), true);
    socket.read(1);
    assert.equal(connection.idleSince(1001), false);
    time.tick(100);
    assert.equal(connection.idleSince(1101), true);
  });

  it("is not idle while an answer is due, nor right after it was given", async () => {
    using time = new FakeTime(1000);
    const { answer, give } = heldAnswers();
    const { socket, connection } = connect({ answer });
    socket.send(requests(0, 1));
    time.tick(100);
    assert.equal(connection.idleSince(1001), false);
    socket.stopReading();
    await give(0);
    assert.equal(connection.idleSince(1050), false);
    time.tick(100);
    assert.equal(connection.idleSince(1150), true);
  });
});

describe("Connection: what it counts", () => {
  /** Counts and milliseconds by code, response code and result. */
  const series = ({ context }: World) =>
    [...context.counters.requests.series()].map((it) =>
      [it.requestCode, it.responseCode, it.result, it.count, it.sum].join(" ")
    );

  it("is each request, with its answer", () => {
    using _ = new FakeTime();
    const world = connect({ answer: ({ opaque }) => ({ code: opaque === 3 ? 17 : 0 }) });
    world.socket.send(requests(1, 4));
    world.socket.send(request({ code: 4711, opaque: 5 }));
    world.socket.send(request({ opaque: 6, flag: ONEWAY }));
    world.socket.send(request({ opaque: 7, flag: RESPONSE }));
    assert.deepEqual(series(world), [
      ` 0 ${AnswerResult.SUCCESS} 1 0`,
      `105 0 ${AnswerResult.SUCCESS} 3 0`,
      `105 0 ${AnswerResult.ONEWAY} 1 0`,
      `105 17 ${AnswerResult.SUCCESS} 1 0`,
    ]);
  });

  it("is the time from a chunk until all its answers have left", () => {
    using time = new FakeTime();
    const world = connect({
      answer: () => {
        time.tick(10);
        return { code: 0 };
      },
    });
    world.socket.send(requests(1, 3));
    assert.deepEqual(series(world), [`105 0 ${AnswerResult.SUCCESS} 3 90`]);
  });

  it("is the time of a late answer since its request came", async () => {
    using time = new FakeTime();
    const { answer, give } = heldAnswers();
    const world = connect({ answer });
    world.socket.send(requests(1, 1));
    time.tick(100);
    world.socket.send(requests(2, 1));
    time.tick(1000);
    await give(2);
    await give(1);
    assert.deepEqual(series(world), [`105 0 ${AnswerResult.SUCCESS} 2 2100`]);
  });

  it("counts the answer that can't be delivered any more", async () => {
    using _ = new FakeTime();
    const { answer, give } = heldAnswers();
    const world = connect({ answer });
    world.socket.send(requests(1, 2));
    world.socket.break("reset");
    await give(1);
    assert.deepEqual(series(world), [`105 0 ${AnswerResult.WRITE_CHANNEL_FAILED} 1 0`]);
  });

  it("is bytes, in and out", () => {
    const { socket, context } = connect({
      answer: () => ({ code: 0, body: new Uint8Array(100_000) }),
    });
    const sent = requests(1, 3);
    socket.send(sent);
    assert.equal(context.counters.bytesIn, sent.length);
    assert.equal(context.counters.bytesOut, socket.received.length);
  });

  it("is why it closed, once", () => {
    const reasonsOf = ({ context }: World) =>
      Object.entries(context.counters.closed).filter(([, count]) => count > 0);
    const cases: [string, (world: World) => void][] = [
      ["peer", ({ socket }) => socket.sendEnd()],
      ["network", ({ socket }) => socket.break("reset")],
      ["frame", ({ socket }) => socket.send(int32(-1), int32(0))],
      ["frame", ({ socket }) => socket.send(hex("16 03 01"))],
      ["idle", ({ connection }) => connection.close("idle")],
      ["expired", ({ connection }) => connection.close("expired")],
      ["stop", ({ connection }) => connection.finish()],
    ];
    for (const [reason, end] of cases) {
      const world = connect();
      end(world);
      world.connection.close("expired");
      assert.deepEqual(reasonsOf(world), [[reason, 1]]);
    }
    const faulty = connect({
      answer: () => {
        throw new Error("a fault");
      },
    });
    faulty.socket.send(requests(1, 1));
    assert.deepEqual(reasonsOf(faulty), [["fault", 1]]);
  });
});
