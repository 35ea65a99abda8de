import type { HttpHandler, HttpListener } from "../../src/http/server/http_listener.ts";

/** An HTTP listener whose client is the test. */
export class FakeHttpListener implements HttpListener {
  handler: HttpHandler | undefined;
  address: unknown;
  readonly events: string[] = [];
  readonly shutDown = Promise.withResolvers<void>();
  /** Resolves with the reason when the listening server fails. */
  failure = Promise.withResolvers<unknown>();

  /** Error that `listen` throws. */
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

  /** Sends a request; `sent` settles when the client has received the response. */
  ask(path: string, sent: Promise<void> = Promise.resolve(), method = "GET"): Promise<Response> {
    return this.handler!(
      new Request(`http://127.0.0.1:9890${path}`, { method }),
      sent,
      "127.0.0.1:50000",
    );
  }
}
