import assert from "node:assert/strict";
import * as tls from "node:tls";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { RequestCode } from "../../src/protocol/codes.ts";
import { makeAuthority, makeCertificate, openssl } from "../support/certificates.ts";
import { Peer } from "../support/peer.ts";
import { freePort, Home, ServerProcess } from "../support/server_process.ts";
import { until, withLimit } from "../support/wait.ts";
import { runCommand } from "./command_process.ts";

/** The first bytes of a TLS record with a hello, most of which is missing. */
const HALF_HELLO = Uint8Array.fromHex("160301013d0100");
const LIVEZ = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

let home: Home;

/** A server whose HTTP port has TLS. */
async function start(options: Record<string, string> = {}) {
  const httpPort = freePort();
  const file = await home.write(`options-${httpPort}.properties`, lines(options));
  const args = ["-c", file, `--httpPort=${httpPort}`];
  return { httpPort, server: await ServerProcess.start({ home, args }) };
}

function lines(options: Record<string, string>): string {
  const all = {
    httpTlsEnable: "true",
    httpTlsKeyPath: home.file("http.key"),
    httpTlsCertPath: home.file("http.pem"),
    ...options,
  };
  return Object.entries(all).map(([key, value]) => `${key}=${value}\n`).join("");
}

/** A client that sends one request after another on one connection. */
class Client implements Disposable {
  readonly #socket: tls.TLSSocket;
  readonly closed: Promise<void>;

  private constructor(socket: tls.TLSSocket) {
    this.#socket = socket;
    socket.on("error", () => {});
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    // Otherwise the end would not be seen.
    socket.resume();
  }

  static async connect(port: number, options: tls.ConnectionOptions = {}): Promise<Client> {
    const ca = await Deno.readTextFile(home.file("ca.pem"));
    const socket = tls.connect({ host: "127.0.0.1", port, ca, ...options });
    const connected = new Promise((resolve, reject) =>
      socket.once("secureConnect", resolve).once("error", reject)
    );
    await withLimit(connected, "no handshake");
    return new Client(socket);
  }

  get protocol(): string | null {
    return this.#socket.getProtocol();
  }

  get serialNumber(): string {
    return this.#socket.getPeerCertificate().serialNumber;
  }

  /** Returns the answer, or undefined when the connection is closed instead. */
  async ask(): Promise<string | undefined> {
    const answer = new Promise<string | undefined>((resolve) => {
      let text = "";
      void this.closed.then(() => resolve(undefined));
      this.#socket.on("data", (bytes) => {
        text += bytes;
        if (text.endsWith("}")) resolve(text);
      });
    });
    this.send(LIVEZ);
    const text = await withLimit(answer, "neither an answer nor an end");
    this.#socket.removeAllListeners("data");
    return text;
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

async function isServed(port: number, options: tls.ConnectionOptions = {}): Promise<boolean> {
  using client = await Client.connect(port, options);
  return (await client.ask())?.startsWith("HTTP/1.1 200 ") === true;
}

describe("TLS on the HTTP port", () => {
  beforeAll(async () => {
    home = await Home.make();
    await makeAuthority(home.path, "ca");
    await makeCertificate(home.path, "http", "ca");
    await makeCertificate(home.path, "other", "ca");
  });

  afterAll(() => home[Symbol.asyncDispose]());

  it("serves TLS 1.2 and 1.3 and keeps connections open; the configuration tells", async () => {
    const { httpPort, server } = await start();
    await using _ = server;
    for (const protocol of ["TLSv1.2", "TLSv1.3"] as const) {
      using client = await Client.connect(httpPort, { maxVersion: protocol });
      for (let i = 0; i < 3; i++) assert.match(await client.ask() ?? "", /"alive":true/);
      assert.equal(client.protocol, protocol);
    }
    await using peer = await Peer.connect(server.port);
    const { body } = await peer.call({ code: RequestCode.GET_NAMESRV_CONFIG });
    const text = new TextDecoder().decode(body ?? undefined);
    assert.match(text, /^httpTlsEnable=true$/m);
    assert.match(server.err.all.join("\n"), / http="127\.0\.0\.1:\d+, TLS, .*http\.pem, until /);
  });

  it("closes idle connections and half requests as without TLS", async () => {
    const { httpPort, server } = await start({
      httpIdleTimeoutSeconds: "1",
      httpRequestTimeoutSeconds: "1",
    });
    await using _ = server;
    using idle = await Client.connect(httpPort);
    assert.match(await idle.ask() ?? "", /"alive":true/);
    await withLimit(idle.closed, "an idle connection stays open");
    using half = await Client.connect(httpPort);
    half.send("GET /livez HT");
    await withLimit(half.closed, "half a request keeps its connection open");
    await server.err.find(/ WARN HTTP request refused .*\(httpRequestTimeoutSeconds\)/);
  });

  it("has nothing to say about a connection that ends without a byte", async () => {
    const { httpPort, server } = await start();
    await using _ = server;
    for (let i = 0; i < 3; i++) {
      (await Deno.connect({ port: httpPort, hostname: "127.0.0.1" })).close();
    }
    assert.equal(await isServed(httpPort), true);
    const { err } = await server.stop();
    assert.equal(err.filter((line) => line.includes(" WARN ")).length, 0, err.join("\n"));
  });

  it("answers plain HTTP with 400, and logs one line", async () => {
    const { httpPort, server } = await start();
    await using _ = server;
    const response = await fetch(`http://127.0.0.1:${httpPort}/livez`);
    assert.equal(response.status, 400);
    assert.match((await response.json()).detail, /speaks HTTPS only \(httpTlsEnable\)/);
    assert.equal(await isServed(httpPort), true);
    const refused = server.err.all.filter((line) => line.includes("HTTP request refused"));
    assert.equal(refused.length, 1, server.err.all.join("\n"));
    assert.match(refused[0]!, / WARN .*peer=127\.0\.0\.1:\d+ reason="this port speaks HTTPS only/);
  });

  it("does not start with a wrong key, a missing file or none", async () => {
    const cases: [options: Record<string, string>, line: RegExp][] = [
      [
        { httpTlsKeyPath: home.file("other.key") },
        /other\.key \(httpTlsKeyPath\) is not the key of the certificate in .*http\.pem \(httpTlsCertPath\)$/,
      ],
      [{ httpTlsCertPath: "/nowhere.pem" }, /httpTlsCertPath: cannot read \/nowhere\.pem: /],
      [{ httpTlsKeyPath: "" }, /httpTlsKeyPath=: must name a file, because httpTlsEnable=true$/],
    ];
    for (const [options, line] of cases) {
      const args = ["-c", await home.write("wrong.properties", lines(options)), "--httpPort=9890"];
      const ended = await ServerProcess.run({ home, args });
      assert.equal(ended.code, 1);
      assert.match(ended.err.at(-1)!, line);
    }
  });

  it("takes changed files for new connections, and keeps the old ones if they are faulty", async () => {
    const key = home.file("changing.key");
    const cert = home.file("changing.pem");
    const use = async (name: string) => {
      await Deno.copyFile(home.file(`${name}.key`), key);
      await Deno.copyFile(home.file(`${name}.pem`), cert);
    };
    await use("http");
    const { httpPort, server } = await start({ httpTlsKeyPath: key, httpTlsCertPath: cert });
    await using _ = server;
    using open = await Client.connect(httpPort);
    assert.match(await open.ask() ?? "", /"alive":true/);
    await use("other");
    // The files are watched as well: this only makes it certain.
    server.kill("SIGHUP");
    await server.err.find(/INFO TLS certificate reloaded certPath=.*changing\.pem/);
    assert.match(await open.ask() ?? "", /"alive":true/);
    using next = await Client.connect(httpPort);
    assert.match(await next.ask() ?? "", /"alive":true/);
    assert.notEqual(next.serialNumber, open.serialNumber);

    await Deno.copyFile(home.file("http.key"), key);
    server.kill("SIGHUP");
    await server.err.find(
      /ERROR TLS certificate not reloaded, .*changing\.key \(httpTlsKeyPath\) is not/,
    );
    using last = await Client.connect(httpPort);
    assert.equal(last.serialNumber, next.serialNumber);
  });

  it("serves other addresses beside half hellos, and closes those in time", async () => {
    const { httpPort, server } = await start({
      httpMaxConnections: "20",
      httpTlsHandshakeTimeoutMillis: "10000",
    });
    await using _ = server;
    const flood: Peer[] = [];
    try {
      for (let i = 0; i < 60; i++) {
        const peer = await Peer.connect(httpPort);
        flood.push(peer);
        await peer.send(HALF_HELLO);
      }
      await server.err.find(/too many connections \(httpMaxConnections\)/);
      for (let i = 0; i < 5; i++) {
        const connect = ["-connect", `127.0.0.1:${httpPort}`, "-bind", "127.0.0.2:0"];
        await openssl(home.path, "s_client", ...connect, "-brief");
      }
      await server.err.find(/TLS: no handshake in 10000 ms \(httpTlsHandshakeTimeoutMillis\)/);
    } finally {
      for (const peer of flood) peer.close();
    }
  });

  it("wants certificates of the authorities that httpTlsTrustCertPath names", async () => {
    const { httpPort, server } = await start({ httpTlsTrustCertPath: home.file("ca.pem") });
    await using _ = server;
    assert.equal(await isServed(httpPort).catch(() => false), false);
    await server.err.find(/WARN HTTP request refused .*TLS: the client sent no certificate/);
    const [cert, key] = await Promise.all(
      ["other.pem", "other.key"].map((name) => Deno.readTextFile(home.file(name))),
    );
    assert.equal(await isServed(httpPort, { cert, key }), true);
  });

  it("is read by top", async () => {
    const { httpPort, server } = await start({
      "tls.test.mode.enable": "false",
      "tls.server.keyPath": home.file("http.key"),
      "tls.server.certPath": home.file("http.pem"),
    });
    await using _ = server;
    const top = ["top", "-n", `127.0.0.1:${server.port}`, "--count", "1", "--json"];
    const trust = ["--tls-trust", home.file("ca.pem")];
    // Metrics have a count of requests after the first round.
    await until(async () => {
      const { out } = await runCommand([...top, ...trust]);
      return JSON.parse(out).noMetrics === null;
    }, "top reads the metrics over TLS");
    const given = await runCommand([...top, ...trust, "--http", `https://localhost:${httpPort}`]);
    assert.equal(JSON.parse(given.out).noMetrics, null);
    const { out } = await runCommand(top);
    assert.match(JSON.parse(out).noMetrics, /^https:.* does not answer: .*--tls-trust/);
  });
});
