import type { Log } from "../log/log.ts";
import { ResponseCode } from "../protocol/codes.ts";
import type { Long } from "../protocol/long.ts";
import { ScanTimer } from "../scan_timer.ts";
import type { BrokerSet } from "./broker_set.ts";
import { encodeBrokerSet, hasValidEpochs } from "./broker_set.ts";
import type { Candidate } from "./election.ts";
import { type Heartbeat, Liveness, type LostReplica } from "./liveness.ts";
import {
  alterSyncStateSet,
  applyBrokerId,
  type BrokerIdApplication,
  type BrokerRegistration,
  cleanBrokerData,
  type Cleaning,
  type Decision,
  electMaster,
  nextBrokerId,
  type Refusal,
  registerBroker,
  type SyncStateChange,
} from "./replicas.ts";
import { type ControllerStore, type Leader, NotLeaderError, StoreError } from "./store.ts";
import { TurnByName } from "./turn_by_name.ts";

/** The options that a {@link Controller} reads each time it needs them. */
export interface ControllerOptions {
  enableElectUncleanMaster: boolean;
  electMasterMaxRetryCount: number;
  notifyBrokerRoleChanged: boolean;
  /** Milliseconds. */
  scanNotActiveBrokerInterval: number;
  /** Milliseconds. */
  scanInactiveMasterInterval: number;
  controllerMaxSets: number;
  controllerMaxReplicas: number;
  controllerMaxStateBytes: number;
  controllerMinInSyncReplicas: number;
  /** Milliseconds. */
  controllerMinHeartbeatTimeoutMillis: number;
  /** Milliseconds. */
  controllerMaxHeartbeatTimeoutMillis: number;
}

/** Dependencies of a {@link Controller}. */
export interface ControllerParts {
  store: ControllerStore;
  options: Readonly<ControllerOptions>;
  /** Tells living replicas who is master (NOTIFY_BROKER_ROLE_CHANGED). */
  notify(set: BrokerSet, addresses: readonly string[]): void;
  /** Closes the connection of brokers that fell silent. */
  expire(connection: object): void;
  log: Log;
  /** Milliseconds of a monotonic clock. */
  monotonic(): number;
}

/** The outcome of a request for a change. */
export interface Change {
  readonly before: BrokerSet | undefined;
  /** The stored state: the same object as before when nothing changed. */
  readonly after: BrokerSet | undefined;
  readonly refused?: Refusal;
}

/** The numbers of a controller, for metrics. */
export interface ControllerCounters {
  /** Elections by their outcome. */
  readonly elections: Record<"elected" | "none", number>;
  /** Changes stored, and changes that could not be stored. */
  stored: number;
  notStored: number;
  /** How often this controller began to lead. */
  leaderships: number;
  /** Requests refused because of a limit. */
  readonly refused: Record<"sets" | "replicas" | "bytes", number>;
  /** Heartbeats whose timeout was raised or lowered to what is allowed. */
  limitedTimeouts: number;
}

/** The state of the sets at one moment, for metrics. */
export interface ControllerFigures {
  readonly sets: number;
  readonly replicas: number;
  readonly bytes: number;
  readonly withoutMaster: number;
  readonly fewInSync: number;
}

/** More state than an option allows. The message names the option. */
export class ControllerLimitError extends Error {
  override name = "ControllerLimitError";
}

/**
 * Milliseconds that the brokers of stored sets have to be heard of when this controller begins to lead: they find
 * it again within 3 s and then send a heartbeat each second. As long as the default timeout of a heartbeat.
 */
const GRACE = 10_000;

/**
 * Who is master of each broker set, and who may become it. Changes of one set are made one after the
 * other; each is answered, and visible to others, when it is stored.
 */
export class Controller {
  readonly liveness: Liveness;
  readonly counters: ControllerCounters = {
    elections: { elected: 0, none: 0 },
    stored: 0,
    notStored: 0,
    leaderships: 0,
    refused: { sets: 0, replicas: 0, bytes: 0 },
    limitedTimeouts: 0,
  };
  readonly #parts: ControllerParts;
  readonly #turns = new TurnByName();
  readonly #silent: ScanTimer;
  readonly #masters: ScanTimer;
  /** The stored sets; `undefined` while another controller leads. */
  #sets: Map<string, BrokerSet> | undefined;
  #bytes = 0;
  /** Since when the brokers of stored sets could be heard of (monotonic). */
  #listensSince = -Infinity;
  /** Names of the sets that were there when this controller began to lead. */
  #loaded: ReadonlySet<string> = new Set();
  /** Names of those whose master has not been heard of since, and of which nobody knows that it is gone. */
  readonly #unheard = new Set<string>();
  /** Names of the sets for which an election by the controller is in progress. */
  readonly #replacing = new Set<string>();
  #stopping = false;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    const { options, monotonic } = parts;
    this.liveness = new Liveness({
      limit: () => options.controllerMaxSets * options.controllerMaxReplicas,
      monotonic,
    });
    this.#silent = new ScanTimer({
      interval: () => options.scanNotActiveBrokerInterval,
      monotonic,
      scan: () => this.#lost(this.liveness.scan(parts.expire)),
      paused: (millis) => {
        this.liveness.excuse(millis);
        this.#listensSince = monotonic();
      },
    });
    this.#masters = new ScanTimer({
      interval: () => options.scanInactiveMasterInterval,
      monotonic,
      scan: () => this.#replaceDeadMasters(),
      paused: () => {},
    });
  }

  /**
   * Begins to seek leadership.
   *
   * @throws {StartupError} when the stored sets can't be read
   */
  async start(): Promise<void> {
    await this.#parts.store.start({
      leading: (sets) => this.#lead(sets),
      following: (reason) => this.#follow(reason),
    });
    this.#silent.start();
    this.#masters.start();
  }

  /** From now on no election begins: connections close because this controller stops, not their brokers. */
  endElections(): void {
    this.#stopping = true;
    this.#silent.stop();
    this.#masters.stop();
  }

  /** Gives leadership up. Resolves when no change is being stored. */
  async stop(): Promise<void> {
    this.endElections();
    await this.#parts.store.stop();
  }

  /** Applies changed intervals. */
  reschedule(): void {
    this.#silent.reschedule();
    this.#masters.reschedule();
  }

  /** Whether this controller leads. */
  get leading(): boolean {
    return this.#parts.store.leads && this.#sets !== undefined;
  }

  /** The controller that leads, as far as this one knows. */
  get leader(): Leader | undefined {
    return this.#parts.store.leader;
  }

  /** Why no controller leads, or this one can't; `undefined` when all is well. */
  get problem(): string | undefined {
    const { problem, leader } = this.#parts.store;
    return problem ?? (leader === undefined ? "no controller leads" : undefined);
  }

  /** The sets, by brokerName; none while another controller leads. */
  get sets(): ReadonlyMap<string, BrokerSet> {
    return this.leading && this.#sets || NO_SETS;
  }

  /** Counts the sets and what is wrong with them. */
  get figures(): ControllerFigures {
    const { controllerMinInSyncReplicas: least } = this.#parts.options;
    let replicas = 0;
    let withoutMaster = 0;
    let fewInSync = 0;
    for (const set of this.sets.values()) {
      replicas += set.replicas.size;
      if (set.masterBrokerId === undefined) withoutMaster++;
      if (set.syncStateSet.length < least) fewInSync++;
    }
    return { sets: this.sets.size, replicas, bytes: this.#bytes, withoutMaster, fewInSync };
  }

  /**
   * Looks up a set.
   *
   * @throws {NotLeaderError}
   */
  find(brokerName: string): BrokerSet | undefined {
    return this.#leading().get(brokerName);
  }

  /** Looks up the last heartbeat of a replica; `undefined` when it is not alive. */
  readonly live = (set: BrokerSet, brokerId: number): Candidate | undefined =>
    this.liveness.find(set, brokerId);

  /**
   * Returns the id that a new broker should apply for.
   *
   * @throws {NotLeaderError}
   */
  nextBrokerId(brokerName: string): number {
    return nextBrokerId(this.find(brokerName));
  }

  /**
   * Gives an id to a broker. Like the other methods that return a change, it resolves when the change is
   * stored.
   *
   * @throws {NotLeaderError}
   * @throws {StoreError} when the change can't be stored; the old state is still in effect
   * @throws {ControllerLimitError}
   */
  applyBrokerId(application: BrokerIdApplication): Promise<Change> {
    return this.#change(application.brokerName, (set) => applyBrokerId(set, application));
  }

  /** Takes a broker back that has an id; see {@link applyBrokerId}. */
  registerBroker(registration: BrokerRegistration): Promise<Change> {
    return this.#change(registration.brokerName, (set) => registerBroker(set, registration));
  }

  /** Changes the sync state set, for its master; see {@link applyBrokerId}. */
  alterSyncStateSet(brokerName: string, change: SyncStateChange): Promise<Change> {
    return this.#change(brokerName, (set) => alterSyncStateSet(set, change, this.live));
  }

  /**
   * Forgets brokers; see {@link applyBrokerId}. Refuses to forget those of stored sets when this controller has
   * just begun to lead: they may be alive, but not have sent a heartbeat yet.
   */
  cleanBrokerData(cleaning: Cleaning): Promise<Change> {
    const { brokerName } = cleaning;
    return this.#change(brokerName, (set) => {
      const decision = cleanBrokerData(set, cleaning, this.live);
      const rest = this.#listensSince + GRACE - this.#parts.monotonic();
      if (decision.next === undefined || !this.#loaded.has(brokerName) || rest <= 0) {
        return decision;
      }
      const seconds = Math.ceil(rest / 1000);
      const remark =
        `Broker ${brokerName} may be alive: the controller has just started. Try again in ${seconds} s`;
      return { refused: { code: ResponseCode.CONTROLLER_INVALID_CLEAN_BROKER_METADATA, remark } };
    });
  }

  /**
   * Elects a master, and tells the living replicas; see {@link applyBrokerId}. When this controller has just
   * begun to lead, a master that it has not heard of yet counts as alive.
   *
   * @param brokerId the broker that asks, or is designated; absent for the controller's own election
   */
  async electMaster(
    brokerName: string,
    brokerId: Long | undefined,
    designated: boolean,
  ): Promise<Change> {
    const { options, log } = this.#parts;
    const change = await this.#change(brokerName, (set) => {
      if (this.#stopping) throw new NotLeaderError();
      const masterMayLive = set !== undefined && this.#masterMayLive(set);
      const unclean = options.enableElectUncleanMaster && !this.#awaitsBrokersOf(brokerName);
      const asked = brokerId !== undefined && { brokerId };
      return electMaster(set, { designated, unclean, masterMayLive, ...asked }, this.live);
    });
    const { before, after } = change;
    if (after === undefined || after === before) return change;
    const { masterBrokerId, masterEpoch, syncStateSet } = after;
    if (masterBrokerId === undefined) {
      this.counters.elections.none++;
      log.error("broker set has no master", {
        broker: brokerName,
        epoch: masterEpoch,
        inSync: syncStateSet.join(","),
      });
      return change;
    }
    this.counters.elections.elected++;
    log.info("master elected", {
      broker: brokerName,
      id: masterBrokerId,
      addr: after.replicas.get(masterBrokerId)?.address,
      epoch: masterEpoch,
      before: before?.masterBrokerId,
      unclean: before?.masterEpoch !== 0 && before?.syncStateSet.includes(masterBrokerId) === false,
    });
    if (options.notifyBrokerRoleChanged) this.#notify(after);
    return change;
  }

  /** Takes the heartbeat of a replica. */
  heartbeat(heartbeat: Heartbeat, connection: object): void {
    const { clusterName, brokerName, brokerId } = heartbeat;
    const set = this.sets.get(brokerName);
    // Heartbeats of brokers that are in no set must not displace those of brokers that are in one.
    const always = set?.clusterName === clusterName && set.replicas.has(brokerId);
    if (always && set.masterBrokerId === brokerId) this.#unheard.delete(brokerName);
    if (this.liveness.heartbeat(this.#withinLimits(heartbeat), connection, always)) return;
    this.#parts.log.warn("controller follows too many replicas", {
      broker: brokerName,
      id: brokerId,
      followed: this.liveness.size,
    });
  }

  /** A connection was closed: its replicas are not alive any more, unless this controller stops. */
  disconnected(connection: object): void {
    if (this.#stopping) return;
    this.#lost(this.liveness.disconnected(connection));
  }

  #withinLimits(heartbeat: Heartbeat): Heartbeat {
    const {
      controllerMinHeartbeatTimeoutMillis: least,
      controllerMaxHeartbeatTimeoutMillis: most,
    } = this.#parts.options;
    const { brokerName, brokerId, timeout: millis } = heartbeat;
    const limit = Math.min(most, Math.max(least, millis));
    if (limit === millis) return heartbeat;
    this.counters.limitedTimeouts++;
    if (this.liveness.find(heartbeat, brokerId) === undefined) {
      this.#parts.log.warn("heartbeat timeout limited", {
        broker: brokerName,
        id: brokerId,
        millis,
        limit,
      });
    }
    return { ...heartbeat, timeout: limit };
  }

  #lead(sets: Map<string, BrokerSet>): void {
    this.#sets = sets;
    this.counters.leaderships++;
    this.#loaded = new Set(sets.keys());
    this.#listensSince = this.#parts.monotonic();
    this.#unheard.clear();
    this.#bytes = 0;
    for (const [brokerName, set] of sets) {
      this.#bytes += sizeOf(set);
      const { masterBrokerId: id } = set;
      const unheard = id !== undefined && this.live(set, id) === undefined &&
        !this.liveness.isClosed(set, id);
      if (unheard) this.#unheard.add(brokerName);
    }
    this.#parts.log.info("controller leads", { sets: sets.size });
    this.#replaceDeadMasters();
  }

  #follow(reason: string): void {
    this.#sets = undefined;
    this.#bytes = 0;
    this.#parts.log.info("controller does not lead any more", { reason });
  }

  #leading(): Map<string, BrokerSet> {
    if (!this.#parts.store.leads || this.#sets === undefined) throw new NotLeaderError();
    return this.#sets;
  }

  #change(
    brokerName: string,
    decide: (set: BrokerSet | undefined) => Decision,
  ): Promise<Change> {
    return this.#turns.run(brokerName, async () => {
      const sets = this.#leading();
      const before = sets.get(brokerName);
      const { next, refused } = this.#checkEpochs(brokerName, decide(before));
      const outcome = refused === undefined ? {} : { refused };
      if (next === undefined) return { before, after: before, ...outcome };
      const after = next ?? undefined;
      const grown = (after === undefined ? 0 : sizeOf(after)) -
        (before === undefined ? 0 : sizeOf(before));
      if (after !== undefined) this.#checkLimits(before, after, grown);
      await this.#store(brokerName, after);
      // Leadership may have been lost, and won again with other sets, meanwhile.
      if (this.#leading() !== sets) throw new NotLeaderError();
      if (after === undefined) sets.delete(brokerName);
      else sets.set(brokerName, after);
      if (after?.masterBrokerId !== before?.masterBrokerId) this.#unheard.delete(brokerName);
      this.#bytes += grown;
      return { before, after, ...outcome };
    });
  }

  /** Java's brokers can't read an epoch that does not fit an int, and no store would be read again with it. */
  #checkEpochs(brokerName: string, decision: Decision): Decision {
    if (decision.next == null || hasValidEpochs(decision.next)) return decision;
    this.#parts.log.error("epochs of a broker set are used up", { broker: brokerName });
    const remark = `The epochs of broker set ${brokerName} are used up`;
    return { refused: { code: ResponseCode.SYSTEM_ERROR, remark } };
  }

  async #store(brokerName: string, set: BrokerSet | undefined): Promise<void> {
    try {
      await this.#parts.store.commit(brokerName, set);
      this.counters.stored++;
    } catch (error) {
      if (error instanceof StoreError) this.counters.notStored++;
      throw error;
    }
  }

  /** Only what grows is refused: elections go on when an option was lowered. */
  #checkLimits(before: BrokerSet | undefined, after: BrokerSet, grown: number): void {
    const { options } = this.#parts;
    if (before === undefined && this.sets.size >= options.controllerMaxSets) {
      this.#refuse("sets", `${this.sets.size} broker sets`, "controllerMaxSets");
    }
    const { size } = after.replicas;
    if (size > (before?.replicas.size ?? 0)) {
      if (size > options.controllerMaxReplicas) {
        this.#refuse("replicas", `${size} replicas in a set`, "controllerMaxReplicas");
      }
      const bytes = this.#bytes + grown;
      if (bytes > options.controllerMaxStateBytes) {
        this.#refuse("bytes", `${bytes} bytes of broker sets`, "controllerMaxStateBytes");
      }
    }
  }

  #refuse(limit: keyof ControllerCounters["refused"], what: string, option: string): never {
    this.counters.refused[limit]++;
    this.#parts.log.warn("broker refused by the controller", { reason: `${what} (${option})` });
    throw new ControllerLimitError(`the controller has too many: ${what} (${option})`);
  }

  #lost(replicas: readonly LostReplica[]): void {
    const { log } = this.#parts;
    for (const { brokerName, brokerId, by } of replicas) {
      log.info("replica is not alive any more", { broker: brokerName, id: brokerId, by });
      if (this.sets.get(brokerName)?.masterBrokerId === brokerId) void this.#replace(brokerName);
    }
  }

  #replaceDeadMasters(): void {
    for (const [brokerName, set] of this.sets) {
      // Elections must not pile up while the store hangs.
      if (this.#replacing.has(brokerName)) continue;
      if (this.#masterLives(set) || this.#masterMayLive(set)) continue;
      if (this.#anyLives(set)) void this.#replace(brokerName);
    }
  }

  /** Elects a new master for a dead one. */
  async #replace(brokerName: string): Promise<void> {
    this.#replacing.add(brokerName);
    await this.#tryToReplace(brokerName);
    this.#replacing.delete(brokerName);
  }

  async #tryToReplace(brokerName: string): Promise<void> {
    const { options, log } = this.#parts;
    for (let attempt = 1; attempt <= options.electMasterMaxRetryCount; attempt++) {
      const set = this.sets.get(brokerName);
      if (set === undefined || this.#masterLives(set)) return;
      try {
        await this.electMaster(brokerName, undefined, false);
        return;
      } catch (error) {
        if (error instanceof NotLeaderError) return;
        log.error("master not elected", { broker: brokerName, attempt, error });
      }
    }
  }

  /** Whether brokers of a stored set may be alive that have not been heard of. */
  #awaitsBrokersOf(brokerName: string): boolean {
    return this.#loaded.has(brokerName) &&
      this.#parts.monotonic() < this.#listensSince + GRACE;
  }

  /** Whether the master of a stored set may be alive, although it has not been heard of. */
  #masterMayLive(set: BrokerSet): boolean {
    if (!this.#unheard.has(set.brokerName)) return false;
    // Its timeout is not known, but the others of the set are likely to have the same.
    const timeouts = [...set.replicas.keys()].map((id) =>
      this.liveness.find(set, id)?.timeout ?? 0
    );
    return this.#parts.monotonic() < this.#listensSince + Math.max(GRACE, ...timeouts);
  }

  #masterLives(set: BrokerSet): boolean {
    return set.masterBrokerId !== undefined && this.live(set, set.masterBrokerId) !== undefined;
  }

  #anyLives(set: BrokerSet): boolean {
    return set.replicas.keys().some((id) => this.live(set, id) !== undefined);
  }

  #notify(set: BrokerSet): void {
    const living = [...set.replicas].filter(([id]) => this.live(set, id) !== undefined);
    this.#parts.notify(set, living.map(([, { address }]) => address));
  }
}

const NO_SETS: ReadonlyMap<string, BrokerSet> = new Map();

function sizeOf(set: BrokerSet): number {
  return encodeBrokerSet(set).length;
}
