/** Requests of brokers and tools to a controller. */

import { RequestCode } from "../../src/protocol/codes.ts";
import type { Command, Request } from "./frames.ts";
import { Peer } from "./peer.ts";

/** A heartbeat's fields that matter for elections; absent ones have defaults. */
export interface HeartbeatFields {
  epoch?: number;
  maxOffset?: number;
  electionPriority?: number;
  /** Milliseconds. */
  timeout?: number;
}

/** The address of a made-up broker. */
export function addressOf(brokerId: number): string {
  return `10.0.0.${brokerId}:10911`;
}

/** The request of a heartbeat. */
export function heartbeatRequest(
  brokerName: string,
  brokerId: number,
  { epoch = 1, maxOffset = 0, electionPriority = 2_147_483_647, timeout = 600_000 }:
    HeartbeatFields = {},
): Request {
  return {
    code: RequestCode.BROKER_HEARTBEAT,
    extFields: {
      clusterName: "C",
      brokerName,
      brokerAddr: addressOf(brokerId),
      brokerId: `${brokerId}`,
      epoch: `${epoch}`,
      maxOffset: `${maxOffset}`,
      confirmOffset: "0",
      heartbeatTimeoutMills: `${timeout}`,
      electionPriority: `${electionPriority}`,
    },
  };
}

/** A client of a controller, which asks over one connection and keeps one for each living broker. */
export class ControllerPeer implements AsyncDisposable {
  readonly #port: number;
  readonly #asking: Peer;
  readonly #brokers = new Map<string, Peer>();

  private constructor(port: number, asking: Peer) {
    this.#port = port;
    this.#asking = asking;
  }

  static async connect(port: number): Promise<ControllerPeer> {
    return new ControllerPeer(port, await Peer.connect(port));
  }

  /** Sends a request. */
  call(code: number, extFields?: Record<string, string>, body?: string): Promise<Command> {
    return this.#asking.call({
      code,
      ...(extFields && { extFields }),
      ...(body !== undefined && { body }),
    });
  }

  /** Applies for a broker id. */
  apply(brokerName: string, brokerId: number, checkCode = `${addressOf(brokerId)};1`) {
    return this.call(RequestCode.CONTROLLER_APPLY_BROKER_ID, {
      clusterName: "C",
      brokerName,
      appliedBrokerId: `${brokerId}`,
      registerCheckCode: checkCode,
    });
  }

  /** Registers a broker that has an id. */
  register(brokerName: string, brokerId: number, brokerAddress = addressOf(brokerId)) {
    return this.call(RequestCode.CONTROLLER_REGISTER_BROKER, {
      clusterName: "C",
      brokerName,
      brokerId: `${brokerId}`,
      brokerAddress,
    });
  }

  /** Asks for an election. */
  elect(brokerName: string, brokerId: number, designateElect = false) {
    return this.call(RequestCode.CONTROLLER_ELECT_MASTER, {
      clusterName: "C",
      brokerName,
      brokerId: `${brokerId}`,
      designateElect: `${designateElect}`,
    });
  }

  /** Asks for another sync state set, as its master. */
  alter(
    brokerName: string,
    wanted: readonly number[],
    { master = 1, masterEpoch = 1, epoch = 1 } = {},
  ) {
    return this.call(
      RequestCode.CONTROLLER_ALTER_SYNC_STATE_SET,
      { brokerName, masterBrokerId: `${master}`, masterEpoch: `${masterEpoch}` },
      JSON.stringify({ syncStateSet: wanted, syncStateSetEpoch: epoch }),
    );
  }

  /** Asks to forget brokers. */
  clean(brokerName: string, ids?: string, isCleanLivingBroker = false) {
    return this.call(RequestCode.CLEAN_BROKER_DATA, {
      clusterName: "C",
      brokerName,
      ...(ids !== undefined && { brokerControllerIdsToClean: ids }),
      isCleanLivingBroker: `${isCleanLivingBroker}`,
    });
  }

  /** Asks who is master. */
  info(brokerName: string) {
    return this.call(RequestCode.CONTROLLER_GET_REPLICA_INFO, { brokerName });
  }

  /** Asks for the state of a set. */
  data(brokerName: string) {
    return this.call(
      RequestCode.CONTROLLER_GET_SYNC_STATE_DATA,
      undefined,
      JSON.stringify([brokerName]),
    );
  }

  /** Makes a broker alive: it has a connection of its own from then on. */
  async beat(brokerName: string, brokerId: number, fields: HeartbeatFields = {}): Promise<void> {
    const key = `${brokerName} ${brokerId}`;
    const peer = this.#brokers.get(key) ?? await Peer.connect(this.#port);
    this.#brokers.set(key, peer);
    await peer.call(heartbeatRequest(brokerName, brokerId, fields));
  }

  /** Closes the connection of a living broker. */
  async kill(brokerName: string, brokerId: number): Promise<void> {
    const key = `${brokerName} ${brokerId}`;
    await this.#brokers.get(key)?.end();
    this.#brokers.delete(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of [this.#asking, ...this.#brokers.values()]) await peer[Symbol.asyncDispose]();
  }
}
