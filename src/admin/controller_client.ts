import { parseAddress } from "../address.ts";
import { controllerGroup, ControllerGroupError } from "../config/controller_group.ts";
import { defaultOptions, isOptionName } from "../config/options.ts";
import { parseValue, setValue } from "../config/values.ts";
import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import { decodeReplicasInfo, type ReplicasInfo } from "../protocol/controller_bodies.ts";
import { CommandFailure, ServerFailure } from "./failures.ts";
import { NameServer } from "./name_server.ts";
import { parseServers, type ServerOptions } from "./options.ts";
import { clusterInfo, reportedOptions } from "./queries.ts";
import type { Session } from "./session.ts";
import { printable } from "./text.ts";

/** Options of commands that call controllers. */
export interface ControllerOptions extends ServerOptions {
  controllerAddr?: string;
}

/** The state of a controller and its group, as it reports it. */
export interface ControllerMetadata {
  readonly group: string;
  readonly leaderId: string | undefined;
  /** "host:port" */
  readonly leaderAddress: string | undefined;
  readonly isLeader: boolean;
  readonly peers: readonly string[];
}

/**
 * Runs a task with clients of the controllers: those of --controllerAddr, or those that the name server is
 * configured with.
 */
export async function withControllers<T>(
  session: Session,
  options: ControllerOptions,
  task: (controllers: readonly NameServer[]) => Promise<T>,
): Promise<T> {
  return await withClients(session, await addressesOf(session, options), task);
}

async function addressesOf(
  session: Session,
  { controllerAddr }: ControllerOptions,
): Promise<string[]> {
  return controllerAddr === undefined
    ? await session.first(configuredControllers)
    : controllerAddresses(controllerAddr, "--controllerAddr");
}

async function withClients<T>(
  session: Session,
  addresses: readonly string[],
  task: (controllers: readonly NameServer[]) => Promise<T>,
): Promise<T> {
  const controllers = addresses.map((address) => new NameServer(address, session.access));
  try {
    return await task(controllers);
  } finally {
    await Promise.all(controllers.map((controller) => controller.close()));
  }
}

/**
 * Reads the addresses of controllers, which have no default port.
 *
 * @throws {UsageError}
 */
export function controllerAddresses(list: string, option: string): string[] {
  const addresses = parseServers(list, option, 0);
  const incomplete = addresses.find((address) => parseAddress(address).port === 0);
  if (incomplete !== undefined) {
    throw new CommandFailure(
      `${option} ${list}: needs the port of the controller, not only a host`,
    );
  }
  return addresses;
}

/** Runs a task with the controller that leads. */
export async function withLeader<T>(
  session: Session,
  options: ControllerOptions,
  task: (leader: NameServer) => Promise<T>,
): Promise<T> {
  return await withLeaderOf(session, await addressesOf(session, options), task);
}

/** Runs a task with the leader of the controllers at some addresses. */
export async function withLeaderOf<T>(
  session: Session,
  addresses: readonly string[],
  task: (leader: NameServer) => Promise<T>,
): Promise<T> {
  return await withClients(session, addresses, async (controllers) => {
    const leader = await findLeader(session, controllers);
    try {
      return await task(leader);
    } finally {
      await leader.close();
    }
  });
}

/** Asks controllers, one after the other, which of them leads. */
async function findLeader(
  session: Session,
  controllers: readonly NameServer[],
): Promise<NameServer> {
  let failure: ServerFailure | undefined;
  for (const controller of controllers) {
    try {
      const { leaderAddress } = await controllerMetadata(controller);
      if (leaderAddress !== undefined) return new NameServer(leaderAddress, session.access);
      failure = new ServerFailure(controller.address, "knows no controller that leads");
    } catch (error) {
      if (!(error instanceof ServerFailure)) throw error;
      failure = error;
    }
  }
  throw failure ?? new CommandFailure("no controllers");
}

/** Asks a controller about itself. */
export async function controllerMetadata(controller: NameServer): Promise<ControllerMetadata> {
  const { code, extFields } = await controller.ask(
    { code: RequestCode.CONTROLLER_GET_METADATA_INFO, extFields: [] },
    [ResponseCode.REQUEST_CODE_NOT_SUPPORTED],
  );
  if (code === ResponseCode.REQUEST_CODE_NOT_SUPPORTED) {
    const what = "is not the port of a controller: those have one of their own";
    throw new ServerFailure(controller.address, what, true);
  }
  return {
    group: extFields.get("group") ?? "",
    leaderId: extFields.get("controllerLeaderId"),
    leaderAddress: extFields.get("controllerLeaderAddress"),
    isLeader: extFields.get("isLeader") === "true",
    peers: (extFields.get("peers") ?? "").split(";").filter((peer) => peer !== ""),
  };
}

/**
 * Reads broker sets from the controller that leads. Controllers of this program also tell those that are not
 * named.
 */
export async function replicasInfo(
  leader: NameServer,
  names: readonly string[],
  all: boolean,
): Promise<Map<string, ReplicasInfo>> {
  const request = {
    code: RequestCode.CONTROLLER_GET_SYNC_STATE_DATA,
    extFields: all ? [["all", "true"]] as const : [],
    body: new TextEncoder().encode(JSON.stringify(names)),
  };
  return await leader.read(request, decodeReplicasInfo);
}

/** The clusters of the broker names that a name server knows. */
export async function clustersByName(server: NameServer): Promise<Map<string, string>> {
  const { brokers } = await clusterInfo(server);
  return new Map(Array.from(brokers.values(), ({ brokerName, cluster }) => [brokerName, cluster]));
}

async function configuredControllers(server: NameServer): Promise<string[]> {
  const reported = await reportedOptions(server);
  const options = defaultOptions();
  for (const [key, text] of reported) {
    if (!isOptionName(key) || !/^(controller|jRaft|enableController)/.test(key)) continue;
    const value = parseValue(key, text);
    if (value !== undefined) setValue(options, key, value);
  }
  if (!options.enableControllerInNamesrv) {
    const what = "has no controller (enableControllerInNamesrv): give the controller's address " +
      "with --controllerAddr";
    throw new ServerFailure(server.address, what, true);
  }
  try {
    return controllerGroup({ ...options, controllerStore: options.controllerStore })
      .peers.map(({ address }) => address);
  } catch (error) {
    if (!(error instanceof ControllerGroupError)) throw error;
    const what = printable(`${error.option}: ${error.message}; use --controllerAddr`);
    throw new ServerFailure(server.address, what, true);
  }
}
