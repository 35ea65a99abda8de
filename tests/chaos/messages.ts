/**
 * A small model of how the brokers of a set keep messages with allAckInSyncStateSet: a message is
 * acknowledged when every replica has it that may become master. Slaves copy from the master that they
 * believe in, if it believes so, too.
 */

import type { Violations } from "./violations.ts";

/** A message in a log. */
export interface Entry {
  /** The epoch of the master that took it. */
  readonly epoch: number;
  readonly message: number;
}

/** The disk of a broker: it survives kill -9. */
export class Disk {
  brokerId: number | undefined;
  log: Entry[] = [];
  /**
   * The replicas that the master has asked to have in sync while the set had these epochs. Until one of
   * the epochs has changed, a request without an answer can still succeed. Real brokers forget this when
   * they are killed; a message that they lose by it would not be the controller's fault.
   */
  asked: { masterEpoch: number; setEpoch: number; members: Set<number> } | undefined;
}

/** How far a slave of a master is. */
interface Follower {
  /** Number of messages that it has of the master's. */
  offset: number;
  /** When it had all of them. */
  level: number;
}

/** The role that a broker has taken, and the state of its set as far as it knows. */
export class Role {
  setEpoch: number;
  members: readonly number[];
  /** Of a master: its slaves, by id. */
  readonly followers = new Map<number, Follower>();
  /** Of a master: the number of messages that all have that are in sync. */
  confirmed = 0;
  /** Of a master: its messages that are not acknowledged. */
  readonly waiting: { position: number; entry: Entry }[] = [];
  /** Of a slave: the role of the master from which it copies. */
  source: Role | undefined;

  /**
   * @param since the length of the log at the beginning
   */
  constructor(
    readonly masterEpoch: number,
    readonly master: number,
    state: { readonly setEpoch: number; readonly members: readonly number[] },
    readonly since: number,
  ) {
    this.setEpoch = state.setEpoch;
    this.members = state.members;
  }
}

/** A broker as the model sees it. */
export interface Replica {
  readonly disk: Disk;
  /** `undefined` while it does not run, or knows no master. */
  readonly role: Role | undefined;
  /** Whether it runs, but does nothing. */
  readonly frozen: boolean;
  /** Whether it is cut off from the other brokers of its set. */
  readonly alone: boolean;
}

/** A message whose sender has got an answer. */
interface Acknowledged {
  readonly position: number;
  readonly entry: Entry;
  /** The epoch of the master that answered. */
  readonly by: number;
}

/** Milliseconds after which a slave that lags is not in sync any more. */
const LAG = 1500;

/** The messages of a set of brokers. */
export class Messages {
  readonly #set: string;
  readonly #replicas: readonly Replica[];
  readonly #violations: Violations;
  readonly #acknowledged: Acknowledged[] = [];
  /** The most acknowledged messages that a new master did not have. */
  lost = 0;
  #sent = 0;

  constructor(set: string, replicas: readonly Replica[], violations: Violations) {
    this.#set = set;
    this.#replicas = replicas;
    this.#violations = violations;
  }

  /** Number of messages whose senders got an answer. */
  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** Sends a message to every broker that takes itself for the master. */
  send(): void {
    for (const { disk, role, frozen } of this.#replicas) {
      if (frozen || role === undefined || role.master !== disk.brokerId) continue;
      const entry = { epoch: role.masterEpoch, message: ++this.#sent };
      role.waiting.push({ position: disk.log.length, entry });
      disk.log.push(entry);
    }
  }

  /** Slaves copy, and masters acknowledge what all have. */
  copy(now: number): void {
    for (const slave of this.#replicas) this.#follow(slave, now);
    for (const master of this.#replicas) this.#acknowledge(master);
  }

  /** Number of acknowledged messages that a broker does not have, of those of epochs up to this one. */
  missing({ disk: { log } }: Replica, epoch = Infinity): number {
    let missing = 0;
    for (const { position, entry, by } of this.#acknowledged) {
      if (by <= epoch && log[position]?.message !== entry.message) missing++;
    }
    return missing;
  }

  /**
   * A broker has become master: it must have all messages that were acknowledged in earlier epochs. If it
   * has been frozen, a later one may have begun already.
   */
  tookOver(master: Replica): void {
    const missing = this.missing(master, master.role?.masterEpoch);
    if (missing === 0) return;
    this.lost = Math.max(this.lost, missing);
    this.#violations.add(
      `${this.#set}: ${missing} of ${this.acknowledged} acknowledged messages are lost: ` +
        `the new master ${master.disk.brokerId} does not have them`,
    );
  }

  #follow(slave: Replica, now: number): void {
    const { disk, role } = slave;
    const id = disk.brokerId;
    if (id === undefined) return;
    for (const { role: other } of this.#replicas) {
      if (other !== role?.source) other?.followers.delete(id);
    }
    if (role === undefined || role.master === id || slave.frozen) return;
    const master = this.#replicas.find((it) => it.disk.brokerId === role.master);
    const source = master?.role;
    const isSource = source !== undefined && source.master === role.master &&
      source.masterEpoch === role.masterEpoch && !slave.alone && !master?.alone;
    if (master === undefined || !isSource) {
      role.source?.followers.delete(id);
      role.source = undefined;
      return;
    }
    if (master.frozen) return;
    if (role.source !== source) {
      role.source = source;
      disk.log.length = commonLength(disk.log, master.disk.log);
    }
    for (let i = disk.log.length; i < master.disk.log.length; i++) {
      disk.log.push(master.disk.log[i]!);
    }
    source.followers.set(id, { offset: disk.log.length, level: now });
  }

  #acknowledge({ disk, role, frozen }: Replica): void {
    const id = disk.brokerId;
    if (frozen || role === undefined || role.master !== id) return;
    let offset = disk.log.length;
    for (const member of mayBeInSync(disk, role)) {
      if (member !== id) offset = Math.min(offset, role.followers.get(member)?.offset ?? 0);
    }
    role.confirmed = Math.max(role.confirmed, offset);
    while (role.waiting[0] !== undefined && role.waiting[0].position < role.confirmed) {
      this.#acknowledged.push({ ...role.waiting.shift()!, by: role.masterEpoch });
    }
  }
}

/**
 * The sync state set that a master should ask for: without slaves that are gone or lag, and with those
 * that have caught up. `undefined` when it is as it should be.
 */
export function wantedMembers({ disk, role }: Replica, now: number): number[] | undefined {
  if (role === undefined || role.master !== disk.brokerId) return undefined;
  const { members, followers, confirmed, since } = role;
  const stay = members.filter((id) => {
    const follower = followers.get(id);
    return id === role.master || (follower !== undefined && now - follower.level < LAG);
  });
  const come = [...followers].filter(([id, { offset, level }]) =>
    !members.includes(id) && offset >= confirmed && offset >= since && now - level < LAG
  ).map(([id]) => id);
  if (stay.length === members.length && come.length === 0) return undefined;
  return [...stay, ...come].sort((a, b) => a - b);
}

/** Notes that a master asks for a sync state set. */
export function noteAsked({ disk, role }: Replica, members: readonly number[]): void {
  if (role === undefined) return;
  const { masterEpoch, setEpoch } = role;
  if (disk.asked?.masterEpoch !== masterEpoch || disk.asked.setEpoch !== setEpoch) {
    disk.asked = { masterEpoch, setEpoch, members: new Set() };
  }
  for (const id of members) disk.asked.members.add(id);
}

/** The replicas that are in sync, or may be although the master has no answer yet. */
function mayBeInSync({ asked }: Disk, { masterEpoch, setEpoch, members }: Role): Set<number> {
  const isOpen = asked?.masterEpoch === masterEpoch && asked.setEpoch === setEpoch;
  return new Set(isOpen ? [...members, ...asked.members] : members);
}

function commonLength(a: readonly Entry[], b: readonly Entry[]): number {
  let length = 0;
  while (length < a.length && a[length]?.message === b[length]?.message) length++;
  return length;
}
