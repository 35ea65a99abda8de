import { connectWithin } from "./connect_within.ts";
import { DenoSocket } from "./deno_socket.ts";
import { LoopbackBeat } from "./loopback_beat.ts";
import { checkListenPermission } from "./net_permission.ts";
import { NodeTransport } from "./node_transport.ts";
import { ReadGate } from "./read_gate.ts";
import { SocketBuffers } from "./socket_buffers.ts";
import {
  type Listener,
  type ListenOptions,
  type Socket,
  type TlsConnect,
  type Transport,
  UNBOUNDED,
} from "./transport.ts";

/** Milliseconds after which connections are accepted again where one could not be. */
const ACCEPT_AGAIN_AFTER = 1000;
/** Beats in a turn at most: about as long as the work between two turns. */
const MOST_BEATS = 8;

/** Connections over `Deno.listen` and `Deno.connect`. */
export class DenoTransport implements Transport {
  readonly #beat: LoopbackBeat;
  readonly #shared: { gate: ReadGate; buffers: SocketBuffers };
  readonly #listeners = new Set<Deno.TcpListener>();

  /**
   * @param warn called with the reason when connections can't be served evenly under load for the
   *   time being
   */
  constructor(warn: (reason: string) => void) {
    this.#beat = new LoopbackBeat(warn);
    this.#shared = { gate: new ReadGate(this.#beat), buffers: new SocketBuffers() };
  }

  // deno-lint-ignore require-await -- what is thrown has to be a rejection
  async listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listener> {
    const { hostname, port, backlog } = options;
    checkListenPermission(hostname, port);
    const listener = Deno.listen({ hostname, port, tcpBacklog: backlog });
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#beat.open(hostname, listener.addr.port);
    this.#acceptAll(listener, options, accept);
    return { port: listener.addr.port, close: () => this.#close(listener) };
  }

  async connect(
    hostname: string,
    port: number,
    timeout: number,
    secure?: TlsConnect,
  ): Promise<Socket> {
    // Deno.connectTls can't leave the server's certificate unchecked, as this program may.
    if (secure !== undefined) return new NodeTransport().connect(hostname, port, timeout, secure);
    const conn = await connectWithin(timeout, hostname, port);
    return new DenoSocket(conn, UNBOUNDED, this.#shared);
  }

  turn(): Promise<void> | undefined {
    return this.#beat.ready ? this.#turn() : undefined;
  }

  /** While reads are held back, more of them are let in, a few at each beat, before other work goes on. */
  async #turn(): Promise<void> {
    for (let beats = 0; beats === 0 || beats < MOST_BEATS && this.#shared.gate.pressed; beats++) {
      await this.#beat.next();
    }
  }

  async #acceptAll(
    listener: Deno.TcpListener,
    { waterMarks, acceptFailed }: ListenOptions,
    accept: (socket: Socket) => void,
  ): Promise<void> {
    while (this.#listeners.has(listener)) {
      let conn: Deno.TcpConn;
      try {
        conn = await listener.accept();
      } catch (error) {
        if (!this.#listeners.has(listener)) return;
        acceptFailed(error);
        await new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, ACCEPT_AGAIN_AFTER)));
        continue;
      }
      if (this.#beat.opening && await this.#beat.claims(conn)) continue;
      conn.setNoDelay();
      accept(new DenoSocket(conn, waterMarks, this.#shared));
    }
  }

  #close(listener: Deno.TcpListener): void {
    this.#listeners.delete(listener);
    listener.close();
    if (this.#listeners.size === 0) this.#beat.close();
  }
}
