import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { kvPut, manyTopics, registration } from "../support/brokers.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";

const MEGABYTE = 1024 * 1024;
const utf8 = new TextEncoder();

/** A thousand topics whose page is an answer of 300 KB. */
const LONG_TOPICS = Array.from({ length: 1000 }, (_, i) => ({
  name: `Long${i}-${"x".repeat(200)}`,
}));

/** A connection to the HTTP port with full control of its bytes. */
class Raw implements Disposable {
  private constructor(readonly conn: Deno.TcpConn) {}

  static async connect(port: number): Promise<Raw> {
    return new Raw(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends as much of a text as the server reads. */
  async send(text: string): Promise<void> {
    const bytes = utf8.encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
    } catch {
      // It closed the connection in between.
    }
  }

  /** Reads some bytes; empty at the end. */
  async read(): Promise<string> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await withLimit(this.conn.read(buffer).catch(() => null), "no answer");
    return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }
}

describe("bad input to the HTTP port", () => {
  let http: HttpServerProcess;
  let broker: Peer;

  beforeAll(async () => {
    http = await HttpServerProcess.start({ args: ["--httpMaxUnsentBytes=1048576"] });
    broker = await Peer.connect(http.server.port);
    const topics = [...manyTopics(20_000), ...LONG_TOPICS];
    const calls = [
      registration({ name: "broker-a", addr: "10.0.0.1:10911", topics }),
      kvPut("ns", "key", "value"),
    ];
    for (const answer of broker.callAll(calls)) assert.equal((await answer).code, 0);
  });

  afterAll(async () => {
    broker.close();
    const { err } = await http.server.stop();
    await http[Symbol.asyncDispose]();
    assert.deepEqual(err.filter((line) => /^\S+ ERROR /.test(line)), []);
  });

  /** Sends a text on its own connection; returns the response. */
  async function exchange(text: string): Promise<string> {
    using raw = await Raw.connect(http.httpPort);
    await raw.send(text);
    return await raw.read();
  }

  /** Asserts that the server keeps working. */
  async function assertUnhurt(): Promise<void> {
    assert.equal((await http.get("/livez")).status, 200);
    assert.equal((await broker.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
  }

  const refused: [what: string, text: string][] = [
    ["a megabyte of headers", `GET /livez HTTP/1.1\r\nA: ${"a".repeat(MEGABYTE)}\r\n\r\n`],
    ["many headers", `GET /livez HTTP/1.1\r\n${"A: b\r\n".repeat(129)}\r\n`],
    ["a URL of a megabyte", `GET /${"a".repeat(MEGABYTE)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    ["bytes that are no HTTP", "\0\x01\x02 garbage\r\n\r\n"],
    ["a Host header that is none", "GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n"],
    ["a URL that is none", "GET http://[::bad/x HTTP/1.1\r\nHost: localhost\r\n\r\n"],
    [
      "two lengths",
      "POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
  ];
  for (const [what, text] of refused) {
    it(`${what}: 400, or the connection is closed`, async () => {
      const answer = await exchange(text);
      if (answer !== "") assert.match(answer, /^HTTP\/1\.1 (400|431) /);
      await assertUnhurt();
    });
  }

  it("takes headers of 64 KiB, but no more", async () => {
    const request = (bytes: number) => {
      const start = "GET /livez HTTP/1.1\r\nHost: localhost\r\nA: ";
      return `${start}${"a".repeat(bytes - start.length - 4)}\r\n\r\n`;
    };
    assert.match(await exchange(request(64 * 1024)), /^HTTP\/1\.1 200 /);
    const answer = await exchange(request(64 * 1024 + 64));
    assert.match(answer, /^HTTP\/1\.1 431 .*application\/problem\+json.*httpMaxHeaderBytes/s);
  });

  it("a method that is not for reading: 405, whatever comes with it", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]) {
      const answer = await exchange(`${method} /api/v1/kv/ns HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      assert.match(answer, /^HTTP\/1\.1 405 .*\r\nallow: GET, HEAD\r\n/s, method);
    }
  });

  it("a body that never ends is not kept", async () => {
    const before = await http.server.residentBytes();
    using raw = await Raw.connect(http.httpPort);
    await raw.send("POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000000\r\n\r\n");
    assert.match(await raw.read(), /^HTTP\/1\.1 405 /);
    const piece = "x".repeat(MEGABYTE);
    for (let i = 0; i < 100; i++) await raw.send(piece);
    await assertUnhurt();
    assert.ok(await http.server.residentBytes() - before < 60 * MEGABYTE);
  });

  it("hundreds of connections that say nothing, or never end their headers", async () => {
    const before = await http.server.residentBytes();
    const raws: Raw[] = [];
    try {
      for (let i = 0; i < 200; i++) raws.push(await Raw.connect(http.httpPort));
      const half = `GET /livez HTTP/1.1\r\nHost: localhost\r\nA: ${"a".repeat(60_000)}`;
      for (const raw of raws.slice(100)) await raw.send(half);
      await assertUnhurt();
      assert.ok(await http.server.residentBytes() - before < 60 * MEGABYTE);
    } finally {
      for (const raw of raws) raw[Symbol.dispose]();
    }
  });

  it("requests whose answers are not read: 503 for further ones, except probes", async () => {
    {
      using raw = await Raw.connect(http.httpPort);
      // More than the operating system buffers for a connection.
      const path = "/api/v1/topics?search=Long&limit=1000";
      await raw.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(60));
      const response = await http.getUntil("/version", 503);
      assert.equal(response.headers.get("retry-after"), "1");
      assert.match((await response.json()).detail, /wait for their clients/);
      assert.equal((await http.get("/livez")).status, 200);
      assert.equal((await http.get("/readyz")).status, 200);
      assert.equal((await broker.call({ code: RequestCode.GET_BROKER_CLUSTER_INFO })).code, 0);
    }
    await http.getUntil("/version", 200);
    await assertUnhurt();
  });

  it("a thousand probes whose clients have gone do not hold up the next one", async () => {
    for (let i = 0; i < 1000; i++) {
      using raw = await Raw.connect(http.httpPort);
      await raw.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    const probe = await withLimit(http.get("/livez"), "a probe is held up");
    assert.equal(probe.status, 200);
    await probe.body?.cancel();
    await assertUnhurt();
  });

  it("many requests in one go are answered, each", async () => {
    using raw = await Raw.connect(http.httpPort);
    await raw.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(200));
    let text = "";
    while (text.split("HTTP/1.1 200").length <= 200) {
      const more = await raw.read();
      assert.notEqual(more, "");
      text += more;
    }
    await assertUnhurt();
  });

  it("changes nothing", async () => {
    const { items, total } = await http.json("/api/v1/kv");
    assert.deepEqual([items, total], [[{ namespace: "ns", keys: 1 }], 1]);
    assert.equal((await http.json("/api/v1/topics")).total, 21_000);
  });
});
