/** Asks controllers about a broker set, and waits until it is as it should be. */

import { RequestCode } from "../../src/protocol/codes.ts";
import type { Command, Request } from "../support/frames.ts";
import { type Json, parseJson } from "../support/json.ts";
import { NoAnswerError } from "./frame_client.ts";
import { member, Observer, SUCCESS } from "./observer.ts";
import { check, eventually, Failure, sleep } from "./suite.ts";

/** Brokers take seconds to start, and a controller to notice silence; this allows for a busy machine. */
export const SOON_MS = 180_000;

/** The state of a broker set, as its controller tells it. */
export interface SetState {
  readonly master: number | undefined;
  /** `host:port` of the master. */
  readonly address: string | undefined;
  readonly epoch: number;
  readonly inSync: string;
  readonly inSyncEpoch: number;
  readonly alive: string;
}

/** Asks the controller that leads, over one connection for each question. */
export class ControllerObserver {
  /** The one that answered last comes first. */
  #controllers: Observer[];

  /**
   * @param name of the broker set
   * @param addresses `host:port` of the controllers
   */
  constructor(readonly name: string, addresses: readonly string[]) {
    this.#controllers = addresses.map((address) => new Observer(address));
  }

  /** `host:port` of the controller that answered last. */
  get leader(): string {
    return this.#controllers[0]?.address ?? "";
  }

  /** Sends a request that must succeed to each in turn, until one answers so. */
  async ask(request: Request): Promise<Command> {
    const reasons: string[] = [];
    for (const controller of this.#controllers) {
      try {
        const answer = await controller.ask(request);
        check(answer.code === SUCCESS, `code ${request.code}: ${answer.code} ${answer.remark}`);
        this.#controllers = [controller, ...this.#controllers.filter((it) => it !== controller)];
        return answer;
      } catch (error) {
        reasons.push(reasonOf(error));
      }
    }
    throw new Failure(reasons.join("; "));
  }

  async state(): Promise<SetState> {
    const { body } = await this.ask({
      code: RequestCode.CONTROLLER_GET_SYNC_STATE_DATA,
      body: JSON.stringify([this.name]),
    });
    const table = member(parseJson(new TextDecoder().decode(body)).value, "replicasInfoTable");
    const set = table instanceof Map ? table.get(this.name) : undefined;
    check(set !== undefined, "the controller does not know the set");
    const list = (name: string, which: (replica: Json) => boolean) => {
      const replicas = member(set, name);
      return Array.isArray(replicas)
        ? replicas.filter(which).map((it) => Number(member(it, "brokerId")))
        : [];
    };
    const isAlive = (replica: Json) => member(replica, "alive") === true;
    const alive = [...list("inSyncReplicas", isAlive), ...list("notInSyncReplicas", isAlive)];
    const master = member(set, "masterBrokerId");
    const address = member(set, "masterAddress");
    return {
      master: master === undefined ? undefined : Number(master),
      address: address === undefined ? undefined : String(address),
      epoch: Number(member(set, "masterEpoch")),
      inSync: list("inSyncReplicas", () => true).sort().join(","),
      inSyncEpoch: Number(member(set, "syncStateSetEpoch")),
      alive: alive.sort().join(","),
    };
  }

  /** Waits until a state is as it should be. */
  async until(what: string, holds: (state: SetState) => boolean, ms = SOON_MS): Promise<SetState> {
    const { value } = await eventually(ms, async () => {
      const state = await this.state();
      check(holds(state), `${what}: ${JSON.stringify(state)}`);
      return state;
    });
    return value;
  }

  /** Milliseconds until another than this one is the master. */
  async replaced(master: number | undefined): Promise<number> {
    const start = performance.now();
    const isReplaced = () =>
      this.state().then((state) => state.master !== undefined && state.master !== master)
        .catch((error) => {
          // Another controller may be about to lead.
          if (error instanceof Failure) return false;
          throw error;
        });
    while (!await isReplaced()) {
      check(performance.now() - start < SOON_MS, `${master} is still the master`);
      await sleep(5);
    }
    return Math.round(performance.now() - start);
  }
}

/** The reason why a controller gave no good answer: it may not run, not listen yet, or just end. */
function reasonOf(error: unknown): string {
  const isExpected = [
    Failure,
    NoAnswerError,
    Deno.errors.ConnectionRefused,
    Deno.errors.ConnectionReset,
  ].some((type) => error instanceof type);
  if (isExpected && error instanceof Error) return error.message;
  throw error;
}
