import { formatAddress, parseAddress } from "../address.ts";
import type { OptionName, Options } from "./options.ts";

/** A controller of a group. */
export interface ControllerPeer {
  readonly id: string;
  /** "host:port" of its port for brokers. */
  readonly address: string;
}

/** The group of controllers that the options describe. */
export interface ControllerGroup {
  readonly name: string;
  /** This controller. */
  readonly self: ControllerPeer;
  readonly peers: readonly ControllerPeer[];
  /** The peers as CONTROLLER_GET_METADATA_INFO lists them; each ends with `;`. */
  readonly peerList: string;
}

/** Options that describe no group of controllers. The message is the reason. */
export class ControllerGroupError extends Error {
  override name = "ControllerGroupError";

  constructor(readonly option: OptionName, reason: string) {
    super(reason);
  }
}

/** The options that describe a group of controllers. */
export type GroupOptions = Pick<
  Options,
  | "controllerType"
  | "controllerStore"
  | "controllerDLegerGroup"
  | "controllerDLegerPeers"
  | "controllerDLegerSelfId"
  | "jRaftGroupId"
  | "jRaftServerId"
  | "jRaftInitConf"
  | "jRaftControllerRPCAddr"
>;

/** The option that has the addresses of the controllers. */
export function addressesOption({ controllerType }: Pick<Options, "controllerType">) {
  return controllerType === "jRaft" ? "jRaftControllerRPCAddr" : "controllerDLegerPeers";
}

/**
 * Reads the options that describe the group of controllers.
 *
 * @throws {ControllerGroupError} naming the option that is wrong
 */
export function controllerGroup(options: Readonly<GroupOptions>): ControllerGroup {
  const group = options.controllerType === "jRaft" ? jRaftGroup(options) : dLedgerGroup(options);
  if (options.controllerStore === "file" && group.peers.length > 1) {
    throw new ControllerGroupError(
      options.controllerType === "jRaft" ? "jRaftInitConf" : "controllerDLegerPeers",
      `names ${group.peers.length} controllers, but with controllerStore=file there can be only one: ` +
        "it has no copy on another machine. Leave the entry of this one",
    );
  }
  return group;
}

function dLedgerGroup(options: Readonly<GroupOptions>): ControllerGroup {
  const option = "controllerDLegerPeers";
  const peers = itemsOf(options.controllerDLegerPeers).map((item): ControllerPeer => {
    const [, id = "", address = ""] = /^([^-\s]+)-(.+)$/.exec(item) ?? [];
    return { id, address: addressOf(address, option, "id-host:port, separated by `;`") };
  });
  if (peers.length === 0) {
    const reason = "must name this controller, as in n0-127.0.0.1:9878, because " +
      "enableControllerInNamesrv=true";
    throw new ControllerGroupError(option, reason);
  }
  const twice = peers.find(({ id }, i) => peers.findIndex((other) => other.id === id) !== i);
  if (twice !== undefined) {
    throw new ControllerGroupError(option, `must not name ${twice.id} twice`);
  }
  const self = peers.find(({ id }) => id === options.controllerDLegerSelfId);
  if (self === undefined) {
    const reason = `must be an id of controllerDLegerPeers: ${
      peers.map(({ id }) => id).join(", ")
    }`;
    throw new ControllerGroupError("controllerDLegerSelfId", reason);
  }
  return {
    name: options.controllerDLegerGroup,
    self,
    peers,
    peerList: peers.map(({ id, address }) => `${id}:${address};`).join(""),
  };
}

function jRaftGroup(options: Readonly<GroupOptions>): ControllerGroup {
  const option = "jRaftControllerRPCAddr";
  const ids = itemsOf(options.jRaftInitConf);
  const addresses = itemsOf(options.jRaftControllerRPCAddr)
    .map((item) => addressOf(item, option, "host:port, separated by `,`"));
  if (ids.length !== addresses.length) {
    const reason = `must have as many addresses as jRaftInitConf, which has ${ids.length}`;
    throw new ControllerGroupError(option, reason);
  }
  const peers = ids.map((id, i): ControllerPeer => ({ id, address: addresses[i] ?? "" }));
  const self = peers.find(({ id }) => id === options.jRaftServerId);
  if (self === undefined) {
    const reason = `must be an entry of jRaftInitConf: ${ids.join(", ")}`;
    throw new ControllerGroupError("jRaftServerId", reason);
  }
  const peerList = peers.map(({ address }) => `${address};`).join("");
  return { name: options.jRaftGroupId, self, peers, peerList };
}

function itemsOf(list: string): string[] {
  return list.split(/[;,]/).map((item) => item.trim()).filter((item) => item !== "");
}

function addressOf(text: string, option: OptionName, form: string): string {
  try {
    const { hostname, port } = parseAddress(text);
    if (port > 0) return formatAddress(hostname, port);
  } catch {
    // The error below names the option.
  }
  throw new ControllerGroupError(option, `must be ${form}`);
}
