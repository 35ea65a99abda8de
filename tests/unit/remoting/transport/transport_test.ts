import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type {
  Listener,
  Socket,
  SocketHandler,
} from "../../../../src/remoting/transport/transport.ts";
import { concat, utf8 } from "../../../support/bytes.ts";
import { describeTransports } from "../../../support/transports.ts";
import { pause, until } from "../../../support/wait.ts";

const LOCAL = "127.0.0.1";
const LOCAL_IPV6 = "::1";
const HAS_IPV6 = hasIpv6();
if (!HAS_IPV6) console.warn("SKIPPED: transports over IPv6. This machine has no ::1.");

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: LOCAL_IPV6, port: 0 }).close();
    return true;
  } catch (error) {
    // Any other failure, such as a missing permission, is one of the test.
    if (
      error instanceof Error && /address family|not available|assign requested/i.test(error.message)
    ) {
      return false;
    }
    throw error;
  }
}

/** Events of the server's side of a connection. */
class Side implements SocketHandler {
  readonly chunks: Uint8Array[] = [];
  readonly events: string[] = [];
  readonly ended = Promise.withResolvers<void>();
  readonly closed = Promise.withResolvers<string | undefined>();
  onChunk: (chunk: Uint8Array) => void = () => {};
  onDrained: () => void = () => {};

  constructor(readonly socket: Socket) {}

  onData(chunk: Uint8Array): void {
    this.events.push("data");
    this.chunks.push(chunk.slice());
    this.onChunk(chunk);
  }

  onDrain(): void {
    this.events.push("drain");
    this.onDrained();
  }

  onEnd(): void {
    this.events.push("end");
    this.ended.resolve();
  }

  onClose(reason?: string): void {
    this.events.push("close");
    this.closed.resolve(reason);
  }
}

let marks: { high: number; low: number };
let listener: Listener;
let listening: boolean;
let sides: Side[];
let accepted: (side: Side) => void;
let clients: Deno.TcpConn[];

/** A client of the runtime, and the server's side of its connection. */
async function connect(): Promise<{ client: Deno.TcpConn; side: Side }> {
  const arrived = Promise.withResolvers<Side>();
  accepted = arrived.resolve;
  const client = await Deno.connect({ hostname: LOCAL, port: listener.port });
  clients.push(client);
  return { client, side: await arrived.promise };
}

function stopListening(): void {
  if (listening) listener.close();
  listening = false;
}

function acceptFailed(error: unknown): never {
  throw error;
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

/** Reads to the end, or this many bytes. */
async function read(conn: Deno.TcpConn, length = Infinity): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(65_536);
  for (let have = 0; have < length;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    parts.push(buffer.slice(0, count));
    have += count;
  }
  return concat(...parts);
}

/** Pseudo-random numbers that are the same in every run. */
function random(): () => number {
  let state = 12345;
  return () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8;
}

function noise(length: number): Uint8Array<ArrayBuffer> {
  const next = random();
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = next();
  return bytes;
}

function sum(chunks: Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

function same(actual: Uint8Array, expected: Uint8Array): boolean {
  return Buffer.from(actual.buffer, actual.byteOffset, actual.length).equals(expected);
}

describeTransports("", (transport) => {
  beforeEach(async () => {
    sides = [];
    clients = [];
    accepted = () => {};
    listening = true;
    marks = { high: 100_000, low: 50_000 };
    const waterMarks = { high: () => marks.high, low: () => marks.low };
    listener = await transport.listen(
      { hostname: LOCAL, port: 0, backlog: 1024, waterMarks, acceptFailed },
      (socket) => {
        const side = new Side(socket);
        sides.push(side);
        socket.start(side);
        socket.plain();
        accepted(side);
      },
    );
  });

  afterEach(() => {
    stopListening();
    for (const { socket } of sides) socket.destroy();
    for (const client of clients) {
      try {
        client.close();
      } catch {
        // The test closed it.
      }
    }
  });

  it("echoes 5 MB that come in cuts of all sizes", async () => {
    const { client, side } = await connect();
    side.onChunk = (chunk) => side.socket.write(chunk.slice());
    const bytes = noise(5_000_000);
    const echoed = read(client, bytes.length);
    const next = random();
    for (let at = 0; at < bytes.length;) {
      // Mostly small pieces, and some of a megabyte.
      const size = 1 + next() % (at % 7 === 0 ? 1_000_000 : 20_000);
      await writeAll(client, bytes.subarray(at, at + size));
      at += size;
    }
    assert.ok(same(await echoed, bytes));
    assert.equal(side.socket.unsent, 0);
  });

  it("sends chunks of all sizes in order, before it ends", async () => {
    const { client, side } = await connect();
    const chunks = [1, 10, 100_000, 0, 300_000, 5, 262_144, 262_145, 1, 1_000_000].map(noise);
    for (const chunk of chunks) side.socket.write(chunk);
    side.socket.end();
    assert.ok(same(await read(client), concat(...chunks)));
    assert.equal(await side.closed.promise, undefined);
    assert.deepEqual(side.events.filter((event) => event !== "drain"), ["close"]);
  });

  it("names the peer", async () => {
    const { client, side } = await connect();
    const { hostname, port } = client.localAddr;
    assert.equal(side.socket.remoteAddress, `${hostname}:${port}`);
  });

  it("serves both sides of a connection over IPv6", { ignore: !HAS_IPV6 }, async () => {
    // The first listener of a transport is the one that it connects to itself.
    stopListening();
    const arrived = Promise.withResolvers<Side>();
    const waterMarks = { high: () => marks.high, low: () => marks.low };
    listener = await transport.listen(
      { hostname: LOCAL_IPV6, port: 0, backlog: 1024, waterMarks, acceptFailed },
      (socket) => {
        const side = new Side(socket);
        side.onChunk = (chunk) => socket.write(chunk.slice());
        sides.push(side);
        socket.start(side);
        socket.plain();
        arrived.resolve(side);
      },
    );
    listening = true;
    const socket = await transport.connect(LOCAL_IPV6, listener.port, 20_000);
    const side = new Side(socket);
    sides.push(side);
    socket.start(side);
    const bytes = noise(300_000);
    socket.write(bytes);
    await until(() => sum(side.chunks) === bytes.length);
    assert.ok(same(concat(...side.chunks), bytes));
    assert.equal(socket.remoteAddress, `[::1]:${listener.port}`);
    assert.match((await arrived.promise).socket.remoteAddress, /^\[::1\]:\d+$/);
  });

  it("is full above the high mark, and drains down to the low one", async () => {
    const { client, side } = await connect();
    marks = { high: 4_000_000, low: 1_000_000 };
    // More than the system buffers while nothing is read.
    const length = 30_000_000;
    for (let sent = 0; sent < length; sent += 100_000) side.socket.write(new Uint8Array(100_000));
    assert.ok(side.socket.unsent > marks.high);
    const drained = new Promise<[number, boolean]>((resolve) => {
      side.onDrained = () => resolve([side.socket.unsent, side.socket.full]);
    });
    await pause(20);
    assert.equal(side.socket.full, true);
    const received = read(client, length);
    const [unsent, full] = await drained;
    assert.ok(unsent <= marks.low, `${unsent}`);
    assert.equal(full, false);
    assert.equal((await received).length, length);
    assert.deepEqual(side.events, ["drain"]);
  });

  it("says of each write whether its bytes may change afterwards", async () => {
    const { client, side } = await connect();
    await writeAll(client, utf8("x"));
    await until(() => side.chunks.length > 0);
    const expected: Uint8Array[] = [];
    const taken = { yes: 0, no: 0 };
    // The system buffers data while nothing is read, and a transport may copy small writes.
    for (let i = 0; i < 200 && taken.no < 20; i++) {
      const chunk = noise(1 + (i * 77_191) % 900_000);
      expected.push(chunk.slice());
      const yes = side.socket.write(chunk);
      if (yes) chunk.fill(0xff);
      taken[yes ? "yes" : "no"]++;
    }
    assert.equal(taken.no, 20);
    assert.ok(taken.yes > 0);
    side.socket.end();
    assert.ok(same(await read(client), concat(...expected)));
  });

  it("does not copy bytes that never change, as many readers may be due the same", async () => {
    const { side } = await connect();
    const bytes = noise(100_000);
    // More than the system buffers while nothing is read.
    while (side.socket.unsent < 10_000_000) side.socket.write(bytes, true);
    assert.equal(side.socket.write(bytes, true), false);
  });

  it("hears nothing while it is paused, and all of it afterwards", async () => {
    const { client, side } = await connect();
    await writeAll(client, utf8("first"));
    await until(() => side.chunks.length > 0);
    // A read is already pending: its data has to wait, too.
    side.socket.pause();
    const bytes = noise(200_000);
    await writeAll(client, bytes);
    client.closeWrite();
    await pause(30);
    assert.deepEqual(side.events, ["data"]);
    side.socket.resume();
    await side.ended.promise;
    assert.ok(same(concat(...side.chunks), concat(utf8("first"), bytes)));
  });

  it("hears no end while it is paused", async () => {
    const { client, side } = await connect();
    side.socket.pause();
    client.closeWrite();
    await pause(30);
    assert.deepEqual(side.events, []);
    side.socket.resume();
    await side.ended.promise;
    assert.deepEqual(side.events, ["end"]);
  });

  it("stops reading soon while it is paused", async () => {
    const { client, side } = await connect();
    side.socket.pause();
    let sent = 0;
    const sending = (async () => {
      const chunk = new Uint8Array(65_536);
      while (sent < 50_000_000) sent += await client.write(chunk);
    })();
    let before = -1;
    while (before !== sent) {
      before = sent;
      await pause(50);
    }
    assert.ok(sent < 50_000_000);
    assert.deepEqual(side.events, []);
    side.socket.destroy();
    await assert.rejects(sending);
  });

  it("may be paused and resumed by its handler, over and over", async () => {
    const { client, side } = await connect();
    side.onChunk = () => {
      side.socket.pause();
      setTimeout(() => side.socket.resume());
    };
    const bytes = noise(1_000_000);
    await writeAll(client, bytes);
    client.closeWrite();
    await side.ended.promise;
    assert.ok(same(concat(...side.chunks), bytes));
  });

  it("still sends to a peer that sends no more", async () => {
    const { client, side } = await connect();
    await writeAll(client, utf8("question"));
    client.closeWrite();
    await side.ended.promise;
    side.socket.write(utf8("answer"));
    side.socket.end();
    assert.deepEqual(await read(client), utf8("answer"));
    await side.closed.promise;
    assert.deepEqual(side.events, ["data", "end", "close"]);
  });

  it("closes in the middle of a write, telling so once", async () => {
    const { client, side } = await connect();
    side.socket.write(new Uint8Array(20_000_000));
    side.socket.destroy();
    side.socket.destroy();
    side.socket.end();
    side.socket.write(utf8("more"));
    assert.equal(await side.closed.promise, undefined);
    assert.equal(side.socket.unsent, 0);
    assert.equal(side.socket.full, false);
    const received = await read(client).catch(() => new Uint8Array(0));
    assert.ok(received.length < 20_000_000);
    assert.deepEqual(side.events, ["close"]);
  });

  it("closes while it is paused", async () => {
    const { client, side } = await connect();
    side.socket.pause();
    await writeAll(client, utf8("x"));
    await pause(10);
    side.socket.destroy();
    await side.closed.promise;
    side.socket.resume();
    await pause(10);
    assert.deepEqual(side.events, ["close"]);
  });

  it("says why when the peer breaks the connection while something is written", async () => {
    const { client, side } = await connect();
    await writeAll(client, utf8("x"));
    await until(() => side.chunks.length > 0);
    side.socket.write(new Uint8Array(20_000_000));
    // With unread bytes, the system resets the connection.
    client.close();
    const reason = await side.closed.promise;
    assert.ok(reason !== undefined && reason.length > 0);
    assert.equal(side.events.filter((event) => event === "close").length, 1);
    assert.equal(side.socket.unsent, 0);
  });

  it("serves many connections at once", async () => {
    const count = 200;
    accepted = (side) => {
      side.onChunk = (chunk) => side.socket.write(chunk.slice());
    };
    const echoed = await Promise.all(Array.from({ length: count }, async (_, i) => {
      const client = await Deno.connect({ hostname: LOCAL, port: listener.port });
      clients.push(client);
      const bytes = noise(1000 + i);
      await writeAll(client, bytes);
      const back = await read(client, bytes.length);
      client.closeWrite();
      return same(back, bytes);
    }));
    assert.equal(sides.length, count);
    assert.ok(echoed.every((same) => same));
    await Promise.all(sides.map((side) => side.ended.promise));
  });

  it("accepts no more when it is closed; what was accepted stays", async () => {
    const { client, side } = await connect();
    const { port } = listener;
    stopListening();
    await assert.rejects(Deno.connect({ hostname: LOCAL, port }));
    side.onChunk = (chunk) => side.socket.write(chunk.slice());
    await writeAll(client, utf8("still"));
    assert.deepEqual(await read(client, 5), utf8("still"));
  });

  it("rejects when the port is taken", async () => {
    const waterMarks = { high: () => 1, low: () => 1 };
    const options = { hostname: LOCAL, port: listener.port, backlog: 1, waterMarks, acceptFailed };
    await assert.rejects(transport.listen(options, () => {}), { code: "EADDRINUSE" });
  });

  describe("connect", () => {
    it("gives a socket that is never full", async () => {
      const arrived = Promise.withResolvers<Side>();
      accepted = arrived.resolve;
      const socket = await transport.connect(LOCAL, listener.port, 30_000);
      const back = new Side(socket);
      socket.start(back);
      assert.equal(socket.remoteAddress, `${LOCAL}:${listener.port}`);
      const bytes = noise(5_000_000);
      socket.write(bytes);
      assert.equal(socket.full, false);
      const side = await arrived.promise;
      await until(() => sum(side.chunks) === bytes.length);
      assert.ok(same(concat(...side.chunks), bytes));
      side.socket.write(utf8("back"));
      await until(() => back.chunks.length > 0);
      socket.end();
      await side.ended.promise;
      assert.deepEqual(back.events, ["data", "close"]);
    });

    it("gives a socket that sends all that is written, whatever the system took at once", async () => {
      const arrived = Promise.withResolvers<Side>();
      accepted = (side) => {
        side.socket.pause();
        arrived.resolve(side);
      };
      const socket = await transport.connect(LOCAL, listener.port, 30_000);
      const chunks: Uint8Array[] = [];
      const write = (size: number) => {
        chunks.push(noise(size));
        return socket.write(chunks.at(-1)!);
      };
      // The rest is small, and so is the data after it.
      while (chunks.length < 10_000 && write(1000));
      for (const size of [100, 100, 300_000, 10]) write(size);
      const side = await arrived.promise;
      side.socket.resume();
      await until(() => sum(side.chunks) === sum(chunks));
      assert.ok(same(concat(...side.chunks), concat(...chunks)));
      socket.destroy();
    });

    it("rejects when the port is closed", async () => {
      stopListening();
      await assert.rejects(
        transport.connect(LOCAL, listener.port, 30_000),
        // The second one while the system is still closing the port.
        ({ code }: { code: string }) => ["ECONNREFUSED", "ECONNRESET"].includes(code),
      );
    });

    it("rejects when the time is over", async () => {
      // With a full accept queue, the system leaves further connections unanswered.
      const deaf = Deno.listen({ hostname: LOCAL, port: 0, tcpBacklog: 1 });
      const sockets: Socket[] = [];
      try {
        await assert.rejects(async () => {
          while (sockets.length < 20) {
            sockets.push(await transport.connect(LOCAL, deaf.addr.port, 100));
          }
        }, /connect timed out/);
      } finally {
        for (const socket of sockets) socket.destroy();
        deaf.close();
      }
    });

    it("leaves a connection open when the time for connecting is over", async () => {
      const arrived = Promise.withResolvers<Side>();
      accepted = arrived.resolve;
      const socket = await transport.connect(LOCAL, listener.port, 1000);
      await pause(1100);
      socket.write(utf8("later"));
      const side = await arrived.promise;
      await until(() => side.chunks.length > 0);
      assert.deepEqual(concat(...side.chunks), utf8("later"));
      socket.destroy();
    });
  });
});
