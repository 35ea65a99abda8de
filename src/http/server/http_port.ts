import { listenEverywhere } from "../../listen_everywhere.ts";
import type { Log } from "../../log/log.ts";
import { HttpProblem } from "./answer.ts";
import type { HttpListener, HttpServer } from "./http_listener.ts";
import { Throttle } from "./throttle.ts";
import { type Route, type RouteMatch, Router } from "./router.ts";

/**
 * Milliseconds between the starts of two requests: a scrape takes about 0.1 ms, so all requests
 * together get 0.5 % of the processor.
 */
const GAP = 20;
/**
 * Longest wait of a priority request in milliseconds. Requests whose clients have gone also take
 * turns, because the runtime does not report it: without this limit, a crowd of them would exceed
 * the time limits of health checks.
 */
const LONGEST_PRIORITY_WAIT = 500;
/** Milliseconds until a failed port is reopened, and between attempts. */
const REOPEN_AFTER = 1000;
/** Most requests that are queued, in progress or not yet fully answered. */
const MAX_OPEN = 256;
/** Most bytes of unsent responses; beyond that, requests are refused. */
const MAX_UNSENT = 64 * 1024 * 1024;

/**
 * Decides whether a request may be answered; throws an {@link HttpProblem} when not.
 *
 * @param client "address:port" of the client
 */
export type Authorize = (match: RouteMatch, request: Request, client: string) => Promise<void>;

/** The HTTP port for people and monitoring. It is read-only. */
export class HttpPort {
  readonly #listener: HttpListener;
  readonly #router: Router;
  readonly #log: Log;
  readonly #throttle: Throttle;
  /** Health checks do not queue behind other requests. */
  readonly #priorityThrottle: Throttle;
  readonly #authorize: Authorize | undefined;
  #servers: readonly HttpServer[] = [];
  #reopening: ReturnType<typeof setTimeout> | undefined;
  /** Requests without priority are handled one after another. */
  #line: Promise<unknown> = Promise.resolve();
  #stopped = false;
  #open = 0;
  #unsent = 0;

  /** @param parts.now milliseconds of a monotonic clock */
  constructor(parts: {
    listener: HttpListener;
    routes: readonly Route[];
    log: Log;
    /** Without it, everyone may read everything. */
    authorize?: Authorize;
    now(): number;
  }) {
    this.#listener = parts.listener;
    this.#router = new Router(parts.routes);
    this.#log = parts.log;
    this.#authorize = parts.authorize;
    this.#throttle = new Throttle(GAP, parts.now);
    this.#priorityThrottle = new Throttle(GAP, parts.now, LONGEST_PRIORITY_WAIT);
  }

  /**
   * Starts to listen and to handle requests. A port that fails later is reopened.
   *
   * @param hostname without brackets; the wildcard of either family opens both
   * @returns the port
   * @throws the runtime's error when it can't listen on the address
   */
  async listen(hostname: string, port: number): Promise<number> {
    const servers = await listenEverywhere(
      hostname,
      port,
      (hostname, port) =>
        this.#listener.listen(
          { hostname, port },
          (request, sent, client) => this.#answer(request, sent, client),
        ),
      (address, error) => this.#log.info("address skipped", { address, port, error }),
    );
    this.#servers = servers;
    const opened = servers[0].port;
    for (const { ended } of servers) {
      void ended.then((error) => {
        if (this.#servers !== servers) return;
        this.#servers = [];
        this.#log.warn("HTTP port failed", { error });
        abort(servers);
        this.#reopenLater(hostname, opened);
      });
    }
    return opened;
  }

  /**
   * Stops accepting connections, answers the open requests, and closes.
   *
   * @param limit milliseconds after which the remaining connections are closed unanswered
   */
  async stop(limit: number): Promise<void> {
    const servers = this.#servers;
    this.#stopped = true;
    clearTimeout(this.#reopening);
    this.#servers = [];
    const timer = setTimeout(() => abort(servers), limit);
    await Promise.all(servers.map((server) => server.shutdown()));
    clearTimeout(timer);
  }

  #reopenLater(hostname: string, port: number): void {
    this.#reopening = setTimeout(() => void this.#reopen(hostname, port), REOPEN_AFTER);
  }

  async #reopen(hostname: string, port: number): Promise<void> {
    try {
      await this.listen(hostname, port);
    } catch {
      if (!this.#stopped) this.#reopenLater(hostname, port);
      return;
    }
    // A stop may have come meanwhile.
    if (this.#stopped) abort(this.#servers);
    else this.#log.info("HTTP port open again", { address: hostname, port });
  }

  async #answer(request: Request, sent: Promise<void>, client: string): Promise<Response> {
    const over = sent.catch(() => {});
    this.#open++;
    const response = await this.#find(request, client);
    const size = Number(response.headers.get("content-length"));
    this.#unsent += size;
    // Subtracted here even if the client left earlier, because it was not added until now.
    void over.then(() => {
      this.#open--;
      this.#unsent -= size;
    });
    return response;
  }

  async #find(request: Request, client: string): Promise<Response> {
    try {
      const found = this.#router.find(request.method, request.url);
      const answer = async () => {
        await this.#authorize?.(found, request, client);
        return await found.answer();
      };
      if (!found.priority) return await this.#inLine(answer);
      await this.#priorityThrottle.turn();
      return await answer();
    } catch (error) {
      if (error instanceof HttpProblem) return error.toResponse();
      this.#log.error("HTTP request failed", { url: request.url, error });
      return new HttpProblem(500, "internal error; see the server's log").toResponse();
    }
  }

  #inLine(respond: () => Promise<Response>): Promise<Response> {
    if (this.#open > MAX_OPEN) throw busy(`more than ${MAX_OPEN} requests are open`);
    const answer = this.#line.then(async () => {
      await this.#throttle.turn();
      if (this.#unsent > MAX_UNSENT) throw busy("too many answers wait for their clients");
      return await respond();
    });
    this.#line = answer.catch(() => {});
    return answer;
  }
}

function abort(servers: readonly HttpServer[]): void {
  for (const server of servers) server.abort();
}

function busy(reason: string): HttpProblem {
  return new HttpProblem(503, reason, { headers: { "retry-after": "1" } });
}
