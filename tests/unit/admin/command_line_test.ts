import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { parseCount, parseDuration, parseServers } from "../../../src/admin/options.ts";
import { selfSigned } from "../../../src/tls/certificate.ts";
import { FakeNameServers, run } from "../../support/fake_name_servers.ts";

const A = "10.0.0.1:9876";
const value = () => ({ fields: { value: "v" } });
const one = () => new FakeNameServers(new Map([[A, value]]));
const GET = ["kv", "get", "ns", "k", "-n", A];

describe("the command line", () => {
  it("lists the commands for help", async () => {
    for (const args of [["help"], ["--help"]]) {
      const { code, out, err } = await run(one(), args);
      assert.deepEqual([code, err], [0, ""]);
      for (const name of ["ping", "brokers", "kv", "diff", "completions"]) {
        assert.match(out, new RegExp(`^  ${name}\\b`, "m"));
      }
    }
  });

  it("has each of its commands and options in the documentation", async () => {
    const page = await Deno.readTextFile(new URL("../../../docs/admin.md", import.meta.url));
    const { out } = await run(one(), ["help"]);
    const commands = [...out.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name!)
      .filter((name) => name !== "help");
    assert.ok(commands.length > 10);
    for (const command of commands) {
      assert.match(page, new RegExp(`^## ${command}$`, "m"));
      const { out } = await run(one(), [command, "--help"]);
      for (const [option] of out.matchAll(/--[a-z-]+/g)) {
        if (option !== "--help" && option !== "--namesrv") assert.ok(page.includes(option), option);
      }
    }
  });

  it("tells of one command for --help, -h and help", async () => {
    for (const args of [["kv", "put", "--help"], ["kv", "put", "-h"], ["kv", "help", "put"]]) {
      const { code, out } = await run(one(), args);
      assert.equal(code, 0);
      assert.match(out, /^Usage: rocketmq-namesrv kv put \[options\] <namespace> <key> <value>$/m);
      assert.match(out, /--timeout <ms>/);
    }
    assert.match(
      (await run(one(), ["help", "route"])).out,
      /^Usage: .* route \[options\] <topic>$/m,
    );
    assert.match((await run(one(), ["kv", "--help"])).out, /^ +delete /m);
  });

  it("answers what it does not know in one line, with the nearest that it does", async () => {
    const cases: [string[], RegExp][] = [
      [["pign"], /unknown command: pign; did you mean ping\?/],
      [["9876"], /unknown command: 9876; commands: ping, .*bench/],
      [[""], /unknown command: /],
      [["kv", "gett"], /unknown command: kv gett; did you mean kv get\?/],
      [["kv"], /missing command: get, put, delete, list, copy, diff/],
      [["kv", "-n", A], /options come after the command: kv get\|put/],
      [["help", "rout"], /rout/],
      [["ping", "--jsn"], /unknown option '--jsn'; did you mean --json\?/],
      [["route"], /missing required argument 'topic'/],
      [["route", "a", "b"], /too many arguments/],
      [["ping", "-n"], /argument missing/],
      [["completions", "tcsh"], /bash, zsh, fish/],
    ];
    for (const [args, expected] of cases) {
      const { code, out, err } = await run(one(), args);
      assert.deepEqual([code, out], [2, ""], args.join(" "));
      assert.match(err, /^rocketmq-namesrv: [^\n]*\n$/);
      assert.match(err, expected);
    }
  });

  it("refuses values that can't be meant", async () => {
    const cases = [
      ["ping", "-n", "a:b"],
      ["ping", "-n", ";"],
      ["ping", "-n", "a:70000"],
      ["ping", "--timeout", "0"],
      ["ping", "--timeout", "soon"],
      ["ping", "--count", "0"],
      ["top", "--interval", "1ms"],
      ["top", "--http", "a:1;b:1"],
      ["bench", "--connections", "100000"],
      ["bench", "--duration", "-1"],
      ["ping", "--tls-cert", "x.pem"],
      ["ping", "--tls-insecure", "--tls-trust", "x.pem"],
    ];
    for (const args of cases) {
      const { code, out, err } = await run(one(), args);
      assert.deepEqual([code, out], [2, ""], args.join(" "));
      assert.match(err, /^rocketmq-namesrv: [^\n]*\n$/);
    }
  });

  it("takes values that begin with a hyphen after --", async () => {
    const servers = one();
    const { code } = await run(servers, ["kv", "put", "-n", A, "--", "ns", "k", "-v"]);
    assert.equal(code, 0);
    assert.equal(servers.seen.get(A)![0]!.fields.get("value"), "-v");
  });
});

describe("TLS options", () => {
  const files: Record<string, string> = {};
  beforeAll(async () => {
    const authority = await selfSigned(Date.now());
    const client = await selfSigned(Date.now());
    files["ca.pem"] = authority.cert;
    files["ca.key"] = authority.key;
    files["client.pem"] = client.cert + authority.cert;
    files["client.key"] = client.key;
    files["bad.pem"] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    files["bad.key"] = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    files["encrypted.key"] = client.key.replaceAll("PRIVATE", "ENCRYPTED PRIVATE");
  });

  it("are off by default, and --tls verifies", async () => {
    const servers = one();
    await run(servers, GET);
    assert.equal(servers.tls, undefined);
    await run(servers, [...GET, "--tls"]);
    assert.deepEqual(servers.tls, { rejectUnauthorized: true });
    await run(servers, [...GET, "--tls-insecure"]);
    assert.deepEqual(servers.tls, { rejectUnauthorized: false });
  });

  it("bring what the files hold", async () => {
    const servers = one();
    const args = ["--tls-trust", "ca.pem", "--tls-cert", "client.pem", "--tls-key", "client.key"];
    await run(servers, [...GET, ...args, "--tls-name", "namesrv"], { files });
    assert.deepEqual(servers.tls, {
      ca: files["ca.pem"],
      cert: files["client.pem"],
      key: files["client.key"],
      rejectUnauthorized: true,
      servername: "namesrv",
    });
  });

  it("fail with one line that names the file that can't be used", async () => {
    const own = (cert: string, key: string) => ["--tls-cert", cert, "--tls-key", key];
    const cases: [string[], RegExp][] = [
      [["--tls-trust", "none.pem"], /^--tls-trust none.pem: cannot be read: not found$/],
      [["--tls-trust", "ca.key"], /^--tls-trust ca.key: contains no certificate \(PEM\)$/],
      [["--tls-trust", "bad.pem"], /^--tls-trust bad.pem: not a valid certificate: /],
      [own("bad.pem", "ca.key"), /^--tls-cert bad.pem: not a valid certificate: /],
      [own("ca.pem", "ca.pem"), /^--tls-key ca.pem: contains no private key \(PEM\)$/],
      [own("ca.pem", "bad.key"), /^--tls-key bad.key: not a valid private key: /],
      [own("client.pem", "encrypted.key"), /^--tls-key encrypted.key: is encrypted: /],
      [
        own("ca.pem", "client.key"),
        /^--tls-key client.key: does not match the certificate in ca.pem$/,
      ],
    ];
    for (const [args, expected] of cases) {
      const { code, out, err } = await run(one(), [...GET, ...args], { files });
      assert.deepEqual([code, out], [1, ""], args.join(" "));
      assert.match(err.trimEnd(), expected);
    }
  });
});

describe("option values", () => {
  it("servers have a port, and count once", () => {
    assert.deepEqual(parseServers("a:1; b;a:1,[::1]:2;[fe80::1],http://c:3/"), [
      "a:1",
      "b:9876",
      "[::1]:2",
      "[fe80::1]:9876",
      "c:3",
    ]);
  });

  it("durations have units", () => {
    assert.equal(parseDuration("1500", "--timeout", "ms"), 1500);
    assert.equal(parseDuration("1.5", "--interval", "s"), 1500);
    assert.equal(parseDuration("3s", "--timeout", "ms"), 3000);
    assert.equal(parseDuration("2m", "--timeout", "ms"), 120_000);
    for (const text of ["", "s", "1h", "1e3", "0x10", "-1", "0", "Infinity"]) {
      assert.throws(() => parseDuration(text, "--timeout", "ms"), /--timeout/, text);
    }
  });

  it("counts are whole and bounded", () => {
    assert.equal(parseCount("7", "--count", 7), 7);
    for (const text of ["8", "0", "1.5", "", "x"]) {
      assert.throws(() => parseCount(text, "--count", 7), /--count .*from 1 to 7/, text);
    }
  });
});
