/** A TCP relay that records the requests that pass, to see what a broker really sends. */

import { decodeFrame, framesOf } from "../support/frames.ts";
import { TcpRelay } from "../support/tcp_relay.ts";

/** A recorded request frame. */
export interface Seen {
  code: number;
  binary: boolean;
  body: Uint8Array;
}

/** Passes bytes between its own port and a name server, and records the requests. */
export class Relay {
  readonly seen: Seen[] = [];
  readonly #relay: TcpRelay;

  /** @param target `host:port` to which connections are forwarded */
  constructor(target: string) {
    const { hostname, port } = new URL(`tcp://${target}`);
    this.#relay = new TcpRelay(
      { hostname, port: Number(port) },
      (bytes, from) => from === "client" ? this.#noted(framesOf(bytes)) : bytes,
    );
  }

  /** `host:port` to give to a broker. */
  get address(): string {
    return `127.0.0.1:${this.#relay.port}`;
  }

  /** The recorded requests with a code. */
  of(code: number): Seen[] {
    return this.seen.filter((request) => request.code === code);
  }

  /** Closes all connections. */
  close(): void {
    this.#relay.close();
  }

  async *#noted(frames: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const frame of frames) {
      const { code, serialization, body } = decodeFrame(frame);
      this.seen.push({ code, binary: serialization === "ROCKETMQ", body });
      yield frame;
    }
  }
}
