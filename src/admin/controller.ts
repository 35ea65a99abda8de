import { RequestCode, ResponseCode } from "../protocol/codes.ts";
import type { ReplicaIdentity, ReplicasInfo } from "../protocol/controller_bodies.ts";
import {
  clustersByName,
  type ControllerMetadata,
  controllerMetadata,
  type ControllerOptions,
  replicasInfo,
  withControllers,
  withLeader,
} from "./controller_client.ts";
import { addControllerImport } from "./controller_import.ts";
import { CommandFailure, ServerFailure, UsageError } from "./failures.ts";
import type { Outcome } from "./name_server.ts";
import { type Cell, styled } from "./output.ts";
import type { Registry } from "./registry.ts";
import { ExitCode, outcomeFields, type Session } from "./session.ts";

interface CleanOptions extends ControllerOptions {
  cluster: string;
  ids?: string;
  evenWithMaster?: boolean;
}

/** Adds the `controller` command. */
export function addControllerCommands(registry: Registry): void {
  const controller = registry.group("controller", "show or change the masters of broker sets");
  const add = <O extends ControllerOptions>(
    syntax: string,
    description: string,
    action: (session: Session, args: readonly string[], options: O) => Promise<void>,
  ) =>
    registry.add<O>(syntax, description, action, controller).option(
      "-a, --controllerAddr <host:port[;host:port]>",
      "the controllers (default: those of the name server's configuration)",
    );
  add("status", "show the controllers, and which of them leads", status);
  add("sets [names...]", "show broker sets: masters, epochs, replicas; all without names", sets);
  add("elect <brokerName> <brokerId>", "make a broker of the sync state set the master", elect);
  add<CleanOptions>("clean <brokerName>", "forget brokers that are gone for ever", clean)
    .requiredOption("--cluster <name>", "the cluster of the brokers")
    .option("--ids <id[;id]>", "their controller ids; without it, the whole set")
    .option("--even-with-master", "the whole set, although a master is recorded");
  addControllerImport(registry, controller);
}

async function status(
  session: Session,
  _: readonly string[],
  options: ControllerOptions,
): Promise<void> {
  const { out, err, json } = session;
  await withControllers(session, options, async (controllers) => {
    const outcomes = await Promise.all(controllers.map(
      async (server): Promise<Outcome<ControllerMetadata>> => {
        try {
          return { server, value: await controllerMetadata(server) };
        } catch (error) {
          if (error instanceof ServerFailure) return { server, failure: error };
          throw error;
        }
      },
    ));
    const failed = outcomes.flatMap(({ failure }) => failure ?? []);
    if (failed.length > 0 || !outcomes.some(({ value }) => value?.isLeader)) {
      session.exitCode = ExitCode.FAILED;
    }
    if (json) return await out.json(outcomes.map((it) => outcomeFields(it, (value) => value)));
    for (const { message } of failed) await err.line(message);
    await out.table(
      ["CONTROLLER", "GROUP", "LEADS", "LEADER", "PEERS"],
      outcomes.flatMap(({ server, value }): Cell[][] =>
        value === undefined ? [] : [[
          server.address,
          value.group,
          value.isLeader ? styled("green", "yes") : "no",
          value.leaderAddress === undefined
            ? styled("red", "none")
            : `${value.leaderId} ${value.leaderAddress}`,
          value.peers.join(" "),
        ]]
      ),
    );
  });
}

async function sets(
  session: Session,
  names: readonly string[],
  options: ControllerOptions,
): Promise<void> {
  const { out, json } = session;
  const found = await withLeader(session, options, async (leader) => {
    if (names.length > 0) return await replicasInfo(leader, names, false);
    const known = await session.first(clustersByName).catch((error) => {
      // A controller of this program does not need the names.
      if (error instanceof CommandFailure) return new Map<string, string>();
      throw error;
    });
    return await replicasInfo(leader, [...known.keys()], true);
  });
  const missing = names.find((name) => !found.has(name));
  if (missing !== undefined) throw new CommandFailure(`the controller knows no set ${missing}`);
  const list = [...found].sort(([a], [b]) => a < b ? -1 : 1);
  if (json) {
    return await out.json(list.map(([brokerName, info]) => ({ brokerName, ...jsonInfo(info) })));
  }
  await out.table(
    ["BROKER NAME", "MASTER", "EPOCH", "IN SYNC", "NOT IN SYNC"],
    list.map(([brokerName, info]) => [
      brokerName,
      info.masterBrokerId === undefined
        ? styled("red", "none")
        : `${info.masterBrokerId} ${info.masterAddress ?? ""}`,
      `${info.masterEpoch}/${info.syncStateSetEpoch}`,
      replicaList(info.inSyncReplicas),
      replicaList(info.notInSyncReplicas),
    ]),
  );
}

function jsonInfo(info: ReplicasInfo): object {
  return {
    masterBrokerId: info.masterBrokerId ?? null,
    masterAddress: info.masterAddress ?? null,
    masterEpoch: info.masterEpoch,
    syncStateSetEpoch: info.syncStateSetEpoch,
    inSyncReplicas: info.inSyncReplicas,
    notInSyncReplicas: info.notInSyncReplicas,
  };
}

function replicaList(replicas: readonly ReplicaIdentity[]): string {
  if (replicas.length === 0) return "-";
  return replicas.map(({ brokerId, alive }) => alive ? `${brokerId}` : `${brokerId} (dead)`)
    .join(", ");
}

async function elect(
  session: Session,
  args: readonly string[],
  options: ControllerOptions,
): Promise<void> {
  const [brokerName = "", brokerId = ""] = args;
  if (!/^[1-9]\d{0,14}$/.test(brokerId)) {
    throw new UsageError(`${brokerId}: must be a controller id, as \`controller sets\` shows it`);
  }
  const { extFields } = await withLeader(session, options, (leader) =>
    leader.ask({
      code: RequestCode.CONTROLLER_ELECT_MASTER,
      extFields: [
        ["clusterName", ""],
        ["brokerName", brokerName],
        ["brokerId", brokerId],
        ["designateElect", "true"],
        ["invokeTime", `${Date.now()}`],
      ],
    }, [ResponseCode.CONTROLLER_MASTER_STILL_EXIST]));
  const master = extFields.get("masterBrokerId");
  const address = extFields.get("masterAddress");
  const epoch = extFields.get("masterEpoch");
  if (session.json) {
    return await session.out.json({
      brokerName,
      masterBrokerId: Number(master),
      masterAddress: address,
      masterEpoch: Number(epoch),
    });
  }
  await session.out.line(`the master of ${brokerName} is ${master} (${address}), epoch ${epoch}`);
}

async function clean(
  session: Session,
  args: readonly string[],
  options: CleanOptions,
): Promise<void> {
  const [brokerName = ""] = args;
  const { cluster, ids } = options;
  if (ids !== undefined && !/^\d{1,15}(;\d{1,15})*$/.test(ids)) {
    throw new UsageError(`--ids ${ids}: must be ids, separated by \`;\``);
  }
  await withLeader(session, options, (leader) =>
    leader.ask({
      code: RequestCode.CLEAN_BROKER_DATA,
      extFields: [
        ["clusterName", cluster],
        ["brokerName", brokerName],
        ...(ids === undefined ? [] : [["brokerControllerIdsToClean", ids] as const]),
        ["isCleanLivingBroker", `${options.evenWithMaster === true}`],
        ["invokeTime", `${Date.now()}`],
      ],
    }));
  if (session.json) return await session.out.json({ brokerName, cleaned: ids ?? "all" });
  const what = ids === undefined ? brokerName : `${ids} of ${brokerName}`;
  await session.out.line(`${what} forgotten`);
}
