import type { HttpAuthorization } from "../access/http_authorization.ts";
import type { Administration } from "../administration/administration.ts";
import type { Account } from "../access/policy.ts";
import type { Group } from "../group/group.ts";
import type { Log } from "../log/log.ts";
import type { MetricsSource } from "../metrics/metrics_source.ts";
import type { WorkSlice } from "../work_slice.ts";
import { SOFTWARE } from "../version.ts";
import { accessRoutes, type AccessRoutesParts } from "./routes/access_routes.ts";
import { AllowedHosts } from "./server/allowed_hosts.ts";
import { type ApiParts, apiRoutes } from "./routes/api_routes.ts";
import { type AddressOptions, addressRoutes } from "./routes/address_routes.ts";
import { controllerRoutes, type HostedController } from "./routes/controller_routes.ts";
import { groupRoutes } from "./routes/group_routes.ts";
import { type OverviewParts, overviewRoutes } from "./routes/overview_routes.ts";
import { type Condition, healthRoutes, isReady, readiness } from "./routes/health_routes.ts";
import type { HttpCounters } from "./server/http_counters.ts";
import type { HttpListener, HttpRequest } from "./server/http_listener.ts";
import type { HttpTls } from "./server/http_tls.ts";
import { HttpPort, type HttpPortLimits } from "./server/http_port.ts";
import { Pager } from "./routes/pager.ts";
import { metricsRoute } from "./routes/metrics_route.ts";
import { changeRoutes } from "./routes/change_routes.ts";
import { consoleRoutes } from "./routes/console_routes.ts";
import { sessionRoutes } from "./routes/session_routes.ts";
import { type WatchRouteParts, watchRoutes } from "./routes/watch_route.ts";
import { authorizeBy, credentialsOf, type HttpAccessOptions } from "./authorize.ts";
import { type SessionOptions, Sessions } from "./server/sessions.ts";

/** Dependencies of the HTTP port. */
export interface HttpPortParts extends Omit<ApiParts, "pager"> {
  administration: Administration;
  listener: HttpListener;
  /** If given, the port serves nothing but TLS. */
  tls?: HttpTls;
  condition: Condition;
  metrics?: MetricsSource;
  feed: WatchRouteParts["feed"];
  access: AccessRoutesParts & { readonly authorization?: HttpAuthorization };
  overview: OverviewParts;
  group: Group;
  /** Absent without enableControllerInNamesrv. */
  controller: HostedController | undefined;
  options:
    & ApiParts["options"]
    & AddressOptions
    & HttpAccessOptions
    & HttpConsoleOptions
    & SessionOptions
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

/** The console, and changes. */
interface HttpConsoleOptions {
  readonly consoleEnable: boolean;
}

/** Creates the HTTP port with all its routes, not listening yet. */
export function createHttpPort(
  {
    listener,
    tls,
    condition,
    metrics,
    feed,
    access,
    log,
    slice,
    counters,
    overview,
    group,
    ...told
  }: HttpPortParts,
): HttpPort {
  const { options } = told;
  const { authorization } = access;
  const now = () => performance.now();
  const pager = new Pager(slice);
  const { deno, v8 } = Deno.version;
  const checks = readiness(condition, now);
  const peerOf = (client: string) => ({ socketAddress: client, ...(tls && { tls: {} }) });
  const ready = async () => isReady(await checks());
  const sessions = new Sessions<Account>({
    options,
    counters,
    isCurrent: (account) => authorization?.isCurrent(account, Date.now()) ?? false,
    now: () => Date.now(),
  });
  const senders = {
    authorization,
    peerOf,
    credentialsOf: (request: Pick<HttpRequest, "headers" | "url">) =>
      credentialsOf(sessions, request),
  };
  const console = [
    // Loaded on demand: most servers are not looked at.
    ...consoleRoutes(async () => (await import("../console/built/assets.ts")).CONSOLE_ASSETS),
    ...changeRoutes({ ...senders, ...told, stopping: () => condition.stopping() }),
    ...sessionRoutes({
      ...senders,
      sessions,
      counters,
      members: overview.members,
      now: () => Date.now(),
    }),
  ];
  return new HttpPort({
    listener,
    tls,
    log,
    now,
    hosts: new AllowedHosts(() => options.httpAllowedHosts, options.httpBindAddress),
    limits: options,
    counters,
    authorizer: authorizeBy({ authorization, sessions, options, peerOf }),
    routes: [
      ...healthRoutes(checks, told.tables, { ...SOFTWARE, deno, v8 }),
      ...addressRoutes({ options, members: overview.members, isReady: ready }),
      ...(metrics ? [metricsRoute(metrics, now)] : []),
      ...overviewRoutes(overview, checks, slice, now),
      ...groupRoutes({ group, members: overview.members }),
      ...apiRoutes({ ...told, pager }),
      ...controllerRoutes(told.controller, pager),
      ...accessRoutes(access),
      ...watchRoutes({ ...senders, feed }),
      ...(options.consoleEnable ? console : []),
    ],
  });
}
