import { HttpProblem } from "./answer.ts";
import { Query } from "./query.ts";

/** A request to a route. */
export interface RouteRequest {
  /** The decoded parts of the path that the route names with a colon. */
  readonly path: ReadonlyMap<string, string>;
  readonly query: Query;
}

/** What can be asked for. All of it is read with GET or HEAD. */
export interface Route {
  /** E.g. `/api/v1/topics/:topic/route`. */
  readonly path: string;
  /** Names of the query's parameters. */
  readonly query?: readonly string[];
  /** Whether it is answered even when too many other requests are. */
  readonly priority?: boolean;
  /** The answer. What it throws becomes one. */
  answer(asked: RouteRequest): Response | Promise<Response>;
}

/** The way to an answer. */
export interface RouteMatch {
  readonly priority: boolean;
  /** Rejects with {@link HttpProblem} where there is one. */
  answer(): Promise<Response>;
}

const ALLOWED = ["GET", "HEAD"];

/** Finds the route of a request. */
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
   * What a request is to be answered with. Where that is a problem, the answer throws it: 404 at an
   * unknown path, 405 at a method that is not for reading, 400 at a URL, a path or a query that can't
   * be understood.
   */
  find(method: string, address: string): RouteMatch {
    try {
      return this.#find(method, address);
    } catch (error) {
      return { priority: false, answer: () => Promise.reject(error) };
    }
  }

  #find(method: string, address: string): RouteMatch {
    const url = URL.parse(address);
    if (url === null) throw new HttpProblem(400, "the URL or the Host header is not valid");
    const { route, groups } = this.#match(url.pathname);
    if (!ALLOWED.includes(method)) {
      const allow = ALLOWED.join(", ");
      throw new HttpProblem(405, `this is only read: ${allow}`, { headers: { allow } });
    }
    const path = new Map(Object.entries(groups).map(([name, text]) => [name, decode(name, text)]));
    const query = new Query(url.searchParams, route.query ?? []);
    return {
      priority: route.priority ?? false,
      answer: async () => await route.answer({ path, query }),
    };
  }

  #match(pathname: string): { route: Route; groups: Record<string, string | undefined> } {
    const fixed = this.#fixed.get(pathname);
    if (fixed !== undefined) return { route: fixed, groups: {} };
    for (const [pattern, route] of this.#patterns) {
      const match = pattern.exec({ pathname });
      if (match !== null) return { route, groups: match.pathname.groups };
    }
    throw new HttpProblem(404, "there is nothing at this path");
  }
}

function decode(parameter: string, text = ""): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpProblem(400, `${parameter}: is not percent-encoded UTF-8`, { parameter });
  }
}
