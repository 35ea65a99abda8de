/** The requests of an administrator to the controllers. */

import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";
import type { Command, Request } from "../support/frames.ts";
import { type Claim, claimOf, claimOfData, type ReplicaClaim } from "./claims.ts";
import { CLUSTER } from "./life.ts";
import { Links } from "./links.ts";
import type { Observations } from "./observations.ts";

/** The state of a set, with all replicas. */
export interface SetData {
  readonly claim: Claim;
  readonly replicas: readonly ReplicaClaim[];
}

/** A client of the controllers, of which the leader answers. */
export class Admin {
  readonly #ports: readonly number[];
  readonly #observations: Observations;

  constructor(ports: readonly number[], observations: Observations) {
    this.#ports = ports;
    this.#observations = observations;
  }

  /** Asks for the state of a set; `undefined` when no controller tells it. */
  async data(set: string): Promise<SetData | undefined> {
    const floor = this.#observations.floor(set);
    const found = await this.#ask({
      code: RequestCode.CONTROLLER_GET_SYNC_STATE_DATA,
      body: JSON.stringify([set]),
    });
    if (found?.answer.code !== ResponseCode.SUCCESS) return undefined;
    const data = claimOfData(set, found.answer);
    if (data !== undefined) this.#observations.answered(found.node, data.claim, floor);
    return data;
  }

  /** Makes a broker the master, if it may be. */
  async elect(set: string, id: number): Promise<void> {
    const floor = this.#observations.floor(set);
    const found = await this.#ask({
      code: RequestCode.CONTROLLER_ELECT_MASTER,
      extFields: {
        clusterName: CLUSTER,
        brokerName: set,
        brokerId: `${id}`,
        designateElect: "true",
      },
    });
    if (found?.answer.code !== ResponseCode.SUCCESS) return;
    const claim = claimOf(set, found.answer);
    if (claim !== undefined) this.#observations.answered(found.node, claim, floor, true);
  }

  /** Has a dead broker forgotten. Resolves with whether it is known to be. */
  async clean(set: string, id: number): Promise<boolean> {
    const found = await this.#ask({
      code: RequestCode.CLEAN_BROKER_DATA,
      extFields: {
        clusterName: CLUSTER,
        brokerName: set,
        brokerControllerIdsToClean: `${id}`,
        isCleanLivingBroker: "false",
      },
    });
    return found?.answer.code === ResponseCode.SUCCESS;
  }

  /** Asks each controller, until one answers that leads. */
  async #ask(request: Request): Promise<{ node: string; answer: Command } | undefined> {
    const links = new Links(this.#ports);
    try {
      await links.connect();
      for (const controller of links.reachable) {
        const answer = await links.call(controller, request);
        if (answer === undefined || answer.code === ResponseCode.CONTROLLER_NOT_LEADER) continue;
        return { node: `n${controller}`, answer };
      }
      return undefined;
    } finally {
      links.close();
    }
  }
}
