/** Connections of the fuzzer over sockets. */

import { once } from "node:events";
import * as net from "node:net";
import * as tls from "node:tls";
import { withLimit } from "../support/wait.ts";
import type { Chance, Frames } from "./frames.ts";

/** A connection whose answers are read and forgotten. */
export interface Line {
  /** Rejects when the connection is closed. */
  send(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/**
 * Opens a plain connection, one over TLS, or one over TLS whose records are changed on the way.
 *
 * @throws Error when a handshake fails
 */
export async function openLine(port: number, below: Chance, frames: Frames): Promise<Line> {
  const kind = below(4);
  if (kind < 2) return plainLine(await Deno.connect({ hostname: "127.0.0.1", port }));
  const relay = kind === 2 ? undefined : await openRelay(port, below, frames);
  const socket = tls.connect({
    host: "127.0.0.1",
    port: relay?.port ?? port,
    rejectUnauthorized: false,
    maxVersion: below(2) === 0 ? "TLSv1.2" : "TLSv1.3",
  });
  socket.on("error", () => {});
  socket.on("data", () => {});
  socket.on("close", () => relay?.close());
  const closed = once(socket, "close").then(() => Promise.reject(new Error("closed")));
  closed.catch(() => {});
  try {
    await withLimit(Promise.race([once(socket, "secureConnect"), closed]), "no handshake");
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return {
    send(bytes) {
      const written = new Promise<void>((resolve, reject) =>
        socket.write(bytes, (error) => error ? reject(error) : resolve())
      );
      return withLimit(Promise.race([written, closed]), "the server does not read");
    },
    close: () => socket.destroy(),
  };
}

function plainLine(conn: Deno.Conn): Line {
  void readAll(conn);
  return {
    async send(bytes) {
      for (let at = 0; at < bytes.length;) {
        at += await withLimit(conn.write(bytes.subarray(at)), "the server does not read");
      }
    },
    close: () => conn.close(),
  };
}

async function readAll(conn: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    while (await conn.read(buffer) !== null);
  } catch {
    // Closed by either side.
  }
}

/** Passes one connection on to a port, and changes some of what its client sends. */
async function openRelay(
  port: number,
  below: Chance,
  frames: Frames,
): Promise<{ port: number; close(): void }> {
  const server = net.createServer((client) => {
    server.close();
    const way = net.connect(port, "127.0.0.1");
    client.on("data", (bytes) => {
      const part = new Uint8Array(bytes as Uint8Array);
      way.write(below(8) === 0 ? frames.mutate(part) : part);
    });
    way.on("data", (bytes) => client.write(bytes));
    for (const [one, other] of [[client, way], [way, client]] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as net.AddressInfo).port, close: () => server.close() };
}
