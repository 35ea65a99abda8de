/** Asks each controller for the state of all sets again and again, whether it leads or not. */

import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";
import { claimOfData } from "./claims.ts";
import { Links } from "./links.ts";
import type { Observations } from "./observations.ts";

/** Milliseconds between two questions to a controller. */
const INTERVAL = 250;

/** An observer, from its creation on. */
export class Observer {
  readonly #links: Links;
  readonly #sets: readonly string[];
  readonly #observations: Observations;
  readonly #end = new AbortController();
  readonly #done: Promise<unknown>;

  /** @param ports those of the controllers */
  constructor(ports: readonly number[], sets: readonly string[], observations: Observations) {
    this.#links = new Links(ports);
    this.#sets = sets;
    this.#observations = observations;
    this.#done = Promise.all([...ports.keys()].map((controller) => this.#observe(controller)));
  }

  /** Ends it. */
  async stop(): Promise<void> {
    this.#end.abort();
    this.#links.close();
    await this.#done;
  }

  async #observe(controller: number): Promise<void> {
    while (!this.#end.signal.aborted) {
      void this.#links.connect();
      const floors = this.#sets.map((set) => this.#observations.floor(set));
      const answer = await this.#links.call(controller, {
        code: RequestCode.CONTROLLER_GET_SYNC_STATE_DATA,
        body: JSON.stringify(this.#sets),
      });
      if (answer?.code === ResponseCode.SUCCESS) {
        for (const [i, set] of this.#sets.entries()) {
          const claim = claimOfData(set, answer)?.claim;
          if (claim === undefined) continue;
          this.#observations.answered(`n${controller}`, claim, floors[i]!);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  }
}
