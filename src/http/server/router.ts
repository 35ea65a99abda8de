import { HttpProblem } from "./answer.ts";
import type { HttpRequest } from "./http_listener.ts";
import { Query } from "./query.ts";

/** The sender of a request. */
export interface Sender {
  /** "address:port" of the client. */
  readonly client: string;
  readonly headers: Pick<Headers, "get">;
  /** Settles when the answer has been sent, or the client has gone. */
  readonly sent: Promise<void>;
}

/** A request to a route. */
export interface RouteRequest {
  readonly sender: Sender;
  /** The decoded path segments that match the route's `:name` segments. */
  readonly path: ReadonlyMap<string, string>;
  readonly query: Query;
  /** As in {@link HttpRequest}. */
  readonly localHost: string;
}

/** A resource that can be read with GET or HEAD. */
export interface Route {
  /** E.g. `/api/v1/topics/:topic/route`. */
  readonly path: string;
  /** Names of the query's parameters; `"ignored"`: it may have any, and they mean nothing. */
  readonly query?: readonly string[] | "ignored";
  /** Whether it is answered even when too many other requests are open. */
  readonly priority?: boolean;
  /** Whether it may be asked under any name, not only under those of allowed_hosts.ts. */
  readonly anyHost?: boolean;
  /** The permission that it needs, as the port's `authorize` takes it; absent: it is open. */
  readonly permission?: string;
  /** The `:name` segment that says what the permission is needed for. */
  readonly resource?: string;
  /** Handles the request. Errors that it throws become responses. */
  answer(asked: RouteRequest): Response | Promise<Response>;
}

/** The result of routing a request. */
export interface RouteMatch {
  readonly priority: boolean;
  readonly anyHost: boolean;
  /** The route's path, as it is declared. */
  readonly path: string;
  readonly permission?: string;
  /** The resource that the permission is needed for. */
  readonly resource?: string;
  /** Rejects with an {@link HttpProblem} when the request is refused. */
  answer(sender: Sender): Promise<Response>;
}

type Asked = Pick<HttpRequest, "method" | "url" | "localHost">;

const ALLOWED = ["GET", "HEAD"];

/** Finds the route for a request. */
export class Router {
  readonly #fixed = new Map<string, Route>();
  readonly #patterns: [URLPattern, Route][] = [];

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const { path } = route;
      if (path.includes(":")) this.#patterns.push([new URLPattern({ pathname: path }), route]);
      else this.#fixed.set(path, route);
    }
  }

  /**
   * Finds the handler for a request. Problems are thrown by its `answer`: 404 for an unknown path,
   * 405 for a method other than GET and HEAD, 400 for a malformed URL, path or query.
   */
  find(request: Asked): RouteMatch {
    try {
      return this.#find(request);
    } catch (error) {
      return { priority: false, anyHost: false, path: "", answer: () => Promise.reject(error) };
    }
  }

  #find({ method, url: address, localHost }: Asked): RouteMatch {
    const url = URL.parse(address);
    if (url === null) throw new HttpProblem(400, "the URL or the Host header is not valid");
    const { route, groups } = this.#match(url.pathname);
    if (!ALLOWED.includes(method)) {
      const allow = ALLOWED.join(", ");
      throw new HttpProblem(405, `read-only: allowed are ${allow}`, { headers: { allow } });
    }
    const path = new Map(Object.entries(groups).map(([name, text]) => [name, decode(name, text)]));
    const query = route.query === "ignored"
      ? new Query(new URLSearchParams(), [])
      : new Query(url.searchParams, route.query ?? []);
    return {
      priority: route.priority ?? false,
      anyHost: route.anyHost ?? false,
      path: route.path,
      permission: route.permission,
      resource: route.resource === undefined ? undefined : path.get(route.resource),
      answer: async (sender) => await route.answer({ sender, path, query, localHost }),
    };
  }

  #match(pathname: string): { route: Route; groups: Record<string, string | undefined> } {
    const fixed = this.#fixed.get(pathname);
    if (fixed !== undefined) return { route: fixed, groups: {} };
    for (const [pattern, route] of this.#patterns) {
      const match = pattern.exec({ pathname });
      if (match !== null) return { route, groups: match.pathname.groups };
    }
    throw new HttpProblem(404, "nothing at this path");
  }
}

function decode(parameter: string, text = ""): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpProblem(400, `${parameter}: is not percent-encoded UTF-8`, { parameter });
  }
}
