import type { RequestPeer } from "../access/guard.ts";
import type { HttpAuthorization } from "../access/http_authorization.ts";
import type { Permission } from "../access/permissions.ts";
import type { Log } from "../log/log.ts";
import type { MetricsSource } from "../metrics/metrics_source.ts";
import type { WorkSlice } from "../work_slice.ts";
import { SOFTWARE } from "../version.ts";
import { accessRoutes, type AccessRoutesParts } from "./routes/access_routes.ts";
import { AllowedHosts } from "./server/allowed_hosts.ts";
import { accessProblem } from "./server/answer.ts";
import { type ApiParts, apiRoutes } from "./routes/api_routes.ts";
import { type AddressOptions, addressRoutes } from "./routes/address_routes.ts";
import { type OverviewParts, overviewRoutes } from "./routes/overview_routes.ts";
import { type Condition, healthRoutes, readiness } from "./routes/health_routes.ts";
import type { HttpCounters } from "./server/http_counters.ts";
import type { HttpListener } from "./server/http_listener.ts";
import type { HttpTls } from "./server/http_tls.ts";
import { type Authorize, HttpPort, type HttpPortLimits } from "./server/http_port.ts";
import { Pager } from "./routes/pager.ts";
import { metricsRoute } from "./routes/metrics_route.ts";
import { watchRoute, type WatchRouteParts } from "./routes/watch_route.ts";

/** Dependencies of the HTTP port. */
export interface HttpPortParts extends Omit<ApiParts, "pager"> {
  listener: HttpListener;
  /** If given, the port serves nothing but TLS. */
  tls?: HttpTls;
  condition: Condition;
  metrics?: MetricsSource;
  feed: WatchRouteParts["feed"];
  access: AccessRoutesParts & { readonly authorization?: HttpAuthorization };
  overview: OverviewParts;
  options:
    & ApiParts["options"]
    & AddressOptions
    & HttpAccessOptions
    & HttpHostOptions
    & HttpPortLimits;
  counters: HttpCounters;
  log: Log;
  slice: WorkSlice;
}

/** Under which names the port is asked. */
interface HttpHostOptions {
  readonly httpBindAddress: string;
  readonly httpAllowedHosts: string;
}

/** Which paths need no permission. */
interface HttpAccessOptions {
  readonly httpMetricsOpen: boolean;
  readonly httpHealthOpen: boolean;
}

const HEALTH: readonly string[] = ["/livez", "/readyz", "/version"];

/** Creates the HTTP port with all its routes, not listening yet. */
export function createHttpPort(
  { listener, tls, condition, metrics, feed, access, log, slice, counters, overview, ...told }:
    HttpPortParts,
): HttpPort {
  const now = () => performance.now();
  const { deno, v8 } = Deno.version;
  const checks = readiness(condition, now);
  const peerOf = (client: string) => ({ socketAddress: client, ...(tls && { tls: {} }) });
  const isReady = async () => (await checks()).every(({ ok }) => ok);
  return new HttpPort({
    listener,
    tls,
    log,
    now,
    hosts: new AllowedHosts(() => told.options.httpAllowedHosts, told.options.httpBindAddress),
    limits: told.options,
    counters,
    authorize: access.authorization &&
      authorizeBy(access.authorization, told.options, peerOf),
    routes: [
      ...healthRoutes(checks, told.tables, { ...SOFTWARE, deno, v8 }),
      ...addressRoutes({ options: told.options, members: overview.members, isReady }),
      ...(metrics ? [metricsRoute(metrics, now)] : []),
      ...overviewRoutes(overview, checks, slice, now),
      ...apiRoutes({ ...told, pager: new Pager(slice) }),
      ...accessRoutes(access),
      watchRoute({ feed, authorization: access.authorization, peerOf }),
    ],
  });
}

function authorizeBy(
  authorization: HttpAuthorization,
  options: Readonly<HttpAccessOptions>,
  peerOf: (client: string) => RequestPeer,
): Authorize {
  return async ({ path, permission, resource }, request, client) => {
    if (permission === undefined) return;
    if (options.httpHealthOpen && HEALTH.includes(path)) return;
    if (options.httpMetricsOpen && path === "/metrics") return;
    const refusal = await authorization.check(
      { permission: permission as Permission, names: resource === undefined ? [] : [resource] },
      peerOf(client),
      request.headers.get("authorization"),
      `${request.method} ${path}`,
    );
    if (refusal !== undefined) throw accessProblem(refusal);
  };
}
