import { signal } from "@preact/signals";

/** Why a request failed: the server's problem (RFC 9457), or that the server was not reached. */
export class Problem extends Error {
  override readonly name = "Problem";
  /** The status of HTTP; 0: the server was not reached. */
  readonly status: number;
  readonly title: string;
  /** The server's explanation; empty if it gives none. */
  readonly detail: string;
  /** The parameter of the request that is wrong. */
  readonly parameter: string | undefined;

  constructor(status: number, title: string, detail = "", parameter?: string) {
    super(detail === "" ? title : `${title}: ${detail}`);
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.parameter = parameter;
  }
}

/** Whether the server answers. `gone` from the first request that does not reach it to the next that does. */
export const reachable = signal<"yes" | "gone">("yes");

/** Counts the requests that were answered with 401: the session has ended. */
export const refusedLogins = signal(0);

/** The token against CSRF of the session; see session.ts. */
let csrfToken: string | null = null;

/** Sets the token that writing requests carry. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/**
 * Reads from the API.
 *
 * @param path below /api/v1, e.g. `topics?limit=10`
 * @throws Problem
 */
export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return request<T>("GET", path, { signal });
}

/** The status of a change that was not made because others have changed the same meanwhile. */
export const CHANGED_MEANWHILE = 412;

/**
 * Changes something through the API.
 *
 * @param path below /api/v1
 * @param replaced makes the change only if this `etag` is still that of what it replaces; `null`: only if
 *   there is nothing to replace
 * @throws Problem
 */
export function send<T>(
  method: "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  replaced?: string | null,
): Promise<T> {
  return request<T>(method, path, { body, replaced });
}

/** A path of the API from its segments, percent-encoded: they may be any names of the network. */
export function pathOf(...segments: string[]): string {
  return segments.map(encodeURIComponent).join("/");
}

/** A path with a query; parameters that are undefined or empty are left out. */
export function withQuery(path: string, query: Record<string, string | undefined>): string {
  const text = new URLSearchParams(
    Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1])),
  ).toString();
  return text === "" ? path : `${path}?${text}`;
}

async function request<T>(
  method: string,
  path: string,
  { body, replaced, signal }: {
    body?: unknown;
    replaced?: string | null | undefined;
    signal?: AbortSignal | undefined;
  },
): Promise<T> {
  const headers = new Headers({ accept: "application/json" });
  if (replaced === null) headers.set("if-none-match", "*");
  else if (replaced !== undefined) headers.set("if-match", replaced);
  if (method !== "GET" && csrfToken !== null) headers.set("x-csrf-token", csrfToken);
  if (body !== undefined) headers.set("content-type", "application/json");
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal,
    });
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    reachable.value = "gone";
    throw new Problem(0, "unreachable");
  }
  reachable.value = "yes";
  if (answer.ok) return (text === "" ? undefined : parsed(text, answer.status)) as T;
  if (answer.status === 401 && path !== "session") refusedLogins.value++;
  throw problemOf(answer, text);
}

function parsed(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem(status, "the answer is not JSON");
  }
}

function problemOf({ status, statusText }: Response, text: string): Problem {
  let told: Partial<Record<"title" | "detail" | "parameter", unknown>> = {};
  try {
    told = JSON.parse(text) ?? {};
  } catch {
    // A proxy in between may answer anything: the status says enough.
  }
  const { title, detail, parameter } = told;
  return new Problem(
    status,
    typeof title === "string" ? title : statusText,
    typeof detail === "string" ? detail : "",
    typeof parameter === "string" ? parameter : undefined,
  );
}
