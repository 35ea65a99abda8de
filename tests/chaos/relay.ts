/** A network between controllers and etcd that can be cut. */

/** Passes connections on to a port of 127.0.0.1, unless it is cut. */
export class Relay {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  #mended: PromiseWithResolvers<void> | undefined;

  /** @param target the port to which it passes connections on */
  constructor(target: number) {
    void this.#accept(target);
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** From now on nothing arrives on either side. Connections stay open. */
  cut(): void {
    this.#mended ??= Promise.withResolvers();
  }

  /** Ends {@link cut}: everything that was held back arrives now, also requests given up meanwhile. */
  mend(): void {
    this.#mended?.resolve();
    this.#mended = undefined;
  }

  /** Closes all connections. New ones are taken. */
  break(): void {
    for (const connection of this.#connections) this.#drop(connection);
  }

  /** Ends it. */
  close(): void {
    this.#listener.close();
    this.mend();
    this.break();
  }

  async #accept(port: number): Promise<void> {
    for await (const client of this.#listener) {
      this.#connections.add(client);
      void this.#connect(client, port);
    }
  }

  async #connect(client: Deno.TcpConn, port: number): Promise<void> {
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#connections.add(server);
      void this.#pass(client, server);
      void this.#pass(server, client);
    } catch {
      // This member of etcd does not run.
      this.#drop(client);
    }
  }

  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    try {
      for await (const chunk of from.readable) {
        await this.#mended?.promise;
        for (let sent = 0; sent < chunk.length;) sent += await to.write(chunk.subarray(sent));
      }
      await this.#mended?.promise;
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
