import type {
  HttpHandler,
  HttpListener,
  HttpObserver,
} from "../../src/http/server/http_listener.ts";
import type { HttpRequest } from "../../src/http/server/http_listener.ts";
import { Query } from "../../src/http/server/query.ts";
import type { RouteRequest, Sender } from "../../src/http/server/router.ts";

/** The sender of a request whose answer has not been sent. */
export const SENDER: Sender = {
  client: "127.0.0.1:50000",
  headers: new Headers(),
  sent: new Promise(() => {}),
};

/** A request to a route without parameters. */
export const ROUTE_REQUEST: RouteRequest = {
  sender: SENDER,
  path: new Map(),
  query: new Query(new URLSearchParams(), []),
  body: new Map(),
  url: new URL("http://127.0.0.1:9890/"),
  localHost: "127.0.0.1",
};

/** A request to the HTTP port. */
export function httpRequest(
  method: string,
  url: string,
  headers: Record<string, string> = {},
  body = "",
): HttpRequest {
  return {
    method,
    url,
    headers: new Headers(headers),
    localHost: "127.0.0.1",
    body: () => Promise.resolve(new TextEncoder().encode(body)),
  };
}

/** An HTTP listener whose client is the test. */
export class FakeHttpListener implements HttpListener {
  handler: HttpHandler | undefined;
  address: unknown;
  readonly events: string[] = [];
  readonly shutDown = Promise.withResolvers<void>();
  observer: HttpObserver | undefined;

  /** Error with which `listen` rejects. */
  refusal: Error | undefined;

  listen(
    address: { hostname: string; port: number },
    { handler, observer }: Parameters<HttpListener["listen"]>[1],
  ) {
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    this.events.push("listen");
    this.address = address;
    this.handler = handler;
    this.observer = observer;
    return Promise.resolve({
      port: address.port,
      shutdown: () => {
        this.events.push("shutdown");
        return this.shutDown.promise;
      },
      abort: () => {
        this.events.push("abort");
        this.shutDown.resolve();
      },
    });
  }

  /** Sends a request; `sent` settles when the client has received the response. */
  ask(
    path: string,
    sent: Promise<void> = Promise.resolve(),
    method = "GET",
    host = "127.0.0.1:9890",
  ): Promise<Response> {
    return this.handler!(httpRequest(method, `http://${host}${path}`), sent, SENDER.client);
  }
}
