/** The side that a {@link TcpRelay} reads from. */
export type RelaySide = "client" | "server";

/** Passes connections on to another port, through a function that may look at the bytes or hold them back. */
export class TcpRelay {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #target: { hostname: string; port: number };
  readonly #pass: (bytes: ReadableStream<Uint8Array>, from: RelaySide) => AsyncIterable<Uint8Array>;

  /**
   * @param target to which connections are passed on
   * @param pass yields what is passed on of the bytes from a side; when it ends, both sides are closed
   */
  constructor(
    target: { hostname: string; port: number },
    pass: (bytes: ReadableStream<Uint8Array>, from: RelaySide) => AsyncIterable<Uint8Array>,
  ) {
    this.#target = target;
    this.#pass = pass;
    void this.#accept();
  }

  /** Its own port, of 127.0.0.1. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Closes all connections. New ones are taken. */
  break(): void {
    for (const connection of this.#connections) this.#drop(connection);
  }

  /** Closes all connections, and takes no more. */
  close(): void {
    this.#listener.close();
    this.break();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.#connections.add(client);
      void this.#connect(client);
    }
  }

  async #connect(client: Deno.TcpConn): Promise<void> {
    try {
      const server = await Deno.connect(this.#target);
      this.#connections.add(server);
      void this.#forward(client, server, "client");
      void this.#forward(server, client, "server");
    } catch {
      // Nothing listens there now.
      this.#drop(client);
    }
  }

  async #forward(from: Deno.TcpConn, to: Deno.TcpConn, side: RelaySide): Promise<void> {
    try {
      for await (const chunk of this.#pass(from.readable, side)) {
        for (let sent = 0; sent < chunk.length;) sent += await to.write(chunk.subarray(sent));
      }
    } catch {
      // One side is gone, so the other is closed, too.
    }
    this.#drop(from);
    this.#drop(to);
  }

  #drop(connection: Deno.TcpConn): void {
    if (!this.#connections.delete(connection)) return;
    try {
      connection.close();
    } catch {
      // Its stream has closed it.
    }
  }
}
