import { checkListenPermission } from "../net_permission.ts";

/**
 * Answers a request.
 *
 * @param sent settles when the answer has left, or the client
 */
export type HttpHandler = (request: Request, sent: Promise<void>) => Promise<Response>;

/** An HTTP server that listens. */
export interface HttpServer {
  readonly port: number;
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
      shutdown: () => server.shutdown(),
      abort: () => aborter.abort(),
    };
  },
};
