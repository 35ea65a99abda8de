import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ConnectTimeout } from "../../../src/remoting/transport/transport.ts";
import { concat, int32, utf8 } from "../../support/bytes.ts";
import { type Behaviour, FakeNameServers, run } from "../../support/fake_name_servers.ts";
import { frame } from "../../support/frames.ts";

const A = "10.0.0.1:9876";
const systemError = (code: string, message = code) => Object.assign(new Error(message), { code });

/** The one line that a failed command prints. */
async function failure(server: Behaviour | Error | undefined, ...args: string[]): Promise<string> {
  const servers = new FakeNameServers(new Map(server === undefined ? [] : [[A, server]]));
  const ran = await run(servers, ["clusters", "-n", A, "--timeout", "40", ...args]);
  assert.deepEqual([ran.code, ran.out], [1, ""]);
  assert.match(ran.err, /^10\.0\.0\.1:9876: [^\n]+\n$/);
  return ran.err;
}

describe("a server that can't be reached is reported in one line", () => {
  const cases: [string, Behaviour | Error | undefined, string[], RegExp][] = [
    ["not listening", undefined, [], /connection refused: is the name server running/],
    ["no such host", systemError("ENOTFOUND"), [], /host not found: check the name in -n/],
    ["no route", systemError("EHOSTUNREACH"), [], /no route to this host/],
    ["another error", systemError("EPIPE", "broken pipe"), [], /cannot be reached \(broken pipe\)/],
    ["no connection", new ConnectTimeout(false), [], /no connection within 40 ms.*firewall/],
    ["no handshake", new ConnectTimeout(true), ["--tls"], /no TLS handshake.*Try without --tls/],
    ["no answer", () => "silent", [], /no answer within 40 ms.*--timeout/],
    ["an end", () => "hang up", [], /closed the connection without an answer.*try --tls/],
    ["an end, with TLS", () => "hang up", ["--tls"], /may require a certificate \(--tls-cert/],
    ["HTTP", () => utf8("HTTP/1.1 400 Bad Request\r\n\r\n"), [], /speaks HTTP/],
    ["TLS", () => new Uint8Array([0x15, 3, 3, 0, 2, 2, 70, 0]), [], /speaks TLS: try --tls/],
    ["garbage", () => utf8("SSH-2.0-OpenSSH_9.2\r\n"), [], /does not speak the remoting protocol/],
    ["an endless frame", () => int32(0x7fffffff), [], /does not speak the remoting protocol/],
    ["no header", () => frame(utf8("x")), [], /does not speak the remoting protocol/],
    ["no JSON", () => ({ body: "<html>" }), [], /an invalid answer.*name server\?/],
    ["other JSON", () => ({ body: "[]" }), [], /an invalid answer/],
    ["no body", () => ({}), [], /an invalid answer \(empty body\)/],
    [
      "a handshake that ends",
      systemError("ECONNRESET"),
      ["--tls"],
      /closed the connection in the TLS handshake.*without --tls/,
    ],
    [
      "no TLS",
      systemError("ERR_SSL_WRONG_VERSION_NUMBER"),
      ["--tls"],
      /does not speak TLS: try without --tls/,
    ],
    [
      "a stranger's certificate",
      systemError("SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate"),
      ["--tls"],
      /not trusted \(self-signed certificate\): pass its authority with --tls-trust/,
    ],
    [
      "another name's certificate",
      systemError("ERR_TLS_CERT_ALTNAME_INVALID", "not for this name"),
      ["--tls"],
      /not trusted \(not for this name\)/,
    ],
  ];
  for (const [name, server, args, expected] of cases) {
    it(name, async () => {
      assert.match(await failure(server, ...args), expected);
    });
  }
});

describe("a server that answers an error is reported in one line", () => {
  const cases: [number, string | undefined, RegExp][] = [
    [1, "first\nsecond", /: first \(code 1\)\n$/],
    [1, undefined, /: refused without a reason \(code 1\)\n$/],
    [1, "name server not ready", /it has just started; try again/],
    [1, "disable", /enableTopicList or enableAllTopicList is off/],
    [2, undefined, /busy \(code 2\): try again/],
    [3, " request type 106 not supported", /is it a name server\?/],
    [16, "No", /configuration file/],
    [1500, "please go away", /it is stopping/],
    [1, "x".repeat(5000), /^.{1,600}\n$/],
  ];
  for (const [code, remark, expected] of cases) {
    it(`${code} ${remark?.slice(0, 30) ?? "without a remark"}`, async () => {
      assert.match(await failure(() => ({ code, remark })), expected);
    });
  }
});

describe("a part of an answer", () => {
  it("does not stretch the time limit", async () => {
    const part = frame(utf8('{"code":0,"flag":1,"opaque":0}'), new Uint8Array(1000)).subarray(
      0,
      50,
    );
    assert.match(await failure(() => concat(part)), /no answer within 40 ms/);
  });
});
