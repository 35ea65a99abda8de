import { NAMESRV_PORT, parseAddressList, parseUnits } from "../../address.ts";
import type { Members } from "../../group/members.ts";
import { answer, HttpProblem } from "../server/answer.ts";
import type { Route } from "../server/router.ts";

/** Options of the address service. */
export interface AddressOptions {
  readonly namesrvAddrs: string;
  readonly namesrvAddrsForBrokers: string;
  readonly namesrvAddrsByUnit: string;
}

/** Dependencies of the address service. */
export interface AddressRoutesParts {
  readonly options: Readonly<AddressOptions>;
  readonly members: Pick<Members, "own">;
  /** Whether this name server can serve clients. */
  isReady(): Promise<boolean>;
}

const ROOT = "/rocketmq/nsaddr";

/**
 * The address service: lists of name servers, in the form in which clients and brokers without one
 * fetch it (DefaultTopAddressing in Apache RocketMQ). It needs no permission and may be asked under any
 * name: clients can't log in, their requests name the domain that is set in them, and a list of
 * addresses gives nobody access to what is there.
 */
export function addressRoutes({ options, members, isReady }: AddressRoutesParts): Route[] {
  return [
    route(ROOT, (own) => forClients(listed(own, options.namesrvAddrs), own)),
    // A broker must register with a server that is not ready, too: that is how it gets ready.
    route(
      `${ROOT}/brokers`,
      (own) => listed(own, options.namesrvAddrsForBrokers || options.namesrvAddrs),
    ),
    route(`${ROOT}-:unit`, (own, unit) => forClients(ofUnit(unit), own)),
  ];

  function route(
    path: string,
    find: (own: readonly string[], unit: string) => readonly string[] | Promise<readonly string[]>,
  ): Route {
    return {
      path,
      query: "ignored",
      anyHost: true,
      priority: true,
      // The Go client does not remove a line end.
      answer: async (request) =>
        answer(
          (await find(members.own(request.localHost), request.path.get("unit") ?? "")).join(";"),
          "text/plain; charset=utf-8",
        ),
    };
  }

  function listed([own = ""]: readonly string[], option: string): readonly string[] {
    const list = parseAddressList(option, NAMESRV_PORT);
    return list.length === 0 ? [own] : list;
  }

  function ofUnit(unit: string): readonly string[] {
    const list = parseUnits(options.namesrvAddrsByUnit, NAMESRV_PORT).get(unit);
    if (list === undefined) throw new HttpProblem(404, "no such unit in namesrvAddrsByUnit");
    return list;
  }

  /** A list without this server while it is not ready, unless there is no other in it. */
  async function forClients(
    list: readonly string[],
    own: readonly string[],
  ): Promise<readonly string[]> {
    const others = list.filter((address) => !own.includes(address.toLowerCase()));
    if (others.length === 0 || others.length === list.length || await isReady()) return list;
    return others;
  }
}
