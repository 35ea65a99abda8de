import type { HttpAuthorization, HttpCredentials } from "../../access/http_authorization.ts";
import type { RequestPeer } from "../../access/guard.ts";
import type { Members } from "../../group/members.ts";
import { PERMISSIONS } from "../../access/permissions.ts";
import type { Account } from "../../access/policy.ts";
import { SOFTWARE } from "../../version.ts";
import { accessProblem, HttpProblem, json, noContent } from "../server/answer.ts";
import type { HttpCounters } from "../server/http_counters.ts";
import type { HttpRequest } from "../server/http_listener.ts";
import { requiredText } from "../server/json_body.ts";
import type { Route, RouteRequest } from "../server/router.ts";
import { sessionCookie } from "../server/session_cookie.ts";
import type { Session, Sessions } from "../server/sessions.ts";

/** Dependencies of {@link sessionRoutes}. */
export interface SessionRoutesParts {
  /** Absent without rules. */
  readonly authorization?: Pick<HttpAuthorization, "login" | "describe" | "mode">;
  readonly sessions: Pick<Sessions<Account>, "open" | "of" | "end">;
  readonly counters: Pick<HttpCounters, "logins">;
  readonly members: Pick<Members, "own">;
  /** Milliseconds since 1970. */
  now(): number;
  /** The sender of a request, for the rules; `client` is "address:port". */
  peerOf(client: string): RequestPeer;
  credentialsOf(request: Pick<HttpRequest, "headers" | "url">): HttpCredentials;
}

/** Why nobody may change anything without rules. */
export const READ_ONLY =
  "without access control (accessFile) nobody can log in, and nothing can be changed over HTTP";

const PATH = "/api/v1/session";
const SECRETS =
  "the body must have token (made by `access token`), or accessKey and secretKey of an account";

/** The route `/api/v1/session`: log in, log out, and the rights of a client. */
export function sessionRoutes(parts: SessionRoutesParts): Route[] {
  const { authorization, sessions, counters, members, peerOf, credentialsOf } = parts;
  return [
    {
      path: PATH,
      identifies: true,
      answer: async (asked) => json(await view(asked, sessionOf(asked))),
    },
    { path: PATH, method: "POST", body: ["token", "accessKey", "secretKey"], answer: logIn },
    { path: PATH, method: "DELETE", answer: logOut },
  ];

  async function logIn(asked: RouteRequest): Promise<Response> {
    // The port has refused it already.
    if (authorization === undefined) throw new HttpProblem(403, READ_ONLY);
    const { sender: { client }, body, url } = asked;
    const peer = peerOf(client);
    const account = await authorization.login(secretsOf(body), peer, `POST ${PATH}`);
    if ("status" in account) {
      if (account.limit === undefined) counters.logins.failed++;
      throw accessProblem(account, null);
    }
    counters.logins.ok++;
    const before = sessionOf(asked);
    if (before !== undefined) sessions.end(before.id);
    const session = sessions.open(account);
    const seconds = Math.floor((session.expires - parts.now()) / 1000);
    const headers = { "set-cookie": sessionCookie(session.id, url, seconds) };
    return json(await view(asked, session), 200, headers);
  }

  function logOut(asked: RouteRequest): Response {
    const session = sessionOf(asked);
    if (session !== undefined) sessions.end(session.id);
    return noContent({ "set-cookie": sessionCookie("", asked.url, 0) });
  }

  function sessionOf({ sender: { headers }, url }: RouteRequest): Session<Account> | undefined {
    return sessions.of({ headers, url: url.href });
  }

  async function view(
    { sender: { client, headers }, url, localHost }: RouteRequest,
    session: Session<Account> | undefined,
  ) {
    const credentials = session === undefined
      ? credentialsOf({ headers, url: url.href })
      : { authorization: null, session: () => session.account };
    const described = await authorization?.describe(peerOf(client), credentials) ??
      { account: undefined, permissions: READING };
    if ("status" in described) throw accessProblem(described, headers.get("accept"));
    const { account, permissions } = described;
    const canWrite = permissions.some((permission) => permission.endsWith(":write"));
    return {
      access: authorization?.mode ?? "off",
      account: account ?? null,
      expires: session === undefined ? null : new Date(session.expires).toISOString(),
      csrfToken: session?.csrfToken ?? null,
      permissions,
      canWrite,
      readOnlyReason: canWrite ? null : readOnlyReason(account),
      tls: url.protocol === "https:",
      version: SOFTWARE.version,
      server: members.own(localHost)[0],
    };
  }

  function readOnlyReason(account: string | undefined): string {
    if (authorization === undefined) return READ_ONLY;
    return account === undefined
      ? "changes need an account that may do them"
      : `${account} may not change anything`;
  }
}

/** The permissions of everyone when there are no rules. */
const READING = PERMISSIONS.filter((permission) =>
  permission.endsWith(":read") || permission === "topic:list"
);

function secretsOf(body: ReadonlyMap<string, string>) {
  const token = body.get("token");
  if ((token === undefined) !== body.has("accessKey")) throw new HttpProblem(400, SECRETS);
  if (token !== undefined) return { token };
  return { accessKey: requiredText(body, "accessKey"), secretKey: requiredText(body, "secretKey") };
}
