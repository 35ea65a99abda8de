import { HttpProblem } from "./answer.ts";
import type { HttpRequest } from "./http_listener.ts";
import { parseBody } from "./json_body.ts";
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
  /** The fields of the body; none for a route without one. */
  readonly body: ReadonlyMap<string, string>;
  readonly url: URL;
  /** As in {@link HttpRequest}. */
  readonly localHost: string;
}

/** Methods that change something. */
export type WritingMethod = "POST" | "PUT" | "PATCH" | "DELETE";

/** A resource and what can be done with it. */
export interface Route {
  /** E.g. `/api/v1/topics/:topic/route`. */
  readonly path: string;
  /** Absent: GET and HEAD, which change nothing. */
  readonly method?: WritingMethod;
  /** Names of the fields of the JSON body that it needs; `"any"`: they may have any names. */
  readonly body?: readonly string[] | "any";
  /** Names of the query's parameters; `"ignored"`: it may have any, and they mean nothing. */
  readonly query?: readonly string[] | "ignored";
  /** Whether it is answered even when too many other requests are open. */
  readonly priority?: boolean;
  /** Whether it may be asked under any name, not only under those of allowed_hosts.ts. */
  readonly anyHost?: boolean;
  /** Whether it waits for others than this process: further requests do not queue behind it. */
  readonly waits?: boolean;
  /** The permissions that it needs, as the port's `authorize` takes them; absent: it is open. */
  readonly permission?: string | readonly string[];
  /** Whether it needs to know the sender although it needs no permission. */
  readonly identifies?: boolean;
  /** The `:name` segment that says what the permission is needed for. */
  readonly resource?: string;
  /** Handles the request. Errors that it throws become responses. */
  answer(asked: RouteRequest): Response | Promise<Response>;
}

/** The result of routing a request. */
export interface RouteMatch {
  /** Absent: the request changes nothing. */
  readonly method?: WritingMethod;
  /** Whether a body is to be read. */
  readonly hasBody: boolean;
  readonly priority: boolean;
  readonly anyHost: boolean;
  readonly waits: boolean;
  /** The route's path, as it is declared. */
  readonly path: string;
  readonly permission?: string | readonly string[];
  readonly identifies: boolean;
  /** The resource that the permission is needed for. */
  readonly resource?: string;
  /** Rejects with an {@link HttpProblem} when the request is refused. */
  answer(sender: Sender, body?: Uint8Array): Promise<Response>;
}

type Asked = Pick<HttpRequest, "method" | "url" | "localHost">;

const READING: readonly string[] = ["GET", "HEAD"];

/** The routes of a path. */
type Resource = Route[];

/** Finds the route for a request. */
export class Router {
  readonly #fixed = new Map<string, Resource>();
  readonly #patterns: [URLPattern, Resource][] = [];

  constructor(routes: readonly Route[]) {
    for (const [path, resource] of Map.groupBy(routes, ({ path }) => path)) {
      if (path.includes(":")) this.#patterns.push([new URLPattern({ pathname: path }), resource]);
      else this.#fixed.set(path, resource);
    }
  }

  /**
   * Finds the handler for a request. Problems are thrown by its `answer`: 404 for an unknown path,
   * 405 for a method that the path does not have, 400 for a malformed URL, path, query or body.
   */
  find(request: Asked): RouteMatch {
    try {
      return this.#find(request);
    } catch (error) {
      return {
        hasBody: false,
        priority: false,
        anyHost: false,
        waits: false,
        identifies: false,
        path: "",
        answer: () => Promise.reject(error),
      };
    }
  }

  #find({ method, url: address, localHost }: Asked): RouteMatch {
    const url = URL.parse(address);
    if (url === null) throw new HttpProblem(400, "the URL or the Host header is not valid");
    const { resource, groups } = this.#match(url.pathname);
    const route = resource.find((route) => methodsOf(route).includes(method));
    if (route === undefined) {
      const allow = resource.flatMap(methodsOf).join(", ");
      throw new HttpProblem(405, `allowed are ${allow}`, { headers: { allow } });
    }
    const path = new Map(Object.entries(groups).map(([name, text]) => [name, decode(name, text)]));
    const query = route.query === "ignored"
      ? new Query(new URLSearchParams(), [])
      : new Query(url.searchParams, route.query ?? []);
    return {
      method: route.method,
      hasBody: route.body !== undefined,
      priority: route.priority ?? false,
      anyHost: route.anyHost ?? false,
      waits: route.waits ?? false,
      identifies: route.identifies ?? false,
      path: route.path,
      permission: route.permission,
      resource: route.resource === undefined ? undefined : path.get(route.resource),
      answer: async (sender, bytes = new Uint8Array()) => {
        const body = route.body === undefined
          ? NO_FIELDS
          : parseBody(bytes, sender.headers.get("content-type"), route.body);
        return await route.answer({ sender, path, query, body, url, localHost });
      },
    };
  }

  #match(pathname: string): { resource: Resource; groups: Record<string, string | undefined> } {
    const fixed = this.#fixed.get(pathname);
    if (fixed !== undefined) return { resource: fixed, groups: {} };
    for (const [pattern, resource] of this.#patterns) {
      const match = pattern.exec({ pathname });
      if (match !== null) return { resource, groups: match.pathname.groups };
    }
    throw new HttpProblem(404, "nothing at this path");
  }
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

function methodsOf({ method }: Route): readonly string[] {
  return method === undefined ? READING : [method];
}

function decode(parameter: string, text = ""): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpProblem(400, `${parameter}: is not percent-encoded UTF-8`, { parameter });
  }
}
