import {
  ALL_SEEING,
  type HttpAuthorization,
  type HttpCredentials,
} from "../../access/http_authorization.ts";
import type { RequestPeer } from "../../access/guard.ts";
import type { ChangeFeed } from "../../watch/change_feed.ts";
import { PERMISSIONS_TO_WATCH } from "../../watch/events.ts";
import { accessProblem, busy } from "../server/answer.ts";
import { type HttpRequest, StreamResponse } from "../server/http_listener.ts";
import type { Route, RouteRequest } from "../server/router.ts";

/** Dependencies of {@link watchRoute}. */
export interface WatchRouteParts {
  readonly feed: Pick<ChangeFeed, "open">;
  /** Without it, everyone may see everything. */
  readonly authorization?: Pick<HttpAuthorization, "viewerOf">;
  /** The sender of a request, for the rules; `client` is "address:port". */
  peerOf(client: string): RequestPeer;
  credentialsOf(request: Pick<HttpRequest, "headers" | "url">): HttpCredentials;
}

const PATH = "/api/v1/watch";
/** Characters of an id; longer ones are none. */
const MAX_ID = 64;
const HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  // nginx would collect events before it sends them on.
  "x-accel-buffering": "no",
};

/**
 * The route `/api/v1/watch`: changes as server-sent events. It decides about each event by itself, so
 * the route as a whole needs no permission.
 */
export function watchRoute({ feed, authorization, peerOf, credentialsOf }: WatchRouteParts): Route {
  return { path: PATH, query: ["cluster", "broker", "topic", "since"], answer };

  async function answer({ query, url, sender: { client, headers, sent } }: RouteRequest) {
    const filter = {
      cluster: query.text("cluster"),
      brokerName: query.text("broker"),
      topic: query.text("topic"),
    };
    const asked = query.parsed("since", (text) => isId(text) ? text : undefined, "an event's id");
    const viewer = await authorization?.viewerOf(
      PERMISSIONS_TO_WATCH,
      peerOf(client),
      credentialsOf({ headers, url: url.href }),
      `GET ${PATH}`,
    ) ?? ALL_SEEING;
    if ("status" in viewer) throw accessProblem(viewer, headers.get("accept"));
    // When a browser resumes, the address is still that of its first request.
    const since = headers.get("last-event-id")?.slice(0, MAX_ID) ?? asked;
    const begin = feed.open({ filter, viewer, since }, sent);
    if (begin === undefined) throw busy("watchers", "too many watchers (watchMaxWatchers)");
    return new StreamResponse(HEADERS, begin);
  }
}

function isId(text: string): boolean {
  return text.length <= MAX_ID && /^[0-9a-z]+-\d+$/.test(text);
}
