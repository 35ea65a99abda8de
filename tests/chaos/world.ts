/** A run: the processes, the brokers, and the checks. */

import { Failure } from "../interop/suite.ts";
import type { Member } from "../interop/etcd_members.ts";
import { nth } from "../support/lists.ts";
import { Admin } from "./admin.ts";
import type { Broker } from "./broker.ts";
import { BrokerSet } from "./broker_set.ts";
import { Cluster, type Controller, PREFIX } from "./cluster.ts";
import { EtcdHistory } from "./etcd_history.ts";
import { History } from "./history.ts";
import { Observer } from "./observer.ts";
import { Observations } from "./observations.ts";
import { Violations } from "./violations.ts";

const SETS = 8;
/** Milliseconds between two readings of the history. */
const READ = 2000;

/** A victim of faults. It suffers one at a time. */
export type Target = Broker | Controller | Member;

/** All parts of a run. */
export class World {
  readonly violations: Violations;
  readonly observations: Observations;
  readonly history: History;
  readonly cluster: Cluster;
  readonly sets: readonly BrokerSet[];
  readonly admin: Admin;
  /** A random integer from 0 to `below` - 1. */
  readonly below: (below: number) => number;
  readonly #observer: Observer;
  readonly #etcdHistory: EtcdHistory;
  readonly #taken = new Set<Target>();
  readonly #end = new AbortController();
  #reading: Promise<void>;
  /** The last comparison: one at a time reads the history. */
  #comparing = Promise.resolve();

  /** Starts everything. */
  static async start(below: (below: number) => number): Promise<World> {
    const violations = new Violations();
    return new World(below, violations, await Cluster.start(violations));
  }

  private constructor(below: World["below"], violations: Violations, cluster: Cluster) {
    this.below = below;
    this.violations = violations;
    this.cluster = cluster;
    this.observations = new Observations(violations);
    this.history = new History(PREFIX, violations);
    this.#etcdHistory = new EtcdHistory(cluster.etcd, PREFIX, this.history);
    this.admin = new Admin(cluster.ports, this.observations);
    this.sets = Array.from({ length: SETS }, (_, i) =>
      new BrokerSet(`set-${i}`, {
        ports: cluster.ports,
        observations: this.observations,
        violations,
      }));
    const names = this.sets.map(({ name }) => name);
    this.#observer = new Observer(cluster.ports, names, this.observations);
    this.#reading = this.#readOn();
  }

  /** Number of acknowledged messages. */
  get acknowledged(): number {
    return this.sets.reduce((sum, { messages }) => sum + messages.acknowledged, 0);
  }

  /** Number of those that were lost. */
  get lost(): number {
    return this.sets.reduce((sum, { messages }) => sum + messages.lost, 0);
  }

  /** One of a list by chance. */
  any<T>(list: readonly T[]): T {
    return nth(list, this.below(list.length));
  }

  /** Any number of milliseconds from `least` on, below `most`. */
  millis(least: number, most: number): number {
    return least + this.below(most - least);
  }

  /** Takes a target for a fault, unless it suffers one. The caller must give it back. */
  take<T extends Target>(target: T | undefined): T | undefined {
    if (target === undefined || this.#taken.has(target)) return undefined;
    this.#taken.add(target);
    return target;
  }

  /** Ends the fault of a target. */
  giveBack(target: Target): void {
    this.#taken.delete(target);
  }

  /** Number of the members of etcd that suffer a fault. */
  get takenMembers(): number {
    return this.cluster.etcd.members.filter((member) => this.#taken.has(member)).length;
  }

  /**
   * Compares everything that was heard so far with the history of etcd.
   *
   * @throws {Failure} when etcd does not tell it
   */
  compare(): Promise<void> {
    const compared = this.#comparing.then(async () => {
      const heard = this.observations.waiting;
      await this.#etcdHistory.read();
      this.observations.compare(this.history, heard);
    });
    this.#comparing = compared.catch(() => {});
    return compared;
  }

  /** Ends everything. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#reading;
    await this.#observer.stop();
    await Promise.all(this.sets.map((set) => set.stop()));
    await this.cluster.stop();
  }

  async #readOn(): Promise<void> {
    while (!this.#end.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, READ));
      await this.compare().catch((error) => {
        // Members of etcd are killed and frozen.
        if (!(error instanceof Failure)) this.violations.add(`${error}`);
      });
    }
  }
}
