import assert from "node:assert/strict";
import * as net from "node:net";
import { setImmediate } from "node:timers";
import * as tls from "node:tls";
import { describe, it } from "@std/testing/bdd";
import { acceptHttpTls, httpTlsSettings } from "../../../../src/http/server/http_tls.ts";
import { selfSigned } from "../../../../src/tls/certificate.ts";
import { TlsContext } from "../../../../src/tls/context.ts";
import { WorkSlice } from "../../../../src/work_slice.ts";
import { until, withLimit } from "../../../support/wait.ts";

const OPTIONS = {
  httpTlsKeyPath: "/key",
  httpTlsKeyPassword: "",
  httpTlsCertPath: "/cert",
  httpTlsTrustCertPath: "",
};
const MiB = 1 << 20;

describe("acceptHttpTls", () => {
  /** A client whose connection is accepted. */
  async function connect(slice: WorkSlice, begun = () => {}) {
    const context = new TlsContext(httpTlsSettings(OPTIONS), await selfSigned(Date.now()));
    const accepted = Promise.withResolvers<[net.Socket, tls.TLSSocket]>();
    const server = net.createServer((plain) => {
      const limits = { httpTlsHandshakeTimeoutMillis: 30_000 };
      const fail = (reason: string) => accepted.reject(new Error(reason));
      acceptHttpTls(plain, { context: () => context, limits, slice }, begun, fail).then(
        (socket) => accepted.resolve([plain, socket]),
        accepted.reject,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    const client = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    client.on("error", () => {});
    return { accepted: accepted.promise, client, server };
  }

  it("waits until the slice of long work has time left", async () => {
    const turns: (() => void)[] = [];
    let worked = 0;
    const slice = new WorkSlice((task) => void turns.push(task), () => worked);
    slice.run(() => worked += 10);
    let begun = false;
    const { accepted, client, server } = await connect(slice, () => begun = true);
    await until(() => turns.length > 0, "it does not wait");
    assert.ok(!begun);
    turns.shift()?.();
    const [, socket] = await withLimit(accepted, "no handshake");
    client.destroy();
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it("does not read on while the socket is paused", async () => {
    const { accepted, client, server } = await connect(new WorkSlice(setImmediate));
    const [plain, socket] = await withLimit(accepted, "no handshake");
    try {
      let received = 0;
      const first = new Promise<void>((resolve) =>
        socket.on("data", ({ length }) => {
          received += length;
          socket.pause();
          resolve();
        })
      );
      socket.resume();
      const wanted = 64 * MiB;
      client.write(new Uint8Array(wanted));
      await withLimit(first, "nothing is read");
      let before = -1;
      for (let i = 0; i < 50 && plain.bytesRead !== before; i++) {
        before = plain.bytesRead;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.ok(plain.bytesRead < 16 * MiB, `${plain.bytesRead} bytes are read`);

      const all = new Promise<void>((resolve) => {
        socket.removeAllListeners("data");
        socket.on("data", ({ length }) => (received += length) === wanted && resolve());
      });
      socket.resume();
      await withLimit(all, "the rest is not read");
    } finally {
      client.destroy();
      socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
