import { checkListenPermission } from "../../remoting/transport/net_permission.ts";

/**
 * Answers a request.
 *
 * @param sent settles when the answer has left, or the client
 */
export type HttpHandler = (request: Request, sent: Promise<void>) => Promise<Response>;

/** An HTTP server that listens. */
export interface HttpServer {
  readonly port: number;
  /** Resolves when it accepts no more connections: with the reason, if nobody asked for that. */
  readonly ended: Promise<unknown>;
  /** Accepts no more connections; resolves when the requests under way are answered. */
  shutdown(): Promise<void>;
  /** Closes all connections at once. */
  abort(): void;
}

/** The runtime's HTTP server. */
export interface HttpListener {
  /** Throws what the runtime throws when the address can't be listened on. */
  listen(address: { hostname: string; port: number }, handler: HttpHandler): HttpServer;
}

/** HTTP over `Deno.serve`. docs/http.md tells what it bounds by itself. */
export const denoHttpListener: HttpListener = {
  listen({ hostname, port }, handler) {
    checkListenPermission(hostname, port);
    const aborter = new AbortController();
    const server = Deno.serve(
      { hostname, port, signal: aborter.signal, onListen: () => {} },
      (request, info) => handler(request, info.completed),
    );
    return {
      port: server.addr.port,
      // The runtime gives up at the first connection that it can't accept, e.g. for want of file
      // descriptors; unheard, that would end the process.
      ended: server.finished.then(() => undefined, (error) => error),
      shutdown: () => server.shutdown(),
      abort: () => aborter.abort(),
    };
  },
};
