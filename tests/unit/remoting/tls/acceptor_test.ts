import { describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import assert from "node:assert/strict";
import { TlsAcceptor } from "../../../../src/remoting/tls/acceptor.ts";
import { selfSigned } from "../../../../src/tls/certificate.ts";
import { remotingTls, type TlsOptions } from "../../../../src/remoting/tls/settings.ts";
import { TlsContext } from "../../../../src/tls/context.ts";
import type { TlsSession } from "../../../../src/tls/session.ts";
import { hex } from "../../../support/bytes.ts";
import { FakeSocket } from "../../../support/fake_socket.ts";
import { RecordedLog } from "../../../support/recorded_log.ts";
import { WorkSlice } from "../../../../src/work_slice.ts";
import { setImmediate } from "node:timers";

const NOW = Date.parse("2026-01-01");
const OPTIONS: TlsOptions = {
  "tls.server.mode": "permissive",
  "tls.test.mode.enable": false,
  "tls.server.need.client.auth": "none",
  "tls.server.keyPath": "a.key",
  "tls.server.keyPassword": "",
  "tls.server.certPath": "a.pem",
  "tls.server.authClient": false,
  "tls.server.trustCertPath": "",
  "tls.ciphers": "",
  "tls.protocols": "",
};
const SESSION: TlsSession = {
  protocol: "TLSv1.3",
  cipher: "TLS_AES_128_GCM_SHA256",
  resumed: false,
};

const PEER = { peer: "10.0.0.1:1" };
const LIMITS = {
  tlsHandshakeTimeoutMillis: 1000,
  tlsMaxHandshakes: 4,
  tlsMaxHandshakesPerAddress: 3,
};

async function makeAcceptor(limits = LIMITS) {
  const context = new TlsContext(remotingTls(OPTIONS), await selfSigned(NOW));
  const log = new RecordedLog();
  const slice = new WorkSlice(setImmediate);
  return new TlsAcceptor({ enforcing: false, context: () => context, options: limits, slice, log });
}

describe("TlsAcceptor", () => {
  it("hands over the first bytes, and gives what the handshake brings", async () => {
    const acceptor = await makeAcceptor();
    const socket = new FakeSocket();
    const bytes = hex("160301");
    const accepted = acceptor.accept(socket, bytes, "10.0.0.1", PEER);
    bytes.fill(0);
    assert.ok(socket.paused);
    assert.equal(acceptor.handshakes, 1);
    socket.handshake.resolve(SESSION);
    assert.deepEqual(await accepted, {
      protocol: "TLSv1.3",
      cipher: "TLS_AES_128_GCM_SHA256",
    });
    assert.deepEqual(socket.secured!.received, hex("160301"));
    assert.equal(acceptor.handshakes, 0);
  });

  it("says why a handshake failed, and of old clients that they are", async () => {
    const failed = async (bytes: string, reason: string) => {
      const socket = new FakeSocket();
      const acceptor = await makeAcceptor();
      const accepted = acceptor.accept(socket, hex(bytes), "10.0.0.1", PEER);
      socket.handshake.reject(new Error(reason));
      const message = await accepted.then(
        () => assert.fail("it did not fail"),
        (error) => error.message,
      );
      return message.replace(/^TLS: /, "");
    };
    const old = (name: string) => `the client supports at most ${name}; TLS 1.2 is the minimum`;
    assert.equal(await failed("160300002f0100002b0300", "odd"), old("SSL 3.0"));
    assert.equal(await failed("160301002f0100002b0301", "odd"), old("TLS 1.0"));
    assert.equal(await failed("160301002f0100002b0302", "odd"), old("TLS 1.1"));
    assert.equal(await failed("160301002f0100002b0303", "odd"), "odd");
    assert.equal(await failed("1603", "odd (SSL routines:x:wrong version number)"), "odd");
  });

  it("limits the time of a handshake", async () => {
    const acceptor = await makeAcceptor();
    using time = new FakeTime();
    const accepted = acceptor.accept(new FakeSocket(), hex("16"), "10.0.0.1", PEER);
    const rejected = assert.rejects(accepted, /no handshake in 1000 ms/);
    await time.tickAsync(1000);
    await rejected;
    assert.equal(acceptor.handshakes, 0);
  });

  it("counts down however handshakes end", async () => {
    const acceptor = await makeAcceptor();
    const sockets = [new FakeSocket(), new FakeSocket()];
    const [first, second] = sockets.map((socket) =>
      acceptor.accept(socket, hex("16"), "10.0.0.1", PEER)
    );
    sockets[0]!.handshake.reject(new Error("broken"));
    await assert.rejects(first!, { name: "HandshakeError", message: "TLS: broken" });
    sockets[1]!.handshake.resolve(SESSION);
    await second;
    assert.deepEqual([acceptor.handshakes, acceptor.succeeded, acceptor.failed], [0, 1, 1]);
  });

  it("ends the oldest of the address that has most, when there are too many", async () => {
    const acceptor = await makeAcceptor();
    const ended: string[] = [];
    const begin = (address: string, name: string) => {
      const socket = new FakeSocket();
      const accepted = acceptor.accept(socket, hex("16"), address, PEER);
      accepted.catch((error) => void ended.push(`${name} ${error.message}`));
      return { socket, accepted };
    };
    const honest = begin("10.0.0.1", "honest");
    for (const name of ["a", "b", "c"]) begin("10.0.0.2", name);
    begin("10.0.0.2", "d");
    const late = begin("10.0.0.3", "late");
    assert.equal(acceptor.handshakes, 4);
    for (const { socket, accepted } of [honest, late]) {
      socket.handshake.resolve(SESSION);
      await accepted;
    }
    const displaced = "TLS: the handshake gave way to";
    assert.deepEqual(ended, [
      `a ${displaced} 3 newer ones of its address (tlsMaxHandshakesPerAddress)`,
      `b ${displaced} 4 newer ones (tlsMaxHandshakes)`,
    ]);
    assert.deepEqual([acceptor.handshakes, acceptor.succeeded, acceptor.failed], [2, 2, 2]);
  });
});
