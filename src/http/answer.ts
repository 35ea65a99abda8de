const TITLES = new Map([
  [400, "Bad Request"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [500, "Internal Server Error"],
  [503, "Service Unavailable"],
]);

/** A request that can't be granted. The message says why, in one line. */
export class HttpProblem extends Error {
  override name = "HttpProblem";
  readonly status: number;
  readonly parameter: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  /**
   * @param status 400, 404, 405, 500 or 503
   * @param more the parameter that is to blame, and headers for the answer
   */
  constructor(
    status: number,
    message: string,
    more: { parameter?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.parameter = more.parameter;
    this.headers = more.headers ?? {};
  }

  /** The answer: problem details (RFC 9457). */
  toResponse(): Response {
    const { status, message: detail, parameter, headers } = this;
    const body = { type: "about:blank", title: TITLES.get(status), status, detail, parameter };
    return answer(JSON.stringify(body), "application/problem+json", { status, headers });
  }
}

/** An answer of JSON. */
export function json(value: unknown, status = 200): Response {
  return answer(JSON.stringify(value), "application/json", { status });
}

/** An answer. What this port tells is of the moment, and not for guessing what it is. */
export function answer(
  body: string | Uint8Array<ArrayBuffer>,
  contentType: string,
  init: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Response {
  const headers = {
    "content-type": contentType,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...init.headers,
  };
  return new Response(body, { status: init.status ?? 200, headers });
}
