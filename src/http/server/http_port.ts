import type { Log } from "../../log/log.ts";
import { HttpProblem } from "./answer.ts";
import type { HttpListener, HttpServer } from "./http_listener.ts";
import { Throttle } from "./throttle.ts";
import { type Route, type RouteMatch, Router } from "./router.ts";

/**
 * Milliseconds between two requests that are begun: a scrape takes some 0.1 ms, so that half a
 * hundredth of the processor is all that a crowd gets.
 */
const GAP = 20;
/**
 * Milliseconds that a priority request waits at the most. Turns are also taken by those whose clients
 * have gone, as the runtime does not tell: without an end, a crowd would outlast its time limits.
 */
const LONGEST_PRIORITY_WAIT = 500;
/** Milliseconds until a port that failed is opened again, and between attempts at it. */
const REOPEN_AFTER = 1000;
/** Requests that wait, are worked at, or whose answers have not left. */
const MAX_OPEN = 256;
/** Bytes of answers that have not left, beyond which no further one is made. */
const MAX_UNSENT = 64 * 1024 * 1024;

/** The port for people and monitoring: all that it does is to tell. */
export class HttpPort {
  readonly #listener: HttpListener;
  readonly #router: Router;
  readonly #log: Log;
  readonly #throttle: Throttle;
  /** Whoever watches over this process does not wait behind the others. */
  readonly #priorityThrottle: Throttle;
  #server: HttpServer | undefined;
  #reopening: ReturnType<typeof setTimeout> | undefined;
  /** Those who are not priority are answered one after another. */
  #line: Promise<unknown> = Promise.resolve();
  #open = 0;
  #unsent = 0;

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
    this.#throttle = new Throttle(GAP, parts.now);
    this.#priorityThrottle = new Throttle(GAP, parts.now, LONGEST_PRIORITY_WAIT);
  }

  /**
   * Starts to listen and to answer. A port that fails later is opened again.
   *
   * @returns the port
   * @throws what the runtime throws when the address can't be listened on
   */
  listen(hostname: string, port: number): number {
    const server = this.#listener.listen(
      { hostname, port },
      (request, sent) => this.#answer(request, sent),
    );
    this.#server = server;
    void server.ended.then((error) => {
      if (this.#server !== server) return;
      this.#log.warn("HTTP port failed", { error });
      server.abort();
      this.#reopenLater(hostname, server.port);
    });
    return server.port;
  }

  /**
   * Accepts no more connections, answers what was asked, and closes.
   *
   * @param limit milliseconds after which connections are closed as they are
   */
  async stop(limit: number): Promise<void> {
    const server = this.#server;
    clearTimeout(this.#reopening);
    if (server === undefined) return;
    this.#server = undefined;
    const timer = setTimeout(() => server.abort(), limit);
    await server.shutdown();
    clearTimeout(timer);
  }

  #reopenLater(hostname: string, port: number): void {
    this.#reopening = setTimeout(() => {
      try {
        this.listen(hostname, port);
        this.#log.info("HTTP port open again", { address: hostname, port });
      } catch {
        this.#reopenLater(hostname, port);
      }
    }, REOPEN_AFTER);
  }

  async #answer(request: Request, sent: Promise<void>): Promise<Response> {
    const over = sent.catch(() => {});
    this.#open++;
    const response = await this.#find(request);
    const size = Number(response.headers.get("content-length"));
    this.#unsent += size;
    // Only now, also where the client left before: what was not added yet can't be taken off.
    void over.then(() => {
      this.#open--;
      this.#unsent -= size;
    });
    return response;
  }

  async #find(request: Request): Promise<Response> {
    try {
      const found = this.#router.find(request.method, request.url);
      if (!found.priority) return await this.#inLine(found);
      await this.#priorityThrottle.turn();
      return await found.answer();
    } catch (error) {
      if (error instanceof HttpProblem) return error.toResponse();
      this.#log.error("HTTP request failed", { url: request.url, error });
      return new HttpProblem(500, "the server's log says more").toResponse();
    }
  }

  #inLine(found: RouteMatch): Promise<Response> {
    if (this.#open > MAX_OPEN) throw busy(`more than ${MAX_OPEN} requests are open`);
    const answer = this.#line.then(async () => {
      await this.#throttle.turn();
      if (this.#unsent > MAX_UNSENT) throw busy("too many answers wait for their clients");
      return await found.answer();
    });
    this.#line = answer.catch(() => {});
    return answer;
  }
}

function busy(reason: string): HttpProblem {
  return new HttpProblem(503, reason, { headers: { "retry-after": "1" } });
}
