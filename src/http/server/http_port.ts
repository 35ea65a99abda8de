import { listenEverywhere } from "../../listen_everywhere.ts";
import type { Log } from "../../log/log.ts";
import { busy, HttpProblem } from "./answer.ts";
import type { AllowedHosts } from "./allowed_hosts.ts";
import type { HttpCounters, HttpRefusal } from "./http_counters.ts";
import {
  CLOSED,
  type HttpLimits,
  type HttpListener,
  type HttpObserver,
  type HttpRequest,
  type HttpServer,
  StreamResponse,
} from "./http_listener.ts";
import { Throttle } from "./throttle.ts";
import type { HttpTls } from "./http_tls.ts";
import { type Route, type RouteMatch, Router, type Sender } from "./router.ts";

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
const WRONG_HOST = "the Host header must be an address, localhost or a name that the option " +
  "httpAllowedHosts lists";

/** Limits of the port and of its listener. */
export interface HttpPortLimits extends HttpLimits {
  readonly httpMaxBodyBytes: number;
  readonly httpMaxUnsentBytes: number;
}

/**
 * Decides whether a request may be answered. Both steps reject with an {@link HttpProblem} when not;
 * `client` is its "address:port".
 */
export interface Authorizer {
  /** Verifies the secret that the request shows, before it has its turn: that may take long. */
  prove(match: RouteMatch, request: HttpRequest, client: string): Promise<void>;
  /** Decides, when the request has its turn. */
  authorize(match: RouteMatch, request: HttpRequest, client: string): Promise<void>;
}

/** The HTTP port, for people and monitoring systems. */
export class HttpPort {
  readonly #listener: HttpListener;
  readonly #router: Router;
  readonly #log: Log;
  readonly #throttle: Throttle;
  /** Health checks and clients that look for name servers do not queue behind other requests. */
  readonly #priorityThrottle: Throttle;
  readonly #authorizer: Authorizer | undefined;
  readonly #hosts: AllowedHosts;
  readonly #limits: HttpPortLimits;
  readonly #counters: HttpCounters;
  readonly #tls: HttpTls | undefined;
  #servers: readonly HttpServer[] = [];
  /** Requests without priority are handled one after another. */
  #line: Promise<unknown> = Promise.resolve();
  #open = 0;
  #unsent = 0;

  /** @param parts.now milliseconds of a monotonic clock */
  constructor(parts: {
    listener: HttpListener;
    routes: readonly Route[];
    log: Log;
    /** Without it, every request may be answered. */
    authorizer?: Authorizer;
    /** Names under which the port may be asked. */
    hosts: AllowedHosts;
    limits: HttpPortLimits;
    counters: HttpCounters;
    /** If given, the port serves nothing but TLS. */
    tls?: HttpTls;
    now(): number;
  }) {
    this.#listener = parts.listener;
    this.#router = new Router(parts.routes);
    this.#log = parts.log;
    this.#authorizer = parts.authorizer;
    this.#hosts = parts.hosts;
    this.#limits = parts.limits;
    this.#counters = parts.counters;
    this.#tls = parts.tls;
    this.#throttle = new Throttle(GAP, parts.now);
    this.#priorityThrottle = new Throttle(GAP, parts.now, LONGEST_PRIORITY_WAIT);
  }

  /**
   * Starts to listen and to handle requests.
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
          {
            handler: (request, sent, client) => this.#answer(request, sent, client),
            limits: this.#limits,
            observer: this.#observer,
            tls: this.#tls,
          },
        ),
      (address, error) => this.#log.info("address skipped", { address, port, error }),
    );
    this.#servers = servers;
    return servers[0].port;
  }

  /**
   * Stops accepting connections, answers the open requests, and closes.
   *
   * @param limit milliseconds after which the remaining connections are closed unanswered
   */
  async stop(limit: number): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    const timer = setTimeout(() => abort(servers), limit);
    await Promise.all(servers.map((server) => server.shutdown()));
    clearTimeout(timer);
  }

  async #answer(request: HttpRequest, sent: Promise<void>, client: string): Promise<Response> {
    const over = sent.catch(() => {});
    this.#open++;
    const response = await this.#find(request, client, over);
    // Streams have limits of their own.
    if (response instanceof StreamResponse) {
      this.#open--;
      return response;
    }
    const size = Number(response.headers.get("content-length"));
    this.#unsent += size;
    // Subtracted here even if the client left earlier, because it was not added until now.
    void over.then(() => {
      this.#open--;
      this.#unsent -= size;
    });
    return response;
  }

  async #find(request: HttpRequest, client: string, sent: Promise<void>): Promise<Response> {
    try {
      const found = this.#router.find(request);
      if (!found.anyHost && !this.#hosts.allow(request.url)) {
        throw new HttpProblem(421, WRONG_HOST, { refusal: "host" });
      }
      const beside = found.method !== undefined || found.waits;
      if (beside || !found.priority) this.#refuseIfFull();
      await this.#authorizer?.prove(found, request, client);
      const sender = { client, headers: request.headers, sent };
      if (beside) {
        return await this.#answerBeside(found, request, sender);
      }
      const answer = async () => {
        await this.#authorizer?.authorize(found, request, client);
        return await found.answer(sender);
      };
      if (!found.priority) return await this.#inLine(answer);
      await this.#priorityThrottle.turn();
      return await answer();
    } catch (error) {
      if (error instanceof HttpProblem) {
        if (error.refusal !== undefined) this.#count(error.refusal, client, error.message);
        return error.toResponse();
      }
      this.#log.error("HTTP request failed", { url: request.url, error });
      return new HttpProblem(500, "internal error; see the server's log").toResponse();
    }
  }

  /** Throws when too many requests are open: those that prove a secret, wait in line, or are answered. */
  #refuseIfFull(): void {
    const { httpMaxOpenRequests: max } = this.#limits;
    if (this.#open <= max) return;
    throw busy("requests", `more than ${max} requests are open (httpMaxOpenRequests)`);
  }

  /**
   * Answers a request that changes something, or waits for other servers. Only its permission is looked at in
   * line: a client that is slow to send, a disk that hangs or a server that is down must not hold up the others.
   */
  async #answerBeside(found: RouteMatch, request: HttpRequest, sender: Sender): Promise<Response> {
    await this.#inLine(async () =>
      await this.#authorizer?.authorize(found, request, sender.client)
    );
    if (!found.hasBody) return await found.answer(sender);
    return await found.answer(sender, await this.#bodyOf(request));
  }

  /**
   * Reads a body. Meanwhile the request does not count as open: strangers that are slow to send must not
   * take the places of others. Their connections have a limit.
   */
  async #bodyOf(request: HttpRequest): Promise<Uint8Array> {
    this.#open--;
    try {
      return await request.body(this.#limits.httpMaxBodyBytes);
    } finally {
      this.#open++;
    }
  }

  #inLine<T>(respond: () => Promise<T>): Promise<T> {
    const answer = this.#line.then(async () => {
      await this.#throttle.turn();
      if (this.#unsent > this.#limits.httpMaxUnsentBytes) {
        throw busy("unsent", "too many answers wait for their clients (httpMaxUnsentBytes)");
      }
      return await respond();
    });
    this.#line = answer.catch(() => {});
    return answer;
  }

  #count(refusal: HttpRefusal, peer: string, reason: string): void {
    this.#counters.refused[refusal]++;
    this.#log.warn("HTTP request refused", { peer, reason });
  }

  readonly #observer: HttpObserver = {
    opened: () => this.#counters.connections++,
    closed: () => this.#counters.connections--,
    secured: () => this.#counters.secured++,
    refused: (reason, client, detail) => this.#count(reason, client, detail ?? CLOSED[reason]),
    acceptFailed: (error) => this.#log.warn("HTTP connection not accepted", { error }),
  };
}

function abort(servers: readonly HttpServer[]): void {
  for (const server of servers) server.abort();
}
