/** Servers that are not name servers. */

/** Handles a connection. It may end before the connection does. */
export type Conduct = (conn: Deno.TcpConn) => Promise<void>;

/** A server on 127.0.0.1 that listens until it is disposed. */
export class StrangeServer implements AsyncDisposable {
  readonly address: string;
  readonly #listener: Deno.TcpListener;
  readonly #conns: Deno.TcpConn[] = [];
  readonly #serving: Promise<void>;

  constructor(conduct: Conduct) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    this.#serving = this.#serve(conduct);
  }

  async #serve(conduct: Conduct): Promise<void> {
    for await (const conn of this.#listener) {
      this.#conns.push(conn);
      // The command may disconnect before it is served.
      void conduct(conn).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    for (const conn of this.#conns) close(conn);
  }
}

/** Closes a connection that may already be closed. */
export function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It was already closed.
  }
}

/** Reads some bytes and responds with these. */
export function answering(bytes: Uint8Array): Conduct {
  return async (conn) => {
    await conn.read(new Uint8Array(1024));
    await conn.write(bytes);
  };
}
