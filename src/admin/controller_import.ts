import type { Command } from "commander";
import { systemClock } from "../clock.ts";
import { controllerGroup } from "../config/controller_group.ts";
import { loadConfiguration } from "../config/load.ts";
import {
  type BrokerSet,
  BrokerSetError,
  decodeBrokerSet,
  encodeBrokerSet,
  sortedById,
} from "../controller/broker_set.ts";
import { createStore } from "../controller/create_store.ts";
import { type ControllerStore, NotLeaderError, StoreError } from "../controller/store.ts";
import { errorMessage } from "../error_message.ts";
import type { Log } from "../log/log.ts";
import { RequestCode } from "../protocol/codes.ts";
import type { ReplicasInfo } from "../protocol/controller_bodies.ts";
import { StartupError } from "../startup_error.ts";
import {
  clustersByName,
  controllerAddresses,
  replicasInfo,
  withLeaderOf,
} from "./controller_client.ts";
import { CommandFailure, ServerFailure } from "./failures.ts";
import type { NameServer } from "./name_server.ts";
import type { ServerOptions } from "./options.ts";
import type { Registry } from "./registry.ts";
import type { Session } from "./session.ts";
import { printable } from "./text.ts";

/** Milliseconds until a store must lead: a controller that has just been killed has a lease for five seconds. */
const LEAD_LIMIT = 10_000;

interface ImportOptions extends ServerOptions {
  from: string;
  config: string;
  cluster?: string;
  overwrite?: boolean;
}

/** Adds the `controller import` command. */
export function addControllerImport(registry: Registry, parent: Command): void {
  registry.add<ImportOptions>(
    "import [names...]",
    "take the broker sets over from a running controller, for a name server that is not started yet",
    importSets,
    parent,
  )
    .requiredOption("--from <host:port>", "the controller to read from")
    .requiredOption("-c, --config <file>", "the configuration of the name server that takes over")
    .option("--cluster <name>", "the cluster of the names that the name server does not know")
    .option("--overwrite", "replace sets that are stored already");
}

async function importSets(
  session: Session,
  names: readonly string[],
  options: ImportOptions,
): Promise<void> {
  const { out, json } = session;
  const sets = await readSets(session, names, options);
  await store(session, sets, options);
  if (json) {
    return await out.json(sets.map(({ brokerName, masterEpoch, replicas }) => ({
      brokerName,
      masterEpoch,
      replicas: [...replicas.keys()],
    })));
  }
  await out.table(
    ["BROKER NAME", "CLUSTER", "MASTER", "EPOCH", "IN SYNC", "REPLICAS"],
    sets.map((set) => [
      set.brokerName,
      set.clusterName,
      set.masterBrokerId === undefined ? "none" : set.masterBrokerId,
      `${set.masterEpoch}/${set.syncStateSetEpoch}`,
      set.syncStateSet.join(", "),
      [...set.replicas.keys()].join(", "),
    ]),
  );
  await out.line(
    `${sets.length} broker sets stored. Now stop the old controller and start the new one: what changes ` +
      "in between is not taken over.",
  );
}

async function readSets(
  session: Session,
  names: readonly string[],
  options: ImportOptions,
): Promise<BrokerSet[]> {
  const clusters = await session.first(clustersByName);
  const wanted = names.length > 0 ? names : [...clusters.keys()];
  if (wanted.length === 0) {
    throw new CommandFailure("the name server knows no brokers: name the broker sets to import");
  }
  const from = controllerAddresses(options.from, "--from");
  return await withLeaderOf(session, from, async (leader) => {
    const found = await replicasInfo(leader, wanted, false);
    const missing = names.find((name) => !found.has(name));
    if (missing !== undefined) {
      throw new ServerFailure(leader.address, `knows no broker set ${missing}`, true);
    }
    const sets: BrokerSet[] = [];
    for (const [brokerName, info] of found) {
      const clusterName = clusters.get(brokerName) ?? options.cluster;
      if (clusterName === undefined) {
        const what =
          `${brokerName} is not known to the name server: give its cluster with --cluster`;
        throw new CommandFailure(what);
      }
      const next = await nextBrokerId(leader, clusterName, brokerName);
      try {
        sets.push(importedSet(brokerName, clusterName, next, info));
      } catch (error) {
        if (!(error instanceof BrokerSetError)) throw error;
        const what = printable(`has a broker set that can't be taken over: ${error.message}`);
        throw new ServerFailure(leader.address, what, true);
      }
    }
    if (sets.length === 0) {
      throw new ServerFailure(leader.address, `knows none of ${wanted.join(", ")}`, true);
    }
    return sets;
  });
}

async function nextBrokerId(leader: NameServer, clusterName: string, brokerName: string) {
  const { extFields } = await leader.ask({
    code: RequestCode.CONTROLLER_GET_NEXT_BROKER_ID,
    extFields: [["clusterName", clusterName], ["brokerName", brokerName]],
  });
  return Number(extFields.get("nextBrokerId"));
}

/**
 * Builds the broker set that another controller describes.
 *
 * @param nextBrokerId the answer to CONTROLLER_GET_NEXT_BROKER_ID
 * @throws {BrokerSetError} when a controller would not start with that set: those of the Java controller
 *   can contradict themselves
 */
export function importedSet(
  brokerName: string,
  clusterName: string,
  nextBrokerId: number,
  info: ReplicasInfo,
): BrokerSet {
  const all = [...info.inSyncReplicas, ...info.notInSyncReplicas];
  // Brokers repeat their check code only until they have stored their id.
  const replicas = sortedById(
    all.map(({ brokerId, brokerAddress }) =>
      [brokerId, { address: brokerAddress, checkCode: "" }] as const
    ),
  );
  const set: BrokerSet = {
    brokerName,
    clusterName,
    replicas,
    nextBrokerId: Math.max(nextBrokerId, ...replicas.keys().map((id) => id + 1)),
    masterBrokerId: info.masterBrokerId,
    masterEpoch: info.masterEpoch,
    syncStateSet: info.inSyncReplicas.map(({ brokerId }) => brokerId).sort((a, b) => a - b),
    syncStateSetEpoch: info.syncStateSetEpoch,
  };
  return decodeBrokerSet(JSON.parse(encodeBrokerSet(set)));
}

async function store(
  session: Session,
  sets: readonly BrokerSet[],
  { config, overwrite }: ImportOptions,
): Promise<void> {
  try {
    const { options } = await loadConfiguration({ configFile: config }, session.runtime.env, Deno);
    if (!options.enableControllerInNamesrv) {
      throw new CommandFailure(`${config}: enableControllerInNamesrv is not true`);
    }
    const etcd = options.controllerStore === "etcd"
      ? await (await import("../etcd/client.ts")).EtcdClient.open({ options, files: Deno })
      : undefined;
    const target = await createStore({
      options,
      self: controllerGroup(options).self,
      log: warningsTo(session),
      clock: systemClock,
      etcd,
    });
    try {
      await storeInto(target, await lead(target), sets, overwrite === true);
    } finally {
      await target.stop();
      etcd?.close();
    }
  } catch (error) {
    if (error instanceof StartupError) throw new CommandFailure(error.message);
    throw error;
  }
}

/** Resolves with the stored sets when a store leads. */
async function lead(target: ControllerStore): Promise<ReadonlyMap<string, BrokerSet>> {
  const { promise, resolve, reject } = Promise.withResolvers<ReadonlyMap<string, BrokerSet>>();
  const timer = setTimeout(() => {
    const { leader, problem = "no controller leads" } = target;
    const reason = leader === undefined
      ? `the sets can't be stored: ${problem}`
      : `controller ${leader.id} (${leader.address}) leads: stop it, and all others of the group`;
    reject(new CommandFailure(reason));
  }, LEAD_LIMIT);
  try {
    await target.start({ leading: resolve, following: () => {} });
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Stores imported sets, all at once: a store that can do so stores all of them or none.
 *
 * @param stored the sets that are in the store; those that are equal stay
 * @throws {CommandFailure} when other sets of these names are stored and must not be overwritten, or when some
 *   sets can't be stored: it names those that are
 */
export async function storeInto(
  store: Pick<ControllerStore, "commit">,
  stored: ReadonlyMap<string, BrokerSet>,
  sets: readonly BrokerSet[],
  overwrite: boolean,
): Promise<void> {
  const changed = sets.filter((set) => {
    const known = stored.get(set.brokerName);
    return known === undefined || encodeBrokerSet(known) !== encodeBrokerSet(set);
  });
  const other = changed.find(({ brokerName }) => stored.has(brokerName));
  if (other !== undefined && !overwrite) {
    const what = `${other.brokerName} is stored already, and is different; --overwrite replaces it`;
    throw new CommandFailure(what);
  }
  const outcomes = await Promise.allSettled(
    changed.map((set) => store.commit(set.brokerName, set)),
  );
  const reasons = outcomes.flatMap((it) => it.status === "rejected" ? [it.reason as unknown] : []);
  if (reasons.length === 0) return;
  const unknown = reasons.find((it) => !(it instanceof StoreError || it instanceof NotLeaderError));
  if (unknown !== undefined) throw unknown;
  const done = changed.filter((_, i) => outcomes[i]?.status === "fulfilled");
  const names = done.map(({ brokerName }) => brokerName).join(", ") || "none";
  const many = `${changed.length} broker sets`;
  throw new CommandFailure(
    reasons.some((it) => it instanceof NotLeaderError)
      ? `another controller began to lead; of ${many} these are stored: ${names}; others may be`
      : `${
        errorMessage(reasons[0])
      }; of ${many} these are stored: ${names}. Import again with --overwrite`,
  );
}

/** The log of a store that a command opens: only warnings and errors are shown. */
function warningsTo({ err }: Session): Log {
  const show = (event: string, fields: object = {}) => {
    const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
    void err.line(`${event}${shown.join("")}`);
  };
  return { debugEnabled: false, debug: () => {}, info: () => {}, warn: show, error: show };
}
