import { brokerSetChange } from "../../administration/broker_set_change.ts";
import type { ControllerGroup } from "../../config/controller_group.ts";
import type { BrokerSet } from "../../controller/broker_set.ts";
import type { Change, Controller } from "../../controller/controller.ts";
import { masterAddress, type ReplicaState, replicaStates } from "../../controller/describe_set.ts";
import { NotLeaderError, StoreError } from "../../controller/store.ts";
import { type Long, parseLong, showLong } from "../../protocol/long.ts";
import { HttpProblem, json } from "../server/answer.ts";
import { requiredText } from "../server/json_body.ts";
import type { Route, RouteRequest } from "../server/router.ts";
import type { ChangeRoute } from "./change_routes.ts";
import { PAGE_PARAMETERS, type Pager } from "./pager.ts";

/** The controller that this name server hosts. */
export interface HostedController {
  readonly controller: Pick<
    Controller,
    | "leading"
    | "leader"
    | "problem"
    | "sets"
    | "find"
    | "figures"
    | "live"
    | "electMaster"
    | "cleanBrokerData"
  >;
  readonly group: ControllerGroup;
  /** The option controllerStore. */
  readonly store: "file" | "etcd";
}

const ROOT = "/api/v1/controller";
const SET = `${ROOT}/sets/:brokerName`;

/**
 * The routes that show the controller and its broker sets.
 *
 * @param hosted absent without enableControllerInNamesrv
 */
export function controllerRoutes(hosted: HostedController | undefined, pager: Pager): Route[] {
  return [
    { path: ROOT, permission: "cluster:read", answer: () => json(showController(hosted)) },
    {
      path: `${ROOT}/sets`,
      permission: "cluster:read",
      query: [...PAGE_PARAMETERS, "cluster", "broker"],
      answer: sets,
    },
  ];

  function sets({ query }: RouteRequest): Promise<Response> {
    const { controller } = leading(hosted);
    const cluster = query.text("cluster");
    const broker = query.text("broker");
    const named = broker === undefined ? undefined : controller.sets.get(broker);
    return pager.page({
      entries: broker === undefined ? controller.sets.values() : named === undefined ? [] : [named],
      key: ({ brokerName }) => brokerName,
      matches: ({ clusterName }) => cluster === undefined || clusterName === cluster,
      show: (set) => showSet(set, controller),
    }, query);
  }
}

/** The changes of broker sets that an administrator asks for. */
export function controllerChanges(hosted: HostedController | undefined): ChangeRoute[] {
  const one = {
    method: "POST",
    permission: "controller:write",
    resource: "brokerName",
    // Sets are found by brokerName alone; an account may be limited to a cluster.
    cluster: ({ path }: Pick<RouteRequest, "path">) =>
      hosted?.controller.sets.get(path.get("brokerName") ?? "")?.clusterName,
  } as const;
  return [
    { ...one, path: `${SET}/elect-master`, body: ["brokerId"], run: electMaster },
    { ...one, path: `${SET}/clean`, body: ["brokerIds", "evenWithMaster"], run: clean },
  ];

  async function electMaster({ path, body }: RouteRequest) {
    const [brokerId] = idsOf("brokerId", requiredText(body, "brokerId"), /^\d+$/, "a broker id");
    return await change(
      path,
      (controller, brokerName) => controller.electMaster(brokerName, brokerId, true),
    );
  }

  async function clean({ path, body }: RouteRequest) {
    const ids = body.get("brokerIds");
    const brokerIds = ids === undefined
      ? undefined
      : idsOf("brokerIds", ids, /^\d+(;\d+)*$/, "broker ids, separated by `;`");
    const evenWithMaster = flagOf("evenWithMaster", body.get("evenWithMaster") ?? "false");
    return await change(path, (controller, brokerName) =>
      controller.cleanBrokerData({
        brokerName,
        ...(brokerIds && { brokerIds }),
        evenWithMaster,
      }));
  }

  async function change(
    path: RouteRequest["path"],
    make: (controller: HostedController["controller"], brokerName: string) => Promise<Change>,
  ) {
    const { controller } = leading(hosted);
    const brokerName = path.get("brokerName") ?? "";
    if (!controller.sets.has(brokerName)) throw new HttpProblem(404, "unknown broker set");
    const { before, after, refused } = await make(controller, brokerName).catch((error) => {
      if (error instanceof NotLeaderError) throw notLeading(controller);
      if (error instanceof StoreError) throw new HttpProblem(503, error.message);
      throw error;
    });
    // Another controller may have begun to lead while the answer waited.
    leading(hosted);
    if (refused !== undefined) throw new HttpProblem(409, refused.remark);
    return {
      answer: { set: after === undefined ? null : showSet(after, controller) },
      change: brokerSetChange(before, after),
    };
  }
}

/** Throws {@link HttpProblem} unless this name server hosts the controller that leads. */
function leading(hosted: HostedController | undefined): HostedController {
  if (hosted === undefined) {
    throw new HttpProblem(404, "there is no controller here (enableControllerInNamesrv)");
  }
  if (!hosted.controller.leading) throw notLeading(hosted.controller);
  return hosted;
}

function notLeading({ leader }: Pick<Controller, "leader">): HttpProblem {
  const who = leader === undefined
    ? "none is known that does"
    : `${leader.id} at ${leader.address} does`;
  return new HttpProblem(503, `this controller does not lead; ${who}`);
}

function showController(hosted: HostedController | undefined) {
  if (hosted === undefined) return { enabled: false };
  const { controller, group, store } = hosted;
  const { sets, replicas, withoutMaster, fewInSync } = controller.figures;
  return {
    enabled: true,
    group: group.name,
    self: group.self,
    leading: controller.leading,
    leader: controller.leader ?? null,
    peers: group.peers,
    store,
    problem: controller.problem ?? null,
    // Only the leader knows the sets.
    figures: controller.leading ? { sets, replicas, withoutMaster, fewInSync } : null,
  };
}

function showSet(set: BrokerSet, { live }: Pick<Controller, "live">) {
  return {
    brokerName: set.brokerName,
    cluster: set.clusterName,
    masterBrokerId: set.masterBrokerId ?? null,
    masterAddress: masterAddress(set) ?? null,
    masterEpoch: set.masterEpoch,
    syncStateSetEpoch: set.syncStateSetEpoch,
    replicas: replicaStates(set, live).map(showReplica),
  };
}

function showReplica({ brokerId, address, inSync, live }: ReplicaState) {
  return {
    brokerId,
    address,
    inSync,
    alive: live !== undefined,
    epoch: live?.epoch ?? null,
    maxOffset: live === undefined ? null : showLong(live.maxOffset),
  };
}

function idsOf(parameter: string, text: string, form: RegExp, allowed: string): Long[] {
  const ids = form.test(text) ? text.split(";").map(parseLong) : [undefined];
  if (ids.includes(undefined)) {
    throw new HttpProblem(400, `${parameter}: must be ${allowed}`, { parameter });
  }
  return ids.filter((id) => id !== undefined);
}

function flagOf(parameter: string, text: string): boolean {
  if (text === "true" || text === "false") return text === "true";
  throw new HttpProblem(400, `${parameter}: must be true or false`, { parameter });
}
