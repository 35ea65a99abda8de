import type {
  HttpAuthorization,
  HttpCredentials,
  HttpRefusal,
} from "../access/http_authorization.ts";
import type { RequestPeer } from "../access/guard.ts";
import type { Permission } from "../access/permissions.ts";
import type { Account } from "../access/policy.ts";
import { READ_ONLY } from "./routes/session_routes.ts";
import { accessProblem, HttpProblem } from "./server/answer.ts";
import type { HttpRequest } from "./server/http_listener.ts";
import type { Authorizer } from "./server/http_port.ts";
import { isSameOrigin } from "./server/origin.ts";
import type { RouteMatch } from "./server/router.ts";
import { isCsrfToken, type Sessions } from "./server/sessions.ts";

/** Which paths need no permission. */
export interface HttpAccessOptions {
  readonly httpMetricsOpen: boolean;
  readonly httpHealthOpen: boolean;
}

/** Dependencies of {@link authorizeBy}. */
export interface AuthorizeParts {
  /** Absent without rules. */
  readonly authorization?: HttpAuthorization;
  readonly sessions: Pick<Sessions<Account>, "of">;
  readonly options: Readonly<HttpAccessOptions>;
  /** The sender of a request, for the rules; `client` is "address:port". */
  peerOf(client: string): RequestPeer;
}

const HEALTH: readonly string[] = ["/livez", "/readyz", "/version"];
const FOREIGN = "a page of another server may not change anything here (Origin, Sec-Fetch-Site)";
const UNKNOWN_PAGE = "with a session, the Origin header must be that of this server";
const NO_TOKEN = "with a session, the header x-csrf-token must be the csrfToken of /api/v1/session";

/** Decides about requests: by the rules, and about changes also by the page that asks for them. */
export function authorizeBy(parts: AuthorizeParts): Authorizer {
  const { authorization, sessions, options, peerOf } = parts;
  return {
    prove: async (match, request, client) => {
      if (!match.identifies && (match.permission === undefined || isOpen(match))) return;
      const credentials = credentialsOf(sessions, request);
      const changes = match.method !== undefined;
      refuse(await authorization?.prove(peerOf(client), credentials, changes), request);
    },
    authorize: async (match, request, client) => {
      if (match.method !== undefined) checkPage(request, sessions);
      const refusal = match.method === undefined
        ? await checkReader(match, request, client)
        : await checkChanger(match, request, client);
      refuse(refusal, request);
    },
  };

  function isOpen({ path, method }: RouteMatch): boolean {
    if (method !== undefined) return false;
    return (options.httpHealthOpen && HEALTH.includes(path)) ||
      (options.httpMetricsOpen && path === "/metrics");
  }

  async function checkReader(
    match: RouteMatch,
    request: HttpRequest,
    client: string,
  ): Promise<HttpRefusal | undefined> {
    const { path, permission, resource } = match;
    if (permission === undefined || authorization === undefined || isOpen(match)) return undefined;
    const names = resource === undefined ? [] : [resource];
    for (const needed of [permission].flat()) {
      const refusal = await authorization.check(
        { permission: needed as Permission, names },
        peerOf(client),
        credentialsOf(sessions, request),
        `${request.method} ${path}`,
      );
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  async function checkChanger(
    { path, permission }: RouteMatch,
    request: HttpRequest,
    client: string,
  ): Promise<HttpRefusal | undefined> {
    if (authorization === undefined) return { status: 403, detail: READ_ONLY };
    if (permission === undefined) return undefined;
    return await authorization.checkChanger(
      permission as Permission,
      peerOf(client),
      credentialsOf(sessions, request),
      `${request.method} ${path}`,
    );
  }
}

function refuse(refusal: HttpRefusal | undefined, request: HttpRequest): void {
  if (refusal !== undefined) throw accessProblem(refusal, request.headers.get("accept"));
}

/** The facts about the sender of a request. */
export function credentialsOf(
  sessions: Pick<Sessions<Account>, "of">,
  request: Pick<HttpRequest, "headers" | "url">,
): HttpCredentials {
  return {
    authorization: request.headers.get("authorization"),
    session: () => sessions.of(request)?.account,
  };
}

/**
 * Refuses requests that a page of another server lets the browser send: of another origin, or with a
 * session's cookie but without its token.
 */
function checkPage(request: HttpRequest, sessions: Pick<Sessions<Account>, "of">): void {
  const sameOrigin = isSameOrigin(request);
  if (sameOrigin === false) throw foreign(FOREIGN);
  const session = sessions.of(request);
  if (session === undefined) return;
  if (sameOrigin === undefined) throw foreign(UNKNOWN_PAGE);
  if (!isCsrfToken(request.headers.get("x-csrf-token"), session)) throw foreign(NO_TOKEN);
}

function foreign(reason: string): HttpProblem {
  return new HttpProblem(403, reason, { refusal: "origin" });
}
