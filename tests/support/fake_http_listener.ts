import type { HttpHandler, HttpListener } from "../../src/http/server/http_listener.ts";

/** A listener whose clients are the test. */
export class FakeHttpListener implements HttpListener {
  handler: HttpHandler | undefined;
  address: unknown;
  readonly events: string[] = [];
  readonly shutDown = Promise.withResolvers<void>();
  /** Resolves with why the server that listens fails. */
  failure = Promise.withResolvers<unknown>();

  /** What listening throws. */
  refusal: Error | undefined;

  listen(address: { hostname: string; port: number }, handler: HttpHandler) {
    if (this.refusal !== undefined) throw this.refusal;
    this.events.push("listen");
    this.address = address;
    this.failure = Promise.withResolvers();
    this.handler = handler;
    return {
      port: address.port,
      ended: this.failure.promise,
      shutdown: () => {
        this.events.push("shutdown");
        return this.shutDown.promise;
      },
      abort: () => {
        this.events.push("abort");
        this.shutDown.resolve();
      },
    };
  }

  /** A client asks; `sent` settles when it has got its answer. */
  ask(path: string, sent: Promise<void> = Promise.resolve(), method = "GET"): Promise<Response> {
    return this.handler!(new Request(`http://127.0.0.1:9877${path}`, { method }), sent);
  }
}
