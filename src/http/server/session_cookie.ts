/** The cookie that carries the id of a session. */

const NAME = "rocketmq_namesrv_session";
/** Characters of an id: 256 bits in base64url. */
const ID = /^[\w-]{43}$/;

/**
 * Returns the id of a session in the Cookie header of a request.
 *
 * @param url that of the request: browsers do not keep the cookies of a host's ports apart
 */
export function readSessionCookie(header: string | null, url: string): string | undefined {
  const parsed = header === null ? null : URL.parse(url);
  if (header === null || parsed === null) return undefined;
  const wanted = nameFor(parsed);
  for (const pair of header.split(";")) {
    const at = pair.indexOf("=");
    if (at < 0 || pair.slice(0, at).trim() !== wanted) continue;
    const id = pair.slice(at + 1).trim();
    if (ID.test(id)) return id;
  }
  return undefined;
}

/**
 * Returns a Set-Cookie header. Scripts can't read the cookie, and requests of other sites do not have it.
 *
 * @param url as for {@link readSessionCookie}
 * @param seconds until the browser forgets it
 */
export function sessionCookie(id: string, url: URL, seconds: number): string {
  const secure = url.protocol === "https:" ? "; Secure" : "";
  return `${nameFor(url)}=${id}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${seconds}${secure}`;
}

function nameFor({ port }: URL): string {
  return port === "" ? NAME : `${NAME}_${port}`;
}
