import { setImmediate } from "node:timers";
import type { Log } from "../log/log.ts";
import type { MetricsSource } from "../metrics/metrics_source.ts";
import { SOFTWARE } from "../version.ts";
import { type ApiParts, apiRoutes } from "./routes/api_routes.ts";
import { type Condition, healthRoutes } from "./routes/health_routes.ts";
import type { HttpListener } from "./server/http_listener.ts";
import { HttpPort } from "./server/http_port.ts";
import { Pager } from "./routes/pager.ts";
import { metricsRoute } from "./routes/metrics_route.ts";

/** Dependencies of the HTTP port. */
export interface HttpPortParts extends Omit<ApiParts, "pager"> {
  listener: HttpListener;
  condition: Condition;
  metrics?: MetricsSource;
  log: Log;
}

/** Creates the HTTP port with all its routes, not listening yet. */
export function createHttpPort(
  { listener, condition, metrics, log, ...told }: HttpPortParts,
): HttpPort {
  const now = () => performance.now();
  const pager = new Pager(now, (task) => void setImmediate(task));
  const { deno, v8 } = Deno.version;
  return new HttpPort({
    listener,
    log,
    now,
    routes: [
      ...healthRoutes(condition, { ...SOFTWARE, deno, v8 }, now),
      ...(metrics ? [metricsRoute(metrics, now)] : []),
      ...apiRoutes({ ...told, pager }),
    ],
  });
}
