import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { manyTopics, registration } from "../support/brokers.ts";
import { encodeFrame } from "../support/frames.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { withLimit } from "../support/wait.ts";
import { parseScrape } from "../support/scrape.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const MiB = 1 << 20;
const BUFFERED = "rocketmq_namesrv_buffered_bytes";
const closed = (reason: string) => `rocketmq_namesrv_connections_closed_total{reason="${reason}"}`;

/** Starts a server with these options. */
async function start(options: Record<string, string> = {}): Promise<HttpServerProcess> {
  const file = await Deno.makeTempFile({ suffix: ".properties" });
  const lines = Object.entries(options).map(([name, value]) => `${name}=${value}\n`);
  await Deno.writeTextFile(file, lines.join(""));
  try {
    return await HttpServerProcess.start({ args: ["-c", file] });
  } finally {
    await Deno.remove(file);
  }
}

/** Reads the metrics; scrapes within a second get the same text. */
async function metrics(http: HttpServerProcess): Promise<ReadonlyMap<string, number>> {
  await new Promise((resolve) => setTimeout(resolve, 1100));
  return parseScrape(await (await http.get("/metrics")).text()).values;
}

/** The first bytes of a frame whose header is empty. */
function half(length: number, sent: number): Uint8Array {
  const bytes = new Uint8Array(8 + sent);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, length);
  view.setInt32(4, 0);
  return bytes;
}

async function openAll(port: number, count: number): Promise<Peer[]> {
  const peers: Peer[] = [];
  while (peers.length < count) peers.push(await Peer.connect(port));
  return peers;
}

describe("the memory budget", () => {
  it("serves registrations of 164 KB beside 252 connections with half frames", async () => {
    await using http = await start();
    const { port } = http.server;
    const peers = await openAll(port, 252);
    const drip = setInterval(() => {
      for (const peer of peers) void peer.send(new Uint8Array(1100));
    }, 1000);
    try {
      const part = half(16 * MiB, MiB);
      await withLimit(Promise.all(peers.map((peer) => peer.send(part))), "not taken");
      const broker = { name: "broker-a", addr: "10.0.0.1:10911", topics: manyTopics(900) };
      const size = encodeFrame(registration(broker), 0).length;
      assert.ok(size > 164_000, `${size} bytes`);
      const waits: number[] = [];
      for (let counter = 1; counter <= 20; counter++) {
        await using honest = await Peer.connect(port);
        const start = performance.now();
        const { code } = await honest.call(registration({ ...broker, counter }));
        waits.push(Math.round(performance.now() - start));
        assert.equal(code, 0);
      }
      console.log(`measured: 20 of 20 registrations, the slowest after ${Math.max(...waits)} ms`);
      const values = await metrics(http);
      assert.ok(values.get(BUFFERED)! <= 256 * MiB, `${values.get(BUFFERED)} bytes`);
      assert.ok(values.get(closed("memory"))! > 0);
      await http.server.err.find(/WARN connection refused .*memory is short \(maxBuffered/);
    } finally {
      clearInterval(drip);
      for (const peer of peers) peer.close();
    }
  });

  it("counts answers that are not read, and closes their readers when it is short", async () => {
    await using http = await start({ maxBufferedRequestBytes: String(64 * MiB) });
    const { server } = http;
    const topics = Array.from({ length: 20_000 }, (_, i) => ({ name: `${i}`.padEnd(100, "x") }));
    await using broker = await Peer.connect(server.port);
    await broker.call(registration({ name: "broker-a", addr: "10.0.0.1:10911", topics }));
    const list = { code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER };
    const question = encodeFrame(list, 1);
    const before = await server.residentBytes();
    const readers: Peer[] = [];
    try {
      while (readers.length < 80) {
        const reader = await Peer.connectSilently(server.port);
        readers.push(reader);
        for (let i = 0; i < 20; i++) await reader.send(question);
      }
      let ended = 0;
      // The server may still be answering on a busy machine.
      for (let i = 0; i < 20 && ended === 0; i++) {
        const values = await metrics(http);
        assert.ok(values.get(BUFFERED)! <= 64 * MiB, `${values.get(BUFFERED)} bytes`);
        ended = values.get(closed("memory"))!;
      }
      const grown = (await server.residentBytes() - before) / MiB;
      console.log(`measured: 80 silent readers, ${ended} closed, ${grown.toFixed(0)} MiB more`);
      assert.ok(ended > 0);
      assert.equal((await broker.call(list)).code, 0);
    } finally {
      for (const reader of readers) reader.close();
    }
  });

  it("keeps one copy of a large answer for all that do not read it", async () => {
    await using http = await start();
    const { server } = http;
    await using broker = await Peer.connect(server.port);
    const topics = manyTopics(2);
    for (let i = 0; i < 600; i++) {
      const name = `broker-${i}`.padEnd(200, "x");
      await broker.call(registration({ name, addr: `10.0.0.1:${10_000 + i}`, topics }));
    }
    const question = { code: RequestCode.GET_BROKER_CLUSTER_INFO };
    const { body } = await broker.call(question);
    const before = await server.residentBytes();
    const readers: Peer[] = [];
    try {
      while (readers.length < 30) {
        const reader = await Peer.connectSilently(server.port);
        readers.push(reader);
        for (let i = 0; i < 20; i++) await reader.send(encodeFrame(question, i));
      }
      // The server may still be answering on a busy machine.
      let held = 0;
      for (let i = 0; i < 20; i++) {
        const now = (await metrics(http)).get(BUFFERED)!;
        if (now > 0 && now === held) break;
        held = now;
      }
      const grown = (await server.residentBytes() - before) / MiB;
      const each = `${Math.round(body.length / 1024)} KiB to each of 30 silent readers`;
      console.log(`measured: 20 times ${each}, ${grown.toFixed(0)} MiB more`);
      assert.ok(grown < 20, `${grown.toFixed(0)} MiB`);
    } finally {
      for (const reader of readers) reader.close();
    }
  });

  it("takes a frame that comes slowly, but not for ever, and not by single bytes", async () => {
    await using http = await start({ frameTimeoutSeconds: "8", frameMinBytesPerSecond: "100" });
    const { server } = http;
    await using steady = await Peer.connect(server.port);
    await using drip = await Peer.connect(server.port);
    await steady.send(half(MiB, 10));
    await drip.send(half(MiB, 10));
    const timer = setInterval(() => {
      void steady.send(new Uint8Array(500));
      void drip.send(new Uint8Array(1));
    }, 500);
    try {
      await withLimit(drip.closed, "the drip goes on");
      const slow = await server.err.find(/frameMinBytesPerSecond/);
      assert.ok(slow.includes(`peer=${drip.address} `), slow);
      await withLimit(steady.closed, "the frame goes on");
      const late = await server.err.find(
        /a frame is not complete after 8 s \(frameTimeoutSeconds\)/,
      );
      assert.ok(late.includes(`peer=${steady.address} `), late);
      const values = await metrics(http);
      assert.equal(values.get(closed("slow")), 2);
      assert.equal(values.get(BUFFERED), 0);
    } finally {
      clearInterval(timer);
    }
  });

  it("counts half PROXY headers, and ends them after proxyHeaderTimeoutSeconds", async () => {
    await using http = await start({
      proxyHeaderTimeoutSeconds: "3",
      maxProxyHeaderBytes: "65000",
    });
    const { server } = http;
    const peers = await openAll(server.port, 50);
    const header = new Uint8Array(60_000);
    header.set([13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10, 0x21, 0x11, 0xfd, 0x00]);
    await Promise.all(peers.map((peer) => peer.send(header)));
    const held = (await metrics(http)).get(BUFFERED)!;
    assert.equal(held, 50 * header.length);
    await withLimit(Promise.all(peers.map((peer) => peer.closed)), "half headers stay");
    const values = await metrics(http);
    assert.deepEqual([values.get(closed("slow")), values.get(BUFFERED)], [50, 0]);
  });
});
