import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import type { Command, Reply } from "../../../src/remoting/wire/command.ts";
import type { Peer } from "../../../src/remoting/peer.ts";
import { defaultOptions, type Options } from "../../../src/config/options.ts";
import { Networks } from "../../../src/ip_ranges.ts";
import { ByteBudget } from "../../../src/remoting/memory_budget.ts";
import { RemotingCounters } from "../../../src/remoting/remoting_counters.ts";
import { RemotingServer } from "../../../src/remoting/server.ts";
import { concat, int32 } from "../../support/bytes.ts";
import { FakeTransport } from "../../support/fake_socket.ts";
import { RecordedLog } from "../../support/recorded_log.ts";
import { TestClock } from "../../support/test_clock.ts";
import { RequestCode } from "../../../src/protocol/codes.ts";
import { first } from "../../support/lists.ts";
import { cutFrames, opaques, request } from "../../support/frames.ts";
import { WorkSlice } from "../../../src/work_slice.ts";

const IDLE_SECONDS = 120;

let time: FakeTime;
let transport: FakeTransport;
let log: RecordedLog;
let budget: ByteBudget;
let counters: RemotingCounters;
let options: Options;
let marks: { high: number; low: number };
let handle: (request: Command, peer: Peer) => Reply | Promise<Reply>;
let gone: string[];
let server: RemotingServer;
let clock: TestClock;
let slice: WorkSlice;
/** The clock of the slice, in milliseconds, and what waits for the network's turn. */
let worked: number;
let turns: (() => void)[];

/** Whether a promise is settled after pending promises have run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await time.runMicrotasks();
  return settled;
}

function requests(from: number, count: number): Uint8Array {
  return concat(...Array.from({ length: count }, (_, i) => request({ opaque: from + i })));
}

describe("RemotingServer", () => {
  beforeEach(async () => {
    time = new FakeTime(1_000_000);
    clock = new TestClock();
    transport = new FakeTransport();
    log = new RecordedLog();
    budget = new ByteBudget(() => 1 << 20);
    counters = new RemotingCounters([RequestCode.GET_ROUTEINFO_BY_TOPIC], [0]);
    options = {
      ...defaultOptions(),
      frameMaxLength: 1 << 20,
      serverChannelMaxIdleTimeSeconds: IDLE_SECONDS,
      serverSocketBacklog: 77,
    };
    marks = { high: 1000, low: 500 };
    handle = () => ({ code: 0 });
    gone = [];
    worked = 0;
    turns = [];
    slice = new WorkSlice((task) => void turns.push(task), () => worked);
    server = new RemotingServer({
      transport,
      handler: {
        handle: (request, peer) => handle(request, peer),
        disconnected: (peer) => void gone.push(peer.socketAddress),
      },
      options,
      waterMarks: { high: () => marks.high, low: () => marks.low },
      budget,
      trustedProxies: new Networks([]),
      counters,
      slice,
      log,
      clock,
    });
    await server.listen("127.0.0.1", 9876);
  });

  afterEach(async () => {
    await server.stop(0);
    time.restore();
  });

  it("listens on the given address, with the backlog and the water marks of the options", () => {
    const { hostname, port, backlog, waterMarks } = first(transport.listened);
    assert.deepEqual([hostname, port, backlog], ["127.0.0.1", 9876, 77]);
    marks = { high: 7, low: 3 };
    assert.deepEqual([waterMarks.high(), waterMarks.low()], [7, 3]);
  });

  it("gives the port that the system chose", async () => {
    assert.equal(await server.listen("127.0.0.1", 0), 40000);
  });

  it("shows its open connections, the oldest first", () => {
    const [first, second, third] = ["a:1", "b:2", "c:3"].map((peer) => {
      time.tick(10);
      return transport.open(peer);
    });
    const handles: Peer[] = [];
    handle = (_, connection) => {
      handles.push(connection);
      return { code: 0 };
    };
    const sent = [request({ opaque: 1 }), request({ opaque: 2 })];
    second!.send(...sent);
    handles[0]!.account = "AK-a";
    first!.break("gone");
    const [shown, last, ...others] = server.views();
    assert.deepEqual(others, []);
    assert.deepEqual(shown, {
      id: 2,
      peer: "b:2",
      since: 1_000_020,
      software: { language: "JAVA", version: 513 },
      tls: undefined,
      account: "AK-a",
      bytesIn: sent.reduce((sum, { length }) => sum + length, 0),
      bytesOut: second!.received.length,
    });
    assert.deepEqual([last!.id, last!.peer, last!.software], [3, "c:3", undefined]);
    assert.deepEqual(server.view(handles[0]!), shown);
    assert.equal(server.view({ close: () => {} }), undefined);
    second!.break("gone");
    third!.break("gone");
    assert.equal(server.view(handles[0]!), undefined);
    assert.deepEqual([...server.views()], []);
    transport.open("d:4");
    assert.deepEqual(Array.from(server.views(), ({ id }) => id), [4]);
  });

  it("closes many whose peers have ended theirs in slices", async () => {
    const sockets = ["a:1", "b:2", "c:3"].map((peer) => transport.open(peer));
    slice.run(() => worked += 10);
    for (const socket of sockets) socket.sendEnd();
    assert.deepEqual(gone, ["a:1", "b:2", "c:3"], "their owners need not wait");
    assert.equal(server.connections, 2, "the others wait for a turn");
    turns.shift()?.();
    await time.runMicrotasks();
    assert.equal(server.connections, 0);
    transport.open("d:4").sendEnd();
    assert.equal(server.connections, 0, "one is closed at once");
  });

  it("sends large answers to requests that waited in slices, and small ones at once", async () => {
    const sockets = ["a:1", "b:2"].map((peer) => transport.open(peer));
    const later = Promise.withResolvers<Reply>();
    handle = ({ opaque }) => opaque === 1 ? later.promise : Promise.resolve({ code: 0 });
    slice.run(() => worked += 10);
    for (const socket of sockets) socket.send(request({ opaque: 1 }), request({ opaque: 2 }));
    later.resolve({ code: 0, body: new Uint8Array(100_000) });
    await time.runMicrotasks();
    const received = () => sockets.map(({ received }) => opaques(received));
    assert.deepEqual(received(), [[2], [2]]);
    turns.shift()?.();
    await time.runMicrotasks();
    assert.deepEqual(received(), [[2, 1], [2, 1]]);
  });

  it("answers on every connection, and counts them", () => {
    const sockets = Array.from({ length: 10 }, (_, i) => transport.open(`10.0.0.${i}:1`));
    assert.equal(server.connections, 10);
    for (const [i, socket] of sockets.entries()) socket.send(request({ opaque: i }));
    for (const [i, socket] of sockets.entries()) assert.deepEqual(opaques(socket.received), [i]);
    sockets[3]!.sendEnd();
    sockets[4]!.break("reset");
    sockets[5]!.send(int32(-1));
    assert.equal(server.connections, 7);
    assert.deepEqual(gone, ["10.0.0.3:1", "10.0.0.4:1", "10.0.0.5:1"]);
    sockets[6]!.send(request({ opaque: 6 }));
    assert.deepEqual(opaques(sockets[6]!.received), [6, 6]);
  });

  it("takes the largest frame from the options", () => {
    const socket = transport.open();
    socket.send(int32(1 << 20));
    assert.equal(socket.closed, false);
    const other = transport.open();
    other.send(int32((1 << 20) + 1));
    assert.ok(other.closed);
  });

  it("has one budget for all connections: those that hold most for longest make room", () => {
    const part = request({ body: new Uint8Array(600_000) }).subarray(0, 500_000);
    const hoarders = [transport.open("10.0.0.1:1"), transport.open("10.0.0.1:2")];
    for (const socket of hoarders) {
      socket.send(part);
      time.tick(2000);
    }
    const honest = transport.open("10.0.0.2:1");
    const bytes = request({ opaque: 7, body: new Uint8Array(100_000) });
    honest.send(bytes.subarray(0, 90_000));
    honest.send(bytes.subarray(90_000));
    assert.deepEqual(opaques(honest.received), [7]);
    assert.deepEqual(hoarders.map((socket) => socket.closed), [true, false]);
    assert.deepEqual(log.at("WARN").map(({ fields }) => fields.peer), ["10.0.0.1:1"]);
    assert.equal(counters.closed.memory, 1);
    hoarders[1]!.break("reset");
    assert.equal(budget.used, 0);
  });

  describe("idle connections", () => {
    it("are closed after the time of the option, and not before", () => {
      const socket = transport.open();
      time.tick(IDLE_SECONDS * 1000);
      assert.equal(socket.closed, false);
      time.tick(2000);
      assert.ok(socket.closed);
      assert.equal(server.connections, 0);
      assert.deepEqual(gone, ["10.0.0.1:1"]);
      assert.deepEqual(log.at("INFO"), [{
        level: "INFO",
        event: "connection idle",
        fields: { peer: "10.0.0.1:1", seconds: IDLE_SECONDS },
      }]);
    });

    it("are not idle because somebody set the clock", () => {
      const socket = transport.open();
      time.tick(1000);
      for (const hours of [24, -48]) {
        clock.setForward += hours * 3_600_000;
        time.tick(2000);
        assert.equal(socket.closed, false);
      }
      time.tick(IDLE_SECONDS * 1000);
      assert.ok(socket.closed);
    });

    it("were not idle while the process did not run", () => {
      const socket = transport.open();
      time.tick(1000);
      clock.paused += 2 * IDLE_SECONDS * 1000;
      time.tick(10_000);
      assert.equal(socket.closed, false);
      time.tick(IDLE_SECONDS * 1000);
      assert.ok(socket.closed);
    });

    it("are those that are idle, no others", () => {
      const busy = transport.open("10.0.0.1:1");
      const idle = transport.open("10.0.0.2:1");
      for (let count = 0; count < 3; count++) {
        busy.send(requests(count, 1));
        time.tick(100_000);
      }
      assert.equal(busy.closed, false);
      assert.ok(idle.closed);
    });

    it("are not those whose answers still leave", () => {
      handle = () => ({ code: 0, body: new Uint8Array(300_000) });
      const socket = transport.open();
      socket.stopReading();
      socket.send(requests(0, 10));
      for (let writes = 0; writes < 18; writes++) {
        socket.read(1);
        time.tick(100_000);
        assert.equal(socket.closed, false, `${writes}`);
      }
      // Now everything is idle.
      time.tick(IDLE_SECONDS * 1000 + 1000);
      assert.ok(socket.closed);
      assert.equal(budget.used, 0);
    });

    it("are not those whose requests are worked at", async () => {
      const answer = Promise.withResolvers<Reply>();
      handle = () => answer.promise;
      const socket = transport.open();
      socket.send(request({ opaque: 1 }));
      time.tick(10 * IDLE_SECONDS * 1000);
      assert.equal(socket.closed, false);
      answer.resolve({ code: 0 });
      await time.runMicrotasks();
      time.tick(IDLE_SECONDS * 1000);
      assert.equal(socket.closed, false);
      assert.deepEqual(opaques(socket.received), [1]);
      time.tick(2000);
      assert.ok(socket.closed);
    });

    it("are also those that never read their answers after they sent no more", () => {
      const socket = transport.open();
      socket.stopReading();
      socket.send(requests(0, 3));
      socket.sendEnd();
      assert.deepEqual(gone, ["10.0.0.1:1"]);
      assert.equal(server.connections, 1);
      time.tick(IDLE_SECONDS * 1000 + 2000);
      assert.ok(socket.closed);
      assert.equal(server.connections, 0);
      assert.equal(gone.length, 1);
    });

    it("are found by an option that changes while the server runs", () => {
      const socket = transport.open();
      time.tick(10_000);
      options.serverChannelMaxIdleTimeSeconds = 5;
      time.tick(1000);
      assert.ok(socket.closed);
    });

    it("stay open when the option is 0", () => {
      options.serverChannelMaxIdleTimeSeconds = 0;
      const socket = transport.open();
      time.tick(100_000_000);
      assert.equal(socket.closed, false);
    });
  });

  describe("stop", () => {
    it("accepts no more, and is over at once without connections", async () => {
      assert.ok(await isSettled(server.stop(700)));
      assert.equal(transport.listening, false);
      // No timer is left.
      assert.equal(time.next(), false);
    });

    it("closes idle connections at once", async () => {
      const sockets = [transport.open("10.0.0.1:1"), transport.open("10.0.0.2:1")];
      assert.ok(await isSettled(server.stop(700)));
      assert.ok(sockets.every((socket) => socket.closed));
      assert.equal(server.connections, 0);
      assert.equal(time.next(), false);
    });

    it("answers what was read, then closes", async () => {
      const answers: PromiseWithResolvers<Reply>[] = [];
      handle = () => {
        const answer = Promise.withResolvers<Reply>();
        answers.push(answer);
        return answer.promise;
      };
      const socket = transport.open();
      socket.send(requests(0, 2));
      const stopped = server.stop(700);
      assert.equal(await isSettled(stopped), false);
      answers[1]!.resolve({ code: 0 });
      await time.tickAsync(100);
      assert.equal(socket.closed, false);
      answers[0]!.resolve({ code: 0 });
      assert.ok(await isSettled(stopped));
      assert.ok(socket.closed);
      assert.deepEqual(opaques(socket.received), [1, 0]);
      assert.equal(time.next(), false);
    });

    it("answers peers that sent no more before", async () => {
      const answer = Promise.withResolvers<Reply>();
      handle = () => answer.promise;
      const socket = transport.open();
      socket.send(requests(0, 1));
      socket.sendEnd();
      const stopped = server.stop(700);
      assert.equal(await isSettled(stopped), false);
      answer.resolve({ code: 0 });
      assert.ok(await isSettled(stopped));
      assert.deepEqual(opaques(socket.received), [0]);
    });

    it("waits for a slow reader, and for its frames that wait", async () => {
      handle = () => ({ code: 0, body: new Uint8Array(300_000) });
      const socket = transport.open();
      socket.stopReading();
      socket.send(requests(0, 3));
      const stopped = server.stop(700);
      assert.equal(await isSettled(stopped), false);
      socket.read();
      assert.ok(await isSettled(stopped));
      assert.equal(cutFrames(socket.received).length, 3);
    });

    it("closes what still waits after the limit, as it is", async () => {
      handle = () => new Promise(() => {});
      const never = transport.open("10.0.0.1:1");
      never.send(requests(0, 1));
      const slow = transport.open("10.0.0.2:1");
      handle = () => ({ code: 0 });
      slow.stopReading();
      slow.send(requests(0, 1));
      const stopped = server.stop(700);
      await time.tickAsync(699);
      assert.equal(await isSettled(stopped), false);
      assert.equal(never.closed || slow.closed, false);
      await time.tickAsync(1);
      assert.ok(await isSettled(stopped));
      assert.ok(never.closed && slow.closed);
      assert.equal(server.connections, 0);
      assert.deepEqual(gone, ["10.0.0.1:1", "10.0.0.2:1"]);
    });

    it("closes a connection that came in the meantime", async () => {
      handle = () => new Promise(() => {});
      const socket = transport.open("10.0.0.1:1");
      socket.send(requests(0, 1));
      const stopped = server.stop(700);
      const late = transport.open("10.0.0.2:1");
      await time.tickAsync(700);
      assert.ok(await isSettled(stopped));
      assert.ok(late.closed);
    });
  });
});
