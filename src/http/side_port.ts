import { setImmediate } from "node:timers";
import type { Log } from "../log.ts";
import type { MetricsSource } from "../metrics/metrics_source.ts";
import { SOFTWARE } from "../version.ts";
import { type ApiParts, apiRoutes } from "./api_routes.ts";
import { type Condition, healthRoutes } from "./health_routes.ts";
import type { HttpListener } from "./http_listener.ts";
import { HttpPort } from "./http_port.ts";
import { Lister } from "./lister.ts";
import { metricsRoute } from "./metrics_route.ts";

/** What the HTTP port tells of. */
export interface SidePortParts extends Omit<ApiParts, "lister" | "serviceWait"> {
  listener: HttpListener;
  condition: Condition;
  metrics?: MetricsSource;
  log: Log;
}

/** The HTTP port with all its paths, still closed. */
export function sidePort({ listener, condition, metrics, log, ...told }: SidePortParts): HttpPort {
  const now = () => performance.now();
  const lister = new Lister(now, (task) => void setImmediate(task));
  const { deno, v8 } = Deno.version;
  return new HttpPort({
    listener,
    log,
    now,
    routes: [
      ...healthRoutes(condition, { ...SOFTWARE, deno, v8 }, now),
      ...(metrics ? [metricsRoute(metrics, now)] : []),
      ...apiRoutes({ ...told, serviceWait: condition.serviceWait, lister }),
    ],
  });
}
