import type { HttpRequest } from "./http_listener.ts";

/**
 * Whether a request may come from a page that this server has sent. Browsers say where the page of a
 * request is from, and no page can change that: in Sec-Fetch-Site, and in Origin.
 *
 * @returns `undefined` when the request does not say it: its client is no browser
 */
export function isSameOrigin({ url, headers }: Pick<HttpRequest, "url" | "headers">) {
  const site = headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const origin = headers.get("origin");
  if (origin === null) return undefined;
  // Not the scheme: a proxy in front of this server may speak TLS.
  const host = URL.parse(origin)?.host;
  return host !== undefined && host === URL.parse(url)?.host;
}
