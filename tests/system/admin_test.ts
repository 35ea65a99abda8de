import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { manyTopics, registration } from "../support/brokers.ts";
import { makeAuthority, makeCertificate } from "../support/certificates.ts";
import { type CommandResult, isInstalled, runCommand, runShell } from "./command_process.ts";
import { Peer } from "../support/peer.ts";
import { Home, ServerProcess } from "../support/server_process.ts";
import { answering, close, type Conduct, StrangeServer } from "./strange_server.ts";
import { pause } from "../support/wait.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

/** Asserts that a command failed with one line that begins with the server. */
function assertFailed({ code, out, err }: CommandResult, server: string, expected: RegExp): void {
  assert.deepEqual([code, out], [1, ""], err);
  assert.equal(err.split("\n").length, 2, err);
  assert.ok(err.startsWith(`${server}: `), err);
  assert.match(err, expected);
}

function closedPort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${listener.addr.port}`;
}

describe("admin commands on a running server", () => {
  let home: Home;
  let server: ServerProcess;
  let broker: Peer;
  let address: string;

  const ask = async (...args: string[]) => {
    const { code, out, err } = await runCommand([...args, "-n", address]);
    assert.deepEqual([code, err], [0, ""], `${args}: ${out}`);
    return out;
  };
  const askJson = async (...args: string[]) => JSON.parse(await ask(...args, "--json"));

  beforeAll(async () => {
    home = await Home.make();
    server = await ServerProcess.start({ home, args: ["--bindAddress=127.0.0.1"] });
    address = `127.0.0.1:${server.port}`;
    broker = await Peer.connect(server.port);
    const group = { name: "broker-a", addr: "10.0.0.1:10911" };
    const topics = [{ name: "Orders" }, { name: "Bills" }];
    for (const request of [{ ...group, topics }, { ...group, addr: "10.0.0.2:10911", id: 1 }]) {
      const { code } = await broker.call(registration({ topics: [], ...request }));
      assert.equal(code, 0);
    }
  });

  afterAll(async () => {
    await broker[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  it("answer soon: the times are printed", async () => {
    await ask("ping");
    for (const args of [["ping"], ["route", "Orders"], ["topics"], ["help"]]) {
      const { code, millis } = await runCommand([
        ...args,
        ...args[0] === "help" ? [] : ["-n", address],
      ]);
      assert.equal(code, 0);
      console.log(`measured: ${args.join(" ")} in ${millis.toFixed()} ms`);
    }
  });

  it("show clusters, brokers, topics and routes", async () => {
    assert.deepEqual(await askJson("clusters"), [
      { cluster: "DefaultCluster", brokerNames: ["broker-a"], masters: 1, slaves: 1 },
    ]);
    assert.match(await ask("brokers"), /^DefaultCluster +broker-a +1 +slave +10\.0\.0\.2:10911 /m);
    assert.equal(await ask("topics", "--names"), "Bills\nOrders\n");
    assert.match(await ask("topics"), /^Orders +DefaultCluster +broker-a +8 +8 +rw$/m);
    assert.match(
      await ask("route", "Orders"),
      /^\w+ +broker-a +0 +master +10\.0\.0\.1:10911 .*rw$/m,
    );
    const [pong] = await askJson("ping");
    assert.deepEqual([pong.ok, pong.version, pong.language], [true, "V5_5_0", "OTHER"]);
  });

  it("change the KV table", async () => {
    assert.equal(await ask("kv", "put", "ns", "k", "a=b c"), `${address}: ns k stored\n`);
    assert.equal(await ask("kv", "get", "ns", "k"), "a=b c\n");
    assert.deepEqual((await askJson("kv", "list", "ns")).pairs, [{ key: "k", value: "a=b c" }]);
    assert.equal(await ask("kv", "delete", "ns", "k"), `${address}: ns k deleted\n`);
    assertFailed(await runCommand(["kv", "get", "ns", "k", "-n", address]), address, /no key k/);
  });

  it("change the configuration", async () => {
    await ask("config", "set", "orderMessageEnable", "true");
    assert.match(await ask("config", "get", "orderMessageEnable"), /^orderMessageEnable +true$/m);
    const set = ["config", "set"];
    const fixed = await runCommand([...set, "listenPort", "1", "-n", address]);
    assertFailed(fixed, address, /needs a restart/);
    const denied = await runCommand([...set, "kvConfigPath", "/x", "-n", address]);
    assertFailed(denied, address, /black list.*code 16/);
  });

  it("take a broker's write permission and give it back", async () => {
    assert.match(await ask("perm", "wipe", "broker-a"), /taken from 2 topics/);
    assert.match(await ask("route", "Orders"), / r-$/m);
    const added = await runCommand(["perm", "add", "broker-a", "-n", address]);
    assert.match(added.out, /given to 2 topics/);
    assert.match(added.err, /^broker-a: all its topics are now rw/);
    assert.match(await ask("route", "Orders"), / rw$/m);
    const unknown = await runCommand(["perm", "add", "broker-b", "-n", address]);
    assertFailed(unknown, address, /unknown broker broker-b; did you mean broker-a\?/);
  });

  it("find what two servers do not have alike", async () => {
    await using otherHome = await Home.make();
    await using other = await ServerProcess.start({ home: otherHome });
    const servers = `${address};127.0.0.1:${other.port}`;
    const { code, out } = await runCommand(["diff", "-n", servers, "--json"]);
    assert.equal(code, 1);
    const [{ differences }] = JSON.parse(out);
    const kinds = differences.map(({ kind, path }: { kind: string; path: string[] }) =>
      `${kind} ${path.join(" ")}`
    );
    assert.deepEqual(kinds, [
      "broker broker-a",
      "address broker-a 0",
      "address broker-a 1",
      "topic Bills",
      "queues Bills broker-a",
      "topic Orders",
      "queues Orders broker-a",
    ]);
    const same = `${address};localhost:${server.port}`;
    assert.equal((await runCommand(["diff", "-n", same])).code, 0);
  });

  it("watch it", async () => {
    const out = await ask("top", "--count", "2", "--interval", "100ms");
    assert.match(out, new RegExp(`^\\S+ ${address} up latency=\\S+ .*brokers=2 topics=2\n`));
  });

  it("watch it with the requests a second that its metrics tell", async () => {
    let requests = 0;
    await using metrics = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      requests += 1_000_000;
      return new Response(`rocketmq_namesrv_requests_total{request_code="x"} ${requests}\n`);
    });
    const http = ["--http", `127.0.0.1:${metrics.addr.port}`];
    const out = await ask("top", "--count", "2", "--interval", "100ms", ...http);
    assert.match(out, /^.* requests\/s=- .*\n.* requests\/s=[1-9]\d+ /);
  });

  it("put it under load", async () => {
    const args = ["--duration", "300ms", "--connections", "2", "--in-flight", "4"];
    const { requests, codes } = await askJson("bench", "--topic", "Orders", ...args);
    assert.deepEqual(codes, [{ code: 0, count: requests }]);
    assert.ok(requests > 8);
  });

  it("forget a topic", async () => {
    assert.equal(await ask("topic", "delete", "Bills"), `${address}: Bills deleted\n`);
    assert.equal(await ask("topic", "delete", "Bills"), `${address}: Bills did not exist\n`);
    assert.equal(await ask("topics", "--names"), "Orders\n");
  });

  it("ask the next server where one is down", async () => {
    const down = closedPort();
    const { code, out, err } = await runCommand(["topics", "--names", "-n", `${down};${address}`]);
    assert.deepEqual([code, out], [0, "Orders\n"]);
    assert.match(err, new RegExp(`^${down}: connection refused.*trying the next one\n$`));
  });

  it("end quietly when the output is closed", async () => {
    await using many = await Peer.connect(server.port);
    const topics = manyTopics(10_000);
    const group = { name: "broker-many", addr: "10.0.0.9:10911" };
    assert.equal((await many.call(registration({ ...group, topics }))).code, 0);
    const piped = `namesrv topics --names -n ${address} | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { out, err } = await runShell("bash", piped);
    assert.deepEqual([out, err], ["Orders\n0\n", ""]);
  });

  it("have colour on a terminal, unless NO_COLOR is set", async () => {
    if (!await isInstalled("script")) {
      return console.log("SKIPPED: there is no `script` here to make a terminal");
    }
    const line = `script -qec "$(declare -f namesrv); namesrv brokers -n ${address}" /dev/null`;
    const env = { TERM: "xterm", SHELL: "/bin/bash" };
    const coloured = await runShell("bash", line, env);
    assert.ok(coloured.out.includes("\x1b[1mCLUSTER"), coloured.out);
    const plain = await runShell("bash", line, { ...env, NO_COLOR: "1" });
    assert.ok(plain.out.includes("CLUSTER") && !plain.out.includes("\x1b"), plain.out);
    const piped = await runCommand(["brokers", "-n", address], { TERM: "xterm" });
    assert.ok(!piped.out.includes("\x1b"), piped.out);
  });
});

describe("a server that is none", () => {
  const garbage = crypto.getRandomValues(new Uint8Array(65_536)).map((byte) => byte | 0x80);
  /** A busy machine may answer late; the other servers never answer. */
  const timeoutFor = (expected: RegExp) => expected.source.includes("400 ms") ? "400" : "60s";
  const cases: [string, Conduct, RegExp][] = [
    ["closes at once", (conn) => Promise.resolve(close(conn)), /closed|reset|broke/],
    ["says nothing", () => Promise.resolve(), /no answer within 400 ms/],
    ["speaks HTTP", answering(utf8("HTTP/1.1 400 Bad Request\r\n\r\n")), /speaks HTTP/],
    ["sends garbage", answering(garbage), /does not speak the remoting protocol/],
    [
      "announces too much",
      answering(new Uint8Array([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 9])),
      /does not speak the remoting protocol/,
    ],
    [
      "sends byte by byte",
      async (conn) => {
        for (const byte of [0, 0, 1, 0, 0, 0, 0, 9]) {
          await conn.write(new Uint8Array([byte]));
          await pause(100);
        }
      },
      /no answer within 400 ms/,
    ],
  ];
  for (const [name, conduct, expected] of cases) {
    it(`${name}: one line, exit code 1`, async () => {
      await using server = new StrangeServer(conduct);
      const args = ["clusters", "-n", server.address, "--timeout", timeoutFor(expected)];
      assertFailed(await runCommand(args), server.address, expected);
    });
  }

  it("a web server: one line, exit code 1", async () => {
    await using web = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => new Response("hello"),
    );
    const address = `127.0.0.1:${web.addr.port}`;
    const args = ["topics", "-n", address, "--timeout", "5s"];
    assertFailed(await runCommand(args), address, /HTTP|closed|no answer/);
  });

  it("is not running: one line, exit code 1", async () => {
    const address = closedPort();
    for (const command of [["topics"], ["kv", "get", "a", "b"], ["top"], ["bench"]]) {
      const ran = await runCommand([...command, "-n", address]);
      assertFailed(ran, address, /connection refused: is the name server running/);
    }
  });

  it("speaks TLS, or does not, otherwise than it is asked: one line, exit code 1", async () => {
    await using home = await Home.make();
    const file = await home.configFile({ "tls.server.mode": "enforcing" });
    await using enforcing = await ServerProcess.start({ home, args: ["-c", file] });
    const secured = `127.0.0.1:${enforcing.port}`;
    assertFailed(await runCommand(["topics", "-n", secured]), secured, /try --tls/);
    await using plain = new StrangeServer(answering(utf8("\0\0\0\x04plain")));
    const tls = ["topics", "--tls", "--timeout", "60s", "-n", plain.address];
    assertFailed(await runCommand(tls), plain.address, /without --tls/);
    await using silent = new StrangeServer(() => Promise.resolve());
    const waiting = ["topics", "--tls", "--timeout", "300", "-n", silent.address];
    assertFailed(await runCommand(waiting), silent.address, /TLS handshake within 300 ms/);
  });
});

describe("TLS", () => {
  it("works with certificates on both sides, and says what is missing", async () => {
    await using home = await Home.make();
    await makeAuthority(home.path, "ca");
    for (const name of ["namesrv", "client"]) await makeCertificate(home.path, name, "ca");
    const file = await home.configFile({
      "tls.server.mode": "enforcing",
      "tls.test.mode.enable": "false",
      "tls.server.keyPath": home.file("namesrv.key"),
      "tls.server.certPath": home.file("namesrv.pem"),
      "tls.server.need.client.auth": "require",
      "tls.server.authClient": "true",
      "tls.server.trustCertPath": home.file("ca.pem"),
    });
    await using server = await ServerProcess.start({ home, args: ["-c", file] });
    const address = `127.0.0.1:${server.port}`;
    const ping = (...args: string[]) => runCommand(["clusters", "-n", address, ...args]);
    const trust = ["--tls-trust", home.file("ca.pem")];
    const own = ["--tls-cert", home.file("client.pem"), "--tls-key", home.file("client.key")];
    assert.equal((await ping(...trust, ...own)).code, 0);
    assertFailed(await ping(...trust), address, /--tls-cert, --tls-key/);
    assertFailed(await ping("--tls", ...own), address, /not trusted .*--tls-trust/);
    const name = ["--tls-name", "elsewhere.example"];
    assertFailed(await ping(...trust, ...own, ...name), address, /not trusted/);
    assert.equal((await ping("--tls-insecure", ...own)).code, 0);
  });

  it("works with the certificate of test mode, unverified", async () => {
    await using home = await Home.make();
    await using server = await ServerProcess.start({ home });
    const address = `127.0.0.1:${server.port}`;
    assert.equal((await runCommand(["ping", "-n", address, "--tls-insecure"])).code, 0);
    assertFailed(await runCommand(["clusters", "-n", address, "--tls"]), address, /--tls-insecure/);
  });
});

describe("an argument that is no command", () => {
  it("is answered with the nearest command, and starts nothing", async () => {
    const cases = [["brokrs", "did you mean brokers?"], ["9876", "commands: ping, "]] as const;
    for (const [word, hint] of cases) {
      const { code, out, err } = await runCommand([word]);
      assert.deepEqual([code, out], [2, ""]);
      assert.ok(err.includes(`unknown command: ${word}; ${hint}`), err);
      assert.equal(err.split("\n").length, 2);
    }
  });
});
