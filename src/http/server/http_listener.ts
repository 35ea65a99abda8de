import { checkListenPermission } from "../../remoting/transport/net_permission.ts";

/**
 * Handles a request.
 *
 * @param sent settles when the response has been sent, or the client has gone
 * @param client "address:port" of the client
 */
export type HttpHandler = (
  request: Request,
  sent: Promise<void>,
  client: string,
) => Promise<Response>;

/** A listening HTTP server. */
export interface HttpServer {
  readonly port: number;
  /**
   * Resolves when the server no longer accepts connections: with the error, unless it was shut
   * down.
   */
  readonly ended: Promise<unknown>;
  /** Stops accepting connections; resolves when the requests in progress are answered. */
  shutdown(): Promise<void>;
  /** Closes all connections at once. */
  abort(): void;
}

/** The runtime's HTTP server. */
export interface HttpListener {
  /** Throws the runtime's error when it can't listen on the address. */
  listen(address: { hostname: string; port: number }, handler: HttpHandler): HttpServer;
}

/** HTTP over `Deno.serve`. docs/http.md lists its built-in limits. */
export const denoHttpListener: HttpListener = {
  listen({ hostname, port }, handler) {
    checkListenPermission(hostname, port);
    const aborter = new AbortController();
    const server = Deno.serve(
      { hostname, port, signal: aborter.signal, onListen: () => {} },
      (request, info) => handler(request, info.completed, addressOf(info.remoteAddr)),
    );
    return {
      port: server.addr.port,
      // The runtime gives up at the first connection that it can't accept, e.g. for lack of file
      // descriptors. Unhandled, that would end the process.
      ended: server.finished.then(() => undefined, (error) => error),
      shutdown: () => server.shutdown(),
      abort: () => aborter.abort(),
    };
  },
};

function addressOf({ hostname, port }: Deno.NetAddr): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
