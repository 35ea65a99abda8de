import type { Log } from "../log.ts";
import { HttpProblem } from "./answer.ts";
import type { HttpListener, HttpServer } from "./http_listener.ts";
import { Pacer } from "./pacer.ts";
import { type Route, Router } from "./router.ts";

/**
 * Milliseconds between two requests that are begun: with some 50 microseconds for each, this leaves
 * the processor to route queries however many ask here.
 */
const GAP = 2;
/** Requests that wait, are worked at, or whose answers have not left. */
const MAX_OPEN = 256;

/** The port for people and monitoring: all that it does is to tell. */
export class HttpPort {
  readonly #listener: HttpListener;
  readonly #router: Router;
  readonly #log: Log;
  readonly #pacer: Pacer;
  /** Whoever watches over this process does not wait behind the others. */
  readonly #vitalPacer: Pacer;
  #server: HttpServer | undefined;
  #open = 0;

  /** @param parts.now milliseconds of a clock that never goes back */
  constructor(parts: {
    listener: HttpListener;
    routes: readonly Route[];
    log: Log;
    now(): number;
  }) {
    this.#listener = parts.listener;
    this.#router = new Router(parts.routes);
    this.#log = parts.log;
    this.#pacer = new Pacer(GAP, parts.now);
    this.#vitalPacer = new Pacer(GAP, parts.now);
  }

  /**
   * Starts to listen and to answer.
   *
   * @returns the port
   * @throws what the runtime throws when the address can't be listened on
   */
  listen(hostname: string, port: number): number {
    this.#server = this.#listener.listen(
      { hostname, port },
      (request, sent) => this.#answer(request, sent),
    );
    return this.#server.port;
  }

  /**
   * Accepts no more connections, answers what was asked, and closes.
   *
   * @param limit milliseconds after which connections are closed as they are
   */
  async stop(limit: number): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const timer = setTimeout(() => server.abort(), limit);
    await server.shutdown();
    clearTimeout(timer);
  }

  async #answer(request: Request, sent: Promise<void>): Promise<Response> {
    this.#open++;
    const left = () => void this.#open--;
    sent.then(left, left);
    try {
      const found = this.#router.find(request.method, request.url);
      if (!found.vital && this.#open > MAX_OPEN) throw tooMany();
      await (found.vital ? this.#vitalPacer : this.#pacer).turn();
      return await found.answer();
    } catch (error) {
      if (error instanceof HttpProblem) return error.toResponse();
      this.#log.error("HTTP request failed", { url: request.url, error });
      return new HttpProblem(500, "the server's log says more").toResponse();
    }
  }
}

function tooMany(): HttpProblem {
  const headers = { "retry-after": "1" };
  return new HttpProblem(503, `more than ${MAX_OPEN} requests are open`, { headers });
}
