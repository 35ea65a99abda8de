/** Servers that are no name servers. */

/** What such a server does with a connection. It may end before the connection does. */
export type Conduct = (conn: Deno.TcpConn) => Promise<void>;

/** A server that listens on 127.0.0.1 until it is disposed of. */
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
      // The command may be gone before it is served.
      void conduct(conn).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    for (const conn of this.#conns) close(conn);
  }
}

/** Closes a connection that may be closed already. */
export function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It was.
  }
}

/** Reads something, and answers with this. */
export function answering(bytes: Uint8Array): Conduct {
  return async (conn) => {
    await conn.read(new Uint8Array(1024));
    await conn.write(bytes);
  };
}
