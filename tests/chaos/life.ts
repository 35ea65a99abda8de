/** A broker in controller mode from its start to its end: its requests to controllers, and how it obeys. */

import { RequestCode, ResponseCode } from "../../src/protocol/codes.ts";
import type { Command, Request } from "../support/frames.ts";
import { type Claim, claimOf, claimOfAlteration } from "./claims.ts";
import type { Links } from "./links.ts";
import { type Disk, noteAsked, type Replica, Role, wantedMembers } from "./messages.ts";
import type { Observations } from "./observations.ts";
import type { Violations } from "./violations.ts";

/** The requests that change the state of a set whenever they succeed. */
const CHANGES: ReadonlySet<number> = new Set([
  RequestCode.CONTROLLER_ALTER_SYNC_STATE_SET,
  RequestCode.CONTROLLER_ELECT_MASTER,
]);

/** The cluster of all brokers. */
export const CLUSTER = "Chaos";
/** Milliseconds between two steps. Real brokers are slower in all of these, and a run would be, too. */
const STEP = 100;
const HEARTBEAT = 500;
const HEARTBEAT_TIMEOUT = 3000;
/** Milliseconds between two CONTROLLER_GET_REPLICA_INFO and two CONTROLLER_GET_METADATA_INFO. */
const LOOK = 1000;
const LOOK_FOR_LEADER = 2000;

/** Dependencies of a {@link Life}. */
export interface LifeParts {
  readonly set: string;
  readonly address: string;
  readonly disk: Disk;
  readonly links: Links;
  /** The port of each controller. */
  readonly ports: readonly number[];
  readonly observations: Observations;
  readonly violations: Violations;
  /** Resolves at once, unless the broker is frozen. */
  thawed(): Promise<void>;
  /** The broker has become master. */
  tookOver(): void;
}

/** The broker was killed while it waited. */
class Killed extends Error {}

/** A running broker. */
export class Life {
  role: Role | undefined;
  readonly #parts: LifeParts;
  readonly #end = new AbortController();
  /** The greatest epoch of a master that it has heard of. */
  #masterEpoch = -1;
  /** Number of the leading controller. */
  #leader: number | undefined;
  #isRegistered = false;
  #lookAt = 0;
  #leaderAt = 0;
  readonly #done: Promise<unknown>;

  constructor(parts: LifeParts) {
    this.#parts = parts;
    this.#done = Promise.all([
      this.#repeat(STEP, () => this.#step()),
      this.#repeat(HEARTBEAT, () => this.#beat()),
    ]);
  }

  /** Ends it, as kill -9 does. Resolves when nothing of it is left. */
  async kill(): Promise<void> {
    this.#end.abort();
    this.#parts.links.close();
    await this.#done;
  }

  /** Takes NOTIFY_BROKER_ROLE_CHANGED. */
  async notified(request: Command): Promise<void> {
    const claim = claimOf(this.#parts.set, request);
    if (claim === undefined) return;
    this.#parts.observations.notified(claim);
    await this.#parts.thawed();
    if (!this.#end.signal.aborted) this.#obey(claim);
  }

  async #repeat(interval: number, task: () => Promise<void>): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await this.#parts.thawed();
      try {
        if (!signal.aborted) await task();
      } catch (error) {
        if (!(error instanceof Killed)) this.#parts.violations.add(`${this.#parts.set}: ${error}`);
      }
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  }

  #beat(): Promise<void> {
    const { links, set, address, disk } = this.#parts;
    void links.connect();
    if (this.#isRegistered) {
      links.send({
        code: RequestCode.BROKER_HEARTBEAT,
        extFields: {
          ...this.#named(),
          brokerAddr: address,
          brokerName: set,
          epoch: `${disk.log.at(-1)?.epoch ?? 0}`,
          maxOffset: `${disk.log.length}`,
          confirmOffset: `${this.role?.confirmed ?? 0}`,
          heartbeatTimeoutMills: `${HEARTBEAT_TIMEOUT}`,
          electionPriority: "2147483647",
        },
      });
    }
    return Promise.resolve();
  }

  async #step(): Promise<void> {
    const now = performance.now();
    if (this.#leader === undefined || now >= this.#leaderAt) await this.#findLeader();
    if (this.#leader === undefined) return;
    if (this.#parts.disk.brokerId === undefined) return this.#obtainId();
    if (!this.#isRegistered) return this.#register();
    if (this.role === undefined) {
      await this.#look();
      if (this.role === undefined) await this.#elect();
    } else if (now >= this.#lookAt) await this.#look();
    await this.#alterSyncStateSet();
  }

  async #findLeader(): Promise<void> {
    const { links, ports } = this.#parts;
    const asked = links.reachable.map(async (controller) => {
      const request = { code: RequestCode.CONTROLLER_GET_METADATA_INFO };
      const answer = await links.call(controller, request);
      const address = answer?.extFields?.get("controllerLeaderAddress");
      const leader = ports.findIndex((port) => address === `127.0.0.1:${port}`);
      return leader < 0 ? Promise.reject() : leader;
    });
    // The first answer counts: some controllers may be frozen, or not know it yet.
    const leader = await this.#wait(Promise.any(asked).catch(() => undefined));
    if (leader === undefined) return;
    this.#leader = leader;
    this.#leaderAt = performance.now() + LOOK_FOR_LEADER;
  }

  async #obtainId(): Promise<void> {
    const { set, address, disk } = this.#parts;
    const names = { clusterName: CLUSTER, brokerName: set };
    const next = await this.#ask(RequestCode.CONTROLLER_GET_NEXT_BROKER_ID, names);
    const id = next?.extFields?.get("nextBrokerId");
    if (next?.code !== ResponseCode.SUCCESS || id === undefined) return;
    const applied = await this.#ask(RequestCode.CONTROLLER_APPLY_BROKER_ID, {
      ...names,
      appliedBrokerId: id,
      registerCheckCode: `${address};${Date.now()}`,
    });
    if (applied?.code === ResponseCode.SUCCESS) disk.brokerId = Number(id);
  }

  async #register(): Promise<void> {
    const fields = { ...this.#named(), brokerAddress: this.#parts.address };
    const answer = await this.#ask(RequestCode.CONTROLLER_REGISTER_BROKER, fields);
    if (answer?.code === ResponseCode.SUCCESS) this.#isRegistered = true;
    if (answer?.code === ResponseCode.CONTROLLER_BROKER_NEED_TO_BE_REGISTERED) {
      this.#forgotten(answer);
    }
  }

  async #look(): Promise<void> {
    const answer = await this.#ask(RequestCode.CONTROLLER_GET_REPLICA_INFO, this.#named());
    if (answer === undefined) return;
    this.#lookAt = performance.now() + LOOK;
    if (answer.code === ResponseCode.CONTROLLER_BROKER_METADATA_NOT_EXIST) this.#forgotten(answer);
  }

  async #elect(): Promise<void> {
    const fields = { ...this.#named(), clusterName: CLUSTER, designateElect: "false" };
    await this.#ask(RequestCode.CONTROLLER_ELECT_MASTER, fields);
  }

  /** As a master, asks for the sync state set that it should have. */
  async #alterSyncStateSet(): Promise<void> {
    const { set, disk } = this.#parts;
    const replica: Replica = { disk, role: this.role, frozen: false, alone: false };
    const wanted = wantedMembers(replica, performance.now());
    const { role } = this;
    if (wanted === undefined || role === undefined) return;
    noteAsked(replica, wanted);
    const { masterEpoch, master, setEpoch, members } = role;
    const answer = await this.#ask(
      RequestCode.CONTROLLER_ALTER_SYNC_STATE_SET,
      { brokerName: set, masterBrokerId: `${master}`, masterEpoch: `${masterEpoch}` },
      JSON.stringify({ syncStateSet: wanted, syncStateSetEpoch: setEpoch }),
      (answer) => claimOfAlteration({ set, masterEpoch, master, setEpoch, members }, answer),
    );
    if (answer?.code !== ResponseCode.SUCCESS) this.#lookAt = 0;
  }

  #named(): Record<string, string> {
    const { set, disk } = this.#parts;
    return { clusterName: CLUSTER, brokerName: set, brokerId: `${disk.brokerId}` };
  }

  /** Asks the leader, and obeys what its answer says about the set. */
  async #ask(
    code: number,
    extFields: Record<string, string>,
    body?: string,
    read = (answer: Command) => claimOf(this.#parts.set, answer),
  ): Promise<Command | undefined> {
    const { links, observations, set } = this.#parts;
    const leader = this.#leader;
    if (leader === undefined) return undefined;
    const floor = observations.floor(set);
    const request: Request = { code, extFields, ...(body !== undefined && { body }) };
    const answer = await this.#wait(links.call(leader, request));
    if (answer === undefined || answer.code === ResponseCode.CONTROLLER_NOT_LEADER) {
      this.#leader = undefined;
      return undefined;
    }
    const isDone = answer.code === ResponseCode.SUCCESS;
    if (isDone || answer.code === ResponseCode.CONTROLLER_MASTER_STILL_EXIST) {
      const claim = read(answer);
      if (claim !== undefined) {
        observations.answered(`n${leader}`, claim, floor, isDone && CHANGES.has(code));
        this.#obey(claim);
      }
    }
    return answer;
  }

  #obey(claim: Claim): void {
    const { masterEpoch, master, setEpoch, members } = claim;
    const { disk } = this.#parts;
    const { role } = this;
    if (masterEpoch < this.#masterEpoch) return;
    if (masterEpoch === this.#masterEpoch && role !== undefined) {
      if (setEpoch > role.setEpoch) Object.assign(role, { setEpoch, members });
      return;
    }
    this.#masterEpoch = masterEpoch;
    this.role = master === undefined
      ? undefined
      : new Role(masterEpoch, master, { setEpoch, members }, disk.log.length);
    if (master !== undefined && master === disk.brokerId) this.#parts.tookOver();
  }

  /** Only brokers are forgotten that have ended for good. */
  #forgotten({ remark }: Command): void {
    const { set, disk, violations } = this.#parts;
    violations.add(`${set}: broker ${disk.brokerId} is forgotten: ${remark}`);
  }

  /** Waits as a process does that can be frozen and killed. */
  async #wait<T>(promise: Promise<T>): Promise<T> {
    const result = await promise;
    await this.#parts.thawed();
    if (this.#end.signal.aborted) throw new Killed();
    return result;
  }
}
