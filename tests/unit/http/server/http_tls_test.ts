import assert from "node:assert/strict";
import * as net from "node:net";
import * as tls from "node:tls";
import { describe, it } from "@std/testing/bdd";
import { acceptHttpTls, httpTlsSettings } from "../../../../src/http/server/http_tls.ts";
import { selfSigned } from "../../../../src/tls/certificate.ts";
import { TlsContext } from "../../../../src/tls/context.ts";
import { withLimit } from "../../../support/wait.ts";

const OPTIONS = {
  httpTlsKeyPath: "/key",
  httpTlsKeyPassword: "",
  httpTlsCertPath: "/cert",
  httpTlsTrustCertPath: "",
};
const MiB = 1 << 20;

describe("acceptHttpTls", () => {
  it("does not read on while the socket is paused", async () => {
    const context = new TlsContext(httpTlsSettings(OPTIONS), await selfSigned(Date.now()));
    const accepted = Promise.withResolvers<[net.Socket, tls.TLSSocket]>();
    const server = net.createServer((plain) => {
      const limits = { httpTlsHandshakeTimeoutMillis: 30_000 };
      const fail = (reason: string) => accepted.reject(new Error(reason));
      acceptHttpTls(plain, { context: () => context, limits }, () => {}, fail).then(
        (socket) => accepted.resolve([plain, socket]),
        accepted.reject,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    const client = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    client.on("error", () => {});
    const [plain, socket] = await withLimit(accepted.promise, "no handshake");
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
