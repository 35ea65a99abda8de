import { afterEach, beforeEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import type { Command, Reply } from "../../../../src/remoting/wire/command.ts";
import { defaultOptions } from "../../../../src/config/options.ts";
import { Networks } from "../../../../src/ip_ranges.ts";
import { ByteBudget } from "../../../../src/remoting/memory_budget.ts";
import { RemotingCounters } from "../../../../src/remoting/remoting_counters.ts";
import { RemotingServer } from "../../../../src/remoting/server.ts";
import { concat, int32, utf8 } from "../../../support/bytes.ts";
import { RecordedLog } from "../../../support/recorded_log.ts";
import { describeTransports } from "../../../support/transports.ts";
import { systemClock } from "../../../../src/clock.ts";
import { pause, until } from "../../../support/wait.ts";
import { cutFrames, opaques, readAnswers, request } from "../../../support/frames.ts";
import { WorkSlice } from "../../../../src/work_slice.ts";
import { setImmediate } from "node:timers";

let server: RemotingServer;
let port: number;
let budget: ByteBudget;
let log: RecordedLog;
let handle: (request: Command) => Reply | Promise<Reply>;
let client: Deno.TcpConn;

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await client.write(bytes.subarray(at));
}

async function readAll(): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(65_536);
  for (let count = await client.read(buffer); count !== null; count = await client.read(buffer)) {
    parts.push(buffer.slice(0, count));
  }
  return concat(...parts);
}

function requests(count: number, body?: Uint8Array): Uint8Array {
  return concat(...Array.from({ length: count }, (_, opaque) => request({ opaque, body })));
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describeTransports("RemotingServer on ", (transport) => {
  beforeEach(async () => {
    budget = new ByteBudget(() => 64 << 20);
    log = new RecordedLog();
    handle = () => ({ code: 0 });
    server = new RemotingServer({
      transport,
      handler: { handle: (request) => handle(request), disconnected: () => {} },
      options: defaultOptions(),
      waterMarks: { high: () => 100_000, low: () => 50_000 },
      budget,
      trustedProxies: new Networks([]),
      counters: new RemotingCounters([], []),
      slice: new WorkSlice(setImmediate),
      log,
      clock: systemClock,
    });
    port = await server.listen("127.0.0.1", 0);
    client = await Deno.connect({ hostname: "127.0.0.1", port });
  });

  afterEach(async () => {
    await server.stop(0);
    try {
      client.close();
    } catch {
      // The test closed it.
    }
  });

  it("answers every request of a peer that reads late and sends no more", async () => {
    let handled = 0;
    // Small responses, which share a buffer, and large ones, which are sent without copying.
    const bodyOf = (opaque: number) => `${opaque},`.repeat(opaque % 10 === 0 ? 20_000 : 1000);
    handle = ({ opaque }) => {
      handled++;
      return { code: 0, body: utf8(bodyOf(opaque)) };
    };
    const count = 2000;
    // All of it fits into the system's receive buffers, but not into its send buffers.
    const sending = writeAll(requests(count)).then(() => client.closeWrite());
    await pause(100);
    assert.ok(handled < count, `${handled} answers were made for a peer that reads none`);
    const answers = readAnswers(await readAll());
    await sending;
    assert.deepEqual(answers.map((answer) => answer.opaque), range(count));
    for (const { opaque, body } of answers) assert.ok(body === bodyOf(opaque), `${opaque}`);
    assert.equal(budget.used, 0);
    await until(() => server.connections === 0);
  });

  it("takes frames of megabytes, and gives some", async () => {
    handle = ({ body }) => ({ code: 0, body: body! });
    const body = new Uint8Array(5_000_000).map((_, i) => i * 7 + (i >> 8));
    const received = readAll();
    await writeAll(request({ opaque: 1, body }));
    await writeAll(request({ opaque: 2, body: utf8("small") }));
    client.closeWrite();
    const frames = cutFrames(await received);
    assert.equal(frames.length, 2);
    assert.ok(frames[0]!.body.every((byte, i) => byte === body[i]));
    assert.deepEqual(frames[1]!.body, utf8("small"));
    assert.equal(budget.used, 0);
  });

  it("closes a connection with a bad frame after the answers before it", async () => {
    const received = readAll();
    await writeAll(concat(requests(3), int32(-1)));
    assert.deepEqual(opaques(await received), [0, 1, 2]);
    assert.equal(log.at("WARN").length, 1);
    assert.equal(log.at("WARN")[0]!.fields.peer, `127.0.0.1:${client.localAddr.port}`);
  });

  it("answers what it has read when it stops", async () => {
    const answer = Promise.withResolvers<Reply>();
    const read = Promise.withResolvers<void>();
    handle = () => {
      read.resolve();
      return answer.promise;
    };
    const received = readAll();
    await writeAll(request({ opaque: 7 }));
    await read.promise;
    const stopped = server.stop(5000);
    await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }));
    answer.resolve({ code: 0 });
    await stopped;
    assert.deepEqual(opaques(await received), [7]);
    assert.equal(server.connections, 0);
  });
});
