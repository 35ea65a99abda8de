import {
  ALL_SEEING,
  type HttpAuthorization,
  type HttpCredentials,
  type Viewer,
} from "../../access/http_authorization.ts";
import type { RequestPeer } from "../../access/guard.ts";
import type { ChangeFeed } from "../../watch/change_feed.ts";
import { PERMISSIONS_TO_WATCH } from "../../watch/events.ts";
import type { EventFilter } from "../../watch/filter.ts";
import { accessProblem, answer, busy } from "../server/answer.ts";
import { type HttpRequest, StreamResponse } from "../server/http_listener.ts";
import type { Query } from "../server/query.ts";
import type { Route, RouteRequest } from "../server/router.ts";

/** Dependencies of {@link watchRoutes}. */
export interface WatchRouteParts {
  readonly feed: Pick<ChangeFeed, "open" | "latest">;
  /** Without it, everyone may see everything. */
  readonly authorization?: Pick<HttpAuthorization, "viewerOf">;
  /** The sender of a request, for the rules; `client` is "address:port". */
  peerOf(client: string): RequestPeer;
  credentialsOf(request: Pick<HttpRequest, "headers" | "url">): HttpCredentials;
}

const WATCH = "/api/v1/watch";
const EVENTS = "/api/v1/events";
const FILTER = ["cluster", "broker", "topic"];
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
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
 * The routes `/api/v1/watch`, changes as server-sent events, and `/api/v1/events`, the latest of those that
 * are kept. They decide about each event by itself, so the routes as a whole need no permission.
 */
export function watchRoutes(
  { feed, authorization, peerOf, credentialsOf }: WatchRouteParts,
): Route[] {
  return [
    { path: WATCH, query: [...FILTER, "since"], identifies: true, answer: watch },
    { path: EVENTS, query: [...FILTER, "limit"], identifies: true, answer: latest },
  ];

  async function watch(request: RouteRequest) {
    const { query, sender } = request;
    const filter = filterOf(query);
    const asked = query.parsed("since", (text) => isId(text) ? text : undefined, "an event's id");
    const viewer = await viewerOf(request, WATCH);
    // When a browser resumes, the address is still that of its first request.
    const since = sender.headers.get("last-event-id")?.slice(0, MAX_ID) ?? asked;
    const begin = feed.open({ filter, viewer, since }, sender.sent);
    if (begin === undefined) throw busy("watchers", "too many watchers (watchMaxWatchers)");
    return new StreamResponse(HEADERS, begin);
  }

  async function latest(request: RouteRequest) {
    const { query } = request;
    const filter = filterOf(query);
    const limit = query.int("limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
    const viewer = await viewerOf(request, EVENTS);
    const items = await feed.latest({ filter, viewer }, limit);
    return answer(`{"items":[${items.join(",")}]}`, "application/json");
  }

  async function viewerOf(
    { url, sender: { client, headers } }: RouteRequest,
    path: string,
  ): Promise<Viewer> {
    const viewer = await authorization?.viewerOf(
      PERMISSIONS_TO_WATCH,
      peerOf(client),
      credentialsOf({ headers, url: url.href }),
      `GET ${path}`,
    ) ?? ALL_SEEING;
    if ("status" in viewer) throw accessProblem(viewer, headers.get("accept"));
    return viewer;
  }
}

function filterOf(query: Query): EventFilter {
  return {
    cluster: query.text("cluster"),
    brokerName: query.text("broker"),
    topic: query.text("topic"),
  };
}

function isId(text: string): boolean {
  return text.length <= MAX_ID && /^[0-9a-z]+-\d+$/.test(text);
}
