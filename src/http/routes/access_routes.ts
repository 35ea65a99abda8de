import type { AccessInfo } from "../../access/access_info.ts";
import type { Refusals } from "../../access/refusals.ts";
import type { AuditLog } from "../../audit/audit_log.ts";
import { json } from "../server/answer.ts";
import type { Route, RouteRequest } from "../server/router.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** The data that the routes of access control show. */
export interface AccessRoutesParts {
  readonly refusals: Pick<Refusals, "rows" | "forgotten">;
  readonly audit: Pick<AuditLog, "recent">;
  readonly info: Pick<AccessInfo, "accounts">;
}

/** The routes `/api/v1/access/accounts`, `/api/v1/access/refusals` and `/api/v1/audit`. */
export function accessRoutes({ refusals, audit, info }: AccessRoutesParts): Route[] {
  return [
    {
      path: "/api/v1/access/accounts",
      permission: "access:read",
      answer: () => json(info.accounts()),
    },
    {
      path: "/api/v1/access/refusals",
      query: ["limit"],
      permission: "access:read",
      answer: ({ query }) => {
        const rows = refusals.rows();
        const items = rows.slice(0, limitOf(query)).map(({ first, last, ...row }) => ({
          ...row,
          first: new Date(first).toISOString(),
          last: new Date(last).toISOString(),
        }));
        return json({ items, total: rows.length, forgotten: refusals.forgotten });
      },
    },
    {
      path: "/api/v1/audit",
      query: ["limit", "outcome", "account", "action"],
      permission: "access:read",
      answer: ({ query }) => {
        const filter = {
          outcome: query.text("outcome"),
          account: query.text("account"),
          action: query.text("action"),
        };
        return json({ items: audit.recent(filter, limitOf(query)) });
      },
    },
  ];
}

function limitOf(query: RouteRequest["query"]): number {
  return query.int("limit", 1, MAX_LIMIT) ?? DEFAULT_LIMIT;
}
