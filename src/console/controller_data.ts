/** The shapes of /api/v1/controller and /api/v1/controller/sets. */

/** A controller of a group. */
export interface ControllerPeer {
  readonly id: string;
  readonly address: string;
}

/** The controller that the name server hosts. */
export interface HostedController {
  readonly enabled: true;
  readonly group: string;
  readonly self: ControllerPeer;
  readonly leading: boolean;
  readonly leader: ControllerPeer | null;
  readonly peers: readonly ControllerPeer[];
  readonly store: "file" | "etcd";
  /** Why no controller leads, or this one can't use its store. */
  readonly problem: string | null;
  readonly figures: {
    readonly sets: number;
    readonly replicas: number;
    readonly withoutMaster: number;
    readonly fewInSync: number;
  } | null;
}

/** The answer of /api/v1/controller. */
export type ControllerState = HostedController | { readonly enabled: false };

/** A broker of a set. */
export interface Replica {
  readonly brokerId: number;
  readonly address: string;
  readonly inSync: boolean;
  readonly alive: boolean;
  readonly epoch: number | null;
  readonly maxOffset: number | string | null;
}

/** The brokers of one name, of which one is the master. */
export interface BrokerSet {
  readonly brokerName: string;
  readonly cluster: string;
  readonly masterBrokerId: number | null;
  readonly masterAddress: string | null;
  readonly masterEpoch: number;
  readonly syncStateSetEpoch: number;
  readonly replicas: readonly Replica[];
}

/** How a set stands, the worst first. */
export const SET_STATES = ["noMaster", "masterDead", "behind", "ok"] as const;
export type SetState = (typeof SET_STATES)[number];

/** How a set stands: `behind` when a broker is dead or not in sync. */
export function stateOf({ masterBrokerId, replicas }: BrokerSet): SetState {
  if (masterBrokerId === null) return "noMaster";
  const master = replicas.find(({ brokerId }) => brokerId === masterBrokerId);
  if (master?.alive !== true) return "masterDead";
  return replicas.every(({ alive, inSync }) => alive && inSync) ? "ok" : "behind";
}
