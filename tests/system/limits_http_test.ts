import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { manyTopics, registration } from "../support/brokers.ts";
import { HttpServerProcess } from "../support/http_server.ts";
import { Peer } from "../support/peer.ts";
import { parseScrape } from "../support/scrape.ts";
import { Home } from "../support/server_process.ts";
import { withLimit } from "../support/wait.ts";

const MiB = 1 << 20;
const HALF = "GET /livez HTTP/1.1\r\nHost: localhost\r\nA: a";
const HALF_BODY = "POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\n" +
  "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
const WHOLE = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** A connection to the HTTP port. */
class Client implements Disposable {
  readonly #conn: Deno.TcpConn;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async connect(port: number, text = ""): Promise<Client> {
    const client = new Client(await Deno.connect({ hostname: "127.0.0.1", port }));
    await client.send(text);
    return client;
  }

  async send(text: string): Promise<void> {
    if (text !== "") await this.#conn.write(new TextEncoder().encode(text)).catch(() => {});
  }

  /** The next bytes; `undefined` when the server has closed the connection. */
  async read(): Promise<string | undefined> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await withLimit(this.#conn.read(buffer).catch(() => null), "neither");
    return count === null ? undefined : new TextDecoder().decode(buffer.subarray(0, count));
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }
}

/** Reads the metrics; scrapes within a second get the same text. */
async function metrics(http: HttpServerProcess): Promise<ReadonlyMap<string, number>> {
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const response = await http.get("/metrics", { headers: { connection: "close" } });
  return parseScrape(await response.text()).values;
}

const refused = (reason: string) => `rocketmq_namesrv_http_refused_total{reason="${reason}"}`;

describe("connections to the HTTP port", () => {
  it("with half a request: 3 000 take less than 40 MB, and are closed in 30 s", async () => {
    await using http = await HttpServerProcess.start();
    for (let i = 0; i < 20; i++) await (await http.get("/version")).text();
    const before = await http.server.residentBytes();
    const clients: Client[] = [];
    try {
      const start = performance.now();
      for (let i = 0; i < 3000; i++) clients.push(await Client.connect(http.httpPort, HALF));
      const begun = performance.now();
      // Probes work meanwhile.
      assert.equal((await (await http.get("/livez")).json()).alive, true);
      const grown = await http.server.residentBytes() - before;
      assert.ok(grown < 40 * MiB, `${grown} bytes`);
      assert.equal(await clients[0]!.read(), undefined);
      assert.equal(await clients.at(-1)!.read(), undefined);
      const seconds = (performance.now() - begun) / 1000;
      // On a busy machine the last is late; it is never early.
      assert.ok(seconds > 25, `after ${seconds} s, of ${(begun - start) / 1000} s`);
      const values = await metrics(http);
      assert.ok(values.get("rocketmq_namesrv_http_connections")! < 5);
      assert.ok(values.get(refused("connections"))! >= 2500);
      assert.ok(values.get(refused("slow"))! > 400);
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
    await http.server.err.find(/WARN HTTP request refused .*httpMaxConnections/);
    await http.server.err.find(/WARN HTTP request refused .*httpRequestTimeoutSeconds/);
  });

  it("without a request, or idle after one, are closed in time", async () => {
    const args = ["--httpRequestTimeoutSeconds=2", "--httpIdleTimeoutSeconds=1"];
    await using http = await HttpServerProcess.start({ args });
    using silent = await Client.connect(http.httpPort);
    using idle = await Client.connect(http.httpPort, WHOLE);
    assert.match((await idle.read())!, /^HTTP\/1\.1 200 /);
    assert.equal(await idle.read(), undefined);
    assert.equal(await silent.read(), undefined);
    // Half of a second request.
    using second = await Client.connect(http.httpPort, WHOLE);
    assert.match((await second.read())!, /^HTTP\/1\.1 200 /);
    await second.send(HALF);
    assert.equal(await second.read(), undefined);
  });

  it("stay open between requests", async () => {
    await using http = await HttpServerProcess.start();
    using client = await Client.connect(http.httpPort);
    for (let i = 0; i < 5; i++) {
      await client.send(WHOLE);
      assert.match((await client.read())!, /^HTTP\/1\.1 200 .*\r\n\r\n\{"alive":true\}$/s);
    }
  });

  it("that do not read their answers are closed in time", async () => {
    const args = ["--httpAnswerTimeoutSeconds=1", "--httpMaxUnsentBytes=2147483647"];
    await using http = await HttpServerProcess.start({ args });
    await using broker = await Peer.connect(http.server.port);
    const topics = manyTopics(1000).map(({ name }) => ({ name: name.padEnd(200, "x") }));
    const call = registration({ name: "broker-a", addr: "10.0.0.1:10911", topics });
    assert.equal((await broker.call(call)).code, 0);
    const request = "GET /api/v1/topics?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    using _client = await Client.connect(http.httpPort, request.repeat(100));
    await http.server.err.find(/WARN HTTP request refused .*httpAnswerTimeoutSeconds/);
    assert.equal((await metrics(http)).get(refused("unread")), 1);
  });

  it("that are slow to send a body take no place of other requests or connections", async () => {
    await using home = await Home.make();
    const accessFile = await home.write("access.yml", "{mode: enforce, anonymous: [viewer]}");
    const limits = { httpMaxOpenRequests: "5", httpMaxConnections: "10" };
    const config = await home.configFile({ accessFile, ...limits });
    await using http = await HttpServerProcess.start({ args: ["-c", config] });
    const clients: Client[] = [];
    try {
      for (let i = 0; i < 20; i++) {
        clients.push(await Client.connect(http.httpPort, HALF_BODY));
        const answer = await http.get("/version", { headers: { connection: "close" } });
        assert.equal(answer.status, 200, await answer.text());
      }
      assert.ok((await metrics(http)).get(refused("connections"))! >= 10);
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
  });

  it("that send a crowd of requests at once are closed", async () => {
    await using http = await HttpServerProcess.start({ args: ["--httpMaxOpenRequests=10"] });
    using client = await Client.connect(http.httpPort, WHOLE.repeat(1000));
    while (await client.read() !== undefined);
    await http.server.err.find(/WARN HTTP request refused .*httpMaxOpenRequests/);
    assert.equal((await (await http.get("/livez")).json()).alive, true);
  });
});

describe("the Host header", () => {
  it("is an address, localhost or a name of httpAllowedHosts: otherwise 421, but for the address service", async () => {
    const args = ["--httpAllowedHosts=namesrv.example,*.pods.example"];
    await using http = await HttpServerProcess.start({ args });
    const ask = async (line: string, ...hosts: string[]) => {
      const headers = hosts.map((host) => `Host: ${host}\r\n`).join("");
      using client = await Client.connect(http.httpPort, `${line}\r\n${headers}\r\n`);
      return (await client.read())!;
    };
    const served = [`127.0.0.1:${http.httpPort}`, "[::1]", "10.1.2.3", "localhost"];
    for (const host of [...served, "NAMESRV.example:9890", "a.pods.example"]) {
      assert.match(await ask("GET /version HTTP/1.1", host), /^HTTP\/1\.1 200 /, host);
    }
    for (const path of ["/rocketmq/nsaddr", "/rocketmq/nsaddr/brokers"]) {
      const answer = await ask(`GET ${path} HTTP/1.1`, "jmenv.example:8080");
      assert.match(answer, new RegExp(`\r\n127\\.0\\.0\\.1:${http.server.port}$`));
    }
    for (const path of ["/version", "/livez", "/metrics", "/api/v1/config", "/nothing"]) {
      const answer = await ask(`GET ${path} HTTP/1.1`, `rebound.example:${http.httpPort}`);
      assert.match(answer, /^HTTP\/1\.1 421 .*problem\+json.*httpAllowedHosts/s, path);
      assert.ok(!answer.includes('"alive"'));
    }
    assert.match(await ask("GET http://rebound.example/livez HTTP/1.1", "localhost"), / 421 /);
    assert.match(await ask("GET /livez HTTP/1.1", "localhost", "rebound.example"), / 400 /);
    // Old probes send none; browsers always do.
    assert.match(await ask("GET /livez HTTP/1.0"), /^HTTP\/1\.1 200 /);
    assert.match(await ask("GET /livez HTTP/1.1"), /^HTTP\/1\.1 400 /);
    assert.equal((await metrics(http)).get(refused("host")), 6);
  });

  it("a wrong httpAllowedHosts ends the start", async () => {
    await assert.rejects(
      HttpServerProcess.start({ args: ["--httpAllowedHosts=http://a.example"] }),
      /httpAllowedHosts/,
    );
  });
});
