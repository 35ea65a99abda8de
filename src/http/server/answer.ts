import type { HttpRefusal } from "./http_counters.ts";

const TITLES = new Map([
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [409, "Conflict"],
  [412, "Precondition Failed"],
  [413, "Content Too Large"],
  [415, "Unsupported Media Type"],
  [421, "Misdirected Request"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [503, "Service Unavailable"],
]);

/** A request that is refused. The message is a one-line reason. */
export class HttpProblem extends Error {
  override name = "HttpProblem";
  readonly status: number;
  readonly parameter: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** The limit that it is refused for: the port counts and logs it. */
  readonly refusal: HttpRefusal | undefined;

  /**
   * @param status 400, 401, 403, 404, 405, 409, 412, 413, 415, 421, 429, 431, 500 or 503
   * @param more the invalid parameter, headers for the response, the limit that was reached
   */
  constructor(
    status: number,
    message: string,
    more: {
      parameter?: string;
      headers?: Readonly<Record<string, string>>;
      refusal?: HttpRefusal;
    } = {},
  ) {
    super(message);
    this.status = status;
    this.parameter = more.parameter;
    this.refusal = more.refusal;
    this.headers = more.headers ?? {};
  }

  /** Returns problem details (RFC 9457). */
  toResponse(): Response {
    const { status, message: detail, parameter, headers } = this;
    const body = { type: "about:blank", title: TITLES.get(status), status, detail, parameter };
    return answer(JSON.stringify(body), "application/problem+json", { status, headers });
  }
}

/**
 * A request that the rules of access control refuse.
 *
 * @param accept the Accept header: Basic, for which a browser asks its user by itself, is offered only
 * to a client that wants a page
 */
export function accessProblem(
  { status, detail, limit, wait }: {
    readonly status: 401 | 403 | 429 | 503;
    readonly detail: string;
    /** The limit that it is refused for. */
    readonly limit?: HttpRefusal;
    /** With a limit: seconds. */
    readonly wait?: number;
  },
  accept: string | null,
): HttpProblem {
  if (limit !== undefined) {
    const headers = { "retry-after": `${wait}` };
    return new HttpProblem(status, detail, { refusal: limit, headers });
  }
  if (status !== 401) return new HttpProblem(status, detail);
  const schemes = accept?.includes("text/html") ? ["Bearer", "Basic"] : ["Bearer"];
  const challenge = schemes.map((scheme) => `${scheme} realm="rocketmq-namesrv"`).join(", ");
  return new HttpProblem(status, detail, { headers: { "www-authenticate": challenge } });
}

/** A request that is refused at a limit; the client may try again in a second. */
export function busy(refusal: HttpRefusal, reason: string): HttpProblem {
  return new HttpProblem(503, reason, { refusal, headers: { "retry-after": "1" } });
}

/** Returns a JSON response. */
export function json(
  value: unknown,
  status = 200,
  headers?: Readonly<Record<string, string>>,
): Response {
  return answer(JSON.stringify(value), "application/json", { status, headers });
}

/** Returns a response without content. */
export function noContent(headers?: Readonly<Record<string, string>>): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store", ...headers } });
}

/** Returns a response that is not cached and whose content type is not sniffed. */
export function answer(
  body: string | Uint8Array<ArrayBuffer>,
  contentType: string,
  init: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Response {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const headers = {
    "content-type": contentType,
    "content-length": `${bytes.length}`,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...init.headers,
  };
  return new Response(bytes, { status: init.status ?? 200, headers });
}
