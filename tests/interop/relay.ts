/** A TCP relay that records the requests that pass, to see what a broker really sends. */

import { decodeFrame, framesOf } from "../support/frames.ts";

/** A recorded request frame. */
export interface Seen {
  code: number;
  binary: boolean;
  body: Uint8Array;
}

/** Passes bytes between its own port and a name server, and records the requests. */
export class Relay {
  readonly seen: Seen[] = [];
  #listener: Deno.TcpListener;
  #connections = new Set<Deno.TcpConn>();

  /** @param target `host:port` to which connections are forwarded */
  constructor(target: string) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accept(target);
  }

  /** `host:port` to give to a broker. */
  get address(): string {
    return `127.0.0.1:${this.#listener.addr.port}`;
  }

  /** The recorded requests with a code. */
  of(code: number): Seen[] {
    return this.seen.filter((request) => request.code === code);
  }

  /** Closes all connections. */
  close(): void {
    this.#listener.close();
    for (const connection of this.#connections) this.#drop(connection);
  }

  async #accept(target: string): Promise<void> {
    const { hostname, port } = new URL(`tcp://${target}`);
    for await (const client of this.#listener) {
      const server = await Deno.connect({ hostname, port: Number(port) });
      this.#connections.add(client).add(server);
      this.#pass(client, server, this.#noted(framesOf(client.readable)));
      this.#pass(server, client, server.readable);
    }
  }

  async #pass(
    from: Deno.TcpConn,
    to: Deno.TcpConn,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    try {
      for await (const chunk of chunks) {
        for (let sent = 0; sent < chunk.length;) sent += await to.write(chunk.subarray(sent));
      }
    } catch {
      // one side is gone, so the other is closed too
    }
    this.#drop(from);
    this.#drop(to);
  }

  #drop(connection: Deno.TcpConn): void {
    if (!this.#connections.delete(connection)) return;
    try {
      connection.close();
    } catch {
      // it was closed by its stream
    }
  }

  async *#noted(frames: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const frame of frames) {
      const { code, serialization, body } = decodeFrame(frame);
      this.seen.push({ code, binary: serialization === "ROCKETMQ", body });
      yield frame;
    }
  }
}
