/** A network between controllers and etcd that can be cut. */

import { TcpRelay } from "../support/tcp_relay.ts";

/** Passes connections on to a port of 127.0.0.1, unless it is cut. */
export class Relay {
  readonly #relay: TcpRelay;
  #mended: PromiseWithResolvers<void> | undefined;

  /** @param target the port to which it passes connections on */
  constructor(target: number) {
    const address = { hostname: "127.0.0.1", port: target };
    this.#relay = new TcpRelay(address, (bytes) => this.#whenMended(bytes));
  }

  get port(): number {
    return this.#relay.port;
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
    this.#relay.break();
  }

  /** Ends it. */
  close(): void {
    this.mend();
    this.#relay.close();
  }

  async *#whenMended(bytes: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      await this.#mended?.promise;
      yield chunk;
    }
    // The end of a connection does not arrive, either.
    await this.#mended?.promise;
  }
}
