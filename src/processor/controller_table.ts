import { ACTIONS, type ControllerRequest, DESIGNATED_ELECTION } from "../access/actions.ts";
import { isControllerOption } from "../config/options.ts";
import type { Administration } from "../administration/administration.ts";
import type { LiveConfig } from "../config/live_config.ts";
import type { Controller } from "../controller/controller.ts";
import { RequestCode } from "../protocol/codes.ts";
import { configHandlers } from "./config_handlers.ts";
import {
  controllerHandlers,
  type ControllerHandlersParts,
  isDesignated,
} from "./controller_handlers.ts";
import type { Handler, RequestQueue } from "./request_queue.ts";
import type { RequestRow } from "./request_table.ts";

/** Dependencies of the controller's request table. */
export interface ControllerTableParts extends ControllerHandlersParts {
  config: LiveConfig;
  administration: Administration;
  /** The port that GET_CONTROLLER_CONFIG reports as listenPort. */
  port(): number;
  queues: ControllerQueues;
}

/** The queues of a controller's requests. */
export interface ControllerQueues {
  readonly reads: RequestQueue;
  /** Requests that wait for the store. */
  readonly writes: RequestQueue;
}

/** All requests that a controller answers on its port, by code. A code without a row does not compile. */
export function controllerTable(parts: ControllerTableParts): ReadonlyMap<number, RequestRow> {
  const { config, administration, port, queues: { reads, writes } } = parts;
  const controller = controllerHandlers(parts);
  const { update, get } = configHandlers({
    update: (text, from) =>
      administration.updateConfig(text, from, { concerns: isControllerOption }),
    format: () => config.formatForController(port()),
  });
  const rows: Record<ControllerRequest, readonly [RequestQueue | undefined, Handler]> = {
    BROKER_HEARTBEAT: [undefined, controller.heartbeat],
    CONTROLLER_GET_METADATA_INFO: [undefined, controller.metadata],
    CONTROLLER_GET_REPLICA_INFO: [undefined, controller.replicaInfo],
    CONTROLLER_GET_NEXT_BROKER_ID: [undefined, controller.nextBrokerId],
    CONTROLLER_GET_SYNC_STATE_DATA: [reads, controller.syncStateData],
    CONTROLLER_APPLY_BROKER_ID: [writes, controller.applyBrokerId],
    CONTROLLER_REGISTER_BROKER: [writes, controller.register],
    CONTROLLER_ALTER_SYNC_STATE_SET: [writes, controller.alterSyncStateSet],
    CONTROLLER_ELECT_MASTER: [writes, controller.electMaster],
    CLEAN_BROKER_DATA: [writes, controller.clean],
    GET_CONTROLLER_CONFIG: [reads, get],
    UPDATE_CONTROLLER_CONFIG: [writes, update],
  };
  const table = new Map<number, RequestRow>();
  for (const name of Object.keys(rows) as ControllerRequest[]) {
    const [row, handler] = rows[name];
    table.set(RequestCode[name], { action: actionOf(name, parts.controller), queue: row, handler });
  }
  return table;
}

function actionOf(
  name: ControllerRequest,
  controller: Pick<Controller, "sets">,
): RequestRow["action"] {
  const action = ACTIONS[name];
  // A heartbeat counts only for the set of its own cluster.
  if (action.name !== "brokerName" || name === "BROKER_HEARTBEAT") return action;
  // An account may be limited to a cluster. Sets are found by brokerName alone, so the cluster that the request
  // names could be another one.
  return (request) => {
    const row = name === "CONTROLLER_ELECT_MASTER" && isDesignated(request)
      ? DESIGNATED_ELECTION
      : action;
    const set = controller.sets.get(request.extFields.get("brokerName") ?? "");
    return set === undefined ? row : { ...row, clusterName: set.clusterName };
  };
}
