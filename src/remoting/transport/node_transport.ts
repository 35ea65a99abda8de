import * as net from "node:net";
import * as tls from "node:tls";
import { keepAccepting } from "./keep_accepting.ts";
import { checkListenPermission } from "./net_permission.ts";
import { HIGH_WATER, NodeSocket } from "./node_socket.ts";
import {
  ConnectTimeout,
  type Listener,
  type ListenOptions,
  type Socket,
  type TlsConnect,
  type Transport,
  UNBOUNDED,
} from "./transport.ts";

const READ_BUFFER = 64 * 1024;
/** Connections over `node:net`. docs/transport.md says when to choose it. */
export class NodeTransport implements Transport {
  /** Shared by all connections: received bytes are consumed or copied before the next read. */
  readonly #readBuffer = new Uint8Array(READ_BUFFER);

  listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Listener> {
    const { hostname, port, backlog, waterMarks, acceptFailed } = options;
    // node:net detects a missing permission too late to report it to the caller.
    checkListenPermission(hostname, port);
    const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    server.on("connection", (accepted) => {
      // The peer may be gone already.
      if (accepted.remoteAddress === undefined) accepted.destroy();
      else accept(new NodeSocket(accepted, waterMarks, this.#readBuffer));
    });
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: hostname, port, backlog }, () => {
        server.off("error", reject);
        server.on("error", acceptFailed);
        const address = server.address() as net.AddressInfo;
        const stopAccepting = keepAccepting(server, backlog, acceptFailed);
        resolve({
          port: address.port,
          close: () => {
            stopAccepting();
            server.close();
          },
        });
      });
    });
  }

  connect(
    hostname: string,
    port: number,
    timeout: number,
    secure?: TlsConnect,
  ): Promise<Socket> {
    const options = { host: hostname, port, noDelay: true, highWaterMark: HIGH_WATER };
    return new Promise((resolve, reject) => {
      const socket = secure === undefined
        ? net.connect(options)
        : tls.connect({ ...options, ...secure });
      const fail = (error: Error) => {
        clearTimeout(timer);
        socket.destroy();
        reject(error);
      };
      const timer = setTimeout(() => {
        // For TLS, `connecting` is false once the plain connection below it is established.
        fail(new ConnectTimeout(secure !== undefined && !socket.connecting));
      }, timeout);
      socket.once("error", fail);
      socket.once(secure === undefined ? "connect" : "secureConnect", () => {
        clearTimeout(timer);
        socket.off("error", fail);
        socket.pause();
        resolve(new NodeSocket(socket, UNBOUNDED));
      });
    });
  }
}
