import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import * as net from "node:net";
import * as tls from "node:tls";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { decodeFrame, encodeFrame, framesOf } from "../support/frames.ts";
import { manyTopics, registration } from "../support/brokers.ts";
import { makeAuthority, makeCertificate, openssl } from "../support/certificates.ts";
import { Peer } from "../support/peer.ts";
import { Home, Lines, ServerProcess } from "../support/server_process.ts";
import { pause, until, withLimit } from "../support/wait.ts";
import { RequestCode } from "../../src/protocol/codes.ts";
import { nth } from "../support/lists.ts";

const MEGABYTE = 1_048_576;
/** Long enough for real handshakes on a busy machine, and short enough to wait for. */
const SILENCE_MS = 3000;
/** GET_ALL_TOPIC_LIST_FROM_NAMESERVER, which every server answers. */
const QUESTION = encodeFrame({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER }, 7);
const QUESTIONS = Buffer.concat(Array.from({ length: 200 }, () => QUESTION));

let home: Home;

/** Options for a certificate of an intermediate authority, with others. */
function certificateOptions(options: Record<string, string> = {}): Record<string, string> {
  return {
    "tls.test.mode.enable": "false",
    "tls.server.keyPath": home.file("server.key"),
    "tls.server.certPath": home.file("chain.pem"),
    ...options,
  };
}

async function start(options: Record<string, string>): Promise<ServerProcess> {
  const name = `options-${crypto.randomUUID()}.properties`;
  const lines = Object.entries(options).map(([key, value]) => `${key}=${value}\n`);
  return await ServerProcess.start({ home, args: ["-c", await home.write(name, lines.join(""))] });
}

/** Returns the error of a server that must not start. */
async function refusal(options: Record<string, string>): Promise<string> {
  const ended = await ServerProcess.run({ home, args: ["-c", await home.configFile(options)] });
  assert.equal(ended.code, 1);
  assert.deepEqual(ended.out, []);
  return ended.err.join("\n");
}

/** Sends a request with `openssl s_client`; returns whether there was a response. */
async function asks(server: ServerProcess, ...args: string[]): Promise<boolean> {
  const command = new Deno.Command("openssl", {
    args: ["s_client", "-connect", `127.0.0.1:${server.port}`, "-quiet", ...args],
    cwd: home.path,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(QUESTION).catch(() => {});
  const answer = async () => {
    for await (const frame of framesOf(child.stdout)) return decodeFrame(frame).opaque === 7;
    return false;
  };
  try {
    return await withLimit(answer().catch(() => false), "neither an answer nor an end");
  } finally {
    await writer.close().catch(() => {});
    try {
      child.kill();
    } catch {
      // It has ended.
    }
    await child.status;
  }
}

/**
 * Sends a request over a connection of Node's client; rejects when it is closed instead of
 * answered.
 */
function asksNode(port: number, options: tls.ConnectionOptions = {}, prelude?: string) {
  return new Promise<tls.PeerCertificate>((resolve, reject) => {
    const open = () => {
      const socket = tls.connect({
        rejectUnauthorized: false,
        ...options,
        ...(plain ? { socket: plain } : { host: "127.0.0.1", port }),
      });
      socket.on("secureConnect", () => socket.write(QUESTION));
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("closed")));
      socket.once("data", () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      });
    };
    const plain = prelude === undefined ? undefined : net.connect(port, "127.0.0.1");
    if (plain === undefined) open();
    else plain.once("connect", () => plain.write(prelude!, open));
  });
}

/** Opens a TLS connection. */
async function connectNode(port: number): Promise<tls.TLSSocket> {
  const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await new Promise((resolve, reject) =>
    socket.once("secureConnect", resolve).once("error", reject)
  );
  socket.on("error", () => {});
  return socket;
}

/** Sends a request over an open connection. */
async function answerOf(socket: tls.TLSSocket): Promise<void> {
  const answered = new Promise((resolve) => socket.once("data", resolve));
  socket.write(QUESTION);
  await withLimit(answered, "the connection is not served");
}

async function answersPlain(server: ServerProcess): Promise<boolean> {
  await using peer = await Peer.connect(server.port);
  return await peer.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER }).then(
    () => true,
    () => false,
  );
}

/** Finds the only line about a refused connection, with this reason. */
async function refused(server: ServerProcess, reason: RegExp): Promise<void> {
  const line = await server.err.find(reason);
  assert.match(line, / WARN connection refused peer=127\.0\.0\.1:\d+ reason="/);
  assert.ok(!server.err.all.some((it) => /^\s+at /.test(it)), "a stack trace");
}

describe("TLS", () => {
  beforeAll(async () => {
    home = await Home.make();
    const folder = home.path;
    await Promise.all([makeAuthority(folder, "ca"), makeAuthority(folder, "other-ca")]);
    await makeCertificate(folder, "middle", "ca", { isAuthority: true });
    await makeCertificate(folder, "server", "middle");
    await makeCertificate(folder, "client", "ca");
    await makeCertificate(folder, "stranger", "other-ca");
    await makeCertificate(folder, "expired", "ca", { days: -1 });
    const [server, middle] = await Promise.all(
      ["server.pem", "middle.pem"].map((name) => Deno.readTextFile(home.file(name))),
    );
    await home.write("chain.pem", server! + middle!);
  });

  afterAll(async () => {
    await home[Symbol.asyncDispose]();
  });

  describe("modes", () => {
    it("permissive serves both, with a certificate of its own making", async () => {
      await using server = await start({});
      assert.ok(await asks(server, "-tls1_3"));
      assert.ok(await asks(server, "-tls1_2"));
      assert.ok(await answersPlain(server));
      assert.equal((await asksNode(server.port)).subject.CN, "localhost");
    });

    it("enforcing refuses plain frames", async () => {
      await using server = await start({ "tls.server.mode": "enforcing" });
      assert.ok(await asks(server));
      assert.ok(!await answersPlain(server));
      await refused(server, /no TLS handshake/);
      assert.ok(await asks(server));
    });

    it("disabled refuses handshakes", async () => {
      await using server = await start({ "tls.server.mode": "disabled" });
      assert.ok(!await asks(server));
      await refused(server, /TLS is disabled/);
      assert.ok(await answersPlain(server));
    });

    it("TLS behind a PROXY header is refused in disabled, naming who is behind it", async () => {
      await using server = await start({ "tls.server.mode": "disabled" });
      await assert.rejects(asksNode(server.port, {}, "PROXY TCP4 192.0.2.9 10.0.0.1 5 9876\r\n"));
      const line = await server.err.find(/TLS is disabled/);
      assert.match(
        line,
        / WARN connection refused peer=127\.0\.0\.1:\d+ proxied=192\.0\.2\.9:5 reason="/,
      );
    });

    it("TLS may come behind a PROXY header, in permissive and enforcing", async () => {
      for (const mode of ["permissive", "enforcing"]) {
        await using server = await start(certificateOptions({
          "tls.server.mode": mode,
          "tls.server.need.client.auth": "optional",
        }));
        const [cert, key] = await Promise.all(
          ["client.pem", "client.key"].map((name) => Deno.readTextFile(home.file(name))),
        );
        const header = "PROXY TCP4 192.0.2.9 10.0.0.1 51234 9876\r\n";
        await asksNode(server.port, { cert, key }, header);
        assert.match(await server.err.find(/TLS client/), /proxied=192\.0\.2\.9:51234 .*CN=client/);
      }
    });
  });

  describe("with certificates", () => {
    it("shows the chain, which a client verifies to the root", async () => {
      await using server = await start(certificateOptions());
      assert.ok(await asks(server, "-CAfile", "ca.pem", "-verify_return_error"));
      assert.ok(!await asks(server, "-CAfile", "other-ca.pem", "-verify_return_error"));
    });

    const id = (name: string) => ["-cert", `${name}.pem`, "-key", `${name}.key`];

    it("asks for no client certificate, for one, or insists", async () => {
      await using none = await start(certificateOptions());
      assert.ok(await asks(none, ...id("stranger")));
      assert.ok(!none.err.all.some((line) => /CN=stranger/.test(line)));
      await using optional = await start(
        certificateOptions({ "tls.server.need.client.auth": "optional" }),
      );
      assert.ok(await asks(optional));
      assert.ok(await asks(optional, ...id("stranger")));
      assert.match(await optional.err.find(/CN=stranger/), /verified=false/);
      await using require = await start(
        certificateOptions({ "tls.server.need.client.auth": "require" }),
      );
      assert.ok(await asks(require, ...id("stranger")));
      assert.ok(!await asks(require));
      await refused(require, /sent no certificate/);
    });

    it("verifies client certificates, in new sessions and in resumed ones", async () => {
      await using server = await start(certificateOptions({
        "tls.server.need.client.auth": "require",
        "tls.server.authClient": "true",
        "tls.server.trustCertPath": home.file("ca.pem"),
      }));
      for (const version of ["-tls1_2", "-tls1_3"]) {
        assert.ok(await asks(server, version, ...id("client"), "-sess_out", "good"));
        assert.ok(await asks(server, version, ...id("client"), "-sess_in", "good"));
        assert.ok(!await asks(server, version, ...id("stranger"), "-sess_out", "bad"));
        // TLS 1.2 issues the ticket before the certificate is refused; 1.3 may.
        const resuming = await Deno.stat(home.file("bad")).then(
          () => ["-sess_in", "bad"],
          () => [],
        );
        assert.ok(!await asks(server, version, ...id("stranger"), ...resuming));
        assert.ok(!await asks(server, version, ...id("expired")));
        assert.ok(!await asks(server, version));
      }
      const { subject, verified } = /subject="(?<subject>[^"]+)".*verified=(?<verified>\w+)/
        .exec(await server.err.find(/TLS client/))!.groups!;
      assert.deepEqual([subject, verified], ["CN=client", "true"]);
      assert.match(await server.err.find(/subjectAltName/), /fingerprint=([0-9A-F]{2}:){31}/);
      await refused(server, /\(CN=stranger\) is not trusted/);
      await refused(server, /\(CN=stranger\) was not verified in this session/);
      await refused(server, /\(CN=expired\) has expired/);
      await refused(server, /sent no certificate/);
    });

    it("keeps to tls.protocols and tls.ciphers", async () => {
      await using old = await start(certificateOptions({ "tls.protocols": "TLSv1.2" }));
      assert.ok(await asks(old, "-tls1_2"));
      assert.ok(!await asks(old, "-tls1_3"));
      const ciphers = "ECDHE-RSA-AES128-GCM-SHA256,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256";
      await using some = await start(certificateOptions({ "tls.ciphers": ciphers }));
      assert.ok(await asks(some, "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"));
      assert.ok(await asks(some, "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"));
      assert.ok(!await asks(some, "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"));
      await refused(some, /AES_256_GCM_SHA384 is not one of tls.ciphers/);
      assert.ok(!await asks(some, "-tls1_3"));
    });

    it("takes keys of all kinds, encrypted or not", async () => {
      const { path } = home;
      const key = ["-in", "server.key", "-passout", "pass:secret"];
      await openssl(path, "pkcs8", "-topk8", ...key, "-out", "pkcs8.key");
      await openssl(path, "rsa", "-traditional", "-aes256", ...key, "-out", "pkcs1.key");
      for (const name of ["pkcs8.key", "pkcs1.key"]) {
        await using server = await start(certificateOptions({
          "tls.server.keyPath": home.file(name),
          "tls.server.keyPassword": "secret",
        }));
        assert.ok(await asks(server));
      }
      const wrong = certificateOptions({
        "tls.server.keyPath": home.file("pkcs8.key"),
        "tls.server.keyPassword": "wrong",
      });
      assert.match(await refusal(wrong), /keyPassword is not the right password for .*pkcs8\.key/);
    });

    it("starts with an expired certificate where plain connections are served, too", async () => {
      await using server = await start(certificateOptions({
        "tls.server.keyPath": home.file("expired.key"),
        "tls.server.certPath": home.file("expired.pem"),
      }));
      assert.match(await server.err.find(/has expired/), / WARN TLS certificate has expired /);
      assert.ok(await answersPlain(server));
      assert.ok(await asks(server));
    });

    it("names a command that converts a key made as RocketMQ's guide does", async () => {
      const { path } = home;
      const legacy = ["-provider", "default", "-provider", "legacy"];
      for (const scheme of ["PBE-SHA1-RC4-128", "PBE-MD5-DES"]) {
        const make = ["pkcs8", "-topk8", "-v1", scheme, "-in", "server.key", "-out", "guide.key"];
        await openssl(path, ...make, "-passout", "pass:secret", ...legacy);
        const options = (name: string) =>
          certificateOptions({
            "tls.server.keyPath": home.file(name),
            "tls.server.keyPassword": "secret",
          });
        const said = await refusal(options("guide.key"));
        const [, command] = /guide\.key .*is not supported; `openssl (.*)` converts/.exec(said)!;
        const words = command!.replace("OLD", "guide.key").replace("NEW", "converted.key");
        const passwords = ["-passin", "pass:secret", "-passout", "pass:secret"];
        await openssl(path, ...words.split(" "), ...passwords);
        await using server = await start(options("converted.key"));
        assert.ok(await asks(server));
      }
    });
  });

  describe("options that can't be satisfied", () => {
    const cases: [string, Record<string, string>, RegExp][] = [
      [
        "no such file",
        { "tls.server.certPath": "/not/there" },
        /certPath: .*\/not\/there.*No such/,
      ],
      [
        "a key of another certificate",
        { "tls.server.keyPath": "client.key" },
        /client\.key.*not the/,
      ],
      ["an expired certificate", {
        "tls.server.mode": "enforcing",
        "tls.server.keyPath": "expired.key",
        "tls.server.certPath": "expired.pem",
      }, /expired\.pem \(tls\.server\.certPath\) has expired/],
      [
        "no certificate in the file",
        { "tls.server.certPath": "client.csr" },
        /contains no certificate/,
      ],
      [
        "no key in the file",
        { "tls.server.keyPath": "chain.pem" },
        /chain\.pem .*no private key/,
      ],
      ["no path", { "tls.server.keyPath": "" }, /tls\.server\.keyPath=: must name a file/],
      ["an old version", { "tls.protocols": "TLSv1.1" }, /TLSv1\.1 is not supported/],
      ["an unknown cipher", { "tls.ciphers": "RC4-MD5" }, /tls\.ciphers=RC4-MD5/],
    ];
    for (const [name, options, message] of cases) {
      it(`${name}: no start, and a line that says so`, async () => {
        assert.match(await refusal(certificateOptions(options)), message);
      });
    }

    it("warns of certificates that test mode does not use", async () => {
      await using server = await start({ ...certificateOptions(), "tls.test.mode.enable": "true" });
      assert.match(await server.err.find(/test\.mode/), /WARN .*keyPath, tls\.server\.certPath/);
    });
  });

  describe("bad input", () => {
    /** A hello without extensions, with a version in the record and one in the hello. */
    const hello = (record: string, version: string) =>
      `16${record}002f0100002b${version}${"61".repeat(32)}000004002f00350100`;
    const half = "160301013d0100";

    const openings: [string, string, RegExp][] = [
      ["an SSL 3.0 hello", hello("0300", "0300"), /the client supports at most SSL 3\.0/],
      ["a TLS 1.0 hello", hello("0301", "0301"), /the client supports at most TLS 1\.0/],
      ["a TLS 1.1 hello", hello("0301", "0302"), /the client supports at most TLS 1\.1/],
      ["an SSL 2.0 hello", `802e010002${"00".repeat(43)}`, /frame length/],
      ["0x16 and garbage", "16ff00ff00ff00ff00ff", /corrupt message/],
      ["a record of garbage", "160301000568656c6c6f", /corrupt message/],
      ["a record that is too long", "160301ffff0102", /corrupt message/],
      ["an alert instead of a hello", `${hello("0301", "0303")}15030100020228`, /incompatible/],
    ];
    for (const [name, bytes, reason] of openings) {
      it(`${name}: closed`, () =>
        costsTheConnection(reason, async (peer) => {
          await peer.send(Uint8Array.fromHex(bytes));
          await peer.closed;
        }));
    }

    it("a truncated hello and the end: closed", () =>
      costsTheConnection(/closed by the peer/, async (peer) => {
        await peer.send(Uint8Array.fromHex(half));
        await peer.end();
      }));

    it("a truncated hello and silence: closed after tlsHandshakeTimeoutMillis", () =>
      costsTheConnection(/no handshake in 3000 ms/, async (peer) => {
        await peer.send(Uint8Array.fromHex(half));
        await peer.closed;
      }, { tlsHandshakeTimeoutMillis: `${SILENCE_MS}` }));

    it("a renegotiation: closed", async () => {
      await using server = await start({});
      await using bystander = await Peer.connect(server.port);
      const args = ["s_client", "-connect", `127.0.0.1:${server.port}`, "-tls1_2"];
      const client = new Deno.Command("openssl", {
        args,
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn();
      const said = new Lines(client.stdout);
      await said.find(/^\s+Verify return code/);
      const writer = client.stdin.getWriter();
      await writer.write(new TextEncoder().encode("R\n"));
      await withLimit(client.status, "openssl still runs");
      await Promise.all([said.complete, writer.abort().catch(() => {})]);
      const line = await server.err.find(/WARN/);
      assert.match(line, /WARN connection refused peer=\S+ reason="TLS: renegotiation"$/);
      await toldOnce(server, bystander);
    });

    it("garbage after the handshake: closed", async () => {
      for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
        await using server = await start({});
        await using bystander = await Peer.connect(server.port);
        const raw = net.connect(server.port, "127.0.0.1");
        const client = tls.connect({ socket: raw, rejectUnauthorized: false, maxVersion });
        client.on("error", () => {});
        await new Promise((resolve) => client.once("secureConnect", resolve));
        const closed = new Promise((resolve) => client.once("close", resolve));
        raw.write(Uint8Array.fromHex(`1703030014${"00".repeat(20)}`));
        await withLimit(closed, "the connection is still open");
        await refused(server, /TLS: cannot decrypt/);
        await toldOnce(server, bystander);
      }
    });

    for (const transport of ["deno", "node"]) {
      it(`a client that ends before the server has seen its handshake: closed (${transport})`, async () => {
        await using server = await start({ transport, logLevel: "DEBUG" });
        // Holds what comes after the hello, so that it arrives in one piece with the end.
        const relay = net.createServer((client) => {
          const way = net.connect(server.port, "127.0.0.1");
          const held: Uint8Array[] = [];
          client.once("data", (hello) => {
            way.write(hello);
            client.on("data", (bytes) => {
              held.push(bytes as Uint8Array);
              if (Buffer.concat(held).length > QUESTIONS.length) way.end(Buffer.concat(held));
            });
          });
          way.on("data", (bytes) => client.write(bytes));
          for (const socket of [client, way]) socket.on("error", () => {});
        });
        await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
        const client = await connectNode((relay.address() as net.AddressInfo).port);
        try {
          client.write(QUESTIONS);
          await server.err.find(/connection closed/);
        } finally {
          client.destroy();
          relay.close();
        }
      });
    }

    it("half-open handshakes: no more than tlsMaxHandshakes", async () => {
      await using server = await start({
        tlsHandshakeTimeoutMillis: `${SILENCE_MS}`,
        tlsMaxHandshakes: "20",
      });
      await using bystander = await Peer.connect(server.port);
      const open = await Promise.all(Array.from({ length: 40 }, () => Peer.connect(server.port)));
      await Promise.all(open.map((peer) => peer.send(Uint8Array.fromHex(half))));
      await refused(server, /the handshake gave way to 20 newer ones \(tlsMaxHandshakes\)/);
      assert.equal(
        (await bystander.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).code,
        0,
      );
      await withLimit(Promise.all(open.map((peer) => peer.closed)), "handshakes are still open");
      assert.ok(await asks(server));
      assert.equal(server.err.all.filter((line) => / WARN /.test(line)).length, 40);
      assert.deepEqual(server.err.all.filter((line) => / ERROR |^\s+at /.test(line)), []);
    });

    it("thousands of half-open handshakes starve no other connection, and take little memory", async () => {
      await using server = await start({
        tlsHandshakeTimeoutMillis: "60000",
        tlsMaxHandshakesPerAddress: "1000",
      });
      await using plain = await Peer.connect(server.port);
      const secured = await connectNode(server.port);
      const before = await server.residentBytes();
      const open: Peer[] = [];
      let refused = 0;
      const allRefused = Promise.withResolvers<void>();
      const countRefused = () => {
        if (++refused === 2000) allRefused.resolve();
      };
      try {
        while (open.length < 3000) {
          const some = Array.from({ length: 100 }, () => Peer.connect(server.port));
          open.push(...await Promise.all(some));
          for (const peer of open.slice(-100)) void peer.closed.then(countRefused);
          await Promise.all(open.slice(-100).map((it) => it.send(Uint8Array.fromHex(half))));
          assert.equal(
            (await plain.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).code,
            0,
          );
          await answerOf(secured);
          if (open.length === 1000) {
            const grown = (await server.residentBytes() - before) / MEGABYTE;
            console.log(`measured: 1000 half-open handshakes take ${grown.toFixed(1)} MiB`);
            assert.ok(grown < 100, `${grown} MiB`);
          }
        }
        await withLimit(allRefused.promise, "more than 1000 are open");
        const grown = (await server.residentBytes() - before) / MEGABYTE;
        console.log(`measured: ${grown.toFixed(1)} MiB after 2000 more have taken their places`);
        assert.ok(grown < 250, `${grown} MiB`);
        assert.equal(
          (await plain.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).code,
          0,
        );
        await answerOf(secured);
      } finally {
        secured.destroy();
        for (const peer of open) peer.close();
      }
      // Their end frees their places.
      await until(() => asks(server), "a place is free again");
    });

    it("a client that does not take its answers is not read, and not decrypted, any more", async () => {
      await using server = await start({});
      await using broker = await Peer.connect(server.port);
      const topics = manyTopics(10_000);
      await broker.call(registration({ name: "broker-a", addr: "10.0.0.1:10911", topics }));
      // Paused, the runtime's TLS client still reads: it is the network that takes no answers.
      using relay = await deafenedRelay(server.port);
      const slow = await connectNode(relay.port);
      relay.takesAnswers = false;
      const before = await server.residentBytes();
      const question = encodeFrame({
        code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER,
        extFields: { filler: "x".repeat(20_000) },
      }, 7);
      let sent = 0;
      for (let i = 0; i < 100; i++) {
        for (; slow.writableLength < 4_000_000; sent += question.length) slow.write(question);
        await pause(10);
      }
      const grown = await server.residentBytes() - before;
      console.log(
        `measured: a client that does not read could send ${(sent / 1e6).toFixed()} MB; ` +
          `${(grown / 1e6).toFixed()} MB more`,
      );
      assert.ok(sent < 60_000_000, `${sent} bytes were read`);
      assert.ok(grown < 200_000_000, `${grown} bytes more`);
      assert.equal(
        (await broker.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).code,
        0,
      );
      slow.destroy();
    });

    /**
     * A connection that does this is closed with one log line; the server and others are
     * unaffected.
     */
    async function costsTheConnection(
      reason: RegExp,
      spoil: (peer: Peer) => Promise<void>,
      options: Record<string, string> = { tlsHandshakeTimeoutMillis: "60000" },
    ): Promise<void> {
      await using server = await start(options);
      await using bystander = await Peer.connect(server.port);
      await using peer = await Peer.connect(server.port);
      await withLimit(spoil(peer), "the connection is still open");
      await refused(server, reason);
      assert.ok(server.err.all.some((line) => line.includes(`peer=${peer.address} `)));
      await toldOnce(server, bystander);
    }

    /** Exactly one line reports it, and no other connection is affected. */
    async function toldOnce(server: ServerProcess, bystander: Peer): Promise<void> {
      assert.equal(
        (await bystander.call({ code: RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER })).code,
        0,
      );
      assert.ok(await asks(server));
      const lines = server.err.all.filter((line) => !/ (INFO|DEBUG) /.test(line));
      assert.equal(lines.length, 1, lines.join("\n"));
    }
  });

  it("ends TLS connections cleanly, after their last answers", async () => {
    await using server = await start({});
    const socket = tls.connect({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false });
    const parts: Uint8Array[] = [];
    socket.on("data", (part) => parts.push(part));
    const ended = new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("closed without an end")));
      // close_notify arrived: nothing was cut off.
      socket.on("end", resolve);
    });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    // They were sent in one write, so the first response shows that all were read.
    const read = new Promise((resolve) => socket.once("data", resolve));
    socket.write(Buffer.concat(Array.from({ length: 50 }, () => QUESTION)));
    await read;
    server.kill("SIGTERM");
    await withLimit(ended, "the connection has not ended");
    socket.destroy();
    const stream = new Blob(parts as Uint8Array<ArrayBuffer>[]).stream();
    assert.equal((await Array.fromAsync(framesOf(stream))).length, 50);
    assert.equal((await withLimit(server.ended, "the server has not stopped")).code, 0);
  });

  describe("certificates that change", () => {
    /** A key and a certificate for a name, as PEM. */
    async function makePair(name: string): Promise<[string, string]> {
      await makeCertificate(home.path, name, "ca");
      const read = (end: string) => Deno.readTextFile(home.file(`${name}.${end}`));
      return [await read("key"), await read("pem")];
    }

    async function shows(server: ServerProcess, name: string): Promise<void> {
      const shown = async () => (await asksNode(server.port)).subject.CN;
      await until(async () => await shown() === name, `${name} is shown`);
    }

    it("are taken in each way of writing them, and only when they are good", async () => {
      const [one, two, three, four] = [
        await makePair("one"),
        await makePair("two"),
        await makePair("three"),
        await makePair("four"),
      ];
      const version = async (name: string, [key, cert]: [string, string]) => {
        await home.write(`secret/${name}/tls.key`, key);
        await home.write(`secret/${name}/tls.crt`, cert);
      };
      // Like Kubernetes' secret mounts.
      await version("..1", one);
      await version("..2", two);
      await Deno.symlink("..1", home.file("secret/..data"));
      for (const file of ["tls.key", "tls.crt"]) {
        await Deno.symlink(`..data/${file}`, home.file(`secret/${file}`));
      }
      await using server = await start({
        "tls.test.mode.enable": "false",
        "tls.server.keyPath": home.file("secret/tls.key"),
        "tls.server.certPath": home.file("secret/tls.crt"),
      });
      await shows(server, "one");
      const survivor = tls.connect({
        host: "127.0.0.1",
        port: server.port,
        rejectUnauthorized: false,
      });
      await new Promise((resolve) => survivor.once("secureConnect", resolve));

      await Deno.symlink("..2", home.file("secret/..next"));
      await Deno.rename(home.file("secret/..next"), home.file("secret/..data"));
      await shows(server, "two");
      // In place; the key and the certificate don't match for a while.
      await home.write("secret/..2/tls.key", three[0]);
      await server.err.find(/ERROR TLS certificate not reloaded.*is not the key/);
      await shows(server, "two");
      await home.write("secret/..2/tls.crt", three[1]);
      await shows(server, "three");
      // The folder is removed and recreated.
      await Deno.remove(home.file("secret"), { recursive: true });
      await server.err.find(/ERROR TLS certificate not reloaded.*No such file/);
      await shows(server, "three");
      await home.write("secret/tls.key", four[0]);
      await home.write("secret/tls.crt", four[1]);
      server.kill("SIGHUP");
      await shows(server, "four");
      // Replaced by a rename in the new folder.
      await home.write("secret/new.key", one[0]);
      await home.write("secret/new.crt", one[1]);
      await Deno.rename(home.file("secret/new.key"), home.file("secret/tls.key"));
      await Deno.rename(home.file("secret/new.crt"), home.file("secret/tls.crt"));
      await shows(server, "one");

      const answered = new Promise((resolve) => survivor.once("data", resolve));
      survivor.write(QUESTION);
      await withLimit(answered, "the connection from the beginning is not served");
      survivor.destroy();
    });

    it("200 times under load, without a handshake that fails", async () => {
      const pairs = [await makePair("even"), await makePair("odd")];
      const write = async (i: number) => {
        const [key, cert] = nth(pairs, i % 2);
        // Both in one step: a key and its certificate may share a file.
        await home.write("both.next", key + cert);
        await Deno.rename(home.file("both.next"), home.file("both.pem"));
      };
      await write(0);
      await using server = await start({
        "tls.test.mode.enable": "false",
        "tls.server.keyPath": home.file("both.pem"),
        "tls.server.certPath": home.file("both.pem"),
      });
      // The most memory that this load takes anyway, so that only the reloads' share is measured.
      // Bounded by the number of handshakes, because a busy machine takes longer.
      let before = 0;
      for (let made = 0, grown = Infinity; made < 5000 || (made < 8000 && grown > MEGABYTE);) {
        const said = await openssl(
          home.path,
          ...["s_time", "-connect", `127.0.0.1:${server.port}`, "-new", "-time", "3"],
        );
        made += Number(/^(\d+) connections in \d+ real seconds/m.exec(said)![1]);
        const most = Math.max(before, await server.residentBytes());
        grown = most - before;
        before = most;
      }
      let running = true;
      let handshakes = 0;
      const client = async () => {
        for (; running; handshakes++) await asksNode(server.port);
      };
      const clients = [client(), client()];
      let reloads = 0;
      const done = () => server.err.all.filter((it) => /certificate reloaded/.test(it)).length;
      while (reloads < 200) {
        await write(++reloads);
        server.kill("SIGHUP");
        await until(() => done() >= reloads);
      }
      const grown = (await server.residentBytes() - before) / MEGABYTE;
      running = false;
      await Promise.all(clients);
      console.log(
        `measured: ${handshakes} handshakes; 200 reloads took ${grown.toFixed(1)} MiB ` +
          `beside ${(before / MEGABYTE).toFixed()} MiB`,
      );
      assert.ok(handshakes > 200, `${handshakes} handshakes`);
      assert.ok(grown < 10, `${grown} MiB`);
      assert.deepEqual(server.err.all.filter((line) => / (WARN|ERROR) /.test(line)), []);
    });
  });
});

/** A relay to a server that can stop passing on the server's data. */
async function deafenedRelay(port: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = await Deno.connect({ hostname: "127.0.0.1", port });
  const relay = {
    port: listener.addr.port,
    takesAnswers: true,
    [Symbol.dispose]() {
      for (const open of [listener, server]) {
        try {
          open.close();
        } catch {
          // Closed by its other end.
        }
      }
    },
  };
  void listener.accept().then(async (client) => {
    void client.readable.pipeTo(server.writable).catch(() => {});
    const buffer = new Uint8Array(64 * 1024);
    while (relay.takesAnswers) {
      const count = await server.read(buffer);
      if (count === null) break;
      await client.write(buffer.subarray(0, count));
    }
  }).catch(() => {});
  return relay;
}
