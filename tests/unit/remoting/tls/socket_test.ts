import { afterEach, beforeEach, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as tls from "node:tls";
import { selfSigned } from "../../../../src/tls/certificate.ts";
import type { Listener, Socket } from "../../../../src/remoting/transport/transport.ts";
import { concat } from "../../../support/bytes.ts";
import { describeTransports } from "../../../support/transports.ts";
import { pause, until } from "../../../support/wait.ts";
import { WorkSlice } from "../../../../src/work_slice.ts";
import { setImmediate } from "node:timers";

const LOCAL = "127.0.0.1";

let listener: Listener;
let accepted: PromiseWithResolvers<Socket>;
let received: Uint8Array[];
let client: tls.TLSSocket;

describeTransports("a secured socket of ", (transport) => {
  beforeEach(async () => {
    accepted = Promise.withResolvers();
    received = [];
    const { key, cert } = await selfSigned(Date.now());
    const accept = { secureContext: tls.createSecureContext({ key, cert }), requestCert: false };
    listener = await transport.listen(
      {
        hostname: LOCAL,
        port: 0,
        backlog: 16,
        waterMarks: { high: () => 1e6, low: () => 5e5 },
        acceptFailed: (error) => {
          throw error;
        },
      },
      (socket) => {
        let secured = false;
        socket.start({
          onData(chunk) {
            if (secured) received.push(chunk.slice());
            else {
              secured = true;
              socket.pause();
              socket.secure(accept, chunk.slice(), new WorkSlice(setImmediate))
                .then(() => accepted.resolve(socket), accepted.reject);
            }
          },
          onDrain() {},
          onEnd: () => socket.end(),
          onClose() {},
        });
      },
    );
    client = tls.connect({ host: LOCAL, port: listener.port, rejectUnauthorized: false });
    await new Promise((resolve) => client.once("secureConnect", resolve));
  });

  afterEach(() => {
    client.destroy();
    listener.close();
  });

  it("says of each write whether its bytes may change afterwards", async () => {
    const socket = await accepted.promise;
    const got: Uint8Array[] = [];
    client.on("data", (chunk) => got.push(chunk));
    const expected: Uint8Array[] = [];
    const write = (i: number, size: number) => {
      const bytes = Buffer.alloc(1 + (i * 7919) % size, i % 251);
      expected.push(Uint8Array.from(bytes));
      const yes = socket.write(bytes);
      if (yes) bytes.fill(0xff);
      return yes;
    };
    for (let i = 0; i < 20; i++) {
      assert.equal(write(i, 200_000), true);
      await until(() => socket.unsent === 0);
    }
    client.pause();
    let no = 0;
    // The system buffers a few megabytes while nothing is read.
    for (let i = 0; i < 200 && no < 20; i++) if (!write(i, 300_000)) no++;
    assert.equal(no, 20);
    client.resume();
    socket.end();
    await new Promise((resolve) => client.once("end", resolve));
    assert.ok(Buffer.from(concat(...got)).equals(concat(...expected)));
  });

  it("hears what comes, after it was resumed", async () => {
    const socket = await accepted.promise;
    const sent = Buffer.alloc(500_000, "abc");
    client.write(sent);
    await pause(30);
    assert.deepEqual(received, []);
    socket.resume();
    await until(() => concat(...received).length === sent.length);
    assert.ok(Buffer.from(concat(...received)).equals(sent));
  });

  it("stops reading soon while it is paused, and decrypts nothing meanwhile", async () => {
    const socket = await accepted.promise;
    const sent = Buffer.alloc(100_000_000);
    const left = new Promise((resolve) => client.write(sent, resolve));
    // The system buffers a few megabytes for a local connection.
    await pause(500);
    assert.ok(client.writableLength > 0, "all of it was read");
    const seen = () => received.reduce((sum, { length }) => sum + length, 0);
    assert.equal(seen(), 0);
    socket.resume();
    await left;
    await until(() => seen() === sent.length);
  });

  it("may be paused and resumed over and over", async () => {
    const socket = await accepted.promise;
    const sent = Buffer.alloc(4_000_000, "0123456789");
    const timer = setInterval(() => {
      socket.pause();
      setTimeout(() => socket.resume(), 1);
    }, 2);
    socket.resume();
    client.end(sent);
    await new Promise((resolve) => client.once("close", resolve));
    clearInterval(timer);
    assert.ok(Buffer.from(concat(...received)).equals(sent));
  });
});
