import type { Group } from "../../group/group.ts";
import type { Members } from "../../group/members.ts";
import type { ConfigDifference } from "../../compare/config_differences.ts";
import { HttpProblem, json } from "../server/answer.ts";
import type { Route, RouteRequest } from "../server/router.ts";

/** The permissions whose data a comparison shows. */
const COMPARED = ["cluster:read", "topic:list", "route:read", "kv:read", "config:read"];

/**
 * The routes `/api/v1/name-servers`, `/api/v1/compare` and `/api/v1/compare/config`. They ask the other
 * name servers of `namesrvAddrs`, never an address that the client has chosen.
 */
export function groupRoutes(
  { group, members }: {
    group: Pick<Group, "states" | "compare" | "compareConfigs">;
    members: Pick<Members, "list">;
  },
): Route[] {
  return [
    {
      path: "/api/v1/name-servers",
      permission: "cluster:read",
      waits: true,
      answer: async ({ localHost }) => json({ items: await group.states(localHost) }),
    },
    {
      path: "/api/v1/compare",
      query: ["with"],
      permission: COMPARED,
      waits: true,
      answer: compare,
    },
    {
      path: "/api/v1/compare/config",
      permission: "config:read",
      waits: true,
      answer: async ({ localHost }) => {
        const { servers, items } = await group.compareConfigs(localHost);
        return json({ servers, items: items.map(showDifference) });
      },
    },
  ];

  async function compare({ query, localHost }: RouteRequest): Promise<Response> {
    const asked = query.text("with");
    const member = members.list(localHost).find(({ address }) => address === asked);
    if (member === undefined) {
      refuse("must be one of namesrvAddrs, as /api/v1/name-servers lists them");
    }
    const result = member.self ? undefined : await group.compare(member.address, localHost);
    if (result === undefined) refuse("is this server; name another one");
    const { at, config, ...others } = result;
    return json({
      ...others,
      at: new Date(at).toISOString(),
      config: config.map(showDifference),
    });
  }
}

function showDifference({ name, values }: ConfigDifference) {
  return { name, values: Object.fromEntries(values) };
}

function refuse(reason: string): never {
  throw new HttpProblem(400, `with: ${reason}`, { parameter: "with" });
}
